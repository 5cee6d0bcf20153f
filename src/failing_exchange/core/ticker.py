"""Best prices and the statistics of the last 24 hours of a market."""

from __future__ import annotations

from typing import NamedTuple

from failing_exchange.core import commands as c
from failing_exchange.core.background import Offer
from failing_exchange.core.bars import Bar
from failing_exchange.core.book import OrderBook
from failing_exchange.core.market import SECOND, Market
from failing_exchange.core.matching import better
from failing_exchange.core.order import BUY, SELL, Side, record
from failing_exchange.core.public_trade import Trade
from failing_exchange.core.state import MarketState, State
from failing_exchange.core.tape import DAY


class Ticker(NamedTuple):
    """Best prices (ticks, lots), last price and the last 24 hours; None where there is nothing.

    `since`: the epoch second from which there are statistics instead. `ends`: the first and the
    last trade of that time, where they were asked for.
    """

    market: Market
    at: int
    bid: tuple[int, int] | None
    ask: tuple[int, int] | None
    last: int | None
    day: Bar | None
    since: int = 0
    ends: tuple[Trade, Trade] | None = None


def fetch_ticker(state: State, q: c.FetchTicker, at: int) -> Ticker:
    """Best prices, last price and 24 h statistics of a market."""
    return _ticker(state.market(q.symbol, at), q, at)


def fetch_tickers(state: State, q: c.FetchTickers, at: int) -> tuple[Ticker, ...]:
    """The same for several markets, or all."""
    symbols = q.symbols or tuple(state.markets)
    return tuple(_ticker(state.market(symbol, at), q, at) for symbol in symbols)


def _ticker(ms: MarketState, q: c.FetchTicker | c.FetchTickers, at: int) -> Ticker:
    as_of, since = ms.seen_at(q.as_of or at), q.since
    second = as_of // SECOND
    same = second == at // SECOND
    street = ms.street if same else ms.street.view(second)
    bid, ask = street.tops()
    if ms.book.count:
        bid, ask = _with_clients(ms.book, BUY, bid), _with_clients(ms.book, SELL, ask)
    last = ms.tape.last(second) if same else street.last()
    bar = ms.tape.window(since, as_of) if since else ms.tape.day(as_of)
    ends = None
    if q.ends:
        ends = ms.tape.ends(since or second // 60 * 60 + 60 - DAY, as_of)
    return record(Ticker, (ms.market, as_of, bid, ask, last or None, bar, since, ends))


def _with_clients(book: OrderBook, side: Side, offer: Offer | None) -> Offer | None:
    """The best offer of a side, clients' orders included."""
    level = book.best(side)
    if level is None:
        return offer
    shown = level.lots - level.hidden
    if offer is None or better(side, level.ticks, offer[0]):
        return level.ticks, shown
    return (offer[0], shown + offer[1]) if level.ticks == offer[0] else offer
