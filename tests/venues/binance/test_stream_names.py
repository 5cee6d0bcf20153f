"""The names of market streams."""

from __future__ import annotations

import pytest

from failing_exchange.venues.binance.stream_names import Kind, StreamName, parse
from failing_exchange.venues.binance_common.intervals import INTERVALS

NAMES = {
    "btcusdt@trade": StreamName(Kind.TRADE, "BTCUSDT", every=0),
    "btcusdt@aggTrade": StreamName(Kind.AGG_TRADE, "BTCUSDT", every=0),
    "btcusdt@kline_1s": StreamName(Kind.KLINE, "BTCUSDT", "1s"),
    "btcusdt@kline_1M": StreamName(Kind.KLINE, "BTCUSDT", "1M", every=2_000),
    "btcusdt@kline_1d@+08:00": StreamName(Kind.KLINE, "BTCUSDT", "1d", 28_800, every=2_000),
    "btcusdt@miniTicker": StreamName(Kind.MINI_TICKER, "BTCUSDT"),
    "btcusdt@ticker": StreamName(Kind.TICKER, "BTCUSDT"),
    "btcusdt@ticker_4h": StreamName(Kind.WINDOW_TICKER, "BTCUSDT", "4h"),
    "btcusdt@bookTicker": StreamName(Kind.BOOK_TICKER, "BTCUSDT", every=0),
    "btcusdt@avgPrice": StreamName(Kind.AVERAGE, "BTCUSDT"),
    "btcusdt@depth": StreamName(Kind.DEPTH, "BTCUSDT"),
    "btcusdt@depth@100ms": StreamName(Kind.DEPTH, "BTCUSDT", every=100),
    "btcusdt@depth20": StreamName(Kind.PARTIAL_DEPTH, "BTCUSDT", levels=20),
    "btcusdt@depth5@100ms": StreamName(Kind.PARTIAL_DEPTH, "BTCUSDT", levels=5, every=100),
    "!miniTicker@arr": StreamName(Kind.MINI_TICKER),
    "!ticker_1h@arr": StreamName(Kind.WINDOW_TICKER, interval="1h"),
    "btcusdt@referencePrice": StreamName(Kind.REFERENCE, "BTCUSDT"),
    "btcusdt@blockTrade": StreamName(Kind.SILENT, "BTCUSDT", every=0),
}


@pytest.mark.parametrize(("name", "stream"), NAMES.items())
def test_every_documented_name_has_its_meaning(name: str, stream: StreamName) -> None:
    """The kind, the market, and how often it speaks: in milliseconds, 0 is real time."""
    assert parse(name) == stream


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("zone", ["", "@+08:00"])
def test_candles_of_every_interval_have_a_stream(interval: str, zone: str) -> None:
    """Minutes are m and months M."""
    stream = parse(f"ethbtc@kline_{interval}{zone}")
    assert stream is not None
    assert (stream.interval, stream.offset) == (interval, 28_800 if zone else 0)
    assert stream.every == (1_000 if interval == "1s" else 2_000)


@pytest.mark.parametrize(
    "name",
    ["", "btcusdt", "@trade", "BTCUSDT@trade", "btcusdt@Trade", "btcusdt@kline", "btcusdt@kline_7m",
     "btcusdt@kline_1d@+09:00", "btcusdt@depth15", "btcusdt@depth@50ms", "btcusdt@depth5@",
     "btcusdt@ticker_2h", "!bookTicker", "!bookTicker@arr", "!trade@arr",
     "btcusdt@trade@arr", "btcusdt@trade ", "btcusdt@trade/ethbtc@trade", "btcusdt@ticker_1h@arr"],
)  # fmt: skip
def test_other_names_mean_nothing(name: str) -> None:
    """Retired ones neither, as `!bookTicker` since 2022-12-07."""
    assert parse(name) is None
