"""The API keys that a venue knows."""

from __future__ import annotations

from collections.abc import Iterable

from failing_exchange.dialects.binance.signing import Key, hmac_verifier
from failing_exchange.errors import ConfigurationError

KEYS_MAX = 10_000  # one more is refused
# The pair that a venue without a keys file accepts: public on purpose, worth nothing anywhere else.
DEFAULT_KEY = "failingExchangeKey00000000000000000000000000000000000000000main1"
DEFAULT_SECRET = "failingExchangeSecret000000000000000000000000000000000000000main"


class Keyring:
    """Keys by their names."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys: dict[str, Key] = {}
        for key in keys:
            self.add(key)

    @classmethod
    def default(cls) -> Keyring:
        """One HMAC pair for the account `main`."""
        verify = hmac_verifier(DEFAULT_SECRET)
        return cls([Key(name=DEFAULT_KEY, account="main", verify=verify)])

    def add(self, key: Key) -> None:
        """Take up one more."""
        if key.name in self._keys or len(self._keys) >= KEYS_MAX:
            raise ConfigurationError(
                f"key {key.name[:8]}… is known already, or there are {KEYS_MAX}: give each once"
            )
        self._keys[key.name] = key

    def remove(self, name: str) -> None:
        """Revoke a key, from its next request on; an unknown one is no error."""
        self._keys.pop(name, None)

    def find(self, name: str) -> Key | None:
        """A key, or None."""
        return self._keys.get(name)

    @property
    def accounts(self) -> list[str]:
        """The accounts that the keys open, in order."""
        return list(dict.fromkeys(key.account for key in self._keys.values()))
