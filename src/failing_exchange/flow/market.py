"""One background market in ticks: candles, prints and the ladder of offers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from failing_exchange.core.chance import key, mix
from failing_exchange.flow.path import LEVELS, LOGNORMAL, SECONDS, Node, Path
from failing_exchange.flow.profiles import Profile

SECONDS_KEPT_MAX = 4_096  # candles of a second remembered in ticks; then they are made again
LEVELS_MAX = 5_000  # offers a side
BANDS = ((60, 1), (240, 4), (LEVELS_MAX, 16))  # up to which offer the grid is how coarse
BUCKET = 15  # seconds for which an offer keeps its amount; each has its own moment of change
STEP_BITS = 13
STEP = 1 << STEP_BITS  # points of the logarithm per entry of the table of prices
REACH = 512  # entries on each side: prices stay between e**-4 and e**4 times the opening
LIMIT = REACH * STEP
FINE = 16  # bits of a tick in the table
E_UP, E_DOWN = 18_598_480_464_849_033_621, 18_296_245_629_532_432_955  # e**±0.008192 * 2**64


class Candle(NamedTuple):
    """Prices in ticks, volume in lots, `at` an epoch second; `cost` is the sum of ticks times lots.

    `cost` is exact for a second; for longer candles it is estimated from their prices.
    """

    at: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    cost: int


class Print(NamedTuple):
    """A public trade; `side` is the taker's."""

    ticks: int
    lots: int
    side: str


class MarketFlow:
    """The other traders of one market: pure functions of (seed, symbol, second).

    `birth` is the epoch second at which the price is `opening` ticks; what lies before is history.

    >>> from failing_exchange.flow.profiles import PROFILES
    >>> flow = MarketFlow("BTC/USDT", seed=1, birth=1_767_225_600, opening=5_002_500,
    ...                   profile=PROFILES["BTC/USDT"])
    >>> flow.second(1_767_225_600).close
    5002500
    """

    def __init__(
        self, symbol: str, *, seed: int, birth: int, opening: int, profile: Profile
    ) -> None:
        self.birth = birth
        self._table = _prices(opening)
        self._profile = profile
        self._path = Path(
            symbol, seed,
            sigma=profile.sigma, volume=profile.volume, activity=profile.activity,
        )  # fmt: skip
        self._key = key(seed, "ladder", symbol)
        self._seconds: dict[int, Candle] = {}
        self._origin = 0
        self._origin = self._path.node(SECONDS, birth).close

    # ---- candles

    def second(self, second: int, /) -> Candle:
        """The candle of one second. Without trades it stands at the close before it."""
        known = self._seconds
        candle = known.get(second)
        if candle is None:
            if len(known) >= SECONDS_KEPT_MAX:
                known.clear()
            candle = known[second] = self._second(second)
        return candle

    def _second(self, second: int) -> Candle:
        node = self._path.node(SECONDS, second)
        if not node.volume:
            still = self._price(node.close)
            return Candle(second, still, still, still, still, 0, 0)
        price = self._price
        opened, close = price(node.open), price(node.close)
        high = price(node.high) if node.high > max(node.open, node.close) else max(opened, close)
        low = price(node.low) if node.low < min(node.open, node.close) else min(opened, close)
        trades = _trades(opened, high, low, close, node.volume)
        cost = sum([ticks * lots for ticks, lots in trades])
        return Candle(second, opened, high, low, close, node.volume, cost)

    def candle(self, timeframe_seconds: int, second: int, /) -> Candle:
        """The whole candle of a timeframe that contains a second."""
        start = second // timeframe_seconds * timeframe_seconds
        return self.window(start, start + timeframe_seconds)

    def window(self, start: int, stop: int, /) -> Candle:
        """The seconds from `start` until before `stop` as one candle."""
        first: Node | None = None
        high, low, close, volume, cost = -1 << 62, 1 << 62, 0, 0, 0
        for level, index in _cover(start, stop):
            node = self._path.node(level, index)
            first = first or node
            high, low, close = max(high, node.high), min(low, node.low), node.close
            volume += node.volume
            cost += self._cost(level, index, node)
        assert first is not None, f"an empty window: {start} to {stop}"
        price = self._price
        return Candle(start, price(first.open), price(high), price(low), price(close), volume, cost)

    def _cost(self, level: int, index: int, node: Node) -> int:
        if level == SECONDS:
            return self.second(index).cost
        return self._price((node.open + node.high + node.low + node.close) // 4) * node.volume

    def prints(self, second: int, /) -> tuple[Print, ...]:
        """The public trades of a second: they open, peak, bottom and close with its candle."""
        candle = self.second(second)
        if not candle.volume:
            return ()
        _, opened, high, low, close, volume, _ = candle
        before, found = self.second(second - 1).close, []
        for ticks, lots in _trades(opened, high, low, close, volume):
            up = ticks > before or (ticks == before and bool((ticks + second) & 1))
            found.append(Print(ticks, lots, "buy" if up else "sell"))
            before = ticks
        return tuple(found)

    def first_touch(
        self, start: int, stop: int, lower: int | None, upper: int | None, /
    ) -> int | None:
        """The first second of [start, stop) with a price at or beyond `lower` or `upper`."""
        for level, index in _cover(start, stop):
            found = self._touch(level, index, lower, upper)
            if found is not None:
                return found
        return None

    def _touch(self, level: int, index: int, lower: int | None, upper: int | None) -> int | None:
        node = self._path.node(level, index)
        below = lower is not None and self._price(node.low) <= lower
        if not below and not (upper is not None and self._price(node.high) >= upper):
            return None
        if level == SECONDS:
            return index
        count = LEVELS[level] // LEVELS[level + 1]
        for part in range(index * count, (index + 1) * count):
            found = self._touch(level + 1, part, lower, upper)
            if found is not None:
                return found
        raise AssertionError("the parts of a candle do not agree with it")

    def extremes(self, start: int, stop: int, /) -> tuple[int, int]:
        """The lowest and the highest price of [start, stop)."""
        candle = self.window(start, stop)
        return candle.low, candle.high

    def _price(self, point: int) -> int:
        """Ticks at a point of the logarithm; it never falls when the point rises."""
        place = point - self._origin
        if not -LIMIT < place < LIMIT:
            place = LIMIT - 1 if place > 0 else 1 - LIMIT
        low, rise = self._table[(place >> STEP_BITS) + REACH]
        return low + (rise * (place & STEP - 1) >> STEP_BITS) >> FINE

    # ---- the ladder

    def best(self, second: int, /) -> tuple[int, int]:
        """The best bid and ask after a second; the last price is one of them."""
        close, draw = self.second(second).close, mix(self._key, second // 3)
        spread = max(1, self._profile.spread * LOGNORMAL[draw & 63] // 1_000)
        if draw >> 8 & 1 and close > spread:
            return close - spread, close
        return close, close + spread

    def asks(self, second: int, /) -> Iterator[tuple[int, int]]:
        """(ticks, lots) offered for sale, best first."""
        return self._ladder(self.best(second)[1], second, 1)

    def bids(self, second: int, /) -> Iterator[tuple[int, int]]:
        """(ticks, lots) bid for, best first."""
        return self._ladder(self.best(second)[0], second, -1)

    def _ladder(self, best: int, second: int, sign: int) -> Iterator[tuple[int, int]]:
        """Offers stand at prices of their own and keep their amounts for a while."""
        yield best, self._lots(best, second, 1)
        grid, ticks = self._profile.grid, best
        for count in range(1, LEVELS_MAX):
            coarse = next(factor for most, factor in BANDS if count < most)
            step = grid * coarse
            ticks = self._next(ticks, step, sign)
            if ticks < 1:
                return
            yield ticks, self._lots(ticks, second, coarse)

    def _next(self, ticks: int, step: int, sign: int) -> int:
        """The next price with an offer: one in each cell of the grid."""
        cell = ticks // step + sign
        return cell * step + (mix(self._key ^ step, cell) % step if step > 1 else 0)

    def _lots(self, ticks: int, second: int, coarse: int) -> int:
        draws = self._key + ticks
        bucket = (second + mix(draws, 0) % BUCKET) // BUCKET
        draw = mix(draws, 1 + bucket)
        typical = self._profile.offer * (1 + (coarse > 1) + (coarse > 4))
        return 1 + typical * LOGNORMAL[draw & 63] // 1_000 * LOGNORMAL[draw >> 6 & 63] // 1_000


def _trades(opened: int, high: int, low: int, close: int, volume: int) -> list[tuple[int, int]]:
    """Prices and amounts of a second's prints."""
    turns = (low, high) if close >= opened else (high, low)
    prices = [opened]
    for ticks in (*turns, close):
        if ticks != prices[-1]:
            prices.append(ticks)
    part, rest = divmod(volume, len(prices))
    return [(ticks, part + (n < rest)) for n, ticks in enumerate(prices)]


def _cover(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The fewest candles (level, index) that make up the seconds [start, stop)."""
    while start < stop:
        for level, seconds in enumerate(LEVELS):
            if start % seconds == 0 and start + seconds <= stop:
                yield level, start // seconds
                start += seconds
                break


def _prices(opening: int) -> list[tuple[int, int]]:
    """At each multiple of STEP points the price in 2**-FINE ticks, and its rise to the next.

    Between them the line is straight, which is within 1e-5 of the exponential.
    """
    up, down = [opening << 64], [opening << 64]
    for _ in range(REACH):
        up.append(up[-1] * E_UP >> 64)
        down.append(down[-1] * E_DOWN >> 64)
    exact = [max(1 << FINE, p >> 64 - FINE) for p in (*reversed(down[1:]), *up)]
    return [(low, high - low) for low, high in pairwise(exact)]
