"""The names of market streams of USD-M, the path that serves each, and what stands behind it.

"Websocket Market Streams", one page a stream, 2026-08-19; routes of 2026-09-18. `<symbol>@trade` is
in no document; clients use it on /public.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from failing_exchange.core.units import MILLISECOND
from failing_exchange.feeds.contract_sources import (
    AllBestSource,
    CollateralSource,
    LiquidationSource,
    PremiumSource,
    RulesSource,
    TopUpdateSource,
)
from failing_exchange.feeds.market_feeds import Topic
from failing_exchange.feeds.sources import (
    AggTradeSource,
    BestSource,
    CandleSource,
    DepthSource,
    EngineView,
    Source,
    TickerSource,
    TradeSource,
)
from failing_exchange.venues.binance_common.intervals import INTERVALS, next_edge, start_of
from failing_exchange.venues.binance_common.values import venue_symbol
from failing_exchange.venues.binance_usdm import contract_stream_events as events


class StreamRoute(StrEnum):
    """The first part of a path."""

    NONE = ""
    PUBLIC = "/public"
    MARKET = "/market"
    PRIVATE = "/private"


class Pushed(StrEnum):
    """What a stream tells."""

    AGG_TRADE = "aggTrade"
    TRADE = "trade"
    MARK_PRICE = "markPrice"
    KLINE = "kline"
    CONTINUOUS = "continuousKline"
    MINI_TICKER = "miniTicker"
    TICKER = "ticker"
    BOOK_TICKER = "bookTicker"
    FORCE_ORDER = "forceOrder"
    PARTIAL_DEPTH = "depth<levels>"
    DEPTH = "depth"
    CONTRACT_INFO = "contractInfo"
    ASSET_INDEX = "assetIndex"
    SILENT = "nothing"  # exists, and has nothing to say of these contracts


class ContractStream(NamedTuple):
    """A stream. `symbol` is the venue's name of a contract, empty for all of them.

    `every` is the update speed in milliseconds; 0 is real time.
    """

    kind: Pushed
    route: StreamRoute = StreamRoute.MARKET
    symbol: str = ""
    interval: str = ""
    levels: int = 0
    every: int = 0


MARKET, PUBLIC = StreamRoute.MARKET, StreamRoute.PUBLIC
SYMBOL = re.compile(r"[^@!A-Z]+\Z")  # lower case
KLINE = re.compile(r"kline_(\w+)\Z")
CONTINUOUS = re.compile(r"([^@!A-Z_]+)_(\w+)@continuousKline_(\w+)\Z")
DEPTH = re.compile(r"depth(5|10|20)?(?:@(100|250|500)ms)?\Z")
SPEED = 250  # milliseconds, of depth and klines
SECONDLESS = frozenset(INTERVALS) - {"1s"}  # of klines; continuous ones have 1s as well
PERPETUAL = "perpetual"  # of the contract types, the one that there is here
OTHER_TYPES = ("current_quarter", "next_quarter", "tradifi_perpetual")
ONE: dict[str, ContractStream] = {
    "aggTrade": ContractStream(Pushed.AGG_TRADE, every=100),
    "trade": ContractStream(Pushed.TRADE, PUBLIC),
    "markPrice": ContractStream(Pushed.MARK_PRICE, every=3_000),
    "markPrice@1s": ContractStream(Pushed.MARK_PRICE, every=1_000),
    "miniTicker": ContractStream(Pushed.MINI_TICKER, every=2_000),
    "ticker": ContractStream(Pushed.TICKER, every=2_000),
    "bookTicker": ContractStream(Pushed.BOOK_TICKER, PUBLIC),
    "forceOrder": ContractStream(Pushed.FORCE_ORDER, every=1_000),
    "compositeIndex": ContractStream(Pushed.SILENT, every=1_000),  # none is on an index
    "assetIndex": ContractStream(Pushed.ASSET_INDEX, every=1_000),
    "rpiDepth@500ms": ContractStream(Pushed.DEPTH, PUBLIC, every=500),  # without RPI
}
ALL: dict[str, ContractStream] = {
    "!markPrice@arr": ContractStream(Pushed.MARK_PRICE, every=3_000),
    "!markPrice@arr@1s": ContractStream(Pushed.MARK_PRICE, every=1_000),
    "!miniTicker@arr": ContractStream(Pushed.MINI_TICKER, every=1_000),
    "!ticker@arr": ContractStream(Pushed.TICKER, every=1_000),
    "!bookTicker": ContractStream(Pushed.BOOK_TICKER, PUBLIC, every=5_000),
    "!forceOrder@arr": ContractStream(Pushed.FORCE_ORDER, every=1_000),
    "!contractInfo": ContractStream(Pushed.CONTRACT_INFO),
    "!assetIndex@arr": ContractStream(Pushed.ASSET_INDEX, every=1_000),
    "tradingSession": ContractStream(Pushed.SILENT, every=1_000),  # of shares
}


def parse(name: str) -> ContractStream | None:
    """What a name means; None for one that no stream has.

    >>> parse("btcusdt@depth5@100ms")[2:]
    ('BTCUSDT', '', 5, 100)
    >>> parse("BTCUSDT@trade") is None
    True
    """
    if name in ALL:
        return ALL[name]
    if found := CONTINUOUS.match(name):
        return _continuous(*found.groups())
    symbol, _, rest = name.partition("@")
    if not SYMBOL.match(symbol):
        return None
    symbol = symbol.upper()
    if rest in ONE:
        return ONE[rest]._replace(symbol=symbol)
    if (found := KLINE.match(rest)) and found[1] in SECONDLESS:
        return ContractStream(Pushed.KLINE, MARKET, symbol, found[1], every=SPEED)
    if found := DEPTH.match(rest):
        kind = Pushed.PARTIAL_DEPTH if found[1] else Pushed.DEPTH
        levels, every = int(found[1] or 0), int(found[2] or SPEED)
        return ContractStream(kind, PUBLIC, symbol, levels=levels, every=every)
    return None


def _continuous(pair: str, kind: str, interval: str) -> ContractStream | None:
    if interval not in INTERVALS or kind not in (PERPETUAL, *OTHER_TYPES):
        return None
    told = Pushed.CONTINUOUS if kind == PERPETUAL else Pushed.SILENT
    return ContractStream(told, MARKET, pair.upper(), interval, every=SPEED)


# ---- what stands behind a stream


class ContractFeed(NamedTuple):
    """`source(world, symbol, at)` finds what is new; `write(answer, at)` says it."""

    source: Callable[[EngineView, str, int], Source]
    write: Callable[[Any, int], Any]


def topic(name: str, stream: ContractStream, symbols: Iterable[str]) -> Topic | None:
    """The topic of a stream; None for one that never says anything.

    `symbols` are the unified names of the venue's markets.
    """
    contracts = tuple(symbols)
    symbol = next((one for one in contracts if venue_symbol(one) == stream.symbol), "")
    if stream.kind is Pushed.ASSET_INDEX:
        symbol = stream.symbol  # that of an asset
    if stream.kind is Pushed.SILENT or (stream.symbol and not symbol):
        return None
    source, write = BEHIND[stream.kind](stream, contracts)

    def find(world: EngineView, at: int) -> Source:
        return source(world, symbol, at)

    return Topic((name, False), find, write, events.edit, stream.every * MILLISECOND)


Contracts = tuple[str, ...]


def _candles(stream: ContractStream, contracts: Contracts) -> ContractFeed:
    interval = stream.interval
    source = partial(
        CandleSource,
        start_of=lambda second: start_of(interval, second),
        next_edge=lambda edge: next_edge(interval, edge),
    )
    write = events.kline if stream.kind is Pushed.KLINE else events.continuous_kline
    return ContractFeed(source, partial(write, interval=interval))


def _tickers(stream: ContractStream, contracts: Contracts) -> ContractFeed:
    mini = stream.kind is Pushed.MINI_TICKER
    write = events.mini_ticker if mini else events.ticker
    source = partial(
        TickerSource, ends=not mini, among=contracts, beat=max(1, stream.every // 1_000)
    )
    return ContractFeed(source, write if stream.symbol else events.each(write))


def _marks(stream: ContractStream, contracts: Contracts) -> ContractFeed:
    source = partial(PremiumSource, beat=stream.every // 1_000)
    return ContractFeed(source, events.mark if stream.symbol else events.each(events.mark))


def _best(stream: ContractStream, contracts: Contracts) -> ContractFeed:
    if stream.symbol:
        return ContractFeed(BestSource, events.book_ticker)
    return ContractFeed(lambda world, symbol, at: AllBestSource(world, contracts, beat=5),
                  events.book_ticker)  # fmt: skip


BEHIND: dict[Pushed, Callable[[ContractStream, Contracts], ContractFeed]] = {
    Pushed.TRADE: lambda s, c: ContractFeed(TradeSource, events.trade),
    Pushed.AGG_TRADE: lambda s, c: ContractFeed(AggTradeSource, events.agg_trade),
    Pushed.MARK_PRICE: _marks,
    Pushed.KLINE: _candles,
    Pushed.CONTINUOUS: _candles,
    Pushed.MINI_TICKER: _tickers,
    Pushed.TICKER: _tickers,
    Pushed.BOOK_TICKER: _best,
    Pushed.FORCE_ORDER: lambda s, c: ContractFeed(LiquidationSource, events.force_order),
    Pushed.PARTIAL_DEPTH: lambda s, c: ContractFeed(
        partial(TopUpdateSource, levels=s.levels), events.depth
    ),
    Pushed.DEPTH: lambda s, c: ContractFeed(DepthSource, events.depth),
    Pushed.ASSET_INDEX: lambda s, c: ContractFeed(
        CollateralSource, events.asset_index if s.symbol else events.each(events.asset_index)
    ),
    Pushed.CONTRACT_INFO: lambda s, c: ContractFeed(
        lambda world, symbol, at: RulesSource(world, c), events.contract_info
    ),
}
