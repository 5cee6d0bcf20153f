"""What market streams push, in the venue's words.

web-socket-streams.md, "Detailed Stream information", 2026-07-21. Trade ids grow with time and
have gaps, so numbers of trades are estimated from the seconds that a window spans.
"""

from __future__ import annotations

from typing import Any, Protocol

from failing_exchange.core.market import SECOND, Market
from failing_exchange.core.queries import BookSnapshot, Candles, Ticker, Trades
from failing_exchange.core.tape import IDS_PER_SECOND, Trade
from failing_exchange.dialects.binance.intervals import next_edge
from failing_exchange.dialects.binance.stream_names import WINDOWS
from failing_exchange.dialects.binance.values import (
    amount,
    decimal,
    instant,
    percent,
    price,
    venue_symbol,
)

DAY = 86_400
TRADES_A_SECOND = 4  # about as many prints has a second of the background
AVERAGE_INTERVAL = "5m"


class Updated(Protocol):
    """Changed levels of a book: see `BookUpdate`."""

    market: Market
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    first: int
    sequence: int


def _head(event: str, at: int, market: Market, micro: bool) -> dict[str, Any]:
    return {"e": event, "E": instant(at, micro=micro), "s": venue_symbol(market.symbol)}


def trade(found: Trades, at: int, *, micro: bool) -> dict[str, Any]:
    """One print."""
    one = found.trades[0]
    return _head("trade", at, found.market, micro) | {
        "t": one.id,
        "p": price(one.ticks, found.market),
        "q": amount(one.lots, found.market),
        "T": instant(one.at, micro=micro),
        "m": one.side == "sell",
        "M": True,
    }


def belongs_together(one: Trade, other: Trade) -> bool:
    """Whether two prints, one after the other, are of one taker order and price."""
    clients = min(one.id, other.id) % IDS_PER_SECOND >= 100
    return clients and (one.at, one.ticks, one.side) == (other.at, other.ticks, other.side)


def agg_trade(found: Trades, at: int, *, micro: bool) -> dict[str, Any]:
    """Prints that belong together."""
    first, last = found.trades[0], found.trades[-1]
    return _head("aggTrade", at, found.market, micro) | {
        "a": first.id,
        "p": price(first.ticks, found.market),
        "q": amount(sum(one.lots for one in found.trades), found.market),
        "f": first.id,
        "l": last.id,
        "T": instant(first.at, micro=micro),
        "m": first.side == "sell",
        "M": True,
    }


def kline(found: Candles, interval: str, at: int, *, micro: bool) -> dict[str, Any]:
    """A candle; `x` when its time is over."""
    bar, market = found.bars[-1], found.market
    stop = next_edge(interval, bar.at)
    closed = at >= stop * SECOND
    until = stop if closed else at // SECOND + 1
    k = {
        "t": instant(bar.at * SECOND, micro=micro),
        "T": instant(stop * SECOND, micro=micro) - 1,
        "s": venue_symbol(market.symbol),
        "i": interval,
        "f": bar.at * IDS_PER_SECOND,
        "L": _last_id(until),
        "o": price(bar.open, market),
        "c": price(bar.close, market),
        "h": price(bar.high, market),
        "l": price(bar.low, market),
        "v": amount(bar.volume, market),
        "n": (until - bar.at) * TRADES_A_SECOND,
        "x": closed,
        "q": _cost(bar.cost, market),
        "V": amount(bar.volume // 2, market),
        "Q": _cost(bar.cost // 2, market),
        "B": "0",
    }
    return _head("kline", at, market, micro) | {"k": k}


def _last_id(until: int) -> int:
    return (until - 1) * IDS_PER_SECOND + TRADES_A_SECOND - 1


def _cost(cost: int, market: Market) -> str:
    return decimal(market.cost(cost, 1))


def mini_ticker(
    found: Ticker, at: int, *, micro: bool, window: str, last_lots: int
) -> dict[str, Any]:
    """24 hours in short."""
    day, market = found.day, found.market
    last = found.last or 0
    return _head("24hrMiniTicker", at, market, micro) | {
        "c": price(last, market),
        "o": price(day.open if day else last, market),
        "h": price(day.high if day else last, market),
        "l": price(day.low if day else last, market),
        "v": amount(day.volume if day else 0, market),
        "q": _cost(day.cost if day else 0, market),
    }


def ticker(found: Ticker, at: int, *, micro: bool, window: str, last_lots: int) -> dict[str, Any]:
    """24 hours; `last_lots`: the amount of the last trade."""
    market = found.market
    answer = _head("24hrTicker", at, market, micro) | _change(found)
    opened = found.day.open if found.day else 0
    bid, ask = found.bid or (0, 0), found.ask or (0, 0)
    return (
        answer
        | {
            "x": price(opened, market),
            "Q": amount(last_lots, market),
            "b": price(bid[0], market),
            "B": amount(bid[1], market),
            "a": price(ask[0], market),
            "A": amount(ask[1], market),
        }
        | _window(found, at, at // SECOND - DAY + 1, micro)
    )


def window_ticker(
    found: Ticker, at: int, *, micro: bool, window: str, last_lots: int
) -> dict[str, Any]:
    """A rolling window that begins on a minute."""
    since = (at // SECOND - WINDOWS[window]) // 60 * 60
    answer = _head(f"{window}Ticker", at, found.market, micro)
    return answer | _change(found) | _window(found, at, since, micro)


def _change(found: Ticker) -> dict[str, Any]:
    day, market, last = found.day, found.market, found.last or 0
    opened = day.open if day else last
    average = day.cost // day.volume if day and day.volume else last
    return {
        "p": decimal((last - opened) * market.price_step),
        "P": percent(last - opened, opened),
        "w": price(average, market),
        "c": price(last, market),
        "o": price(opened, market),
        "h": price(day.high if day else last, market),
        "l": price(day.low if day else last, market),
        "v": amount(day.volume if day else 0, market),
        "q": _cost(day.cost if day else 0, market),
    }


def _window(found: Ticker, at: int, since: int, micro: bool) -> dict[str, Any]:
    until = at // SECOND + 1
    return {
        "O": instant(since * SECOND, micro=micro),
        "C": instant(at, micro=micro),
        "F": since * IDS_PER_SECOND,
        "L": _last_id(until),
        "n": (until - since) * TRADES_A_SECOND,
    }


def book_ticker(found: BookSnapshot) -> dict[str, Any]:
    """The best bid and ask; the one event without a type and a time."""
    market = found.market
    bid = found.bids[0] if found.bids else (0, 0)
    ask = found.asks[0] if found.asks else (0, 0)
    return {
        "u": found.sequence,
        "s": venue_symbol(market.symbol),
        "b": price(bid[0], market),
        "B": amount(bid[1], market),
        "a": price(ask[0], market),
        "A": amount(ask[1], market),
    }


def average(found: Ticker, at: int, *, micro: bool) -> dict[str, Any]:
    """The average price of some minutes."""
    day, market = found.day, found.market
    ticks = day.cost // day.volume if day and day.volume else found.last or 0
    return _head("avgPrice", at, market, micro) | {
        "i": AVERAGE_INTERVAL,
        "w": price(ticks, market),
        "T": instant(found.at // SECOND * SECOND, micro=micro),
    }


def partial_depth(found: BookSnapshot) -> dict[str, Any]:
    """The best levels; without a type and a time, too."""
    return {
        "lastUpdateId": found.sequence,
        "bids": _levels(found.bids, found.market),
        "asks": _levels(found.asks, found.market),
    }


def depth(found: Updated, at: int, *, micro: bool) -> dict[str, Any]:
    """Changed levels."""
    return _head("depthUpdate", at, found.market, micro) | {
        "U": found.first,
        "u": found.sequence,
        "b": _levels(found.bids, found.market),
        "a": _levels(found.asks, found.market),
    }


def _levels(levels: tuple[tuple[int, int], ...], market: Market) -> list[tuple[str, str]]:
    return [(price(ticks, market), amount(lots, market)) for ticks, lots in levels]


# unified names, as faults know them, by the venue's fields
FIELDS = {
    "bid": "b", "ask": "a", "bidVolume": "B", "askVolume": "A", "last": "c", "close": "c",
    "open": "o", "high": "h", "low": "l", "price": "p", "amount": "q", "id": "t", "side": "m",
    "baseVolume": "v", "volume": "v", "quoteVolume": "q", "vwap": "w", "percentage": "P",
    "change": "p", "timestamp": "E", "symbol": "s", "bids": "bids", "asks": "asks", "nonce": "u",
}  # fmt: skip


def edit(payload: Any, edits: tuple[tuple[str, Any], ...]) -> Any:
    """A push of which some fields say something else. `*`: the whole push; `...`: it is missing."""
    for name, value in edits:
        if name == "*":
            payload = value
        elif isinstance(payload, list):
            payload = [edit(entry, ((name, value),)) for entry in payload]
        elif isinstance(payload, dict):
            if isinstance(inner := payload.get("k"), dict):
                payload = payload | {"k": edit(inner, ((name, value),))}
            elif (field := FIELDS.get(name, name)) in payload:
                payload = _with(payload, field, value)
    return payload


def _with(payload: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    if value is ...:
        return {name: said for name, said in payload.items() if name != field}
    return payload | {field: f"{value:.8f}" if isinstance(value, float) else value}
