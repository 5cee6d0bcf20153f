"""Index, premium and mark price of a recorded perpetual."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

from failing_exchange.background.csv_reader import RecordedReference
from failing_exchange.background.reference_prices import Reference
from failing_exchange.core.candles import Bar
from failing_exchange.core.mark_price import ANY, BASIS_S, NOTHING, PriceCandle, Range
from failing_exchange.core.units import ATOMS

BITS = 64  # of a ratio
ONE = 1 << BITS


class RecordedPrices(Protocol):
    """What is needed of the market: its prices, in ticks."""

    def close(self, second: int, /) -> int:
        """The price after a second."""
        ...

    def window(self, start: int, stop: int, /) -> Bar:
        """The seconds of [start, stop) as one candle."""
        ...


class Ratio:
    """One price by another: as recorded at some seconds, straight lines between these.

    Before the first second it is what it is there, and after the last one likewise; 1 where nothing
    is recorded.
    """

    def __init__(self, knots: Sequence[tuple[int, int]]) -> None:
        self._at = [at for at, _ in knots] or [0]
        self._ratios = [ratio for _, ratio in knots] or [ONE]

    def at(self, second: int) -> int:
        """The ratio after a second, in 1 / ONE."""
        after = bisect_right(self._at, second)
        if not after:
            return self._ratios[0]
        before, ratio = self._at[after - 1], self._ratios[after - 1]
        if after == len(self._at):
            return ratio
        rise = self._ratios[after] - ratio
        return ratio + rise * (second - before) // (self._at[after] - before)

    def range(self, start: int, stop: int) -> Range:
        """The least and the greatest ratio of the seconds in [start, stop)."""
        inner = self._ratios[bisect_left(self._at, start) : bisect_left(self._at, stop)]
        found = [self.at(start), self.at(stop - 1), *inner]
        return Range(min(found), max(found))


class RecordedReferences(Reference):
    """What a file says of index and mark price; between its rows they follow the contract's price.

    Without index prices the index is the contract's own price, and the premium 0. Without mark
    prices the mark is the venue's formula. Each row comes with the second at whose end it holds,
    and the contract's price then, in ticks.
    """

    def __init__(
        self,
        market: RecordedPrices,
        price_step: int,
        rows: Sequence[tuple[int, int, RecordedReference]],
    ) -> None:
        super().__init__()
        self._market, self._step = market, price_step
        indices = _knots([(at, row.index_price, ticks) for at, ticks, row in rows], price_step)
        self._index = Ratio(indices)
        marks = _knots([(at, row.mark_price, ticks) for at, ticks, row in rows], price_step)
        self._mark = Ratio(marks) if marks else None

    def index(self, second: int, /) -> int:
        """The price index after a second."""
        return self._price(second) * self._index.at(second) + ONE // 2 >> BITS

    def premium(self, second: int, /) -> int:
        """The premium index after a second: a fraction of the index."""
        return _premium(self._index.at(second))

    def averaged(self, second: int, /) -> int:
        """The premium on average of the last 30 seconds, as if it had gone straight."""
        return self.premium(second) + self.premium(second - BASIS_S + 1) >> 1

    def index_bounds(self, start: int, stop: int, /) -> Range:
        """Bounds of the index in the seconds of [start, stop)."""
        return self._bounds(self._index, start, stop)

    def premium_bounds(self, start: int, stop: int, /) -> Range:
        """Bounds of the premium in the seconds of [start, stop)."""
        low, high = self._index.range(start, stop)
        return Range(_premium(high), _premium(low))

    def mark(self, second: int, /, *, last: int, carry: int, moved: int = 0) -> int:
        """The mark price after a second: the recorded one, moved, if there is one."""
        if self._mark is None:
            return super().mark(second, last=last, carry=carry, moved=moved)
        return (self._price(second) * self._mark.at(second) + ONE // 2 >> BITS) + moved

    def mark_bounds(
        self, start: int, stop: int, /, *, carry: Range, last: Range = ANY, moved: Range = NOTHING
    ) -> Range:
        """Bounds of the mark price in the seconds of [start, stop)."""
        if self._mark is None:
            return super().mark_bounds(start, stop, carry=carry, last=last, moved=moved)
        low, high = self._bounds(self._mark, start, stop)
        return Range(low + moved.low, high + moved.high)

    def index_candle(self, start: int, stop: int, /) -> PriceCandle:
        """The index in [start, stop) as a candle, whose high and low are bounds of it."""
        low, high = self.index_bounds(start, stop)
        return PriceCandle(self.index(start), high, low, self.index(stop - 1))

    def premium_candle(self, start: int, stop: int, /) -> PriceCandle:
        """The premium in [start, stop) as a candle."""
        low, high = self.premium_bounds(start, stop)
        return PriceCandle(self.premium(start), high, low, self.premium(stop - 1))

    def _price(self, second: int) -> int:
        return self._market.close(second) * self._step

    def _bounds(self, ratio: Ratio, start: int, stop: int) -> Range:
        candle, (low, high) = self._market.window(start, stop), ratio.range(start, stop)
        # A candle without trades shows the price before it; its first second may not have any.
        least = min(candle.low, self._market.close(start)) * self._step
        most = max(candle.high, self._market.close(start)) * self._step
        return Range(least * low >> BITS, (most * high >> BITS) + 1)


def _knots(rows: Sequence[tuple[int, int, int]], price_step: int) -> list[tuple[int, int]]:
    """The recorded ratios to the last price: rows are (second, price in atoms or 0, ticks)."""
    return [(at, price * ONE // (ticks * price_step)) for at, price, ticks in rows if price]


def _premium(ratio: int) -> int:
    """How far the contract stands above its index, in atoms, by the ratio of index to contract."""
    return ATOMS * ONE // ratio - ATOMS
