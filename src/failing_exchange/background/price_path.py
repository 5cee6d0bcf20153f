"""The path of a price: candles from 256 days to ten seconds, each a function of its place.

Weights are drawn at each level independently (a multiplicative cascade): volatility clusters at
every scale. Prices are whole points of the logarithm, 1e-6 each; all arithmetic is on integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import isqrt
from typing import Protocol

from failing_exchange.background.candle_splitting import LEAST, Node, split
from failing_exchange.background.distributions import LOGNORMAL, NORMAL
from failing_exchange.core.chance import key, words
from failing_exchange.core.units import DAY_S, HOUR_S

# Seconds; each divides the one before.
LEVELS = (
    256 * DAY_S, 64 * DAY_S, 16 * DAY_S, 4 * DAY_S, DAY_S, 4 * HOUR_S, HOUR_S, 900, 300, 60, 10,
)  # fmt: skip
FINEST = len(LEVELS) - 1
SPLITS_KEPT_MAX = 256  # split candles remembered per level; then they are split again when asked
OCTAVES = 2  # of the walk from block to block: periods of 1 and 2 blocks of 256 days
ROOT = 16  # the root of a block's days

# How busy the six stretches of four hours of a day are (UTC), in thousandths.
SEASON = (700, 850, 900, 1_350, 1_300, 800)


class Path(Protocol):
    """The candles of a market at every level, in points of the logarithm."""

    def node(self, level: int, index: int, /) -> Node:
        """The candle number `index` of a level, counted from the epoch."""
        ...

    def reach(self, level: int, index: int, /) -> tuple[int, int]:
        """Bounds of all points of a candle, not always the closest."""
        ...

    def row(self, level: int, first: int, last: int, /) -> list[Node]:
        """The candles [first, last) of a level; all but the longest must have one parent.

        Those of a perpetual are close enough to tell what they cost; `outline` is exact.
        """
        ...

    def outline(
        self, cover: Sequence[tuple[int, int, int]], nodes: Sequence[Node], /
    ) -> tuple[int, int, int, int]:
        """Open, high, low and close of consecutive candles: rows (level, first, last), joined."""
        ...


class PricePath:
    """The candles of one market at every level.

    `sigma`: points by which a day's close typically differs from its open. `volume`: lots of a
    typical day.
    """

    def __init__(self, name: str, seed: int, *, sigma: int, volume: int) -> None:
        self._name, self._seed = name, seed
        self._sigma = sigma
        self._volume = max(volume, 2 * DAY_S * LEAST)
        self._splits: tuple[dict[int, list[Node]], ...] = tuple({} for _ in LEVELS)
        self._blocks: dict[int, Node] = {}

    @cached_property
    def _keys(self) -> tuple[int, ...]:
        """Made on first use, for most runs look at one market."""
        return tuple(key(self._seed, "flow", self._name, level) for level in LEVELS)

    @cached_property
    def _walk(self) -> tuple[int, ...]:
        octaves = range(OCTAVES)
        return tuple(key(self._seed, "flow", self._name, "walk", octave) for octave in octaves)

    def node(self, level: int, index: int) -> Node:
        """The candle number `index` of a level, counted from the epoch."""
        if level == 0:
            return self._block(index)
        parent, place = divmod(index, LEVELS[level - 1] // LEVELS[level])
        return self.split(level - 1, parent)[place]

    def row(self, level: int, first: int, last: int) -> list[Node]:
        """The candles [first, last) of a level; all but the longest must have one parent."""
        if level == 0:
            return [self._block(index) for index in range(first, last)]
        parent, place = divmod(first, LEVELS[level - 1] // LEVELS[level])
        return self.split(level - 1, parent)[place : place + last - first]

    def split(self, level: int, index: int) -> list[Node]:
        """The candles of the next finer level within a candle."""
        known = self._splits[level]
        parts = known.get(index)
        if parts is None:
            if len(known) >= SPLITS_KEPT_MAX:
                known.clear()
            draws = words(self._keys[level], index)[: LEVELS[level] // LEVELS[level + 1]]
            season = SEASON if LEVELS[level] == DAY_S else ()
            least = LEAST * (LEVELS[level + 1] // 10)
            parts = known[index] = split(self.node(level, index), draws, season=season, least=least)
        return parts

    def reach(self, level: int, index: int) -> tuple[int, int]:
        """Bounds of all points of a candle; here its low and its high."""
        node = self.node(level, index)
        return node.low, node.high

    def outline(
        self, cover: Sequence[tuple[int, int, int]], nodes: Sequence[Node]
    ) -> tuple[int, int, int, int]:
        """Open, high, low and close of consecutive candles."""
        opens, highs, lows, closes, _, _ = zip(*nodes, strict=True)
        return opens[0], max(highs), min(lows), closes[-1]

    # ---- blocks: a walk that may be entered anywhere and never strays for good

    def _block(self, index: int) -> Node:
        node = self._blocks.get(index)
        if node is None:
            if len(self._blocks) >= SPLITS_KEPT_MAX:
                self._blocks.clear()
            node = self._blocks[index] = self._make_block(index)
        return node

    def _make_block(self, index: int) -> Node:
        opened, closed = self._level(index), self._level(index + 1)
        above, below, lots, *_ = words(self._keys[0], ~index)
        swing = self._sigma * ROOT
        high = max(opened, closed) + swing * LOGNORMAL[above & 63] // 2_500
        low = min(opened, closed) - swing * LOGNORMAL[below & 63] // 2_500
        volume = self._volume * LEVELS[0] // DAY_S * (3_000 + LOGNORMAL[lots & 63]) // 4_000
        return Node(opened, high, low, closed, volume, swing)

    def _level(self, index: int) -> int:
        """The price at the start of a block: noises of doubling periods, each larger."""
        total = 0
        for octave, draws in enumerate(self._walk):
            total += _noise(draws, index, 1 << octave) * isqrt(1 << octave + 20)
        return self._sigma * ROOT * total // (1_000 * 1_024 * 17 // 10)


def _noise(draws: int, at: int, period: int) -> int:
    """A normal draw at each multiple of a period, in thousandths, and straight lines between."""
    index, rest = divmod(at, period)
    left, right = NORMAL[words(draws, index)[0] & 63], NORMAL[words(draws, index + 1)[0] & 63]
    return (left * (period - rest) + right * rest) // period
