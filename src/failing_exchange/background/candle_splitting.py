"""Splitting a candle into smaller ones that agree with it exactly.

The first opens where it opens, the last closes where it closes, their highest high and lowest low
are its own, their volumes add up. Each part has a weight: the busier it is, the more it moves and
the more is traded. The closes are a random walk, bent to end at the close and to stay in the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from math import isqrt
from typing import NamedTuple

from failing_exchange.background.distributions import EXPONENTIAL, LOGNORMAL, NORMAL

LEAST = 4  # lots in a second that trades: enough for one print each at open, high, low and close
BEYOND = tuple([2 * draw for draw in EXPONENTIAL])


class Node(NamedTuple):
    """A candle in units of the caller's; volume in lots.

    `size` is how far a random walk as busy as this candle typically ends from its start.
    """

    open: int
    high: int
    low: int
    close: int
    volume: int
    size: int


NEW_NODE = partial(tuple.__new__, Node)  # from a row; what `Node._make` does, but in C


class Walk(NamedTuple):
    """Where the parts of a split candle open and close, and how busy they are."""

    node: Node
    draws: Sequence[int]
    weights: list[int]
    sizes: list[int]
    opens: list[int]
    closes: list[int]


def split(
    node: Node, draws: Sequence[int], *, season: Sequence[int] = (), least: int
) -> list[Node]:
    """Split a candle in as many as there are draws of 24 bits; each gets at least `least` lots."""
    way = walk(node, draws, season=season)
    rows = (way.opens, *wicks(way), way.closes, shares(way, least), way.sizes)
    return list(map(NEW_NODE, zip(*rows, strict=True)))


def walk(node: Node, draws: Sequence[int], *, season: Sequence[int] = ()) -> Walk:
    """The first half of it, which is all that most who look at the finest candles need."""
    square = node.size * node.size
    weights = [LOGNORMAL[draw & 63] for draw in draws]
    if season:
        weights = [weight * season[n] // 1_000 for n, weight in enumerate(weights)]
    whole = sum(weights)
    sizes = [isqrt(square * weight // whole) for weight in weights]
    closes = _closes(node, draws, sizes, weights)
    return Walk(node, draws, weights, sizes, [node.open, *closes[:-1]], closes)


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


def wicks(way: Walk) -> tuple[list[int], list[int]]:
    """How high and how low the parts go."""
    node, draws, _, sizes, opens, closes = way
    high, low = node.high, node.low
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
        tops.append(top if top < high else high)
        bottoms.append(bottom if bottom > low else low)
    tops[tops.index(max(tops))] = high
    bottoms[bottoms.index(min(bottoms))] = low
    return tops, bottoms


def shares(way: Walk, least: int) -> list[int]:
    """How much of the volume each part has: at least `least` lots."""
    volume, draws, weights = way.node.volume, way.draws, way.weights
    busy = [
        weight * LOGNORMAL[draw >> 15 & 63] for draw, weight in zip(draws, weights, strict=True)
    ]
    total, free = sum(busy), volume - least * len(busy)
    lots = [least + free * share // total for share in busy]
    lots[-1] += volume - sum(lots)
    return lots
