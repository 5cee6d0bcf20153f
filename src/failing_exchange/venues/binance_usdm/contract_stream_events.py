"""What market streams of USD-M push; numbers are padded as REST shows them.

"Websocket Market Streams", 2026-08-19; `X` of a trade as clients read it. Since 2026-06-24 `st`
tells USD-M (1) from COIN-M, and `ps` names the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from failing_exchange.core.contract_queries import CollateralRow, Funding
from failing_exchange.core.market import Market
from failing_exchange.core.queries import BookSnapshot, Candles, Ticker, Trades
from failing_exchange.core.units import ATOMS, MILLISECOND, PPM, SECOND
from failing_exchange.feeds.book_delta import BookUpdate
from failing_exchange.feeds.contract_sources import Liquidation
from failing_exchange.venues.binance_common.edits import edit as edit_fields
from failing_exchange.venues.binance_common.intervals import next_edge
from failing_exchange.venues.binance_common.values import decimal, venue_symbol
from failing_exchange.venues.binance_usdm.contract_market_data import (
    aggregate,
    day_statistics,
    row_of,
)
from failing_exchange.venues.binance_usdm.contract_orders import force_name, status_name
from failing_exchange.venues.binance_usdm.exchange_info import DELIVERY, LISTED, STATUS_NAMES
from failing_exchange.venues.binance_usdm.futures_data import asset_pair, share
from failing_exchange.venues.binance_usdm.number_formats import amount, price, short_cost

Event = dict[str, Any]
USD_M = 1  # the field `st`


def _head(name: str, at: int, market: Market) -> Event:
    return {"e": name, "E": at // MILLISECOND, "s": venue_symbol(market.symbol)}


def _pair(market: Market) -> Event:
    return {"ps": venue_symbol(market.symbol), "st": USD_M}


def each(write: Callable[[Any, int], Event]) -> Callable[[Iterable[Any], int], list[Event]]:
    """The writer of a stream that tells several contracts in one push."""

    def write_all(found: Iterable[Any], at: int) -> list[Event]:
        return [write(one, at) for one in found]

    return write_all


# ---- trades


def trade(found: Trades, at: int) -> Event:
    """One print."""
    one = found.trades[0]
    return {
        "e": "trade",
        "E": at // MILLISECOND,
        "T": one.at // MILLISECOND,
        "s": venue_symbol(found.market.symbol),
        "t": one.id,
        "p": price(one.ticks, found.market),
        "q": amount(one.lots, found.market),
        "X": "MARKET",
        "m": one.side == "sell",
    }


def agg_trade(found: Trades, at: int) -> Event:
    """The trades of one taker at one price."""
    told = aggregate(found.trades, found.market)
    return _head("aggTrade", at, found.market) | told | {"st": USD_M}


def force_order(found: Liquidation, at: int) -> Event:
    """The largest liquidation of a second."""
    state, market = found.order, found.market
    told = {
        "s": venue_symbol(market.symbol),
        "S": found.side.name,
        "o": "LIMIT",
        "f": force_name(state.order),
        "q": amount(state.lots, market),
        "p": price(state.ticks, market),
        "ap": average_price(state.cost, state.filled, market),
        "X": status_name(state),
        "l": amount(state.order.fills[-1].lots if state.order.fills else 0, market),
        "z": amount(state.filled, market),
        "T": found.at // MILLISECOND,
    }
    return {"e": "forceOrder", "E": at // MILLISECOND, "o": told, **_pair(market)}


def average_price(atoms: int, lots: int, market: Market) -> str:
    """An average price with the places of a price."""
    return short_cost(atoms * ATOMS // (lots * market.amount_step) if lots else 0, market)


# ---- prices


def mark(found: Funding, at: int) -> Event:
    """Mark price and funding. The settle price of a perpetual is an estimate nobody settles at."""
    return _head("markPriceUpdate", at, found.market) | {
        "p": decimal(found.mark),
        "i": decimal(found.index_price),
        "P": decimal(found.index_price),
        "r": decimal(found.rate),
        "ap": decimal(found.mark),
        "T": found.next_at // MILLISECOND,
        "st": USD_M,
    }


def asset_index(found: CollateralRow, at: int) -> Event:
    """What an asset is worth as collateral, in dollars."""
    rates, terms = found.rates, found.terms
    return {
        "e": "assetIndexUpdate",
        "E": at // MILLISECOND,
        "s": asset_pair(found.asset),
        "i": decimal(rates.price),
        "b": share(terms.bid_buffer),
        "a": share(terms.ask_buffer),
        "B": decimal(rates.bid),
        "A": decimal(rates.ask),
        "q": share(terms.exchange_bid_buffer),
        "g": share(terms.exchange_ask_buffer),
        "Q": decimal(rates.exchange_bid),
        "G": decimal(rates.exchange_ask),
    }


def kline(found: Candles, at: int, *, interval: str) -> Event:
    """A candle; `x` when its time is over."""
    named = {"s": venue_symbol(found.market.symbol)}
    return _head("kline", at, found.market) | {"k": _candle(found, at, interval, named)}


def continuous_kline(found: Candles, at: int, *, interval: str) -> Event:
    """The same of a pair and a type of contract."""
    return {
        "e": "continuous_kline",
        "E": at // MILLISECOND,
        "ps": venue_symbol(found.market.symbol),
        "ct": "PERPETUAL",
        "k": _candle(found, at, interval, {}),
    }


def _candle(found: Candles, at: int, interval: str, named: Event) -> Event:
    bar, market = found.bars[-1], found.market
    stop = next_edge(interval, bar.at)
    row = dict(zip(ROW, row_of(bar, market, stop), strict=True))
    return {
        "t": row["t"],
        "T": row["T"],
        **named,
        "i": interval,
        "f": found.ends[0].id if found.ends else -1,
        "L": found.ends[1].id if found.ends else -1,
        **{name: row[name] for name in "ochlvn"},
        "x": at >= stop * SECOND,
        **{name: row[name] for name in "qVQB"},
    }


ROW = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")  # of a candle over REST


def mini_ticker(found: Ticker, at: int) -> Event:
    """24 hours in short."""
    said = day_statistics(found)
    told = {name: said[DAY_FIELDS[name]] for name in "cohlvq"}
    return _head("24hrMiniTicker", at, found.market) | told | _pair(found.market)


def ticker(found: Ticker, at: int) -> Event:
    """24 hours."""
    said = day_statistics(found)
    told = {field: said[name] for field, name in DAY_FIELDS.items()}
    return _head("24hrTicker", at, found.market) | told | _pair(found.market)


# REST's names of the statistics, by those of the streams
DAY_FIELDS = {
    "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "c": "lastPrice",
    "Q": "lastQty", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume",
    "q": "quoteVolume", "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId",
    "n": "count",
}  # fmt: skip


# ---- books


def book_ticker(found: BookSnapshot, at: int) -> Event:
    """The best bid and ask."""
    market = found.market
    bid = found.bids[0] if found.bids else (0, 0)
    ask = found.asks[0] if found.asks else (0, 0)
    return {
        "e": "bookTicker",
        "u": found.sequence,
        "E": at // MILLISECOND,
        "T": found.at // MILLISECOND,
        "s": venue_symbol(market.symbol),
        "ps": venue_symbol(market.symbol),
        "b": price(bid[0], market),
        "B": amount(bid[1], market),
        "a": price(ask[0], market),
        "A": amount(ask[1], market),
        "st": USD_M,
    }


def depth(found: BookUpdate, at: int) -> Event:
    """Changed levels, or the best ones; `pu` is the `u` of the update before."""
    market = found.market
    return {
        "e": "depthUpdate",
        "E": at // MILLISECOND,
        "T": found.at // MILLISECOND,
        "s": venue_symbol(market.symbol),
        "U": found.first,
        "u": found.sequence,
        "pu": found.first - 1,
        "b": _levels(found.bids, market),
        "a": _levels(found.asks, market),
        **_pair(market),
    }


def _levels(found: Iterable[tuple[int, int]], market: Market) -> list[list[str]]:
    return [[price(ticks, market), amount(lots, market)] for ticks, lots in found]


# ---- contracts


def contract_info(market: Market, at: int) -> Event:
    """A contract whose rules or status have changed, with its brackets."""
    contract = market.contract
    assert contract is not None
    rows, floor = [], 0
    for number, one in enumerate(contract.brackets, 1):
        rows.append({
            "bs": number,
            "bnf": floor // ATOMS,
            "bnc": one.notional_max // ATOMS,
            "mmr": one.rate / PPM,
            "cf": one.deduction / ATOMS,
            "mi": contract.brackets[number].leverage_max + 1 if number < len(contract.brackets)
            else 1,
            "ma": one.leverage_max,
        })  # fmt: skip
        floor = one.notional_max
    return _head("contractInfo", at, market) | {
        "ct": "PERPETUAL",
        "dt": DELIVERY,
        "ot": LISTED,
        "cs": STATUS_NAMES[market.status],
        "bks": rows,
        "st": USD_M,
    }


# unified names, as faults know them
FIELDS: dict[str, tuple[str, ...]] = {
    "bid": ("b",), "ask": ("a",), "bidVolume": ("B",), "askVolume": ("A",), "last": ("c",),
    "close": ("c",), "open": ("o",), "high": ("h",), "low": ("l",), "price": ("p",),
    "amount": ("q",), "id": ("t", "a"), "baseVolume": ("v",), "volume": ("v",),
    "quoteVolume": ("q",), "vwap": ("w",), "percentage": ("P",), "change": ("p",),
    "timestamp": ("E",), "symbol": ("s",), "nonce": ("u",), "markPrice": ("p",),
    "indexPrice": ("i",), "fundingRate": ("r",),
}  # fmt: skip


def edit(payload: Any, said: tuple[tuple[str, Any], ...]) -> Any:
    """A push of which some fields say something else, those of a candle or an order within."""
    inner = next((n for n in ("k", "o") if isinstance(payload, dict) and n in payload), "")
    if (
        not isinstance(payload, dict)
        or not isinstance(payload.get(inner), dict)
        or any(name == "*" for name, _ in said)
    ):
        return edit_fields(payload, said, FIELDS)
    return payload | {inner: edit_fields(payload[inner], said, FIELDS)}
