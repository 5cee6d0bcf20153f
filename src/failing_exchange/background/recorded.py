"""A market that repeats a recording of trades or candles, with the interface of a synthetic one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate, groupby, pairwise
from os import PathLike, fspath

from failing_exchange.background.base import BackgroundMarket, check_window
from failing_exchange.background.candle_splitting import LEAST, Node, split
from failing_exchange.background.csv_reader import RecordedReference, instant, read
from failing_exchange.background.profiles import Profile
from failing_exchange.background.recorded_references import RecordedReferences
from failing_exchange.core.candles import Bar, Print, estimated, of_background, still
from failing_exchange.core.chance import key, words
from failing_exchange.core.market import is_contract
from failing_exchange.core.units import DAY_S, HOUR_S, MINUTE_S, TEN_S
from failing_exchange.errors import ConfigurationError

PARTS_KEPT_MAX = 4_096  # split candles remembered; then they are split again when asked
BLOCK = 256  # rows whose extremes are known together
# Candles are split into the longest of these that fits.
LENGTHS = (DAY_S, 4 * HOUR_S, HOUR_S, 900, 300, MINUTE_S, TEN_S, 1)
PARTS_MAX = 16  # parts of one split; a candle of another length is refused
FINE = 10  # bits of a tick while a candle is split
SIGMA = 30_000  # of a day, in millionths of the price, for the depth of markets without a profile


class RecordedMarket(BackgroundMarket):
    """The market of a recording; clients' orders trade against it as against a synthetic one.

    `start` is the instant of the recording that coincides with `birth`, the venue's first second
    (a timestamp or ISO 8601; default: in the first row, at most one candle after its beginning).
    Before the first row and after the last one nobody trades and the price stands still. Candles
    are split into seconds that agree with them; trades of one second become its prints. Offers
    around the last price are made up.

    `price_step` and `amount_step` are the market's, in atoms (1e-8). `profile`: of the offers and
    the depth, in the same steps; None: one that fits the recorded prices and volumes. Raises
    `ConfigurationError` with file, line and value when the file cannot be understood.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     print("timestamp,open,high,low,close,volume", file=file)
    ...     print("1767225600,10,12,9,11,3", file=file, flush=True)
    ...     market = RecordedMarket(
    ...         file.name,
    ...         symbol="BTC/USDT",
    ...         birth=1_767_225_600,
    ...         price_step=10**6,
    ...         amount_step=10**3,
    ...     )
    >>> market.candle(60, 1_767_225_600).high  # in ticks
    1200
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        symbol: str,
        birth: int,
        price_step: int,
        amount_step: int,
        start: int | str | None = None,
        seed: int = 0,
        profile: Profile | None = None,
        rounds: bool = False,
    ) -> None:
        self.birth = birth
        trades, candles, references = read(
            path, price_step=price_step, amount_step=amount_step, rounds=rounds
        )
        self._key = key(seed, "recording", symbol)
        self._prints: dict[int, tuple[Print, ...]] = {}
        self._length = 1 if trades else _length(fspath(path), candles)
        first = trades[0][0] if trades else candles[0].at
        shift = birth - _start(start, first, birth, self._length)
        self._bars = self._of_trades(trades, shift) if trades else _of_candles(candles, shift)
        self._starts = [bar.at for bar in self._bars]
        self._volumes = list(accumulate([bar.volume for bar in self._bars], initial=0))
        self._costs = list(accumulate([bar.cost for bar in self._bars], initial=0))
        blocks = [self._bars[n : n + BLOCK] for n in range(0, len(self._bars), BLOCK)]
        self._highs = [max(bar.high for bar in block) for block in blocks]
        self._lows = [min(bar.low for bar in block) for block in blocks]
        self._parts: dict[tuple[int, int], list[Node]] = {}
        super().__init__(symbol, seed, profile or self._derived_profile())
        self._reference: RecordedReferences | None = None
        if is_contract(symbol):
            self._reference = RecordedReferences(self, price_step, self._rows(references, shift))

    @property
    def reference(self) -> RecordedReferences | None:
        """Recorded index and mark prices of a perpetual; None of a spot market."""
        return self._reference

    # ---- candles

    def second(self, second: int, /) -> Bar:
        """The candle of one second. Without trades it stands at the close before it."""
        place = bisect_right(self._starts, second) - 1
        if place < 0:
            return still(second, self._bars[0].open)
        bar = self._bars[place]
        if second >= bar.at + self._length:
            return still(second, bar.close)
        if self._length == 1:
            return estimated(second, bar[1:5], bar.volume)
        return self._within(bar, second)

    def printed(self, second: int, /) -> int:
        """The newest second up to this one that has a print; -1 before the first."""
        place = bisect_right(self._starts, second) - 1
        if place < 0 or not self._volumes[place + 1]:
            return -1
        place = bisect_left(self._volumes, self._volumes[place + 1]) - 1  # the last that traded
        bar = self._bars[place]
        node, start, length = _node(bar), bar.at, self._length
        second = min(second, start + length - 1)
        while length > 1:  # the first part of what has traded has traded, too
            finer = _finer(length)
            parts = self._split(node, start, length, finer)
            within = (second - start) // finer
            busy = next(n for n in range(within, -1, -1) if parts[n].volume)
            node, start, length = parts[busy], start + busy * finer, finer
            second = min(second, start + length - 1)
        return start

    def window(self, start: int, stop: int, /) -> Bar:
        """The seconds from `start` until before `stop` as one candle."""
        check_window(start, stop)
        first, last = self._inside(start, stop)
        if first >= last:
            parts = list(self._edge(start, stop))
        else:
            begin, end = self._bars[first].at, self._bars[last - 1].at + self._length
            parts = [*self._edge(start, begin), self._sum(first, last), *self._edge(end, stop)]
        return of_background(start, parts, stop - start)

    def prints(self, second: int, /) -> tuple[Print, ...]:
        """The public trades of a second."""
        known = self._prints.get(second)
        return super().prints(second) if known is None else known

    def first_touch(
        self, start: int, stop: int, lower: int | None, upper: int | None, /
    ) -> int | None:
        """The first second of [start, stop) with a price at or beyond `lower` or `upper`."""
        least, most = -1 if lower is None else lower, 1 << 62 if upper is None else upper
        bar = self.second(start)
        if start < stop and (bar.low <= least or bar.high >= most):
            return start
        place = max(0, bisect_right(self._starts, start) - 1)
        while place < len(self._bars) and self._starts[place] < stop:
            block, rest = divmod(place, BLOCK)
            if not rest and self._lows[block] > least and self._highs[block] < most:
                place += BLOCK
                continue
            bar = self._bars[place]
            if bar.low <= least or bar.high >= most:
                found = self._touch(_node(bar), bar.at, self._length, (start, stop), (least, most))
                if found is not None:
                    return found
            place += 1
        return None

    # ---- rows

    def _of_trades(self, trades: list[tuple[int, Print]], shift: int) -> list[Bar]:
        """One candle for each second with trades; their prints are remembered."""
        bars: list[Bar] = []
        before = trades[0][1].ticks
        for at, group in groupby(trades, key=lambda one: one[0] + shift):
            prints = []
            for _, (price, amount, side) in group:
                prints.append(Print(price, amount, side or ("sell" if price < before else "buy")))
                before = price
            self._prints[at] = tuple(prints)
            ticks = [trade.ticks for trade in prints]
            cost = sum([trade.ticks * trade.lots for trade in prints])
            lots = sum([trade.lots for trade in prints])
            prices = ticks[0], max(ticks), min(ticks), ticks[-1]
            bars.append(estimated(at, prices, lots)._replace(cost=cost))
        return bars

    def _derived_profile(self) -> Profile:
        """A profile that fits the recorded price and volume."""
        first, last = self._bars[0], self._bars[-1]
        daily = self._volumes[-1] * DAY_S // max(last.at + self._length - first.at, 1)
        return Profile(
            opening=first.open, opening_spread=0, sigma=SIGMA, volume=daily, activity=0,
            spread=max(1, first.open // 400_000), grid=max(1, first.open // 80_000),
            offer=max(1, daily // 27_000),
        )  # fmt: skip

    def _rows(
        self, references: list[RecordedReference], shift: int
    ) -> list[tuple[int, int, RecordedReference]]:
        """Recorded references, with the second at whose end they hold, and the price then."""
        newest = {row.at + shift: row for row in references}  # of one second the last row counts
        return [
            (bar.at + self._length - 1, bar.close, newest[bar.at])
            for bar in self._bars
            if bar.at in newest
        ]

    def _inside(self, start: int, stop: int) -> tuple[int, int]:
        """The rows that lie completely in the range."""
        return (
            bisect_left(self._starts, start),
            bisect_right(self._starts, stop - self._length),
        )

    def _edge(self, start: int, stop: int) -> Iterator[Bar]:
        """The longest candles that make up a range in which no row lies as a whole."""
        if start >= stop:
            return
        place = bisect_right(self._starts, start) - 1
        if place < 0 or start >= self._starts[place] + self._length:
            yield self.second(start)  # the price stands still until the next row
        place = max(0, place)
        while place < len(self._bars) and self._starts[place] < stop:
            bar = self._bars[place]
            if start < bar.at + self._length:
                yield from self._parts_of(_node(bar), bar.at, self._length, (start, stop))
            place += 1

    def _sum(self, first: int, last: int) -> Bar:
        """The rows from `first` until before `last` as one candle."""
        at, before = self._starts[first], self._volumes[first]
        if self._volumes[last] > before:  # those without a trade add nothing to its prices
            first = bisect_right(self._volumes, before) - 1
        highs, lows, place = [], [], first
        while place < last:
            block, rest = divmod(place, BLOCK)
            if not rest and place + BLOCK <= last:
                highs.append(self._highs[block])
                lows.append(self._lows[block])
                place += BLOCK
            else:
                highs.append(self._bars[place].high)
                lows.append(self._bars[place].low)
                place += 1
        prices = self._bars[first].open, max(highs), min(lows), self._bars[last - 1].close
        bar = estimated(at, prices, self._volumes[last] - before)
        return bar._replace(cost=self._costs[last] - self._costs[first])

    # ---- seconds within a candle

    def _within(self, bar: Bar, second: int) -> Bar:
        """A second of a recorded candle, which is split as often as needed."""
        node, start, length = _node(bar), bar.at, self._length
        while length > 1:
            finer = _finer(length)
            place = (second - start) // finer
            node = self._split(node, start, length, finer)[place]
            start, length = start + place * finer, finer
        return estimated(second, _ticks(node), node.volume)

    def _parts_of(self, node: Node, at: int, length: int, wanted: tuple[int, int]) -> Iterator[Bar]:
        """The longest parts of a candle that lie within a range."""
        start, stop = wanted
        if start <= at and at + length <= stop:
            yield estimated(at, _ticks(node), node.volume)
            return
        finer = _finer(length)
        for begin, part in self._timed(node, at, length, finer):
            if begin < stop and start < begin + finer:
                yield from self._parts_of(part, begin, finer, wanted)

    def _touch(
        self, node: Node, at: int, length: int, wanted: tuple[int, int], bounds: tuple[int, int]
    ) -> int | None:
        """The first second of a candle, within a range, that reaches a bound."""
        if node.low >> FINE > bounds[0] and node.high >> FINE < bounds[1]:
            return None
        if length == 1:
            return at if wanted[0] <= at < wanted[1] else None
        finer = _finer(length)
        for begin, part in self._timed(node, at, length, finer):
            if begin < wanted[1] and wanted[0] < begin + finer:
                found = self._touch(part, begin, finer, wanted, bounds)
                if found is not None:
                    return found
        return None

    def _timed(self, node: Node, at: int, length: int, finer: int) -> Iterator[tuple[int, Node]]:
        """The parts of a candle, each with the second at which it begins."""
        return zip(range(at, at + length, finer), self._split(node, at, length, finer), strict=True)

    def _split(self, node: Node, start: int, length: int, finer: int) -> list[Node]:
        known = self._parts.get((start, length))
        if known is None:
            if len(self._parts) >= PARTS_KEPT_MAX:
                self._parts.clear()
            known = self._parts[start, length] = self._busy(node, start, length, finer)
        return known

    def _busy(self, node: Node, start: int, length: int, finer: int) -> list[Node]:
        """The parts of a candle; where little was traded the price stands still in some."""
        count, most = length // finer, node.volume // LEAST
        draws = words(self._key ^ length, start)[:count]
        busy = min(max(most, 1), count)
        active = [n * count // busy for n in range(busy)]
        parts: list[Node] = []
        for n, part in zip(
            active,
            split(node, [draws[n] for n in active], least=LEAST if most else 0),
            strict=True,
        ):
            parts += [_idle(part.open)] * (n - len(parts))
            parts.append(part)
        return parts + [_idle(parts[-1].close)] * (count - len(parts))


def _idle(point: int) -> Node:
    return Node(point, point, point, point, 0, 0)


def _start(given: int | str | None, first: int, birth: int, length: int) -> int:
    if given is None:
        return first + (birth - first) % length  # so that candles begin where the venue's do
    try:
        return instant(str(given))
    except ValueError:
        raise ConfigurationError(
            f"start={given!r} is not an instant; expected a number since the epoch or ISO 8601"
        ) from None


def _length(path: str, candles: list[Bar]) -> int:
    """The seconds that a candle lasts: the smallest gap between two."""
    gaps = {after.at - before.at for before, after in pairwise(candles)}
    length = min(gaps, default=60)
    if length < 1 or not _splits(length):
        raise ConfigurationError(
            f"recording {path!r}: its candles lie {length} seconds apart; "
            "expected one of ccxt's timeframes from 1s to 1d"
        )
    return length


def _splits(length: int) -> bool:
    while length > 1:
        finer = _finer(length)
        if length // finer > PARTS_MAX:
            return False
        length = finer
    return True


def _finer(length: int) -> int:
    """The length of the parts that a candle is split into."""
    return next(finer for finer in LENGTHS if finer < length and length % finer == 0)


def _of_candles(recorded: list[Bar], shift: int) -> list[Bar]:
    """The candles in the venue's time; one without volume stands at the price before it."""
    bars: list[Bar] = []
    last = recorded[0].open
    for bar in recorded:
        at = bar.at + shift
        bars.append(bar._replace(at=at) if bar.volume else still(at, last))
        last = bars[-1].close
    return bars


def _node(bar: Bar) -> Node:
    """A recorded candle in 2**-FINE ticks."""
    opened, high, low, close = (ticks << FINE for ticks in bar[1:5])
    spread = (high - low) * 3 // 5  # of a walk whose range this is
    return Node(opened, high, low, close, bar.volume, spread)


def _ticks(node: Node) -> tuple[int, int, int, int]:
    return node.open >> FINE, node.high >> FINE, node.low >> FINE, node.close >> FINE
