"""The ids that the venue makes for what clients leave unnamed.

They look as Binance's do: 22 letters and digits ("pXLV6Hz6mprAcVYpVMTGgx" in rest-api.md of
2026-07-21). Each is a function of a running number, so that the same run makes the same ids.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Collection
from enum import IntEnum

_MASK = (1 << 136) - 1
_ODD = 0x9E3779B97F4A7C15F39CC0605CEDC8341F  # odd, so that no two numbers are mapped to one
_LETTERS = bytes.maketrans(b"+/", b"Zk")


class Named(IntEnum):
    """What has the name. Each kind has numbers of its own."""

    ORDER = 0
    AMENDMENT = 1
    LIST = 2
    CANCEL = 3


_ORDER, _KINDS = int(Named.ORDER), len(Named)


def made_id(number: int, kind: int = _ORDER) -> str:
    """The id for a number, 22 letters and digits.

    >>> made_id(1)
    'nuWXqVHT6Fh6zvu5LXpxPU'
    >>> made_id(1) == made_id(1), made_id(1) == made_id(2), made_id(1, Named.LIST) == made_id(1)
    (True, False, False)
    """
    mixed = (number * _KINDS + kind + 1) * _ODD & _MASK
    mixed = (mixed ^ mixed >> 67) * _ODD & _MASK
    return b2a_base64((mixed ^ mixed >> 71).to_bytes(17, "big")).translate(_LETTERS)[:22].decode()


def unused_id(
    used: Collection[str], number: int, kind: int = _ORDER, taken: Collection[str] = ()
) -> str:
    """The same, made longer while it is `used` or `taken`: a client may have chosen it itself."""
    name = made_id(number, kind)
    while name in used or name in taken:
        name += "x"
    return name
