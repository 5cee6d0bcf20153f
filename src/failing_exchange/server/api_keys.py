"""The API keys that a venue knows. How they sign is the venue's affair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from failing_exchange.errors import ConfigurationError

KEYS_MAX = 10_000  # one more is refused; of revoked ones, the first are remembered
# The pair that a venue without a keys file accepts: public on purpose, worth nothing anywhere else.
DEFAULT_KEY = "failingExchangeKey00000000000000000000000000000000000000000main1"
DEFAULT_SECRET = "failingExchangeSecret000000000000000000000000000000000000000main"

Verify = Callable[[bytes, str], bool]  # whether a signature is that of a payload


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Key:
    """An API key: whose it is, how it signs, what it may do, and from where.

    It signs with `secret`, or with the private half of `public_key` (PEM); with neither, any
    signature is right. `permissions` are the venue's own words, None for all of them; from
    `addresses`, where there are any, and from nowhere else.
    """

    name: str
    account: str
    secret: str = field(default="", repr=False)
    public_key: str = ""
    permissions: frozenset[str] | None = None
    addresses: tuple[str, ...] = ()

    def may(self, permission: str | None, address: str) -> bool:
        """Whether it may do this (None: anything) from this address."""
        known = self.permissions
        allowed = permission is None or known is None or permission in known
        return allowed and (not self.addresses or address in self.addresses)


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
        """One pair for the account `main`."""
        return cls([Key(name=DEFAULT_KEY, account="main", secret=DEFAULT_SECRET)])

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._keys.values()))

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
        """Revoke a key, from its next request on; does nothing for an unknown one."""
        self._keys.pop(name, None)
        if len(self._revoked) < KEYS_MAX:
            self._revoked[name] = None

    def find(self, name: str) -> Key | None:
        """A known key, or None."""
        return self._keys.get(name)

    def guest(self, name: str) -> Key | None:
        """A key for an unknown name, where any is accepted; never for one that was revoked."""
        if not self._anybody or name in self._revoked:
            return None
        return Key(name=name, account="main")

    @property
    def names(self) -> list[str]:
        """The public halves of the known keys, in order."""
        return list(self._keys)

    @property
    def accounts(self) -> list[str]:
        """The accounts that the keys open, in order."""
        return list(dict.fromkeys(key.account for key in self._keys.values()))


class Signatures:
    """Checks signatures. `make` is how a venue turns a key into its check, done once for each."""

    def __init__(self, make: Callable[[Key], Verify]) -> None:
        self._make = make
        self._kept: dict[str, tuple[Key, Verify]] = {}  # by name, KEYS_MAX at most

    def match(self, key: Key, payload: bytes, signature: str) -> bool:
        """Whether a key has signed this."""
        kept = self._kept.get(key.name)
        if kept is None or kept[0] is not key:
            if not key.secret and not key.public_key:
                return True
            if len(self._kept) >= KEYS_MAX:
                self._kept.clear()
            kept = self._kept[key.name] = (key, self._make(key))
        return kept[1](payload, signature)
