"""Best prices and the statistics of the last 24 hours of a market."""

from __future__ import annotations

from typing import NamedTuple

from failing_exchange.core.book import Level, OrderBook
from failing_exchange.core.candles import Bar
from failing_exchange.core.liquidity import Offer
from failing_exchange.core.market import Market
from failing_exchange.core.order import BUY, SELL, record
from failing_exchange.core.public_trade import Trade
from failing_exchange.core.queries import FetchTicker, FetchTickers
from failing_exchange.core.state import MarketState, State
from failing_exchange.core.units import DAY_S, SECOND


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


def fetch_ticker(state: State, q: FetchTicker, at: int) -> Ticker:
    """Best prices, last price and 24 h statistics of a market."""
    return _ticker(state.market(q.symbol, at), q, at)


def fetch_tickers(state: State, q: FetchTickers, at: int) -> tuple[Ticker, ...]:
    """The same for several markets, or all."""
    symbols = q.symbols or tuple(state.markets)
    return tuple(_ticker(state.market(symbol, at), q, at) for symbol in symbols)


def _ticker(ms: MarketState, q: FetchTicker | FetchTickers, at: int) -> Ticker:
    _, _, as_of, since, wanted = q
    liquidity, tape = ms.liquidity, ms.tape
    if as_of or ms.halted_at:
        as_of = ms.seen_at(as_of or at)
        liquidity = ms.shown(as_of, at)
    else:
        as_of = at
    second = as_of // SECOND
    last = tape.last(second)
    bid, ask = liquidity.tops()
    if ms.book.count:
        bid, ask = _with_clients(ms.book, bid, ask)
    bar = tape.window(since, as_of) if since else tape.day.at(as_of)
    ends = tape.ends(since or second // 60 * 60 + 60 - DAY_S, as_of) if wanted else None
    return record(Ticker, (ms.market, as_of, bid, ask, last or None, bar, since, ends))


def _with_clients(
    book: OrderBook, bid: Offer | None, ask: Offer | None
) -> tuple[Offer | None, Offer | None]:
    """The best offers, clients' orders included."""
    buying, selling = book.best(BUY), book.best(SELL)
    if buying is not None and (bid is None or buying.ticks >= bid[0]):
        bid = _added(buying, bid)
    if selling is not None and (ask is None or selling.ticks <= ask[0]):
        ask = _added(selling, ask)
    return bid, ask


def _added(level: Level, offer: Offer | None) -> Offer:
    """What clients show at a best price, and what others offer there."""
    shown = level.lots - level.hidden
    if offer is not None and offer[0] == level.ticks:
        return level.ticks, shown + offer[1]
    return level.ticks, shown
