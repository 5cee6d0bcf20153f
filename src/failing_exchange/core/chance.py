"""Stateless chance: keyed 64-bit integer hashes, the same on every platform.

A draw is a pure function of its key, so one more draw somewhere changes no other draw.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from struct import Struct

MASK = (1 << 64) - 1
ONE = 1 << 64  # draws lie in [0, ONE)
KEYS_CACHED_MAX = 1_024  # the least recently used key is hashed again; nothing else changes


@lru_cache(maxsize=KEYS_CACHED_MAX)
def key(*parts: str | int) -> int:
    """A stable 64-bit key of names and numbers.

    >>> key("seed", 7, "BTC/USDT") == key("seed", 7, "BTC/USDT")
    True
    >>> key("a", "b") == key("ab")
    False
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(
        blake2b(text.encode(errors="backslashreplace"), digest_size=8).digest(), "big"
    )


WORDS = 16  # draws of 32 bits that one hash gives
_PLACE = Struct("<Qq")
_DRAWN = Struct(f"<{WORDS}I")


def words(key: int, index: int) -> tuple[int, ...]:
    """`WORDS` independent draws of 32 bits that belong to place `index` of a key.

    >>> words(1, 5) == words(1, 5), words(1, 5) == words(1, 6), len(words(1, 5))
    (True, False, 16)
    """
    return _DRAWN.unpack(blake2b(_PLACE.pack(key, index)).digest())


def mix(k: int, n: int) -> int:
    """The n-th draw of key `k`, uniform in [0, 2**64): the finalizer of SplitMix64.

    >>> mix(1, 0) != mix(1, 1)
    True
    """
    z = (k + (n + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def below(k: int, n: int, bound: int) -> int:
    """The n-th draw of key `k` as a whole number in [0, bound).

    >>> 0 <= below(3, 0, 10) < 10
    True
    """
    return (mix(k, n) * bound) >> 64


def strikes(draw: int, probability: float) -> bool:
    """Whether a draw falls below `probability` (0 to 1), decided on integers.

    >>> strikes(0, 0.1), strikes(ONE - 1, 0.1), strikes(ONE - 1, 1.0)
    (True, False, True)
    """
    return draw < int(probability * ONE)
