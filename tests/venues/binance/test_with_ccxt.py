"""ccxt's own parsers on our answers: what a bot gets to see."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core.market import Rules
from failing_exchange.core.units import ATOMS
from tests.venues.binance.square import BTC, Square

ccxt = pytest.importorskip("ccxt")


@pytest.fixture(scope="module")
def square() -> Square:
    """A market of a minute, with rules."""
    rules = Rules(cost_max=9_000_000 * ATOMS, market_amount_min=2, iceberg_parts_max=100)
    found = Square(rules=rules, orders_max=200, market_amount_max=50 * 10**5)
    found.wait(61)
    return found


@pytest.fixture(scope="module")
def client(square: Square) -> Any:
    """ccxt with the markets that our exchangeInfo describes."""
    found = ccxt.binance({"options": {"fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}})
    found.publicGetExchangeInfo = lambda params: square.get("exchangeInfo", **params)
    found.load_markets()
    return found


def test_ccxt_reads_our_markets(client: Any) -> None:
    """Steps, limits and the kind of market."""
    market = client.market(BTC)
    assert (market["id"], market["type"], market["active"]) == ("BTCUSDT", "spot", True)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    limits = market["limits"]
    assert limits["amount"] == {"min": 0.00001, "max": 9_000.0}
    assert limits["market"] == {"min": 0.00002, "max": 50.0}
    assert limits["cost"] == {"min": 5.0, "max": 9_000_000.0}
    assert client.price_to_precision(BTC, 50_000.123) == "50000.12"


def test_ccxt_reads_our_ticker(client: Any, square: Square) -> None:
    """With every field it knows."""
    raw = square.get("ticker/24hr", symbol="BTCUSDT")
    ticker = client.parse_ticker(raw, client.market(BTC))
    assert ticker["symbol"] == BTC
    assert ticker["timestamp"] == square.at // 10**6
    for name, field in (("last", "lastPrice"), ("bid", "bidPrice"), ("askVolume", "askQty"),
                        ("vwap", "weightedAvgPrice"), ("baseVolume", "volume"),
                        ("open", "openPrice"), ("percentage", "priceChangePercent"),
                        ("previousClose", "prevClosePrice")):  # fmt: skip
        assert ticker[name] == float(raw[field]), name


def test_ccxt_reads_our_candles(client: Any, square: Square) -> None:
    """Six numbers each."""
    rows = square.get("klines", symbol="BTCUSDT", interval="1m", limit=5)
    candles = client.parse_ohlcvs(rows, client.market(BTC), "1m")
    assert [candle[0] for candle in candles] == [row[0] for row in rows]
    for _, opened, high, low, close, volume in candles:
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert volume > 0


@pytest.mark.parametrize("path", ["trades", "aggTrades", "historicalTrades"])
def test_ccxt_reads_our_trades(client: Any, square: Square, path: str) -> None:
    """Single and aggregate ones are of one shape to it."""
    raw = square.get(path, symbol="BTCUSDT", limit=20)
    trades = client.parse_trades(raw, client.market(BTC))
    assert len(trades) == 20
    for trade, entry in zip(trades, raw, strict=True):
        assert trade["id"] == str(entry.get("id", entry.get("a")))
        assert trade["side"] == ("sell" if entry.get("isBuyerMaker", entry.get("m")) else "buy")
        assert trade["cost"] == pytest.approx(trade["price"] * trade["amount"])
        assert trade["timestamp"] == entry.get("time", entry.get("T"))


def test_ccxt_reads_our_book(client: Any, square: Square) -> None:
    """Numbers by price, and the sequence as nonce."""
    raw = square.get("depth", symbol="BTCUSDT", limit=20)
    book = client.parse_order_book(raw, BTC)
    assert len(book["bids"]) == len(book["asks"]) == 20
    assert book["bids"][0][0] < book["asks"][0][0]
    assert client.safe_integer(raw, "lastUpdateId") == raw["lastUpdateId"]
