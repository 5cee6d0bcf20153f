"""How ten seconds go: random walks of unit size, the same in every market.

The finest candles are most of the work of a market, so their walks are drawn once for all: ten
seconds take one of `PATTERNS`, or its mirror image, and stretch it to their own candle.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from math import isqrt
from typing import NamedTuple

from failing_exchange.background.candle_splitting import LEAST, Node, fit
from failing_exchange.background.distributions import EXPONENTIAL, LOGNORMAL, NORMAL
from failing_exchange.core.chance import key, words
from failing_exchange.core.units import TEN_S

PATTERNS = 256  # every second one is the mirror image of the one before
PATTERNS_KEPT_MAX = 4_096  # of all activities; the one that was not used for longest is made again
UNIT_BITS = 16
UNIT = 1 << UNIT_BITS


class Pattern(NamedTuple):
    """Ten seconds of which those in `active` trade; all else has an entry for each of these.

    In parts (2**-16) of the size of the ten seconds: `walked` is where the walk stands after each,
    `sizes` how far it typically goes in each, `above` and `below` how far it goes beyond its ends.
    `passed` is which part of their business is done by then, and `shares` that of the volume.
    """

    active: tuple[int, ...]
    walked: tuple[int, ...]
    passed: tuple[int, ...]
    sizes: tuple[int, ...]
    above: tuple[int, ...]
    below: tuple[int, ...]
    shares: tuple[int, ...]

    def closes(self, node: Node) -> list[int]:
        """The walk through a candle, bent to end at its close and to stay in its range."""
        opened, size, walked = node.open, node.size, self.walked
        miss = node.close - opened - (size * walked[-1] >> UNIT_BITS)
        path = [
            opened + (size * far + miss * part >> UNIT_BITS)
            for far, part in zip(walked, self.passed, strict=True)
        ]
        return fit(path, node, self.sizes, scale=size, bits=UNIT_BITS)

    def wicks(self, node: Node, closes: list[int]) -> tuple[list[int], list[int]]:
        """How high and how low each of these seconds goes."""
        before, high, low, _, _, size = node
        tops, bottoms = [], []
        for after, above, below in zip(closes, self.above, self.below, strict=True):
            top, bottom = (after, before) if after > before else (before, after)
            tops.append(top + (size * above >> UNIT_BITS))
            bottoms.append(bottom - (size * below >> UNIT_BITS))
            before = after
        highest, lowest = max(tops), min(bottoms)
        first, last = tops.index(highest), bottoms.index(lowest)
        if highest > high:
            tops = [top if top < high else high for top in tops]
        if lowest < low:
            bottoms = [bottom if bottom > low else low for bottom in bottoms]
        tops[first], bottoms[last] = high, low
        return tops, bottoms

    def lots(self, volume: int) -> list[int]:
        """How much is traded in each: at least `LEAST`."""
        shares = self.shares
        free = volume - LEAST * len(shares)
        lots = [LEAST + (free * share >> UNIT_BITS) for share in shares]
        lots[-1] += volume - sum(lots)
        return lots


@lru_cache(maxsize=PATTERNS_KEPT_MAX)
def pattern(activity: int, number: int) -> Pattern:
    """One of `PATTERNS`; of the seconds `activity` in 256 trade, and one at least.

    >>> pattern(128, 6).active == pattern(128, 7).active, len(pattern(0, 1).active)
    (True, 1)
    """
    drawn = words(key("flow", "pattern", activity), number // 2)
    active = [n for n in range(TEN_S) if drawn[n] >> 24 < activity] or [drawn[TEN_S] % TEN_S]
    draws = [drawn[n] for n in active]
    weights = [LOGNORMAL[draw & 63] for draw in draws]
    whole = sum(weights)
    sizes = [isqrt((weight << 2 * UNIT_BITS) // whole) for weight in weights]
    moves = [
        size * NORMAL[draw >> 6 & 63] // 1_000 for draw, size in zip(draws, sizes, strict=True)
    ]
    busy = [
        weight * LOGNORMAL[draw >> 15 & 63] for draw, weight in zip(draws, weights, strict=True)
    ]
    rows = list(zip(moves, sizes, draws, strict=True))
    above = [_beyond(move, size, draw >> 12 & 63) for move, size, draw in rows]
    below = [_beyond(move, size, draw >> 18 & 63) for move, size, draw in rows]
    if number % 2:
        moves, above, below = [-move for move in moves], below, above
    return Pattern(
        tuple(active),
        tuple(accumulate(moves)),
        tuple([(part << UNIT_BITS) // whole for part in accumulate(weights)]),
        tuple(sizes), tuple(above), tuple(below),
        tuple([(part << UNIT_BITS) // sum(busy) for part in busy]),
    )  # fmt: skip


def _beyond(move: int, size: int, draw: int) -> int:
    """How far a random walk goes beyond its ends, known both: 2 w (w + move) is exponential."""
    return isqrt(move * move + size * size * 2 * EXPONENTIAL[draw] // 1_000) - abs(move) >> 1
