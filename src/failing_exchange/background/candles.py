"""What a market shows: the candle of a second, its prints, and longer candles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from failing_exchange.background.distributions import LOGNORMAL

SPREAD = 0x9E3779B97F4A7C15  # an odd number that scatters the bits of what it multiplies


class Print(NamedTuple):
    """A public trade; `side` is the taker's."""

    ticks: int
    lots: int
    side: str


class Second(NamedTuple):
    """The candle of one second: prices in ticks, volume in lots, `at` an epoch second."""

    at: int
    open: int
    high: int
    low: int
    close: int
    volume: int

    def estimated(self) -> Candle:
        """The same with a cost, as if it traded at its middle on average."""
        _, opened, high, low, close, volume = self
        return Candle(*self, (opened + high + low + close) * volume // 4)

    def trades(self) -> list[tuple[int, int]]:
        """(ticks, lots) of its prints: they open, peak, bottom and close with it."""
        _, opened, high, low, close, volume = self
        if not volume:
            return []
        prices = _turns(opened, high, low, close)
        return list(zip(prices, _portions(volume, close, len(prices)), strict=True))

    def prints(self, *, sold: bool) -> tuple[Print, ...]:
        """Its prints; `sold`: the taker of the last one sold.

        The sides take turns, as the directions do. Prints of the same instant and side would be one
        taker's order, which only ever moves the price its own way.
        """
        trades = self.trades()
        return tuple(
            [
                Print(*trade, "sell" if sold == (left % 2 == 0) else "buy")
                for left, trade in zip(range(len(trades) - 1, -1, -1), trades, strict=True)
            ]
        )


class Candle(NamedTuple):
    """Prices in ticks, volume in lots, `at` an epoch second.

    `cost` is the sum of ticks times lots, estimated where the prints are not recorded ones:
    cost / volume lies between low and high.
    """

    at: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    cost: int


def merged(at: int, parts: Sequence[Candle | Second]) -> Candle:
    """Candles one after another as one; those without trades add nothing to its prices."""
    traded = [part for part in parts if part.volume] or parts[:1]
    candles = [part if isinstance(part, Candle) else part.estimated() for part in traded]
    if len(candles) == 1:
        return candles[0]._replace(at=at)
    _, opens, highs, lows, closes, volumes, costs = zip(*candles, strict=True)
    return Candle(at, opens[0], max(highs), min(lows), closes[-1], sum(volumes), sum(costs))


def _turns(opened: int, high: int, low: int, close: int) -> list[int]:
    """The prices where a candle turns, in their order."""
    prices = [opened]
    first, second = (low, high) if close >= opened else (high, low)
    if first != opened:
        prices.append(first)
    if second != first:
        prices.append(second)
    if close != second:
        prices.append(close)
    return prices


def _portions(volume: int, close: int, count: int) -> list[int]:
    """Amounts of prints, at least one lot each, uneven as those of strangers are."""
    if count == 1:
        return [volume]
    draw = (volume * SPREAD ^ close) * SPREAD >> 20
    weights = [LOGNORMAL[draw & 63], LOGNORMAL[draw >> 6 & 63]]
    if count > 2:
        weights += [LOGNORMAL[draw >> 6 * n & 63] for n in range(2, count)]
    total, free = sum(weights), volume - count
    lots = [1 + free * weight // total for weight in weights]
    lots[-1] += volume - sum(lots)
    return lots
