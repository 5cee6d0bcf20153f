"""The mark price of a linear perpetual, and what a background must know for it.

Mark = median(Price 1, Price 2, contract price), where Price 1 = index x (1 + last funding rate x
time until funding / interval) and Price 2 = index + the average basis of the last 30 seconds, of
which there is a sample each second.

Source: Binance, "What Are Mark Price and Price Index in USD-Margined Futures" (support FAQ
360033525071), with the 30 seconds of the announcement "Important Updates on Funding Rate Formula
and Mark Price", in effect since 2025-09-18 08:01 UTC (one minute before).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from failing_exchange.core.units import ATOMS

BASIS_S = 30  # seconds over which the basis is averaged


class PriceCandle(NamedTuple):
    """A candle of a price or of a rate, in atoms."""

    open: int
    high: int
    low: int
    close: int


class Range(NamedTuple):
    """Bounds of a value, both included."""

    low: int
    high: int


NOTHING = Range(0, 0)
ANY = Range(0, 1 << 100)  # of a price of which nothing is known


class ReferencePrices(Protocol):
    """The index of a contract and how far the contract's price lies from it, by the second.

    Prices and rates are in atoms (1e-8); instants are whole seconds since the epoch. All are pure
    functions of the second: the background's prices as no client and no operator moved them. What
    they moved is an argument of `mark`.

    `last`: the contract's last price. `carry`: the last funding rate times the share of the
    interval that is left (`carry_of`). `moved`: by how much clients and the operator have moved
    the contract's price, averaged over the last `BASIS_S` seconds.
    """

    def index(self, second: int, /) -> int:
        """The price index after a second."""
        ...

    def basis(self, second: int, /) -> int:
        """By how much the contract stood above the index on average of the last `BASIS_S`."""
        ...

    def premium(self, second: int, /) -> int:
        """The premium index after a second: a fraction of the index."""
        ...

    def average_premium(self, start: int, stop: int, /, *, hours: int) -> int:
        """The average premium index of the samples in [start, stop), for an interval's funding."""
        ...

    def mark(self, second: int, /, *, last: int, carry: int, moved: int = 0) -> int:
        """The mark price after a second."""
        ...

    def index_bounds(self, start: int, stop: int, /) -> Range:
        """Bounds of the index in the seconds of [start, stop); not the closest ones."""
        ...

    def mark_bounds(
        self, start: int, stop: int, /, *, carry: Range, last: Range = ANY, moved: Range = NOTHING
    ) -> Range:
        """Bounds of the mark price in the seconds of [start, stop); not the closest ones.

        A median lies between any two of its prices, so that these hold whatever the last price is.
        """
        ...

    def index_candle(self, start: int, stop: int, /) -> PriceCandle:
        """The index in [start, stop) as a candle."""
        ...

    def premium_candle(self, start: int, stop: int, /) -> PriceCandle:
        """The premium index in [start, stop) as a candle."""
        ...


def mark_candle(
    reference: ReferencePrices,
    start: int,
    stop: int,
    ends: tuple[int, int],
    *,
    carry: Range,
    last: Range = ANY,
    moved: Range = NOTHING,
) -> PriceCandle:
    """The mark price in [start, stop) as a candle, from the prices at its first and last second.

    High and low are bounds: with those of the last price they lie a few basis points beyond the
    extremes.
    """
    low, high = reference.mark_bounds(start, stop, carry=carry, last=last, moved=moved)
    return PriceCandle(ends[0], max(high, *ends), min(low, *ends), ends[1])


def carry_of(rate: int, left: int, interval: int) -> int:
    """The last funding rate times the share of the interval until the next funding.

    `left` and `interval` in one unit of time.

    >>> carry_of(10_000, 2, 8)
    2500
    """
    return rate * left // interval


def mark_price(index: int, *, carry: int, basis: int, last: int) -> int:
    """The median of the three prices, in atoms. `basis`: the average one, moves included.

    >>> mark_price(50_000 * ATOMS, carry=10_000, basis=12 * ATOMS, last=50_100 * ATOMS) // ATOMS
    50012
    """
    first = index + index * carry // ATOMS
    second = index + basis
    if first > second:
        first, second = second, first
    return max(first, min(second, last))
