"""Candles and prints of a market, and how candles become longer ones.

How many trades a second of the background has, and which of them bought, is known only by making
its prints. Its candles claim `TRADES_A_SECOND`, half of the amount bought, so that candles add up
whatever their timeframe; clients' trades are counted. `Tape.counted` counts a single second.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

TRADES_A_SECOND = 3  # that a candle of the background claims; at most one a lot


class Bar(NamedTuple):
    """A candle of any length; `at` is the epoch second at which it opens.

    Prices are in ticks, `volume` in lots, `cost` in ticks times lots. `trades` is their number,
    `bought` the lots of those whose taker bought.
    """

    at: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    cost: int
    trades: int
    bought: int


class Print(NamedTuple):
    """A trade of the background: ticks, lots, and the taker's `side`."""

    ticks: int
    lots: int
    side: str


NEW_BAR = partial(tuple.__new__, Bar)  # from a row; what `Bar._make` does, but in C


def claimed(lots: int, seconds: int) -> int:
    """How many trades a candle of the background claims.

    >>> claimed(1_000, 60), claimed(2, 60)
    (180, 2)
    """
    return min(lots, TRADES_A_SECOND * seconds)


def estimated(at: int, prices: Sequence[int], lots: int, seconds: int = 1) -> Bar:
    """A candle (open, high, low, close) as if it traded at its middle on average.

    >>> estimated(0, (10, 14, 8, 12), 4).cost
    44
    """
    return NEW_BAR((at, *prices, lots, sum(prices) * lots // 4, claimed(lots, seconds), lots // 2))


def still(at: int, ticks: int) -> Bar:
    """A candle without trades."""
    return NEW_BAR((at, ticks, ticks, ticks, ticks, 0, 0, 0, 0))


def shifted(bar: Bar, shift: int) -> Bar:
    """A candle after a move of the price by `shift` ticks."""
    if not shift:
        return bar
    opened, high, low, close = (max(1, ticks + shift) for ticks in bar[1:5])
    return bar._replace(
        open=opened, high=high, low=low, close=close, cost=bar.cost + shift * bar.volume
    )


def standing(bar: Bar, ticks: int) -> Bar:
    """A candle without trades, at the price of the newest print before it."""
    if bar.close == ticks:
        return bar
    return bar._replace(open=ticks, high=ticks, low=ticks, close=ticks)


def of_trade(at: int, ticks: int, lots: int, side: str) -> Bar:
    """The candle of one trade; `side` is the taker's."""
    bought = lots if side == "buy" else 0
    return Bar(at, ticks, ticks, ticks, ticks, lots, ticks * lots, 1, bought)


def join(first: Bar | None, then: Bar | None) -> Bar | None:
    """Two consecutive candles as one. One without trades adds nothing to its prices."""
    if first is None or then is None:
        return first or then
    _, _, top, bottom, close, more, spent, others, gained = then
    if not more:
        return first
    at, opened, high, low, _, volume, cost, trades, bought = first
    if not volume:
        return then._replace(at=at)
    return NEW_BAR(
        (
            at, opened, high if high > top else top, low if low < bottom else bottom, close,
            volume + more, cost + spent, trades + others, bought + gained,
        )
    )  # fmt: skip


def merge(bars: Sequence[Bar | None], *, at: int | None = None) -> Bar | None:
    """Consecutive candles as one; those without trades add nothing to its prices."""
    known = [bar for bar in bars if bar is not None]
    if not known:
        return None
    found = [bar for bar in known if bar.volume] or known[:1]
    _, opens, highs, lows, closes, volumes, costs, trades, bought = zip(*found, strict=True)
    return Bar(
        known[0].at if at is None else at, opens[0], max(highs), min(lows), closes[-1],
        sum(volumes), sum(costs), sum(trades), sum(bought),
    )  # fmt: skip


def of_background(at: int, parts: Sequence[Bar], seconds: int) -> Bar:
    """Consecutive candles of the background as one of that many `seconds`, with its claims."""
    found = [bar for bar in parts if bar.volume] or parts[:1]
    _, opens, highs, lows, closes, volumes, costs, _, _ = zip(*found, strict=True)
    lots = sum(volumes)
    prices = opens[0], max(highs), min(lows), closes[-1]
    return NEW_BAR((at, *prices, lots, sum(costs), claimed(lots, seconds), lots // 2))
