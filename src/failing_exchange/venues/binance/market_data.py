"""Market data over REST: book, trades, candles, averages.

rest-api.md, "Market Data endpoints", 2026-07-21.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from failing_exchange.core.candles import Bar
from failing_exchange.core.market import Market
from failing_exchange.core.public_trade import Trade, by_taker
from failing_exchange.core.queries import (
    AveragePrice,
    BookSnapshot,
    Candles,
    FetchAveragePrice,
    FetchBook,
    FetchCandles,
    FetchTrades,
    Trades,
)
from failing_exchange.core.units import SECOND
from failing_exchange.venues.binance.tickers import check_status
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.intervals import (
    INTERVALS,
    SECONDS,
    edges,
    is_plain,
    next_edge,
    offset_of,
)
from failing_exchange.venues.binance_common.params import NUMBER, Params
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import amount, decimal, instant, price

LIMIT_MAX = 1_000  # of trades and candles; more are cut to it
DEPTH_MAX = 5_000  # of levels; likewise
AVERAGE_MINUTES = 5


# ---- the book


def read_depth(r: Reading) -> FetchBook:
    """GET /api/v3/depth."""
    symbol = r.market().symbol
    check_status(r)
    return FetchBook(r.account, symbol, r.params.integer("limit", 100, least=1, most=DEPTH_MAX))


def depth_weight(params: Params) -> int:
    """5 to 250, by the limit."""
    text = params.get("limit", "100")
    limit = int(text) if NUMBER.match(text) else 100
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


def read_trades(r: Reading) -> FetchTrades:
    """GET /api/v3/trades."""
    return FetchTrades(r.account, r.market().symbol, limit=_limit(r.params))


def read_older_trades(r: Reading) -> FetchTrades:
    """GET /api/v3/historicalTrades."""
    return FetchTrades(
        r.account, r.market().symbol, limit=_limit(r.params), from_id=_first_id(r.params)
    )


def read_aggregates(r: Reading) -> FetchTrades:
    """GET /api/v3/aggTrades."""
    p = r.params
    since, until = _since(p), _until(p)
    if "fromId" in p and (since or until):
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")
    return FetchTrades(
        r.account,
        r.market().symbol,
        since=since,
        limit=_limit(p),
        until=until,
        from_id=_first_id(p),
        takers=True,
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
    groups = by_taker(answer.trades)
    return [aggregate(group, answer.market, micro=w.micro) for group in groups]


def aggregate(group: Sequence[Trade], market: Market, *, micro: bool) -> dict[str, Any]:
    """One aggregate trade: those of one taker at one price."""
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


def _first_id(p: Params) -> int:
    """The id to begin with; 0 stands for none, and the id 0 for the oldest trade there is."""
    return max(1, p.integer("fromId")) if "fromId" in p else 0


def _since(p: Params) -> int:
    """A startTime, of which 0 means all there is; 0 where it was not sent."""
    return max(1, p.instant("startTime")) if "startTime" in p else 0


def _limit(p: Params, default: int = 500) -> int:
    return p.integer("limit", default, least=1, most=LIMIT_MAX)


def _until(p: Params) -> int:
    """The last instant of an endTime's millisecond, as it is inclusive; 0 where it was not sent."""
    return p.instant("endTime") + 999_999 if "endTime" in p else 0


# ---- candles


def read_candles(r: Reading) -> FetchCandles:
    """GET /api/v3/klines and /api/v3/uiKlines."""
    p, symbol = r.params, r.market().symbol
    interval = interval_of(p.need("interval"))
    since, until = _since(p), _until(p)
    offset, limit = offset_of(p.text("timeZone", "0")), _limit(p)
    if is_plain(interval, offset):
        seconds = SECONDS[interval]
        return FetchCandles(r.account, symbol, seconds, since, limit, until=until)
    found = edges(
        interval,
        since=-(-since // SECOND),
        until=until // SECOND if until else None,
        limit=limit,
        now=r.at // SECOND,
        offset=offset,
    )
    return FetchCandles(r.account, symbol, SECONDS.get(interval, 0), edges=found)


def interval_of(text: str) -> str:
    """A known interval, or the venue's refusal."""
    if text not in INTERVALS:
        refuse("BAD_INTERVAL", "Invalid interval.")
    return text


def write_candles(w: Writing, answer: Candles) -> list[list[Any]]:
    """Candles as rows of twelve."""
    interval, offset = w.params["interval"], offset_of(w.params.get("timeZone", "0"))
    ends = [next_edge(interval, bar.at, offset) for bar in answer.bars]
    return [
        _row(bar, answer.market, end, w.micro) for bar, end in zip(answer.bars, ends, strict=True)
    ]


def _row(bar: Bar, market: Market, end: int, micro: bool) -> list[Any]:
    tally = tally_of(bar, market)
    return [
        instant(bar.at * SECOND, micro=micro),
        price(bar.open, market),
        price(bar.high, market),
        price(bar.low, market),
        price(bar.close, market),
        amount(bar.volume, market),
        instant(end * SECOND, micro=micro) - 1,
        decimal(tally.cost),
        bar.trades,
        decimal(tally.bought),
        decimal(tally.bought_cost),
        "0",
    ]


class Tally(NamedTuple):
    """What a candle says beside its prices, in atoms."""

    cost: int
    bought: int
    bought_cost: int


def tally_of(bar: Bar, market: Market) -> Tally:
    """The tally of a candle; what takers bought cost as much, on average, as the rest."""
    bought_cost = bar.cost * bar.bought // bar.volume if bar.volume else 0
    return Tally(
        market.cost(1, bar.cost), market.base_atoms(bar.bought), market.cost(1, bought_cost)
    )


# ---- averages


def read_average(r: Reading) -> FetchAveragePrice:
    """GET /api/v3/avgPrice."""
    return FetchAveragePrice(r.account, r.market().symbol, AVERAGE_MINUTES)


def write_average(w: Writing, found: AveragePrice) -> dict[str, Any]:
    """The average of the last five minutes."""
    return {
        "mins": found.minutes,
        "price": average(found),
        "closeTime": instant(found.at, micro=w.micro),
    }


def average(found: AveragePrice) -> str:
    """Write an average price, which may lie between two ticks."""
    return decimal(found.ticks * found.market.price_step // found.weight)
