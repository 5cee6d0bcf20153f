"""A path beside another one: that of a perpetual or an index beside the path of its spot market."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace
from typing import NamedTuple, Protocol

from failing_exchange.background.candle_splitting import NEW_NODE, Node
from failing_exchange.background.price_path import FINEST, LEVELS
from failing_exchange.core.units import TEN_S

NODES_KEPT_MAX = 256  # candles remembered per level; then they are made again
PEAKS_KEPT_MAX = 4_096  # highs and lows remembered; then they are found again


class SplitPath(Protocol):
    """What a `MovedPath` needs of the path that it lies beside."""

    def node(self, level: int, index: int, /) -> Node:
        """The candle number `index` of a level, counted from the epoch."""
        ...

    def split(self, level: int, index: int, /) -> Sequence[Node]:
        """The candles of the next finer level within a candle."""
        ...


class PathMove(Protocol):
    """By how many points a path lies beside another: a step function of ten seconds."""

    def at(self, index: int, /) -> int:
        """The move during the ten seconds number `index` since the epoch."""
        ...

    def bounds(self, level: int, index: int, /) -> tuple[int, int]:
        """Bounds of the move within a candle; exact within ten seconds."""
        ...


class Sketch(NamedTuple):
    """A candle whose extremes are not known yet: only that none lies beyond `low` or `high`."""

    node: Node
    low: int
    high: int


class MovedPath:
    """The candles of a path that lies by a move beside another one, at every level (`Path`).

    A candle of ten seconds is that of the other path, moved; a longer one has the extremes of those
    in it, which are found without looking at all of them.
    """

    def __init__(self, path: SplitPath, move: PathMove) -> None:
        self.source, self.move = path, move
        self._sketches: tuple[dict[int, Sketch], ...] = tuple({} for _ in LEVELS)
        self._peaks: dict[int, dict[tuple[int, int], int]] = {1: {}, -1: {}}

    def node(self, level: int, index: int) -> Node:
        """The candle number `index` of a level, counted from the epoch."""
        if level == FINEST:
            return self._finest(index)
        node = self.sketch(level, index).node
        _, high, low, _ = self.outline([(level, index, index + 1)], [node])
        return node._replace(high=high, low=low)

    def row(self, level: int, first: int, last: int) -> list[Node]:
        """The candles [first, last) of a level, but for their extremes."""
        return [self.sketch(level, index).node for index in range(first, last)]

    def reach(self, level: int, index: int) -> tuple[int, int]:
        """The lowest and the highest point of a candle, or somewhat further."""
        _, low, high = self.sketch(level, index)
        return low, high

    def outline(
        self, cover: Sequence[tuple[int, int, int]], nodes: Sequence[Node]
    ) -> tuple[int, int, int, int]:
        """Open, high, low and close of consecutive candles."""
        places = [(level, n) for level, first, last in cover for n in range(first, last)]
        opened = nodes[0].open
        high, low = self._farthest(places, 1), -self._farthest(places, -1)
        return opened, max(opened, high), min(opened, low), nodes[-1].close

    def sketch(self, level: int, index: int) -> Sketch:
        """A candle with bounds of its extremes."""
        known = self._sketches[level]
        found = known.get(index)
        if found is None:
            if len(known) >= NODES_KEPT_MAX:
                known.clear()
            found = known[index] = self._sketch(level, index)
        return found

    def _sketch(self, level: int, index: int) -> Sketch:
        node, tens, at = self.source.node(level, index), LEVELS[level] // TEN_S, self.move.at
        before, after = at(index * tens - 1), at(index * tens + tens - 1)
        least, most = (after, after) if level == FINEST else self.move.bounds(level, index)
        opened, high, low, closed, volume, size = node
        opened, closed = opened + before, closed + after
        low, high = min(low + least, opened), max(high + most, opened)
        return Sketch(NEW_NODE((opened, high, low, closed, volume, size)), low, high)

    def _finest(self, index: int) -> Node:
        """Ten seconds. They open at the close before them, moved by the move of then."""
        return self.sketch(FINEST, index).node

    def _farthest(self, places: Sequence[tuple[int, int]], sign: int) -> int:
        """The highest point of some candles, or the lowest with its sign turned (`sign` -1)."""
        known, sketch = self._peaks[sign], self.sketch
        queue = []
        for place in places:
            far = known.get(place)
            if far is None:
                _, low, high = sketch(*place)
                is_exact = place[0] == FINEST
                queue.append((-high if sign > 0 else low, is_exact, place))
            else:
                queue.append((-far, True, place))
        heapify(queue)
        while not queue[0][1]:
            place = queue[0][2]
            if len(known) >= PEAKS_KEPT_MAX:
                known.clear()
            far = known[place] = self._peak(*place, sign)
            heapreplace(queue, (-far, True, place))
        return -queue[0][0]

    def _peak(self, level: int, index: int, sign: int) -> int:
        """The same of one candle that is longer than ten seconds.

        The candle that may reach furthest is split until it is one of ten seconds: best first.
        """
        queue = [(0, level, index)]
        while True:
            reached, level, index = heappop(queue)
            if level == FINEST:
                return -reached
            count = LEVELS[level] // LEVELS[level + 1]
            for part, node in enumerate(self.source.split(level, index), index * count):
                least, most = self.move.bounds(level + 1, part)
                far = node.high + most if sign > 0 else -(node.low + least)
                heappush(queue, (-far, level + 1, part))


class FlatPath:
    """A path that stays at 0, to lay a move beside."""

    def node(self, level: int, index: int) -> Node:
        """The candle number `index` of a level."""
        return FLAT

    def split(self, level: int, index: int) -> Sequence[Node]:
        """The candles of the next finer level within a candle."""
        return [FLAT] * (LEVELS[level] // LEVELS[level + 1])


FLAT = Node(0, 0, 0, 0, 0, 0)
