"""Splitting a candle into smaller ones that agree with it exactly.

The first opens where it opens, the last closes where it closes, their highest high and lowest low
are its own, their volumes add up. Each part has a weight: the busier it is, the more it moves and
the more is traded. The closes are a random walk, bent to end at the close and to stay in the range.

`split` draws the walk of each candle. The finest candles are most of the work of a market, so their
walks are drawn once for all markets: ten seconds take one of `PATTERNS`, random walks of unit size,
or its mirror image, and stretch it to their own candle.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import accumulate
from math import isqrt
from typing import NamedTuple

from failing_exchange.background.distributions import EXPONENTIAL, LOGNORMAL, NORMAL
from failing_exchange.core.chance import key, words
from failing_exchange.core.units import TEN_S

LEAST = 4  # lots in a second that trades: enough for one print each at open, high, low and close
PATTERNS = 256  # every second one is the mirror image of the one before
PATTERNS_KEPT_MAX = 4_096  # of all activities; the one that was not used for longest is made again
UNIT_BITS = 16
UNIT = 1 << UNIT_BITS
BEYOND = tuple([2 * draw for draw in EXPONENTIAL])


class Node(NamedTuple):
    """A candle in the caller's units; volume in lots.

    `size` is how far a random walk as busy as this candle typically ends from its start.
    """

    open: int
    high: int
    low: int
    close: int
    volume: int
    size: int


NEW_NODE = partial(tuple.__new__, Node)  # from a row; what `Node._make` does, but in C


def split(
    node: Node, draws: Sequence[int], *, season: Sequence[int] = (), least: int
) -> list[Node]:
    """Split a candle in as many as there are draws of 24 bits; each gets at least `least` lots."""
    square = node.size * node.size
    weights = [LOGNORMAL[draw & 63] for draw in draws]
    if season:
        weights = [weight * season[n] // 1_000 for n, weight in enumerate(weights)]
    whole = sum(weights)
    sizes = [isqrt(square * weight // whole) for weight in weights]
    closes = _closes(node, draws, sizes, weights)
    opens = [node.open, *closes[:-1]]
    tops, bottoms = _wicks(draws, sizes, opens, closes)
    clip(node, tops, bottoms)
    busy = _business(draws, weights)
    lots = share_out(node.volume, busy, sum(busy), least)
    return list(map(NEW_NODE, zip(opens, tops, bottoms, closes, lots, sizes, strict=True)))


def _closes(node: Node, draws: Sequence[int], sizes: list[int], weights: list[int]) -> list[int]:
    """The closes of the parts."""
    steps = [
        size * NORMAL[draw >> 6 & 63] // 1_000 for draw, size in zip(draws, sizes, strict=True)
    ]
    opened = node.open
    miss, whole = node.close - opened - sum(steps), sum(weights)
    path = [
        opened + walked + miss * passed // whole
        for walked, passed in zip(accumulate(steps), accumulate(weights), strict=True)
    ]
    return fit(path, node, sizes)


def fit(
    path: list[int], node: Node, sizes: Sequence[int], *, scale: int = 1, bits: int = 0
) -> list[int]:
    """Bend a walk so that it stays in the range of a candle and comes near both of its edges.

    `scale * sizes >> bits` is how far it typically goes in each of its parts.
    """
    high, low = node.high, node.low
    top, bottom = max(path), min(path)
    if top < high and _lift(path, (sizes, scale, bits), top, high, 1):
        top, bottom = max(path), min(path)
    if bottom > low and _lift(path, (sizes, scale, bits), bottom, low, -1):
        top, bottom = max(path), min(path)
    if top > high or bottom < low:
        return [p if low <= p <= high else _folded(p, low, high) for p in path]
    return path


def _lift(
    path: list[int], scaled: tuple[Sequence[int], int, int], farthest: int, edge: int, sign: int
) -> bool:
    """Lead a walk that stays far from an edge of the range towards it; no lone spike is left."""
    last = len(path) - 1  # the last close stays
    if path[last] == farthest and last:
        inner = path[:-1]
        farthest = max(inner) if sign > 0 else min(inner)
    at = path.index(farthest)
    sizes, scale, bits = scaled
    gap = (edge - farthest) * sign - (scale * sizes[at] >> bits)
    if gap <= 0 or not last:
        return False
    rise, fall = sign * (gap // (at + 1)), sign * (gap // (last - at))
    path[: at + 1] = [p + rise * n for n, p in enumerate(path[: at + 1], 1)]
    path[at + 1 : last] = [p + fall * (last - n) for n, p in enumerate(path[at + 1 : last], at + 1)]
    return True


def _folded(point: int, low: int, high: int) -> int:
    """A point beyond the range turns back at its edge, so that nothing stands still there."""
    if point > high:
        return max(low, 2 * high - point)
    if point < low:
        return min(high, 2 * low - point)
    return point


def _wicks(
    draws: Sequence[int], sizes: list[int], opens: list[int], closes: list[int]
) -> tuple[list[int], list[int]]:
    """How high and how low the parts go, if nothing is in their way."""
    tops, bottoms = [], []
    for draw, size, before, after in zip(draws, sizes, opens, closes, strict=True):
        # How far a random walk goes beyond its ends, known both: 2 w (w + move) is exponential.
        fall, square = before - after, size * size
        moved = fall * fall
        above = isqrt(moved + square * BEYOND[draw >> 12 & 63] // 1_000)
        below = isqrt(moved + square * BEYOND[draw >> 18 & 63] // 1_000)
        if fall > 0:
            top, bottom = before + (above - fall >> 1), after - (below - fall >> 1)
        else:
            top, bottom = after + (above + fall >> 1), before - (below + fall >> 1)
        tops.append(top)
        bottoms.append(bottom)
    return tops, bottoms


def clip(node: Node, tops: list[int], bottoms: list[int]) -> None:
    """Keep the parts within a candle; the highest and the lowest of them reach its edges."""
    _, high, low, _, _, _ = node
    highest, lowest = max(tops), min(bottoms)
    first, last = tops.index(highest), bottoms.index(lowest)
    if highest > high:
        tops[:] = [top if top < high else high for top in tops]
    if lowest < low:
        bottoms[:] = [bottom if bottom > low else low for bottom in bottoms]
    tops[first], bottoms[last] = high, low


def _business(draws: Sequence[int], weights: list[int]) -> list[int]:
    """How busy trading is in each part, weighed with how much it moves."""
    pairs = zip(draws, weights, strict=True)
    return [weight * LOGNORMAL[draw >> 15 & 63] for draw, weight in pairs]


def share_out(volume: int, shares: Sequence[int], whole: int, least: int) -> list[int]:
    """How many lots each part has, by its share of a whole: at least `least`."""
    free = volume - least * len(shares)
    lots = [least + free * share // whole for share in shares]
    lots[-1] += volume - sum(lots)
    return lots


# ---- ten seconds


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
        before, size = node.open, node.size
        tops, bottoms = [], []
        for after, above, below in zip(closes, self.above, self.below, strict=True):
            top, bottom = (after, before) if after > before else (before, after)
            tops.append(top + (size * above >> UNIT_BITS))
            bottoms.append(bottom - (size * below >> UNIT_BITS))
            before = after
        clip(node, tops, bottoms)
        return tops, bottoms

    def lots(self, volume: int) -> list[int]:
        """How much is traded in each: at least `LEAST`."""
        return share_out(volume, self.shares, UNIT, LEAST)


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
    busy = _business(draws, weights)
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
