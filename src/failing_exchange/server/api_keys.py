"""The API keys that a venue knows."""

from __future__ import annotations

from collections.abc import Iterable

from failing_exchange.errors import ConfigurationError
from failing_exchange.venues.binance.signing import Key, hmac_verifier

KEYS_MAX = 10_000  # one more is refused; of revoked ones, the first are remembered
# The pair that a venue without a keys file accepts: public on purpose, worth nothing anywhere else.
DEFAULT_KEY = "failingExchangeKey00000000000000000000000000000000000000000main1"
DEFAULT_SECRET = "failingExchangeSecret000000000000000000000000000000000000000main"


class Keyring:
    """Keys by their names."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys: dict[str, Key] = {}
        self._anybody = False
        self._revoked: dict[str, None] = {}
        for key in keys:
            self.add(key)

    @classmethod
    def default(cls) -> Keyring:
        """One HMAC pair for the account `main`."""
        verify = hmac_verifier(DEFAULT_SECRET)
        return cls([Key(name=DEFAULT_KEY, account="main", verify=verify)])

    def accept_any(self) -> None:
        """Let any well-formed key trade for the account `main`, whatever its signature.

        Keys that are known keep their own account and signature. For a venue that nobody but the
        bot under test can reach, so that a bot can keep the keys that it has.
        """
        self._anybody = True

    def add(self, key: Key) -> None:
        """Take up one more."""
        if key.name in self._keys or len(self._keys) >= KEYS_MAX:
            raise ConfigurationError(
                f"key {key.name[:8]}… is known already, or there are {KEYS_MAX}: give each once"
            )
        self._keys[key.name] = key
        self._revoked.pop(key.name, None)

    def remove(self, name: str) -> None:
        """Revoke a key, from its next request on; an unknown one is no error."""
        self._keys.pop(name, None)
        if len(self._revoked) < KEYS_MAX:
            self._revoked[name] = None

    def find(self, name: str) -> Key | None:
        """A key, or None."""
        known = self._keys.get(name)
        if known is None and self._anybody and name.isalnum() and name.isascii():
            if name in self._revoked:
                return None
            return Key(name=name, account="main", verify=lambda payload, signature: True)
        return known

    @property
    def names(self) -> list[str]:
        """The public halves of the known keys, in order."""
        return list(self._keys)

    @property
    def accounts(self) -> list[str]:
        """The accounts that the keys open, in order."""
        return list(dict.fromkeys(key.account for key in self._keys.values()))
