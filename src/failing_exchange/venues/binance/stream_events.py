"""What market streams push, in the venue's words; the same numbers as REST shows.

web-socket-streams.md, "Detailed Stream information", 2026-07-21.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.market import Market
from failing_exchange.core.queries import AveragePrice, BookSnapshot, Candles, Ticker, Trades
from failing_exchange.core.reference_price import ReferencePrice
from failing_exchange.core.units import SECOND
from failing_exchange.feeds.book_delta import BookUpdate
from failing_exchange.venues.binance import tickers
from failing_exchange.venues.binance.market_data import (
    aggregate,
    average as average_of,
    levels,
    sides,
    tally_of,
)
from failing_exchange.venues.binance.references import reference_text
from failing_exchange.venues.binance_common import edits
from failing_exchange.venues.binance_common.intervals import next_edge
from failing_exchange.venues.binance_common.values import (
    amount,
    decimal,
    instant,
    price,
    venue_symbol,
)

# REST's names of a window's statistics, by those of the streams
WINDOW = {
    "p": "priceChange", "P": "priceChangePercent", "o": "openPrice", "h": "highPrice",
    "l": "lowPrice", "c": "lastPrice", "w": "weightedAvgPrice", "v": "volume", "q": "quoteVolume",
    "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
}  # fmt: skip
DAY_FIELDS = {
    "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice",
    "c": "lastPrice", "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice",
    "A": "askQty", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume",
    "q": "quoteVolume", "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId",
    "n": "count",
}  # fmt: skip
MINI = ("c", "o", "h", "l", "v", "q")


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


def agg_trade(found: Trades, at: int, *, micro: bool) -> dict[str, Any]:
    """The trades of one taker at one price."""
    told = aggregate(found.trades, found.market, micro=micro)
    return _head("aggTrade", at, found.market, micro) | told


def kline(found: Candles, at: int, *, micro: bool, interval: str, offset: int) -> dict[str, Any]:
    """A candle; `x` when its time is over."""
    bar, market = found.bars[-1], found.market
    stop = next_edge(interval, bar.at, offset)
    tally = tally_of(bar, market)
    k = {
        "t": instant(bar.at * SECOND, micro=micro),
        "T": instant(stop * SECOND, micro=micro) - 1,
        "s": venue_symbol(market.symbol),
        "i": interval,
        "f": found.ends[0].id if found.ends else -1,
        "L": found.ends[1].id if found.ends else -1,
        "o": price(bar.open, market),
        "c": price(bar.close, market),
        "h": price(bar.high, market),
        "l": price(bar.low, market),
        "v": amount(bar.volume, market),
        "n": bar.trades,
        "x": at >= stop * SECOND,
        "q": decimal(tally.cost),
        "V": decimal(tally.bought),
        "Q": decimal(tally.bought_cost),
        "B": "0",
    }
    return _head("kline", at, market, micro) | {"k": k}


def mini_ticker(found: Ticker, at: int, *, micro: bool, window: str) -> dict[str, Any]:
    """24 hours in short."""
    said = tickers.full_24h(found, micro=micro)
    head = _head("24hrMiniTicker", at, found.market, micro)
    return head | {field: said[DAY_FIELDS[field]] for field in MINI}


def ticker(found: Ticker, at: int, *, micro: bool, window: str) -> dict[str, Any]:
    """24 hours."""
    said = tickers.full_24h(found, micro=micro)
    head = _head("24hrTicker", at, found.market, micro)
    return head | {field: said[name] for field, name in DAY_FIELDS.items()}


def window_ticker(found: Ticker, at: int, *, micro: bool, window: str) -> dict[str, Any]:
    """A rolling window that begins on a minute."""
    said = tickers.full(found, tickers.times_of_window(found, micro=micro))
    head = _head(f"{window}Ticker", at, found.market, micro)
    return head | {field: said[name] for field, name in WINDOW.items()}


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


def average(found: AveragePrice, at: int, *, micro: bool) -> dict[str, Any]:
    """The average price of some minutes."""
    return _head("avgPrice", at, found.market, micro) | {
        "i": f"{found.minutes}m",
        "w": average_of(found),
        "T": instant(found.at, micro=micro),
    }


def reference(found: ReferencePrice, *, micro: bool) -> dict[str, Any]:
    """The reference price, null for none; the one event that only says when it was valid."""
    return {
        "e": "referencePrice",
        "s": venue_symbol(found.market.symbol),
        "r": reference_text(found),
        "t": instant(found.at, micro=micro),
    }


def partial_depth(found: BookSnapshot) -> dict[str, Any]:
    """The best levels; without a type and a time, too."""
    return {"lastUpdateId": found.sequence, **sides(found)}


def depth(found: BookUpdate, at: int, *, micro: bool) -> dict[str, Any]:
    """Changed levels."""
    return _head("depthUpdate", at, found.market, micro) | {
        "U": found.first,
        "u": found.sequence,
        "b": levels(found.bids, found.market),
        "a": levels(found.asks, found.market),
    }


# unified names, as faults know them
FIELDS: dict[str, tuple[str, ...]] = {
    "bid": ("b",), "ask": ("a",), "bidVolume": ("B",), "askVolume": ("A",), "last": ("c",),
    "close": ("c",), "open": ("o",), "high": ("h",), "low": ("l",), "price": ("p",),
    "amount": ("q",), "id": ("t", "a"), "baseVolume": ("v",), "volume": ("v",),
    "quoteVolume": ("q",), "vwap": ("w",), "percentage": ("P",), "change": ("p",),
    "timestamp": ("E",), "symbol": ("s",), "nonce": ("u", "lastUpdateId"),
}  # fmt: skip


def edit(payload: Any, said: tuple[tuple[str, Any], ...]) -> Any:
    """A push of which some fields say something else: see `edits.edit`."""
    candle = payload.get("k") if isinstance(payload, dict) else None
    if not isinstance(candle, dict) or any(name == "*" for name, _ in said):
        return edits.edit(payload, said, FIELDS)
    return payload | {"k": edits.edit(candle, said, FIELDS)}
