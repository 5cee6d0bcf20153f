"""The names of market streams, and what each of them means.

web-socket-streams.md, "Detailed Stream information", 2026-07-21.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from failing_exchange.core.units import DAY_S, HOUR_S
from failing_exchange.venues.binance_common.intervals import INTERVALS


class Kind(Enum):
    """What a stream pushes."""

    TRADE = "trade"
    AGG_TRADE = "aggTrade"
    KLINE = "kline"
    MINI_TICKER = "miniTicker"
    TICKER = "ticker"
    WINDOW_TICKER = "rolling window"
    BOOK_TICKER = "bookTicker"
    AVERAGE = "avgPrice"
    PARTIAL_DEPTH = "depth<levels>"
    DEPTH = "depth"
    REFERENCE = "referencePrice"
    SILENT = "nothing"  # exists, and never has anything to say here


class StreamName(NamedTuple):
    """A stream. `symbol` is the venue's name of a market, empty for all of them.

    `interval` is that of klines or of a window, `offset` its time zone in seconds, `every` the
    update speed in milliseconds; 0 is real time.
    """

    kind: Kind
    symbol: str = ""
    interval: str = ""
    offset: int = 0
    levels: int = 0
    every: int = 1_000


WINDOWS = {"1h": HOUR_S, "4h": 4 * HOUR_S, "1d": DAY_S}  # seconds
EAST = "+08:00"
EAST_OFFSET = 8 * HOUR_S
SYMBOL = re.compile(r"[^@!A-Z]+\Z")  # "All symbols for streams are lowercase"
KLINE = re.compile(r"kline_(\w+?)(?:@(\+08:00))?\Z")
DEPTH = re.compile(r"depth(5|10|20)?(?:@(100|1000)ms)?\Z")
PLAIN: dict[str, StreamName] = {
    "trade": StreamName(Kind.TRADE, every=0),
    "aggTrade": StreamName(Kind.AGG_TRADE, every=0),
    "miniTicker": StreamName(Kind.MINI_TICKER),
    "ticker": StreamName(Kind.TICKER),
    **{f"ticker_{w}": StreamName(Kind.WINDOW_TICKER, interval=w) for w in WINDOWS},
    "bookTicker": StreamName(Kind.BOOK_TICKER, every=0),
    "avgPrice": StreamName(Kind.AVERAGE),
    "referencePrice": StreamName(Kind.REFERENCE),
    "blockTrade": StreamName(Kind.SILENT, every=0),
}
ALL_MARKETS: dict[str, StreamName] = {
    "!ticker@arr": StreamName(Kind.TICKER),
    "!miniTicker@arr": StreamName(Kind.MINI_TICKER),
    **{f"!ticker_{w}@arr": StreamName(Kind.WINDOW_TICKER, interval=w) for w in WINDOWS},
}


# streams that there are only with a feature (spot_changes.py)
NEEDS = {"!ticker@arr": "all_tickers_stream"}
KINDS_NEED = {"referencePrice": "reference_prices", "blockTrade": "block_trades"}


def feature_of(name: str) -> str | None:
    """The feature that a stream needs, if any.

    >>> feature_of("btcusdt@referencePrice"), feature_of("btcusdt@trade")
    ('reference_prices', None)
    """
    return NEEDS.get(name) or KINDS_NEED.get(name.partition("@")[2])


def parse(name: str) -> StreamName | None:
    """What a name means; None for one that no stream has.

    >>> parse("btcusdt@kline_1d@+08:00")[1:4]
    ('BTCUSDT', '1d', 28800)
    >>> parse("BTCUSDT@trade") is None
    True
    """
    if name in ALL_MARKETS:
        return ALL_MARKETS[name]
    symbol, _, rest = name.partition("@")
    if not SYMBOL.match(symbol):
        return None
    symbol = symbol.upper()
    if rest in PLAIN:
        return PLAIN[rest]._replace(symbol=symbol)
    if found := KLINE.match(rest):
        interval, east = found.groups()
        offset = EAST_OFFSET if east else 0
        every = 1_000 if interval == "1s" else 2_000
        return (
            StreamName(Kind.KLINE, symbol, interval, offset, every=every)
            if interval in INTERVALS
            else None
        )
    if found := DEPTH.match(rest):
        levels, speed = found.groups()
        kind = Kind.PARTIAL_DEPTH if levels else Kind.DEPTH
        return StreamName(kind, symbol, levels=int(levels or 0), every=int(speed or 1_000))
    return None
