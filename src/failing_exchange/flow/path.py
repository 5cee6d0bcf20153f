"""The path of a price: candles refined from the day to the second, functions of their place.

A candle is split into smaller ones that agree with it exactly: the first opens where it opens, the
last closes where it closes, their highest high and lowest low are its own, their volumes add up.
Weights are drawn anew at each level (a multiplicative cascade), which makes volatility cluster.
Prices are whole points of the logarithm, 1e-6 each; all arithmetic is on integers.
"""

from __future__ import annotations

from math import isqrt
from typing import NamedTuple

from failing_exchange.core.chance import key, mix

LEVELS = (86_400, 14_400, 3_600, 900, 300, 60, 10, 1)  # seconds; each divides the one before
SECONDS = len(LEVELS) - 1  # the index of the finest level
DAY = LEVELS[0]
SPLITS_KEPT_MAX = 1_024  # split candles remembered per level; the oldest is split again when asked
WICK = 80  # the larger, the less a part's range goes beyond its open and close
LEAST = 4  # lots in a second that trades: enough for one print each at open, high, low and close
OCTAVES = 9  # of the walk from day to day: periods of 1 to 256 days

# Of 64 equal slices of a distribution the middle, in thousandths: normal, lognormal (sigma 0.6).
# Literals, so that no platform's libm takes part.
NORMAL = (
    -2418, -1987, -1762, -1601, -1473, -1366, -1273, -1189, -1113, -1043, -978, -917, -858,
    -803, -750, -699, -650, -602, -556, -511, -467, -424, -381, -339, -298, -257, -217,
    -177, -138, -98, -59, -20, 20, 59, 98, 138, 177, 217, 257, 298, 339, 381, 424, 467, 511,
    556, 602, 650, 699, 750, 803, 858, 917, 978, 1043, 1113, 1189, 1273, 1366, 1473, 1601,
    1762, 1987, 2418,
)  # fmt: skip

LOGNORMAL = (
    234, 303, 347, 383, 413, 441, 466, 490, 513, 535, 556, 577, 597, 618, 638, 657, 677,
    697, 716, 736, 756, 776, 796, 816, 836, 857, 878, 899, 921, 943, 965, 988, 1012, 1036,
    1061, 1086, 1112, 1139, 1167, 1196, 1226, 1257, 1289, 1323, 1359, 1396, 1435, 1477,
    1521, 1569, 1619, 1674, 1733, 1798, 1870, 1950, 2041, 2146, 2270, 2421, 2613, 2878,
    3295, 4265,
)  # fmt: skip

# How busy the six stretches of four hours of a day are (UTC), in thousandths.
SEASON = (700, 850, 900, 1_350, 1_300, 800)
EVEN = (1_000,) * 10


class Node(NamedTuple):
    """A candle in points of the logarithm; volume in lots."""

    open: int
    high: int
    low: int
    close: int
    volume: int


class Path:
    """The candles of one market at every level.

    `sigma`: points by which a day's close typically differs from its open. `volume`: lots of a
    typical day. `activity`: thousandths of the seconds that trade.
    """

    def __init__(self, name: str, seed: int, *, sigma: int, volume: int, activity: int) -> None:
        self._keys = tuple(key(seed, "flow", name, level) for level in LEVELS)
        self._walk = tuple(key(seed, "flow", name, "walk", octave) for octave in range(OCTAVES))
        self._mood = tuple(key(seed, "flow", name, "mood", period) for period in (1, 4, 16))
        self._sigma = sigma
        self._volume = max(volume, DAY * LEAST)
        self._activity = activity
        self._splits: tuple[dict[int, tuple[Node, ...]], ...] = tuple({} for _ in LEVELS)
        self._days: dict[int, Node] = {}

    def node(self, level: int, index: int) -> Node:
        """The candle number `index` of a level, counted from the epoch."""
        if level == 0:
            return self._day(index)
        parent, place = divmod(index, LEVELS[level - 1] // LEVELS[level])
        return self.split(level - 1, parent)[place]

    def split(self, level: int, index: int) -> tuple[Node, ...]:
        """The candles of the next finer level within a candle."""
        known = self._splits[level]
        parts = known.get(index)
        if parts is None:
            if len(known) >= SPLITS_KEPT_MAX:
                del known[next(iter(known))]
            parts = known[index] = self._make(level, index)
        return parts

    def _make(self, level: int, index: int) -> tuple[Node, ...]:
        node, draws = self.node(level, index), self._keys[level]
        count = LEVELS[level] // LEVELS[level + 1]
        seeds = [mix(draws, index * count + n) for n in range(count)]
        if level + 1 == SECONDS:
            return _split_seconds(node, seeds, self._activity)
        weights = SEASON if level == 0 else EVEN
        return _split(node, seeds, weights, LEAST * max(1, LEVELS[level + 1] // 10))

    # ---- days: a walk that may be entered anywhere and never strays for good

    def _day(self, day: int) -> Node:
        node = self._days.get(day)
        if node is None:
            if len(self._days) >= SPLITS_KEPT_MAX:
                del self._days[next(iter(self._days))]
            node = self._days[day] = self._make_day(day)
        return node

    def _make_day(self, day: int) -> Node:
        opened, closed, draw = self._level(day), self._level(day + 1), mix(self._keys[0], ~day)
        mood = LOGNORMAL[self._mood_of(day)]
        swing = self._sigma * mood // 1_000
        high = max(opened, closed) + swing * LOGNORMAL[draw & 63] // 2_500
        low = min(opened, closed) - swing * LOGNORMAL[draw >> 6 & 63] // 2_500
        moved = 1_000 + 500 * abs(closed - opened) // self._sigma
        lots = self._volume * mood // 1_000 * LOGNORMAL[draw >> 12 & 63] // 1_000 * moved // 1_400
        return Node(opened, high, low, closed, max(lots, DAY * LEAST))

    def _level(self, day: int) -> int:
        """The price at the start of a day: noises of doubling periods, each larger."""
        total = 0
        for octave, draws in enumerate(self._walk):
            total += _noise(draws, day, 1 << octave) * isqrt(1 << (2 * octave + 20) >> octave)
        return self._sigma * total // (2 * 1_000 * 1_024)

    def _mood_of(self, day: int) -> int:
        """How wild a day is, 0 to 63; days nearby are alike."""
        short, middle, long = (
            _noise(draws, day, period) for draws, period in zip(self._mood, (1, 4, 16), strict=True)
        )
        return min(63, max(0, 32 + (short + 2 * middle + 2 * long) * 10 // 1_000))


def _noise(draws: int, at: int, period: int) -> int:
    """A normal draw at each multiple of a period, in thousandths, and straight lines between."""
    index, rest = divmod(at, period)
    left, right = NORMAL[mix(draws, index) >> 58], NORMAL[mix(draws, index + 1) >> 58]
    return (left * (period - rest) + right * rest) // period


def _split(node: Node, seeds: list[int], season: tuple[int, ...], least: int) -> tuple[Node, ...]:
    """Split a candle in as many as there are seeds; each gets at least `least` lots."""
    opened, high, low, _, volume = node
    span = high - low
    weights = [season[n] * (500 + LOGNORMAL[seed & 63]) for n, seed in enumerate(seeds)]
    whole = sum(weights)
    sizes = [span * isqrt(weight * 1_000_000 // whole) // 1_000 for weight in weights]
    path = _bridge(node, seeds, sizes, weights, whole)
    parts: list[Node] = []
    lots, shares = volume - least * len(seeds), _shares(seeds, weights)
    done, given, before = 0, 0, opened
    total = sum(shares)
    for n, seed in enumerate(seeds):
        after = path[n]
        done += shares[n]
        share = lots * done // total - given
        given += share
        top = max(before, after) + sizes[n] * (seed >> 12 & 63) // WICK
        bottom = min(before, after) - sizes[n] * (seed >> 18 & 63) // WICK
        parts.append(Node(before, min(high, top), max(low, bottom), after, least + share))
        before = after
    _touch(parts, high, low)
    return tuple(parts)


def _bridge(
    node: Node, seeds: list[int], sizes: list[int], weights: list[int], whole: int
) -> list[int]:
    """Closes of the parts: a random walk, bent to end at the close and to stay within the range."""
    opened, high, low, closed, _ = node
    at, path = opened, []
    for seed, size in zip(seeds, sizes, strict=True):
        at += size * NORMAL[seed >> 6 & 63] * 3 // 5_000
        path.append(at)
    miss, passed = closed - at, 0
    for n, weight in enumerate(weights):
        passed += weight
        path[n] += miss * passed // whole
    top, bottom = max(opened, closed), min(opened, closed)
    above, below = max(path) - top, bottom - min(path)
    up, down = min(high - top, above * 5 // 4), min(bottom - low, below * 5 // 4)
    for n, point in enumerate(path):
        if point > top:
            path[n] = top + (point - top) * up // above
        elif point < bottom:
            path[n] = bottom - (bottom - point) * down // below
    path[-1] = closed
    return path


def _shares(seeds: list[int], weights: list[int]) -> list[int]:
    """How much of the volume each part has: more where more happens."""
    return [
        weight // 16 * LOGNORMAL[seed >> 24 & 63] // 1_000 + 1
        for seed, weight in zip(seeds, weights, strict=True)
    ]


def _touch(parts: list[Node], high: int, low: int) -> None:
    """Have the highest part reach the high, the lowest the low."""
    tops, bottoms = [part.high for part in parts], [part.low for part in parts]
    n = tops.index(max(tops))
    parts[n] = parts[n]._replace(high=high)
    n = bottoms.index(min(bottoms))
    parts[n] = parts[n]._replace(low=low)


def _split_seconds(node: Node, seeds: list[int], activity: int) -> tuple[Node, ...]:
    """Split ten seconds: some trade, and the price stands still in the others."""
    most = max(1, node.volume // LEAST)
    active = [n for n, seed in enumerate(seeds) if (seed >> 30) % 1_000 < activity][:most]
    if not active:
        active = [seeds[0] % len(seeds)]
    busy = dict(zip(active, _split(node, [seeds[n] for n in active], EVEN, LEAST), strict=True))
    parts, price = [], node.open
    for n in range(len(seeds)):
        part = busy.get(n) or Node(price, price, price, price, 0)
        parts.append(part)
        price = part.close
    return tuple(parts)
