"""Market data over REST: book, trades, candles of the last price, tickers.

"Order Book", "Recent Trades List", "Old Trades Lookup", "Compressed/Aggregate Trades List",
"Kline/Candlestick Data" and the ticker families, 2026-08-19.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from failing_exchange.core.candles import Bar
from failing_exchange.core.market import Market
from failing_exchange.core.public_trade import Trade, by_taker
from failing_exchange.core.queries import (
    BookSnapshot,
    Candles,
    FetchBook,
    FetchCandles,
    FetchTickers,
    FetchTrades,
    Ticker,
    Trades,
)
from failing_exchange.core.units import ATOMS, DAY, HOUR, MILLISECOND, SECOND
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.intervals import (
    INTERVALS,
    SECONDS,
    edges,
    is_plain,
    next_edge,
)
from failing_exchange.venues.binance_common.params import NUMBER, Params
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import percent, venue_symbol
from failing_exchange.venues.binance_usdm.number_formats import (
    amount,
    cost,
    price,
    short_cost,
)
from failing_exchange.venues.binance_usdm.trade_history import limit_of

DEPTHS = (5, 10, 20, 50, 100, 500, 1_000)
CANDLES_MAX = 1_500  # of one answer; a larger limit is refused
TRADES_MAX = 1_000  # likewise
OLDER_TRADES_MAX = 500  # likewise
AGGREGATES_KEPT = 2 * DAY  # older ones are not found
NO_SECONDS = tuple(one for one in INTERVALS if one != "1s")  # contracts have no such candles
CONTRACT_TYPES = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL")


# ---- the book


def read_depth(r: Reading) -> FetchBook:
    """GET /fapi/v1/depth."""
    return _read_book(r, 500, DEPTHS)


def read_rpi_depth(r: Reading) -> FetchBook:
    """GET /fapi/v1/rpiDepth: the same book, for no RPI order is taken here."""
    return _read_book(r, 1_000, (1_000,))


def _read_book(r: Reading, default: int, limits: Collection[int]) -> FetchBook:
    symbol, limit = r.market().symbol, r.params.integer("limit", default)
    if limit not in limits:
        refuse("INVALID_DEPTH_LIMIT", f"{limit} is not valid depth limit.")
    return FetchBook(r.account, symbol, limit)


def depth_weight(p: Params) -> int:
    """2 to 20, by the limit."""
    text = p.get("limit", "500")
    limit = int(text) if NUMBER.match(text) else 500
    return next((weight for most, weight in ((50, 2), (100, 5), (500, 10)) if limit <= most), 20)


def write_depth(w: Writing, book: BookSnapshot) -> dict[str, Any]:
    """The book, best prices first."""
    at = book.at // MILLISECOND
    return {
        "lastUpdateId": book.sequence,
        "E": w.at // MILLISECOND,
        "T": at,
        "bids": [[price(t, book.market), amount(n, book.market)] for t, n in book.bids],
        "asks": [[price(t, book.market), amount(n, book.market)] for t, n in book.asks],
    }


# ---- trades


def read_trades(r: Reading) -> FetchTrades:
    """GET /fapi/v1/trades."""
    return FetchTrades(r.account, r.market().symbol, limit=limit_of(r.params, 500, TRADES_MAX))


def read_older_trades(r: Reading) -> FetchTrades:
    """GET /fapi/v1/historicalTrades."""
    limit = limit_of(r.params, 100, OLDER_TRADES_MAX)
    return FetchTrades(r.account, r.market().symbol, limit=limit, from_id=_first_id(r.params))


def write_trades(w: Writing, answer: Trades) -> list[dict[str, Any]]:
    """Trades, oldest first."""
    return [_trade(one, answer.market) for one in answer.trades]


def _trade(one: Trade, market: Market) -> dict[str, Any]:
    return {
        "id": one.id,
        "price": price(one.ticks, market),
        "qty": amount(one.lots, market),
        "quoteQty": short_cost(market.cost(one.ticks, one.lots), market),
        "time": one.at // MILLISECOND,
        "isBuyerMaker": one.side == "sell",
        "isRPITrade": False,
    }


def read_aggregates(r: Reading, kept: int = AGGREGATES_KEPT) -> FetchTrades:
    """GET /fapi/v1/aggTrades: of the time `kept`; of an hour where both times are sent."""
    p = r.params
    since, until = _since(p), _until(p)
    if since and until and until - since > HOUR:
        refuse("MORE_THAN_XX_HOURS", "More than 1 hours between startTime and endTime.")
    limit, first = limit_of(p, 500, TRADES_MAX), _first_id(p)
    oldest = max(1, r.at - kept)
    if until and not since and not first:
        since = 0
    elif not first and since:
        since = max(since, oldest)
    return FetchTrades(
        r.account, r.market().symbol, since=since, limit=limit, until=until, from_id=first,
        takers=True,
    )  # fmt: skip


def write_aggregates(w: Writing, answer: Trades) -> list[dict[str, Any]]:
    """Aggregate trades: the id of an aggregate is that of its first trade."""
    return [aggregate(group, answer.market) for group in by_taker(answer.trades)]


def aggregate(group: Sequence[Trade], market: Market) -> dict[str, Any]:
    """The trades of one taker at one price; `nq` is without RPI orders, of which there are none."""
    first, quantity = group[0], amount(sum(one.lots for one in group), market)
    return {
        "a": first.id,
        "p": price(first.ticks, market),
        "q": quantity,
        "nq": quantity,
        "f": first.id,
        "l": group[-1].id,
        "T": first.at // MILLISECOND,
        "m": first.side == "sell",
    }


def _first_id(p: Params) -> int:
    """The id to begin with; 0 stands for none, and the id 0 for the oldest trade there is."""
    return max(1, p.integer("fromId")) if "fromId" in p else 0


def _since(p: Params) -> int:
    """A startTime, of which 0 means all there is; 0 where it was not sent."""
    return max(1, p.instant("startTime")) if "startTime" in p else 0


def _until(p: Params) -> int:
    """The last instant of an endTime's millisecond, as it is inclusive; 0 where it was not sent."""
    return p.instant("endTime") + MILLISECOND - 1 if "endTime" in p else 0


# ---- candles


def candles_weight(p: Params) -> int:
    """1 to 10, by the limit."""
    text = p.get("limit", "500")
    limit = int(text) if NUMBER.match(text) else 500
    return next((weight for most, weight in ((99, 1), (499, 2), (1_000, 5)) if limit <= most), 10)


def read_candles(r: Reading) -> FetchCandles:
    """GET /fapi/v1/klines."""
    return candles_of(r, r.market())


def read_continuous(r: Reading) -> FetchCandles:
    """GET /fapi/v1/continuousKlines: of the perpetual contract of a pair."""
    if r.params.need("contractType") not in CONTRACT_TYPES:
        refuse("INVALID_CONTRACT_TYPE", "Invalid contract type")
    market = pair_of(r)
    if r.params["contractType"] != "PERPETUAL":
        refuse("BAD_SYMBOL", "Invalid symbol.")
    return candles_of(r, market)


def pair_of(r: Reading) -> Market:
    """The market of a pair; raises `Reject` for an unknown one."""
    symbol = r.symbols.get(r.params.symbol("pair"))
    if symbol is None:
        refuse("INVALID_PAIR", "Invalid pair")
    return r.markets[symbol].market


def interval_of(p: Params) -> str:
    """The interval of candles; raises `Reject` for an unknown one."""
    interval = p.need("interval")
    if interval not in NO_SECONDS:
        refuse("BAD_INTERVAL", "Invalid interval.")
    return interval


def candles_of(r: Reading, market: Market) -> FetchCandles:
    """The candles of a market that a request asks for."""
    p, interval = r.params, interval_of(r.params)
    since, until, limit = _since(p), _until(p), limit_of(p, 500, CANDLES_MAX)
    if since and until and since > until:
        refuse("START_TIME_GREATER_THAN_END_TIME", "Start time is greater than end time.")
    if is_plain(interval, 0):
        seconds = SECONDS[interval]
        return FetchCandles(r.account, market.symbol, seconds, since, limit, until=until)
    found = edges(
        interval, since=-(-since // SECOND), until=until // SECOND if until else None, limit=limit,
        now=r.at // SECOND, offset=0,
    )  # fmt: skip
    return FetchCandles(r.account, market.symbol, SECONDS.get(interval, 0), edges=found)


def write_candles(w: Writing, answer: Candles) -> list[list[Any]]:
    """Candles as rows of twelve."""
    interval = w.params["interval"]
    return [row_of(bar, answer.market, next_edge(interval, bar.at)) for bar in answer.bars]


def row_of(bar: Bar, market: Market, end: int) -> list[Any]:
    """A candle as a row; `end` is the second at which it closes."""
    bought_cost = bar.cost * bar.bought // bar.volume if bar.volume else 0
    return [
        bar.at * 1_000,
        price(bar.open, market),
        price(bar.high, market),
        price(bar.low, market),
        price(bar.close, market),
        amount(bar.volume, market),
        end * 1_000 - 1,
        cost(market.cost(1, bar.cost), market),
        bar.trades,
        amount(bar.bought, market),
        cost(market.cost(1, bought_cost), market),
        "0",
    ]


# ---- tickers


def read_tickers(r: Reading) -> FetchTickers:
    """GET /fapi/v1/ticker/price, /fapi/v2/ticker/price and /fapi/v1/ticker/bookTicker."""
    market = r.maybe_market()
    return FetchTickers(r.account, (market.symbol,) if market else tuple(r.symbols.values()))


def read_24h(r: Reading) -> FetchTickers:
    """GET /fapi/v1/ticker/24hr."""
    return read_tickers(r)._replace(ends=True)


Tickers = tuple[Ticker, ...]


def _answer(w: Writing, tickers: Tickers, write: Callable[[Ticker], dict[str, Any]]) -> Any:
    """One object for a symbol, a list otherwise."""
    return write(tickers[0]) if "symbol" in w.params else [write(one) for one in tickers]


def write_prices(w: Writing, tickers: Tickers) -> Any:
    """Last prices."""
    return _answer(w, tickers, _last)


def _last(t: Ticker) -> dict[str, Any]:
    return {
        "symbol": venue_symbol(t.market.symbol),
        "price": price(t.last or 0, t.market),
        "time": t.at // MILLISECOND,
    }


def write_best(w: Writing, tickers: Tickers) -> Any:
    """Best prices."""
    return _answer(w, tickers, _best)


def _best(t: Ticker) -> dict[str, Any]:
    bid, ask, market = t.bid or (0, 0), t.ask or (0, 0), t.market
    return {
        "symbol": venue_symbol(market.symbol),
        "bidPrice": price(bid[0], market),
        "bidQty": amount(bid[1], market),
        "askPrice": price(ask[0], market),
        "askQty": amount(ask[1], market),
        "time": t.at // MILLISECOND,
    }


def write_24h(w: Writing, tickers: Tickers) -> Any:
    """Statistics of 24 hours."""
    return _answer(w, tickers, day_statistics)


def day_statistics(t: Ticker) -> dict[str, Any]:
    """24 hours of a contract. Without trades the prices are the last one, and the ids -1."""
    bar, market, last = t.day, t.market, t.last or 0
    opened = bar.open if bar else last
    volume, spent = (bar.volume, market.cost(1, bar.cost)) if bar else (0, 0)
    return {
        "symbol": venue_symbol(market.symbol),
        "priceChange": price(last - opened, market),
        "priceChangePercent": percent(last - opened, opened),
        "weightedAvgPrice": _weighted(spent, volume, market) if volume else price(last, market),
        "lastPrice": price(last, market),
        "lastQty": amount(t.ends[1].lots if t.ends else 0, market),
        "openPrice": price(opened, market),
        "highPrice": price(bar.high if bar else last, market),
        "lowPrice": price(bar.low if bar else last, market),
        "volume": amount(volume, market),
        "quoteVolume": short_cost(spent, market),
        "openTime": (t.at - DAY) // MILLISECOND,
        "closeTime": t.at // MILLISECOND,
        "firstId": t.ends[0].id if t.ends else -1,
        "lastId": t.ends[1].id if t.ends else -1,
        "count": bar.trades if bar else 0,
    }


def _weighted(spent: int, volume: int, market: Market) -> str:
    """The average price of a volume."""
    return short_cost(spent * ATOMS // (volume * market.amount_step), market)
