"""Splitting a candle into smaller ones that agree with it exactly.

The first opens where it opens, the last closes where it closes, their highest high and lowest low
are its own, their volumes add up. Each part has a weight: the busier it is, the more it moves and
the more is traded. The closes are a random walk, bent to end at the close and to stay in the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import NamedTuple

from failing_exchange.flow.draws import EXPONENTIAL, LOGNORMAL, NORMAL

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


def split(
    node: Node, draws: Sequence[int], *, season: Sequence[int] = (), least: int
) -> list[Node]:
    """Split a candle in as many as there are draws of 24 bits; each gets at least `least` lots."""
    opened, volume, size = node.open, node.volume, node.size
    weights = [LOGNORMAL[draw & 63] for draw in draws]
    if season:
        weights = [weight * season[n] // 1_000 for n, weight in enumerate(weights)]
    square, whole = size * size, sum(weights)
    sizes = [isqrt(square * weight // whole) for weight in weights]
    path = _walk(node, draws, sizes, weights)
    tops, bottoms = _wicks(node, draws, sizes, path)
    lots = _shares(volume, draws, weights, least)
    return list(map(Node, [opened, *path], tops, bottoms, path, lots, sizes))


def _wicks(
    node: Node, draws: Sequence[int], sizes: list[int], path: list[int]
) -> tuple[list[int], list[int]]:
    """How high and how low the parts go."""
    before, high, low, *_ = node
    tops, bottoms = [], []
    for draw, size, after in zip(draws, sizes, path, strict=True):
        # How far a random walk goes beyond its ends, known both: 2 w (w + move) is exponential.
        above, below = (before, after) if before > after else (after, before)
        move, square = above - below, size * size
        moved = move * move
        top = above + (isqrt(moved + square * BEYOND[draw >> 12 & 63] // 1_000) - move >> 1)
        bottom = below - (isqrt(moved + square * BEYOND[draw >> 18 & 63] // 1_000) - move >> 1)
        tops.append(top if top < high else high)
        bottoms.append(bottom if bottom > low else low)
        before = after
    tops[tops.index(max(tops))] = high
    bottoms[bottoms.index(min(bottoms))] = low
    return tops, bottoms


def _walk(node: Node, draws: Sequence[int], sizes: list[int], weights: list[int]) -> list[int]:
    """The closes of the parts."""
    opened, high, low, closed, *_ = node
    steps = [
        size * NORMAL[draw >> 6 & 63] // 1_000 for draw, size in zip(draws, sizes, strict=True)
    ]
    at, passed, path = opened, 0, []
    miss, whole = closed - opened - sum(steps), sum(weights)
    for step, weight in zip(steps, weights, strict=True):
        at += step
        passed += weight
        path.append(at + miss * passed // whole)
    if (top := max(path)) < high and len(path) > 1:
        _lift(path, sizes, high, 1)
        top = max(path)
    if (bottom := min(path)) > low and len(path) > 1:
        _lift(path, sizes, low, -1)
        bottom = min(path)
    if top > high or bottom < low:
        return [_folded(point, low, high) for point in path]
    return path


def _lift(path: list[int], sizes: list[int], edge: int, sign: int) -> None:
    """Lead a walk that stays far from an edge of the range towards it; no lone spike is left."""
    inner = path[:-1]
    farthest = max(inner) if sign > 0 else min(inner)
    at = path.index(farthest)
    gap = (edge - farthest) * sign - sizes[at]
    if gap <= 0:
        return
    last = len(inner)
    for n, point in enumerate(inner):
        part = gap * (n + 1) // (at + 1) if n <= at else gap * (last - n) // (last - at)
        path[n] = point + sign * part


def _folded(point: int, low: int, high: int) -> int:
    """A point beyond the range turns back at its edge, so that nothing stands still there."""
    if point > high:
        return max(low, 2 * high - point)
    if point < low:
        return min(high, 2 * low - point)
    return point


def _shares(volume: int, draws: Sequence[int], weights: list[int], least: int) -> list[int]:
    """How much of the volume each part has."""
    shares = [
        weight * LOGNORMAL[draw >> 15 & 63] for draw, weight in zip(draws, weights, strict=True)
    ]
    total, free = sum(shares), volume - least * len(shares)
    lots = [least + free * share // total for share in shares]
    lots[-1] += volume - sum(lots)
    return lots
