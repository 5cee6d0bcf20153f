"""Index, basis and premium of a perpetual by the second; of its mark price what is not the core's.

They implement `core.mark_price.ReferencePrices`; prices and rates are in atoms.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from operator import mul
from typing import Protocol

from failing_exchange.background.moved_path import FlatPath, MovedPath, PathMove
from failing_exchange.background.synthetic import SyntheticMarket, cover
from failing_exchange.core.funding_rate import SAMPLE_S, average_of_sums
from failing_exchange.core.mark_price import (
    ANY,
    BASIS_S,
    NOTHING,
    PriceCandle,
    Range,
    mark_price,
)
from failing_exchange.core.units import ATOMS, HOUR_S, MINUTE_S, PPM, TEN_S

SUMS_KEPT_MAX = 1_024  # sums of premiums remembered; then they are made again
BOUNDS_KEPT_MAX = 1_024  # of blocks of seconds that are looked at; then they are found again
POINT = ATOMS // PPM  # atoms of a rate in a point
SPANS = (HOUR_S, MINUTE_S)  # seconds whose samples are summed up together


class Reference(ABC):
    """What follows from an index and a premium, wherever these come from."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int], tuple[int, int]] = {}
        self._bounds_known: dict[tuple[int, int], tuple[Range, Range]] = {}

    @abstractmethod
    def index(self, second: int, /) -> int:
        """The price index after a second."""

    @abstractmethod
    def premium(self, second: int, /) -> int:
        """The premium index after a second: a fraction of the index."""

    @abstractmethod
    def averaged(self, second: int, /) -> int:
        """The premium on average of the last `BASIS_S` seconds."""

    @abstractmethod
    def index_bounds(self, start: int, stop: int, /) -> Range:
        """Bounds of the index in the seconds of [start, stop)."""

    @abstractmethod
    def premium_bounds(self, start: int, stop: int, /) -> Range:
        """Bounds of the premium in the seconds of [start, stop)."""

    def basis(self, second: int, /) -> int:
        """By how much the contract stood above the index on average of the last `BASIS_S`.

        The average premium times the index of now. The spread counts as nothing: a tick or two.
        """
        return self.index(second) * self.averaged(second) // ATOMS

    def mark(self, second: int, /, *, last: int, carry: int, moved: int = 0) -> int:
        """The mark price after a second."""
        index = self.index(second)
        basis = index * self.averaged(second) // ATOMS + moved
        return mark_price(index, carry=carry, basis=basis, last=last)

    def mark_bounds(
        self, start: int, stop: int, /, *, carry: Range, last: Range = ANY, moved: Range = NOTHING
    ) -> Range:
        """Bounds of the mark price in the seconds of [start, stop).

        Index, average basis and last price each have bounds, and none of the three prices falls
        where one of these rises: the medians of their bounds are bounds of their median.
        """
        if stop == start + 1:
            index, premium = self.index(start), self.averaged(start)
            indices, premiums = Range(index, index), Range(premium, premium)
        else:
            indices, premiums = self._around(start, stop)
        low, high = (
            mark_price(index, carry=kept, basis=index * premium // ATOMS + by, last=price)
            for index, kept, premium, by, price in zip(
                indices, carry, premiums, moved, last, strict=True
            )
        )
        return Range(low, high)

    def _around(self, start: int, stop: int) -> tuple[Range, Range]:
        """Bounds of the index and of the averaged premium in [start, stop)."""
        found = self._bounds_known.get((start, stop))
        if found is None:
            if len(self._bounds_known) >= BOUNDS_KEPT_MAX:
                self._bounds_known.clear()
            premiums = self.premium_bounds(start - BASIS_S + 1, stop)
            found = self._bounds_known[start, stop] = self.index_bounds(start, stop), premiums
        return found

    def average_premium(self, start: int, stop: int, /, *, hours: int) -> int:
        """The average premium index of [start, stop), of which there is a sample each 5 seconds."""
        total = weighed = count = 0
        second = start
        while second < stop:
            span = next((n for n in SPANS if not second % n and second + n <= stop), SAMPLE_S)
            value, inner = self._summed(second, span)
            total, weighed = total + value, weighed + count * value + inner
            count += span // SAMPLE_S
            second += span
        return average_of_sums(total, weighed, count, hours=hours)

    def _summed(self, start: int, span: int) -> tuple[int, int]:
        """The sum of the samples of a span, and that of each times its number in it."""
        if span == SAMPLE_S:
            value = self.premium(start)
            return value, value
        found = self._sums.get((start, span))
        if found is None:
            if len(self._sums) >= SUMS_KEPT_MAX:
                self._sums.clear()
            found = self._sums[start, span] = self._sum(start, span)
        return found

    def _sum(self, start: int, span: int) -> tuple[int, int]:
        finer = MINUTE_S if span == HOUR_S else SAMPLE_S
        total = weighed = 0
        for second in range(start, start + span, finer):
            value, inner = self._summed(second, finer)
            total += value
            weighed += (second - start) // SAMPLE_S * value + inner
        return total, weighed


class PremiumMove(PathMove, Protocol):
    """The premium in points, as the move of a path that stands at 0."""

    def tens(self, first: int, last: int, /) -> list[int]:
        """That during the tens of seconds of the minutes [first, last)."""
        ...


class SyntheticReference(Reference):
    """The index of a synthetic perpetual, a market of its own, and the premium over it."""

    def __init__(self, index: SyntheticMarket, premium: PremiumMove) -> None:
        super().__init__()
        self._index, self._move = index, premium
        self._premium = MovedPath(FlatPath(), premium)
        self._tens = (-1, 0, 0)  # of the newest ten seconds: see `averaged`

    def index(self, second: int, /) -> int:
        """The price index after a second."""
        return self._index.close(second)

    def premium(self, second: int, /) -> int:
        """The premium index after a second: a fraction of the index."""
        return self._move.at(second // TEN_S) * POINT

    def _sum(self, start: int, span: int) -> tuple[int, int]:
        values = self._move.tens(start // MINUTE_S, (start + span) // MINUTE_S)
        numbers = range(3, 4 * len(values), 4)  # of the two samples of each ten seconds, added
        return 2 * POINT * sum(values), POINT * sum(map(mul, values, numbers))

    def averaged(self, second: int, /) -> int:
        """The premium on average of the last 30 seconds, each of which has a sample."""
        index, place = divmod(second, TEN_S)
        if self._tens[0] != index:
            at = self._move.at
            now, oldest = at(index), at(index - 3)
            inner = TEN_S * (at(index - 1) + at(index - 2) + oldest)
            self._tens = (index, inner * POINT, (now - oldest) * POINT)
        _, all_before, step = self._tens
        return (all_before + (place + 1) * step) // BASIS_S

    def index_bounds(self, start: int, stop: int, /) -> Range:
        """Bounds of the index in the seconds of [start, stop)."""
        return Range(*self._index.bounds(start, stop))

    def premium_bounds(self, start: int, stop: int, /) -> Range:
        """Bounds of the premium in the seconds of [start, stop)."""
        places = _tens(start, stop)
        found = [self._move.bounds(level, n) for level, n in places]
        return Range(min(low for low, _ in found) * POINT, max(high for _, high in found) * POINT)

    def index_candle(self, start: int, stop: int, /) -> PriceCandle:
        """The index in [start, stop) as a candle."""
        return PriceCandle(*self._index.window(start, stop)[1:5])

    def premium_candle(self, start: int, stop: int, /) -> PriceCandle:
        """The premium in [start, stop) as a candle, to the ten seconds."""
        rows = list(cover(start // TEN_S * TEN_S, -(-stop // TEN_S) * TEN_S))
        nodes = [node for row in rows for node in self._premium.row(*row)]
        return PriceCandle(*[points * POINT for points in self._premium.outline(rows, nodes)])


def _tens(start: int, stop: int) -> list[tuple[int, int]]:
    """The candles (level, index) that make up the ten seconds of [start, stop)."""
    rows = cover(start // TEN_S * TEN_S, -(-stop // TEN_S) * TEN_S)
    return [(level, index) for level, first, last in rows for index in range(first, last)]
