"""Candles of a market: of the background, of single trades, and several as one.

How many trades a second of the background has, and which of them bought, is known only by making
its prints. Candles of it claim `TRADES_A_SECOND`, half of the amount bought, so that candles add
up whatever their timeframe; clients' trades are counted. `Tape.counted` counts a single second.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from failing_exchange.core.liquidity import CandleLike, Row, SecondLike
from failing_exchange.core.order import record

TRADES_A_SECOND = 3  # that a candle of the background claims; at most one a lot


class Bar(NamedTuple):
    """A candle; prices in ticks, volume in lots, cost in ticks times lots, `at` an epoch second.

    `trades` is their number, `bought` the lots of those whose taker bought.
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


def plain(c: CandleLike, seconds: int) -> Bar:
    """A candle of so many seconds of the background."""
    lots = c.volume
    return Bar(
        c.at, c.open, c.high, c.low, c.close, lots, c.cost, claimed(lots, seconds), lots // 2
    )


def of_second(c: SecondLike) -> Bar:
    """A second of the background, its cost estimated as in longer candles."""
    opened, high, low, close, lots = c.open, c.high, c.low, c.close, c.volume
    cost = (opened + high + low + close) * lots // 4
    return record(Bar, (c.at, opened, high, low, close, lots, cost, claimed(lots, 1), lots // 2))


def following(bar: Bar, rows: Iterable[Row]) -> list[Bar]:
    """A candle, and what it has grown to after each of these seconds."""
    bars = [bar]
    at, opened, high, low, close, volume, cost, trades, bought = bar
    for _, first, top, bottom, close, lots in rows:
        if top > high:
            high = top
        if bottom < low:
            low = bottom
        volume += lots
        cost += (first + top + bottom + close) * lots // 4
        trades += lots if lots < TRADES_A_SECOND else TRADES_A_SECOND
        bought += lots // 2
        grown = (at, opened, high, low, close, volume, cost, trades, bought)
        bars.append(record(Bar, grown))
    return bars


def claimed(lots: int, seconds: int) -> int:
    """How many trades a candle of the background claims.

    >>> claimed(1_000, 60), claimed(2, 60)
    (180, 2)
    """
    return min(lots, TRADES_A_SECOND * seconds)


def shifted(bar: Bar, shift: int) -> Bar:
    """A candle after a move of the price by so many ticks."""
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
    """Two candles, one after the other, as one. One without trades adds nothing to its prices."""
    if first is None or then is None:
        return first or then
    at, opened, high, low, _, volume, cost, trades, bought = first
    _, _, top, bottom, close, more, spent, others, gained = then
    if not more:
        return first
    if not volume:
        return then._replace(at=at)
    return record(
        Bar,
        (
            at, opened, high if high > top else top, low if low < bottom else bottom, close,
            volume + more, cost + spent, trades + others, bought + gained,
        ),
    )  # fmt: skip


def merge(bars: list[Bar | None], *, at: int | None = None) -> Bar | None:
    """Candles one after another as one candle."""
    known = [bar for bar in bars if bar is not None]
    if not known:
        return None
    found = [bar for bar in known if bar.volume] or known[:1]
    _, opens, highs, lows, closes, volumes, costs, trades, bought = zip(*found, strict=True)
    return Bar(
        known[0].at if at is None else at,
        opens[0],
        max(highs),
        min(lows),
        closes[-1],
        sum(volumes),
        sum(costs),
        sum(trades),
        sum(bought),
    )
