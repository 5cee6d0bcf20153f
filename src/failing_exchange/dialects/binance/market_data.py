"""Market data over REST: book, trades, candles, averages.

rest-api.md, "Market Data endpoints", 2026-07-21.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from failing_exchange.core import commands as c
from failing_exchange.core.bars import Bar
from failing_exchange.core.market import SECOND, Market
from failing_exchange.core.queries import BookSnapshot, Candles, Trades
from failing_exchange.core.tape import FIRST_CLIENT_ID, IDS_PER_SECOND, Trade
from failing_exchange.dialects.binance.call import Reading, Writing
from failing_exchange.dialects.binance.codes import refuse
from failing_exchange.dialects.binance.intervals import (
    INTERVALS,
    SECONDS,
    edges,
    is_plain,
    next_edge,
    offset_of,
)
from failing_exchange.dialects.binance.params import Params
from failing_exchange.dialects.binance.values import amount, decimal, instant, price

LIMIT_MAX = 1_000  # of trades and candles; more are cut to it
DEPTH_MAX = 5_000  # of levels; likewise
AVERAGE_MINUTES = 5
PRINTS_PER_SECOND = 3  # how many trades a candle claims: only a short past is kept print by print


# ---- the book


def read_depth(r: Reading) -> c.FetchBook:
    """GET /api/v3/depth."""
    symbol = r.market().symbol
    return c.FetchBook(r.account, symbol, r.params.integer("limit", 100, least=1, most=DEPTH_MAX))


def depth_weight(params: Params) -> int:
    """5 to 250, by the limit."""
    text = params.get("limit", "100")
    limit = int(text) if text.isascii() and text.isdigit() else 100
    return next(weight for most, weight in ((100, 5), (500, 25), (1_000, 50), (limit, 250))
                if limit <= most)  # fmt: skip


def write_depth(w: Writing, book: BookSnapshot) -> dict[str, Any]:
    """The book, best prices first."""
    return {"lastUpdateId": book.sequence, **sides(book)}


def sides(book: BookSnapshot) -> dict[str, list[list[str]]]:
    """Bids and asks as pairs of price and amount."""
    return {
        "bids": levels(book.bids, book.market),
        "asks": levels(book.asks, book.market),
    }


def levels(found: Iterable[tuple[int, int]], market: Market) -> list[list[str]]:
    """One side of a book."""
    return [[price(ticks, market), amount(lots, market)] for ticks, lots in found]


# ---- trades


def read_trades(r: Reading) -> c.FetchTrades:
    """GET /api/v3/trades."""
    return c.FetchTrades(r.account, r.market().symbol, limit=_limit(r.params))


def read_older_trades(r: Reading) -> c.FetchTrades:
    """GET /api/v3/historicalTrades."""
    first = r.params.integer("fromId", 0)
    return c.FetchTrades(r.account, r.market().symbol, limit=_limit(r.params), from_id=first)


def read_aggregates(r: Reading) -> c.FetchTrades:
    """GET /api/v3/aggTrades."""
    p = r.params
    since, until = p.instant("startTime"), p.instant("endTime")
    if "fromId" in p and (since or until):
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")
    return c.FetchTrades(
        r.account,
        r.market().symbol,
        since=since,
        limit=_limit(p),
        until=_end_of(until),
        from_id=p.integer("fromId", 0),
    )


def write_trades(w: Writing, answer: Trades) -> list[dict[str, Any]]:
    """Trades, oldest first."""
    return [trade(one, answer.market, micro=w.micro) for one in answer.trades]


def trade(one: Trade, market: Market, *, micro: bool) -> dict[str, Any]:
    """One public trade."""
    return {
        "id": one.id,
        "price": price(one.ticks, market),
        "qty": amount(one.lots, market),
        "quoteQty": decimal(market.cost(one.ticks, one.lots)),
        "time": instant(one.at, micro=micro),
        "isBuyerMaker": one.side == "sell",
        "isBestMatch": True,
    }


def write_aggregates(w: Writing, answer: Trades) -> list[dict[str, Any]]:
    """Aggregate trades: the id of an aggregate is that of its first trade."""
    groups: list[list[Trade]] = []
    for one in answer.trades:
        if groups and belongs_together(groups[-1][-1], one):
            groups[-1].append(one)
        else:
            groups.append([one])
    return [aggregate(group, answer.market, micro=w.micro) for group in groups]


def belongs_together(one: Trade, other: Trade) -> bool:
    """Whether two prints, one after the other, are of one taker order at one price."""
    clients = min(one.id, other.id) % IDS_PER_SECOND >= FIRST_CLIENT_ID
    return clients and (one.at, one.ticks, one.side) == (other.at, other.ticks, other.side)


def aggregate(group: Sequence[Trade], market: Market, *, micro: bool) -> dict[str, Any]:
    """One aggregate trade, of prints that belong together."""
    first = group[0]
    return {
        "a": first.id,
        "p": price(first.ticks, market),
        "q": amount(sum(one.lots for one in group), market),
        "f": first.id,
        "l": group[-1].id,
        "T": instant(first.at, micro=micro),
        "m": first.side == "sell",
        "M": True,
    }


def _limit(p: Params, default: int = 500) -> int:
    return p.integer("limit", default, least=1, most=LIMIT_MAX)


def _end_of(until: int) -> int:
    """The last instant of a millisecond: an endTime is inclusive."""
    return until + 999_999 if until else 0


# ---- candles


def read_candles(r: Reading) -> c.FetchCandles:
    """GET /api/v3/klines and /api/v3/uiKlines."""
    p, symbol = r.params, r.market().symbol
    interval = interval_of(p.need("interval"))
    since, until = p.instant("startTime"), p.instant("endTime")
    offset, limit = offset_of(p.text("timeZone", "0")), _limit(p)
    if is_plain(interval, offset):
        seconds = SECONDS[interval]
        return c.FetchCandles(r.account, symbol, seconds, since, limit, until=_end_of(until))
    found = edges(
        interval,
        since=-(-since // SECOND),
        until=until // SECOND,
        limit=limit,
        now=r.at // SECOND,
        offset=offset,
    )
    return c.FetchCandles(r.account, symbol, edges=found)


def interval_of(text: str) -> str:
    """A known interval, or the venue's refusal."""
    if text not in INTERVALS:
        refuse("BAD_INTERVAL", "Invalid interval.")
    return text


def write_candles(w: Writing, answer: Candles) -> list[list[Any]]:
    """Candles as rows of twelve."""
    interval, offset = w.params["interval"], offset_of(w.params.get("timeZone", "0"))
    return [
        _row(bar, answer.market, next_edge(interval, bar.at, offset), w.micro)
        for bar in answer.bars
    ]


def _row(bar: Bar, market: Market, end: int, micro: bool) -> list[Any]:
    tally = tally_of(bar, market, end - bar.at)
    return [
        instant(bar.at * SECOND, micro=micro),
        price(bar.open, market),
        price(bar.high, market),
        price(bar.low, market),
        price(bar.close, market),
        amount(bar.volume, market),
        instant(end * SECOND, micro=micro) - 1,
        decimal(tally.quote),
        tally.trades,
        decimal(tally.taker_base),
        decimal(tally.taker_quote),
        "0",
    ]


class Tally(NamedTuple):
    """What a candle says beside its prices. The quote volume is in atoms, like the takers'."""

    quote: int
    trades: int
    taker_base: int
    taker_quote: int


def tally_of(bar: Bar, market: Market, seconds: int) -> Tally:
    """The tally of a candle of so many seconds.

    The number of trades and the takers' share are estimates that add up over timeframes: the market
    keeps prints for a short past only, so a candle claims three a second, half of them bought.
    """
    base, quote = market.base_atoms(bar.volume), market.cost(1, bar.cost)
    count = PRINTS_PER_SECOND * seconds if bar.volume else 0
    return Tally(quote, count, base // 2, quote // 2)


# ---- averages


def read_average(r: Reading) -> c.FetchTicker:
    """GET /api/v3/avgPrice."""
    since = r.at // SECOND - AVERAGE_MINUTES * 60
    return c.FetchTicker(r.account, r.market().symbol, since=since)


def write_average(w: Writing, ticker: Any) -> dict[str, Any]:
    """The average of the last five minutes."""
    return {
        "mins": AVERAGE_MINUTES,
        "price": average(ticker.day, ticker.market, ticker.last),
        "closeTime": instant(ticker.at, micro=w.micro),
    }


def average(bar: Bar | None, market: Market, last: int | None) -> str:
    """The volume-weighted average of a bar; without trades, the last price."""
    if bar is None or not bar.volume:
        return price(last or 0, market)
    return decimal(bar.cost * market.price_step // bar.volume)
