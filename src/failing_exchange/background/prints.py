"""The prints of a second of the background, made up from its candle."""

from __future__ import annotations

from failing_exchange.background.distributions import LOGNORMAL
from failing_exchange.core.candles import Bar, Print

SPREAD = 0x9E3779B97F4A7C15  # an odd number that scatters the bits of what it multiplies


def prints_of(second: Bar, *, sold: bool) -> tuple[Print, ...]:
    """The prints of a second; `sold`: the taker of the last one sold.

    The sides take turns, as the directions do. Prints of the same instant and side would be one
    taker's order, which only ever moves the price its own way.
    """
    trades = trades_of(second)
    return tuple(
        [
            Print(*trade, "sell" if sold == (left % 2 == 0) else "buy")
            for left, trade in zip(range(len(trades) - 1, -1, -1), trades, strict=True)
        ]
    )


def trades_of(second: Bar) -> list[tuple[int, int]]:
    """(ticks, lots) of its prints: they open, peak, bottom and close with it."""
    opened, high, low, close, volume = second[1:6]
    if not volume:
        return []
    prices = _turns(opened, high, low, close)
    return list(zip(prices, _portions(volume, close, len(prices)), strict=True))


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
    """Amounts of prints, at least one lot each, unevenly distributed."""
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
