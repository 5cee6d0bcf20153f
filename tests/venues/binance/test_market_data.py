"""Market data over REST: the fields of each answer, in the documents' order, with their types."""

from __future__ import annotations

import re
from typing import Any

import pytest

from failing_exchange.core.public_trade import BEGAN
from failing_exchange.venues.binance_common.intervals import MONTH, SECONDS
from tests.venues.binance.square import BIRTH, Square

DECIMAL = re.compile(r"^-?\d+\.\d{8}$")
PERCENT = re.compile(r"^-?\d+\.\d{3}$")
TRADE = "id price qty quoteQty time isBuyerMaker isBestMatch"
AGGREGATE = "a p q f l T m M"
MINI = (
    "symbol openPrice highPrice lowPrice lastPrice volume quoteVolume openTime closeTime firstId "
    "lastId count"
)
WINDOW = MINI.replace("symbol", "symbol priceChange priceChangePercent weightedAvgPrice")
DAY = (
    "symbol priceChange priceChangePercent weightedAvgPrice prevClosePrice lastPrice lastQty "
    "bidPrice bidQty askPrice askQty openPrice highPrice lowPrice volume quoteVolume openTime "
    "closeTime firstId lastId count"
)
BEST = "symbol bidPrice bidQty askPrice askQty"
TEXTS = {"symbol"}
NUMBERS = {"openTime", "closeTime", "firstId", "lastId", "count", "time", "id", "a", "f", "l", "T",
           "mins", "lastUpdateId"}  # fmt: skip
FLAGS = {"isBuyerMaker", "isBestMatch", "m", "M"}
ANSWERS: list[tuple[str, dict[str, Any], str]] = [
    ("trades", {}, TRADE),
    ("historicalTrades", {}, TRADE),
    ("aggTrades", {}, AGGREGATE),
    ("avgPrice", {}, "mins price closeTime"),
    ("ticker/24hr", {}, DAY),
    ("ticker/24hr", {"type": "MINI"}, MINI),
    ("ticker/tradingDay", {}, WINDOW),
    ("ticker/tradingDay", {"type": "MINI"}, MINI),
    ("ticker/price", {}, "symbol price"),
    ("ticker/bookTicker", {}, BEST),
    ("ticker", {}, WINDOW),
    ("ticker", {"type": "MINI", "windowSize": "7d"}, MINI),
]


@pytest.fixture(scope="module")
def square() -> Square:
    """Ten seconds into its life."""
    found = Square()
    found.wait(10)
    return found


def check_types(answer: dict[str, Any]) -> None:
    """Prices and amounts are texts of eight places, everything else is what the document shows."""
    for name, value in answer.items():
        if name in NUMBERS:
            assert type(value) is int, name
        elif name in FLAGS:
            assert type(value) is bool, name
        elif name not in TEXTS:
            assert (PERCENT if name.endswith("Percent") else DECIMAL).match(value), name


@pytest.mark.parametrize(("path", "params", "fields"), ANSWERS)
def test_answers_have_the_documents_fields(
    square: Square, path: str, params: dict[str, Any], fields: str
) -> None:
    """Clients unpack them by name, some by place."""
    answer = square.get(path, symbol="BTCUSDT", **params)
    entries = answer if isinstance(answer, list) else [answer]
    assert entries
    for entry in entries:
        assert list(entry) == fields.split()
        check_types(entry)


@pytest.mark.parametrize("path", [path for path, *_ in ANSWERS if path.startswith("ticker")])
def test_several_symbols_make_a_list(square: Square, path: str) -> None:
    """Even a single one: the parameter decides, not the number of markets."""
    one = square.get(path, symbol="BTCUSDT")
    assert square.get(path, symbols='["BTCUSDT"]') == [one]
    both = square.get(path, symbols='["ETHBTC","BTCUSDT"]')
    assert [entry["symbol"] for entry in both] == ["ETHBTC", "BTCUSDT"]


def test_a_book_is_pairs_of_texts(square: Square) -> None:
    """Best prices first; the number of levels is the caller's."""
    book = square.get("depth", symbol="BTCUSDT", limit=7)
    assert list(book) == ["lastUpdateId", "bids", "asks"]
    assert type(book["lastUpdateId"]) is int
    for side, descending in (("bids", True), ("asks", False)):
        levels = book[side]
        assert len(levels) == 7
        assert all(DECIMAL.match(text) for level in levels for text in level)
        prices = [float(level[0]) for level in levels]
        assert prices == sorted(prices, reverse=descending)


@pytest.mark.parametrize("path", ["klines", "uiKlines"])
def test_a_candle_is_a_row_of_twelve(square: Square, path: str) -> None:
    """Times and the number of trades are numbers, the rest is text, the last one is no use."""
    rows = square.get(path, symbol="BTCUSDT", interval="1m", limit=3)
    assert len(rows) == 3
    for row in rows:
        assert [type(value) for value in row] == [int, *[str] * 5, int, str, int, *[str] * 3]
        assert all(DECIMAL.match(row[n]) for n in (1, 2, 3, 4, 5, 7, 9, 10))
        assert row[6] == row[0] + 59_999
        assert row[11] == "0"


def test_microseconds_on_request(square: Square) -> None:
    """Every instant has three digits more, and closing times end in nines."""
    for path, params, _ in ANSWERS:
        answer = square.get(path, symbol="BTCUSDT", micro=True, **params)
        entry = answer[-1] if isinstance(answer, list) else answer
        for name in ("time", "T", "openTime", "closeTime"):
            if name in entry:
                assert 10**15 < entry[name] < 10**16
    row = square.get("klines", symbol="BTCUSDT", interval="1d", limit=1, micro=True)[0]
    assert row[6] == row[0] + 86_400 * 10**6 - 1


def test_windows_open_and_close_as_documented(square: Square) -> None:
    """24 hours to the millisecond, windows from a minute on, trading days whole."""
    now = square.at // 10**6
    day = square.get("ticker/24hr", symbol="BTCUSDT")
    assert (day["openTime"], day["closeTime"]) == (now - 86_400_000, now)
    window = square.get("ticker", symbol="BTCUSDT", windowSize="1h")
    assert window["openTime"] == (now - 3_600_000) // 60_000 * 60_000
    assert window["closeTime"] == now
    trading = square.get("ticker/tradingDay", symbol="BTCUSDT", timeZone="8")
    assert trading["openTime"] == (BIRTH - 8 * 3_600) * 1_000
    assert trading["closeTime"] == trading["openTime"] + 86_400_000 - 1


OPENED = BEGAN * 1_000  # in milliseconds


@pytest.mark.parametrize("interval", [*SECONDS, MONTH])
@pytest.mark.parametrize("zone", ["0", "5:45"])
def test_no_candle_is_older_than_the_market(square: Square, interval: str, zone: str) -> None:
    """An endTime before the first day has none; today's candles would pass for old ones."""
    asked: dict[str, Any] = {"symbol": "BTCUSDT", "interval": interval, "timeZone": zone}
    for until in (0, 1, 999, 1_000, OPENED - 40 * 86_400_000):
        assert square.get("klines", **asked, endTime=until) == []
    first = square.get("klines", **asked, endTime=OPENED, limit=1_000)
    assert len(first) == 1
    assert first[0][0] <= OPENED <= first[0][6]
    assert square.get("klines", **asked, startTime=0, limit=1)[0][6] >= OPENED


def test_no_trade_is_older_than_the_market(square: Square) -> None:
    """The oldest one is found by its time, and by an id before it."""
    asked: dict[str, Any] = {"symbol": "BTCUSDT", "limit": 1_000}
    for until in (0, 1, OPENED - 1):
        assert square.get("aggTrades", **asked, endTime=until) == []
    first = square.get("aggTrades", **asked, endTime=OPENED + 999)
    assert first and all(trade["T"] // 1_000 == BEGAN for trade in first)
    asked["limit"] = 1
    wheres: list[dict[str, Any]] = [{"startTime": 0}, {"startTime": 1}, {"fromId": 0}]
    for where in wheres:
        assert square.get("aggTrades", **asked, **where) == first[:1]
    assert square.get("historicalTrades", **asked, fromId=1)[0]["id"] == first[0]["a"]


def test_a_market_where_nobody_trades_has_no_ids() -> None:
    """As in production: -1, and a count of zero; the book is empty."""
    square = Square(alone=True)
    ticker = square.get("ticker/24hr", symbol="BTCUSDT")
    assert (ticker["firstId"], ticker["lastId"], ticker["count"]) == (-1, -1, 0)
    assert ticker["bidPrice"] == ticker["volume"] == ticker["lastQty"] == "0.00000000"
    assert square.get("klines", symbol="BTCUSDT", interval="1m") == []
    assert square.get("aggTrades", symbol="BTCUSDT") == []
    book = square.get("depth", symbol="BTCUSDT")
    assert book["bids"] == book["asks"] == []


REFUSALS: list[tuple[str, dict[str, Any], int]] = [
    ("depth", {}, -1102),
    ("depth", {"symbol": "BTCUSD"}, -1121),
    ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
    ("klines", {"symbol": "BTCUSDT", "interval": "1d", "timeZone": "15:00"}, -1130),
    ("aggTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 5}, -1128),
    ("ticker/24hr", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
    ("ticker/24hr", {"symbol": "BTCUSDT", "type": "TINY"}, -1139),
    ("ticker", {"symbol": "BTCUSDT", "windowSize": "60m"}, -1130),
    ("ticker/price", {"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
    ("ticker/price", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
    ("depth", {"symbol": "BTCUSDT", "symbolStatus": "BREAK"}, -1220),
]


@pytest.mark.parametrize(("path", "params", "code"), REFUSALS)
def test_what_the_venue_refuses(
    square: Square, path: str, params: dict[str, Any], code: int
) -> None:
    """By the code that clients branch on."""
    assert square.get(path, **params)["code"] == code
