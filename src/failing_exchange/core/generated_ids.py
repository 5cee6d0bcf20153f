"""Generated client ids, for what clients leave unnamed.

They look as Binance's do: 22 letters and digits ("pXLV6Hz6mprAcVYpVMTGgx" in rest-api.md of
2026-07-21). Each is a function of a running number, so that the same run makes the same ids.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Collection
from enum import IntEnum

_MASK = (1 << 136) - 1
_ODD = 0x9E3779B97F4A7C15F39CC0605CEDC8341F  # odd, so that no two numbers are mapped to one
_PLAIN = bytes.maketrans(b"+/", b"Zk")
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_BLOCK = 128  # ids are made in blocks: one text, whose letters each id permutes
BLOCKS_KEPT_MAX = 1_024  # texts of blocks; then all are made anew when they are asked for


class Named(IntEnum):
    """What an id is for. Each kind has its own numbers."""

    ORDER = 0
    AMENDMENT = 1
    LIST = 2
    CANCEL = 3


_ORDER, _KINDS = int(Named.ORDER), len(Named)
_STRIDES = [n for n in range(1, 62, 2) if n != 31]  # prime to 62: each reaches every letter


def _permutation(index: int) -> bytes:
    """Letter x becomes letter (a * x + b) modulo 62. No two of the first 930 are equal, and two
    agree about two letters at most, so that the ids of a block differ."""
    strided = (_LETTERS * 62)[:: _STRIDES[index % len(_STRIDES)]][:62]
    turn = index * 37 % 62
    return bytes.maketrans(_LETTERS, strided[turn:] + strided[:turn])


_PERMUTATIONS = tuple(_permutation(index) for index in range(_BLOCK))
_blocks: dict[int, bytes] = {}


def made_id(number: int, kind: int = _ORDER) -> str:
    """The id for a number, 22 letters and digits.

    >>> made_id(1)
    '3nTn7ylJu7f5quEW6Q1W3q'
    >>> made_id(1) == made_id(1), made_id(1) == made_id(2), made_id(1, Named.LIST) == made_id(1)
    (True, False, False)
    """
    block, place = divmod(number * _KINDS + kind, _BLOCK)
    return (_blocks.get(block) or _block(block)).translate(_PERMUTATIONS[place]).decode()


def _block(number: int) -> bytes:
    """The text of a block of ids."""
    mixed = (number + 1) * _ODD & _MASK
    mixed = (mixed ^ mixed >> 67) * _ODD & _MASK
    text = b2a_base64((mixed ^ mixed >> 71).to_bytes(17, "big")).translate(_PLAIN)[:22]
    if len(_blocks) >= BLOCKS_KEPT_MAX:
        _blocks.clear()
    _blocks[number] = text
    return text


def unused_id(
    used: Collection[str], number: int, kind: int = _ORDER, taken: Collection[str] = ()
) -> str:
    """The same, made longer while it is `used` or `taken`: clients choose ids, too."""
    name = made_id(number, kind)
    while name in used or name in taken:
        name += "x"
    return name
