"""What stands behind each market stream: the feed that finds its news, and what writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from failing_exchange.core.units import MILLISECOND
from failing_exchange.feeds.market_feeds import Topic
from failing_exchange.feeds.sources import (
    AggTradeSource,
    AverageSource,
    BestSource,
    CandleSource,
    DepthSource,
    EngineView,
    ReferenceSource,
    Source,
    TickerSource,
    TopSource,
    TradeSource,
)
from failing_exchange.venues.binance import stream_events as events
from failing_exchange.venues.binance.market_data import AVERAGE_MINUTES
from failing_exchange.venues.binance.stream_names import WINDOWS, Kind, StreamName, parse
from failing_exchange.venues.binance_common.intervals import next_edge, start_of
from failing_exchange.venues.binance_common.values import venue_symbol


class Behind(NamedTuple):
    """`source(world, symbol, at)` finds what is new; `write(answer, at, micro=)` says it."""

    source: Callable[[EngineView, str, int], Source]
    write: Callable[..., Any]


def topic(name: str, symbols: Iterable[str], *, micro: bool) -> Topic | None:
    """The topic of a stream; None for a name that no stream has, or that never says anything.

    `symbols` are the unified names of the venue's markets.
    """
    stream = parse(name)
    if stream is None or stream.kind is Kind.SILENT:
        return None
    symbol = next((one for one in symbols if venue_symbol(one) == stream.symbol), "")
    if stream.symbol and not symbol:
        return None
    behind = BEHIND[stream.kind](stream)
    source: Callable[..., Source] = behind.source
    if stream.kind in TICKERS and not symbol:
        source = partial(source, among=tuple(symbols))

    def find(world: EngineView, at: int) -> Source:
        return source(world, symbol, at)

    every = stream.every * MILLISECOND
    return Topic((name, micro), find, partial(behind.write, micro=micro), events.edit, every)


def _candles(stream: StreamName) -> Behind:
    interval, offset = stream.interval, stream.offset
    source = partial(
        CandleSource,
        start_of=lambda second: start_of(interval, second, offset),
        next_edge=lambda edge: next_edge(interval, edge, offset),
        beat=stream.every // 1_000,
    )
    return Behind(source, partial(events.kline, interval=interval, offset=offset))


def _tickers(stream: StreamName) -> Behind:
    one = partial(TICKERS[stream.kind], window=stream.interval)

    def write(answer: Any, at: int, *, micro: bool) -> Any:
        if stream.symbol:
            return one(answer, at, micro=micro)
        return [one(ticker, at, micro=micro) for ticker in answer]

    ends = stream.kind is not Kind.MINI_TICKER
    return Behind(partial(TickerSource, window=WINDOWS.get(stream.interval, 0), ends=ends), write)


TICKERS: dict[Kind, Callable[..., Any]] = {
    Kind.MINI_TICKER: events.mini_ticker,
    Kind.TICKER: events.ticker,
    Kind.WINDOW_TICKER: events.window_ticker,
}


def _best(answer: Any, at: int, *, micro: bool) -> Any:
    return events.book_ticker(answer)


def _reference(answer: Any, at: int, *, micro: bool) -> Any:
    return events.reference(answer, micro=micro)


def _top(answer: Any, at: int, *, micro: bool) -> Any:
    return events.partial_depth(answer)


BEHIND: dict[Kind, Callable[[StreamName], Behind]] = {
    Kind.TRADE: lambda s: Behind(TradeSource, events.trade),
    Kind.AGG_TRADE: lambda s: Behind(AggTradeSource, events.agg_trade),
    Kind.KLINE: _candles,
    Kind.MINI_TICKER: _tickers,
    Kind.TICKER: _tickers,
    Kind.WINDOW_TICKER: _tickers,
    Kind.BOOK_TICKER: lambda s: Behind(BestSource, _best),
    Kind.AVERAGE: lambda s: Behind(partial(AverageSource, minutes=AVERAGE_MINUTES), events.average),
    Kind.REFERENCE: lambda s: Behind(ReferenceSource, _reference),
    Kind.PARTIAL_DEPTH: lambda s: Behind(partial(TopSource, levels=s.levels), _top),
    Kind.DEPTH: lambda s: Behind(DepthSource, events.depth),
}
