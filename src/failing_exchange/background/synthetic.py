"""A synthetic market: candles, prints and offers as pure functions of seed and second."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from failing_exchange.background.base import BackgroundMarket, check_window
from failing_exchange.background.candle_splitting import LEAST, PATTERNS, Node, Pattern, pattern
from failing_exchange.background.price_path import FINEST, LEVELS, Path, PricePath
from failing_exchange.background.profiles import Profile
from failing_exchange.core.candles import (
    NEW_BAR,
    TRADES_A_SECOND,
    Bar,
    claimed,
    of_background,
    still,
)
from failing_exchange.core.chance import WORDS, key, words
from failing_exchange.core.units import MINUTE_S, TEN_S

LONG = LEVELS.index(14_400)  # the longest candles whose cost is estimated
SINGLE = {size: level for level, size in enumerate(LEVELS) if level >= LONG}  # and which these are
COSTS_KEPT_MAX = 4_096  # costs of long candles remembered; then their parts are summed up again
TENS_KEPT_MAX = 512  # split stretches of ten seconds remembered; then they are split again
# Windows of less than a minute that are remembered; then they are put together again. An average
# over the last minutes asks for the parts of a minute around a client's trade several times.
WINDOWS_KEPT_MAX = 128
STEP_BITS = 13
STEP = 1 << STEP_BITS  # points of the logarithm per entry of the table of prices
REACH = 512  # entries on each side: prices stay between e**-4 and e**4 times the opening
FARTHEST = REACH * STEP - 1
FINE = 16  # bits of a tick in the table
E_UP, E_DOWN = 18_598_480_464_849_033_621, 18_296_245_629_532_432_955  # e**±0.008192 * 2**64


class Steps(NamedTuple):
    """Ten seconds of a candle: the walk in points, the price before them and after each."""

    node: Node
    pattern: Pattern
    path: list[int]
    opened: int
    closes: list[int]


class SyntheticMarket(BackgroundMarket):
    """The other traders of one market: pure functions of (seed, symbol, second).

    `birth` is the epoch second at which the price is `opening` ticks; what lies before is history.

    >>> from failing_exchange.background.profiles import PROFILES
    >>> flow = SyntheticMarket("BTC/USDT", seed=1, birth=1_767_225_600, opening=5_002_500,
    ...                   profile=PROFILES["BTC/USDT"])
    >>> flow.second(1_767_225_600).close
    5002500
    """

    def __init__(
        self,
        symbol: str,
        *,
        seed: int,
        birth: int,
        opening: int,
        profile: Profile,
        path: Path | None = None,
    ) -> None:
        super().__init__(symbol, seed, profile)
        self.birth, self.opening, self.profile = birth, opening, profile
        self._path = path or PricePath(symbol, seed, sigma=profile.sigma, volume=profile.volume)
        self.key = key(seed, "flow", symbol, "seconds")
        self.active = active_of(profile)
        self._drawn: tuple[int | None, tuple[int, ...]] = (None, ())  # block, and its draws
        self._walks: dict[int, Steps] = {}
        self._closes: dict[int, list[int]] = {}  # those of the walks, which are looked up most
        self._tens: dict[int, list[Bar]] = {}
        self._windows: dict[tuple[int, int], Bar] = {}
        self._costs: dict[tuple[int, int], int] = {}
        self._middle: tuple[int, int, Bar] | None = None  # of the last window
        self._prices = Prices(opening)

    @cached_property
    def _origin(self) -> int:
        """The point of the opening, found on first use: most runs look at one market."""
        return self._point_at(self.birth)

    @property
    def origin(self) -> int:
        """The point of the logarithm at which the price is `opening`."""
        return self._origin

    # ---- candles

    def second(self, second: int, /) -> Bar:
        """The candle of one second. Without trades it stands at the close before it."""
        index = second // TEN_S  # not by `_ten`: asked about each second of a run
        return (self._tens.get(index) or self._split(index))[second % TEN_S]

    def _ten(self, index: int) -> list[Bar]:
        """The seconds of one stretch of ten, counted from the epoch."""
        return self._tens.get(index) or self._split(index)

    def close(self, second: int, /) -> int:
        """The price after a second; to know only this costs half of `second`."""
        index = second // TEN_S
        return (self._closes.get(index) or self._walk(index).closes)[second % TEN_S]

    def printed(self, second: int, /) -> int:
        """The newest second up to this one that has a print; one in ten has."""
        index, place = divmod(second, TEN_S)
        active = self._walk(index).pattern.active
        passed = bisect_right(active, place)
        if passed:
            return index * TEN_S + active[passed - 1]
        return (index - 1) * TEN_S + self._walk(index - 1).pattern.active[-1]

    def window(self, start: int, stop: int, /) -> Bar:
        """The seconds from `start` until before `stop` as one candle; at least one second."""
        check_window(start, stop)
        size = stop - start
        level = SINGLE.get(size)
        if level is not None and not start % size:
            return self._candle(start, self._path.node(level, start // size), size)
        if size >= MINUTE_S:
            return self._window(start, stop)
        found = self._windows.get((start, stop))
        if found is None:
            if len(self._windows) >= WINDOWS_KEPT_MAX:
                self._windows.clear()
            found = self._windows[start, stop] = self._window(start, stop)
        return found

    def _window(self, start: int, stop: int) -> Bar:
        begin, end = -(-start // TEN_S) * TEN_S, stop // TEN_S * TEN_S
        if begin >= end:
            parts = [self.second(second) for second in range(start, stop)]
            return of_background(start, parts, stop - start)
        middle = self._between(begin, end)
        if (begin, end) == (start, stop):
            return middle
        parts = [middle]
        if start < begin:
            parts[:0] = self._ten(start // TEN_S)[start % TEN_S :]
        if end < stop:
            parts += self._ten(end // TEN_S)[: stop - end]
        return of_background(start, parts, stop - start)

    def bounds(self, start: int, stop: int) -> tuple[int, int]:
        """Bounds of all prices in the seconds of [start, stop), not always the closest."""
        rows = cover(start // TEN_S * TEN_S, -(-stop // TEN_S) * TEN_S)
        reached = [
            self._path.reach(level, index)
            for level, first, last in rows
            for index in range(first, last)
        ]
        lows, highs = zip(*reached, strict=True)
        return self._price(min(lows)), self._price(max(highs))

    def first_touch(
        self, start: int, stop: int, lower: int | None, upper: int | None, /
    ) -> int | None:
        """The first second of [start, stop) with a price at or beyond `lower` or `upper`."""
        bounds = (-1 if lower is None else lower, 1 << 62 if upper is None else upper)
        level = next((n for n, seconds in enumerate(LEVELS) if seconds <= stop - start), FINEST)
        size = LEVELS[level]
        for index in range(start // size, -(-stop // size)):
            found = self._touch(level, index, start, stop, bounds)
            if found is not None:
                return found
        return None

    def _touch(
        self, level: int, index: int, start: int, stop: int, bounds: tuple[int, int]
    ) -> int | None:
        """Search only candles that may reach a bound within the range."""
        least, most = self._path.reach(level, index)
        lower, upper = bounds
        if self._price(least) > lower and self._price(most) < upper:
            return None
        if level == FINEST:
            for second in range(max(start, index * TEN_S), min(stop, index * TEN_S + TEN_S)):
                candle = self.second(second)
                if candle.low <= lower or candle.high >= upper:
                    return second
            return None
        size = LEVELS[level + 1]
        count = LEVELS[level] // size
        first, last = (
            max(start // size, index * count),
            min(-(-stop // size), index * count + count),
        )
        for part in range(first, last):
            found = self._touch(level + 1, part, start, stop, bounds)
            if found is not None:
                return found
        return None

    # ---- from points to ticks

    def _candle(self, start: int, node: Node, seconds: int) -> Bar:
        price, lots = self._price, node.volume
        return Bar(
            start, price(node.open), price(node.high), price(node.low), price(node.close),
            lots, self._estimate(node), claimed(lots, seconds), lots // 2,
        )  # fmt: skip

    def _between(self, start: int, stop: int) -> Bar:
        """A window of whole tens of seconds; the last one is remembered for the second after."""
        if self._middle is None or self._middle[:2] != (start, stop):
            self._middle = (start, stop, self._sum(start, stop))
        return self._middle[2]

    def _sum(self, start: int, stop: int) -> Bar:
        """The same from the longest candles that fit."""
        nodes: list[Node] = []
        price, cost, rows = self._price, 0, list(cover(start, stop))
        for level, first, last in rows:
            row = self._path.row(level, first, last)
            nodes += row
            if level < LONG:
                cost += sum([self._cost(level, index) for index in range(first, last)])
            else:
                cost += sum([self._estimate(node) for node in row])
        opened, high, low, closed = self._path.outline(rows, nodes)
        lots = sum([node.volume for node in nodes])
        return Bar(
            start, price(opened), price(high), price(low), price(closed),
            lots, cost, claimed(lots, stop - start), lots // 2,
        )  # fmt: skip

    def _cost(self, level: int, index: int) -> int:
        """The cost of a candle of more than four hours: the sum of its parts."""
        cost = self._costs.get((level, index))
        if cost is None:
            if len(self._costs) >= COSTS_KEPT_MAX:
                self._costs.clear()
            count = LEVELS[level] // LEVELS[level + 1]
            inner = (index * count, index * count + count)
            if level + 1 == LONG:
                cost = sum([self._estimate(node) for node in self._path.row(level + 1, *inner)])
            else:
                cost = sum([self._cost(level + 1, part) for part in range(*inner)])
            self._costs[level, index] = cost
        return cost

    def _estimate(self, node: Node) -> int:
        """The cost of a candle of at most four hours, as if it traded at its middle on average."""
        middle = node.open + node.high + node.low + node.close >> 2
        return self._price(middle) * node.volume

    def _walk(self, index: int) -> Steps:
        """How the price goes through ten seconds."""
        steps = self._walks.get(index)
        if steps is None:
            if len(self._walks) >= TENS_KEPT_MAX:
                self._walks.clear()
                self._closes.clear()
            node = self._path.node(FINEST, index)
            found = self._pattern(node, index)
            path = self._points(found, node, index)
            closes: list[int] = []
            opened = last = self._price(node.open)
            for second, ticks in zip(found.active, self._ticks(node, path), strict=True):
                while len(closes) < second:
                    closes.append(last)
                closes.append(ticks)
                last = ticks
            closes += [last] * (TEN_S - len(closes))
            self._closes[index] = closes
            steps = self._walks[index] = Steps(node, found, path, opened, closes)
        return steps

    def _split(self, index: int) -> list[Bar]:
        """Split ten seconds: some trade, and the price stands still in the others."""
        if len(self._tens) >= TENS_KEPT_MAX:
            self._tens.clear()
        node, found, path, last, closes = self._walk(index)
        tops, bottoms = self._wicks(found, node, path, index)
        prices, count = self._ticks(node, tops + bottoms), len(tops)
        lots = found.lots(node.volume)
        rows = zip(found.active, prices[:count], prices[count:], lots, strict=True)
        start = index * TEN_S
        seconds: list[Bar] = []
        for second, high, low, traded in rows:
            while len(seconds) < second:
                seconds.append(still(start + len(seconds), last))
            close = closes[second]
            cost = (last + high + low + close) * traded // 4
            claims = traded if traded < TRADES_A_SECOND else TRADES_A_SECOND
            row = (start + second, last, high, low, close, traded, cost, claims, traded // 2)
            seconds.append(NEW_BAR(row))
            last = close
        while len(seconds) < TEN_S:
            seconds.append(still(start + len(seconds), last))
        self._tens[index] = seconds
        return seconds

    def _points(self, found: Pattern, node: Node, index: int) -> list[int]:
        """The point after each second of ten that trades."""
        return found.closes(node)

    def _wicks(
        self, found: Pattern, node: Node, path: list[int], index: int
    ) -> tuple[list[int], list[int]]:
        """How high and how low each of them goes."""
        return found.wicks(node, path)

    def _ticks(self, node: Node, points: list[int]) -> list[int]:
        """Points within a candle in ticks, as `_price` gives them."""
        cell = node.low - self._origin >> STEP_BITS
        if node.high - self._origin >> STEP_BITS != cell or not -REACH <= cell < REACH:
            return list(map(self._price, points))
        # All of them lie on one straight line of the table, as nearly always.
        low, rise = self._prices[cell]
        zero = (low << STEP_BITS) - rise * (self._origin + (cell << STEP_BITS))
        return [zero + rise * point >> STEP_BITS + FINE for point in points]

    def _pattern(self, node: Node, index: int) -> Pattern:
        """How ten seconds go; where too little is traded for all that would trade, one does."""
        if self._drawn[0] != index // WORDS:
            self._drawn = (index // WORDS, words(self.key, index // WORDS))
        number = self._drawn[1][index % WORDS] % PATTERNS
        found = pattern(self.active, number)
        return found if node.volume >= LEAST * len(found.active) else pattern(0, number)

    def _point_at(self, second: int) -> int:
        """The point of the logarithm at the close of a second."""
        index, place = divmod(second, TEN_S)
        node = self._path.node(FINEST, index)
        found = self._pattern(node, index)
        passed = bisect_right(found.active, place)
        return found.closes(node)[passed - 1] if passed else node.open

    def _price(self, point: int) -> int:
        """Ticks at a point of the logarithm; it never falls when the point rises."""
        place = point - self._origin
        if not -FARTHEST <= place <= FARTHEST:
            place = FARTHEST if place > 0 else -FARTHEST
        low, rise = self._prices[place >> STEP_BITS]
        return low + (rise * (place & STEP - 1) >> STEP_BITS) >> FINE


def active_of(profile: Profile) -> int:
    """Of 256 seconds, how many trade."""
    return profile.activity * 256 // 1_000


def make_patterns(profile: Profile) -> None:
    """Make the patterns of a market now; all seeds share them. For a process that forks."""
    for activity in (active_of(profile), 0):  # 0: where too little is traded (`_pattern`)
        for number in range(PATTERNS):
            pattern(activity, number)


def cover(start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """The fewest candles that make up [start, stop), as rows (level, first, last) of one parent.

    They grow until the largest that fits, then shrink.
    """
    if stop - start < MINUTE_S:  # as nearly always: tens of seconds, of one minute or of two
        end = min(-(-start // MINUTE_S) * MINUTE_S, stop) if start % MINUTE_S else stop
        if start < end:
            yield FINEST, start // TEN_S, end // TEN_S
        if end < stop:
            yield FINEST, end // TEN_S, stop // TEN_S
        return
    for level in range(FINEST, 0, -1):
        size, larger = LEVELS[level], LEVELS[level - 1]
        end = min(-(-start // larger) * larger, stop // size * size)
        if start < end:
            yield level, start // size, end // size
            start = end
    for level, size in enumerate(LEVELS):
        end = stop // size * size
        if start < end:
            yield level, start // size, end // size
            start = end


class Prices(dict[int, tuple[int, int]]):
    """At each multiple of STEP points the price in 2**-FINE ticks, and its rise to the next.

    Between them the line is straight, which is within 1e-5 of the exponential. An entry is made
    when it is first asked for: few runs go far from where they began.
    """

    def __init__(self, opening: int, parts: int = 1) -> None:
        """`opening`: the price at the origin, in ticks divided by `parts`."""
        super().__init__()
        self._up, self._down = [(opening << 64) // parts], [(opening << 64) // parts]

    def __missing__(self, cell: int) -> tuple[int, int]:
        low, high = self._at(cell), self._at(cell + 1)
        self[cell] = entry = (low, high - low)
        return entry

    def _at(self, cell: int) -> int:
        steps, factor = (self._up, E_UP) if cell >= 0 else (self._down, E_DOWN)
        while len(steps) <= abs(cell):
            steps.append(steps[-1] * factor >> 64)
        return max(1 << FINE, steps[abs(cell)] >> 64 - FINE)
