"""A file of API keys (TOML): whose each is, how it signs, what it may do and from where.

[[keys]]
name = "alicesKey"          # what the client sends, as over Binance's X-MBX-APIKEY
secret = "alicesSecret"     # HMAC; or public_key = "-----BEGIN PUBLIC KEY-----…" (RSA, Ed25519)
account = "alice"
permissions = ["USER_DATA", "TRADE", "USER_STREAM"]   # all, where it is left out
addresses = ["127.0.0.1"]                             # anywhere, where it is left out
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from failing_exchange.errors import ConfigurationError
from failing_exchange.server.api_keys import Key, Keyring
from failing_exchange.text.files import read_text

FIELDS = ("name", "secret", "public_key", "account", "permissions", "addresses")


def read(path: str, check: Callable[[Key], None]) -> Keyring:
    """The keys of a file; `check` raises ConfigurationError for one that its venue can't have.

    Raises ConfigurationError that names the file, the key and what is wrong. Secrets are never
    part of an error.
    """
    try:
        table = tomllib.loads(read_text("--keys", path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"--keys {path}: {error}") from error
    rows = table.get("keys")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ConfigurationError(f"--keys {path}: expected at least one table [[keys]]")
    return Keyring(_key(f"--keys {path}: keys[{n}]", row, check) for n, row in enumerate(rows, 1))


def _key(place: str, row: Mapping[str, Any], check: Callable[[Key], None]) -> Key:
    for field in row:
        if field not in FIELDS:
            _fail(place, f"{field!r} is unknown; expected {', '.join(FIELDS)}")
    if ("secret" in row) == ("public_key" in row):
        _fail(place, "expected either secret (HMAC) or public_key (RSA or Ed25519, as PEM)")
    half = "secret" if "secret" in row else "public_key"
    key = Key(
        name=_text(place, row, "name"),
        account=str(row.get("account", "main")),
        permissions=frozenset(_list(place, row, "permissions")) if "permissions" in row else None,
        addresses=tuple(_list(place, row, "addresses")),
        **{half: _text(place, row, half)},
    )
    try:
        check(key)
    except ConfigurationError as error:
        _fail(place, str(error))
    return key


def _text(place: str, row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value:
        _fail(place, f"{field} is missing or not a string")
    return value


def _list(place: str, row: Mapping[str, Any], field: str) -> list[str]:
    value = row.get(field, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        _fail(place, f"{field} = {value!r}; expected a list of texts")
    return value


def _fail(place: str, what: str) -> NoReturn:
    raise ConfigurationError(f"{place}: {what}") from None
