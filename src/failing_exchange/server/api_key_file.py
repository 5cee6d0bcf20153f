"""A file of API keys (TOML): whose each is, how it signs, what it may do and from where.

[[keys]]
name = "alicesKey"          # what the client sends as X-MBX-APIKEY
secret = "alicesSecret"     # HMAC; or public_key = "-----BEGIN PUBLIC KEY-----…" (RSA, Ed25519)
account = "alice"
permissions = ["USER_DATA", "TRADE", "USER_STREAM"]   # all, where it is left out
addresses = ["127.0.0.1"]                             # anywhere, where it is left out
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from failing_exchange.errors import ConfigurationError
from failing_exchange.server.api_keys import Keyring
from failing_exchange.venues.binance.call import Security
from failing_exchange.venues.binance.signing import (
    Key,
    KeyKind,
    Verify,
    ed25519_verifier,
    hmac_verifier,
    rsa_verifier,
)

FIELDS = ("name", "secret", "public_key", "account", "permissions", "addresses")
PERMISSIONS = {kind.name: kind for kind in Security if kind is not Security.NONE}


def read(path: str) -> Keyring:
    """The keys of a file. Raises ConfigurationError that names the file, the key and what is wrong.

    Secrets are never part of an error.
    """
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"--keys {path}: {error}") from error
    rows = table.get("keys")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ConfigurationError(f"--keys {path}: expected at least one table [[keys]]")
    return Keyring(_key(f"--keys {path}: keys[{n}]", row) for n, row in enumerate(rows, 1))


def _key(place: str, row: Mapping[str, Any]) -> Key:
    for field in row:
        if field not in FIELDS:
            _fail(place, f"{field!r} is unknown; expected {', '.join(FIELDS)}")
    name = _text(place, row, "name")
    if not name.isascii() or not name.isalnum():
        _fail(place, f"name = {name!r}; expected letters and digits")
    permissions = row.get("permissions", list(PERMISSIONS))
    unknown = [one for one in permissions if one not in PERMISSIONS]
    if unknown:
        _fail(place, f"permissions {unknown} are unknown; expected {', '.join(PERMISSIONS)}")
    verify, kind = _verifier(place, row)
    return Key(
        name=name,
        account=str(row.get("account", "main")),
        verify=verify,
        kind=kind,
        permissions=frozenset(PERMISSIONS[one] for one in permissions),
        addresses=tuple(row.get("addresses", ())),
    )


def _text(place: str, row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value:
        _fail(place, f"{field} is missing or no text")
    return value


def _fail(place: str, what: str) -> NoReturn:
    raise ConfigurationError(f"{place}: {what}")


def _verifier(place: str, row: Mapping[str, Any]) -> tuple[Verify, KeyKind]:
    """How a key's signatures are checked: by its secret, or by its public key."""
    if ("secret" in row) == ("public_key" in row):
        _fail(place, "expected either secret (HMAC) or public_key (RSA or Ed25519, as PEM)")
    if "secret" in row:
        return hmac_verifier(_text(place, row, "secret")), KeyKind.HMAC
    public = _text(place, row, "public_key")
    for make, kind in ((ed25519_verifier, KeyKind.ED25519), (rsa_verifier, KeyKind.RSA)):
        try:
            return make(public), kind
        except ConfigurationError:
            continue  # it may be of the other kind
    _fail(place, "public_key is no RSA or Ed25519 public key in PEM")
