"""What market data say of one time agrees, whichever way a client asks."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from failing_exchange.core.candles import claimed
from tests.venues.binance.square import Square

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def moved() -> Square:
    """An hour of a background, in which bob has taken alice's offers and a bit more."""
    square = Square()
    for n in range(30):
        square.wait(113)
        ticks = square.best_ask() - 1
        square.sell(2_000, ticks)
        square.sell(1_000, ticks)
        square.buy(2_500 + 40 * n, ticks + 3)
    square.wait(210)
    return square


@pytest.fixture(scope="module")
def square() -> Square:
    """A market in which clients have traded."""
    return moved()


def trades_of(square: Square, since: int, until: int, path: str = "aggTrades") -> list[Any]:
    """All of [since, until), a page at a time, as a client collects them."""
    found: list[Any] = []
    page = square.get(path, symbol="BTCUSDT", startTime=since, endTime=until - 1, limit=50)
    while page:
        found += [entry for entry in page if entry["T"] < until]
        if len(page) < 50 or page[-1]["T"] >= until:
            return found
        page = square.get(path, symbol="BTCUSDT", fromId=page[-1]["a"] + 1, limit=50)
    return found


def summed(trades: list[Any]) -> tuple[str, str, str, str, Decimal]:
    """The candle that trades make: prices and amount."""
    prices = [entry["p"] for entry in trades]
    return (
        prices[0], max(prices, key=Decimal), min(prices, key=Decimal), prices[-1],
        sum((Decimal(entry["q"]) for entry in trades), Decimal(0)),
    )  # fmt: skip


def test_candles_are_what_trades_add_up_to(square: Square) -> None:
    """Prices and volume of each minute; a bot that builds its own candles finds the venue's."""
    rows = square.get("klines", symbol="BTCUSDT", interval="1m", limit=8)[:-1]
    assert len(rows) == 7
    for at, opened, high, low, close, volume, *_ in rows:
        found = summed(trades_of(square, at, at + MINUTE))
        assert found == (opened, high, low, close, Decimal(volume))


def test_seconds_count_their_trades(square: Square) -> None:
    """How many trades and how much takers bought is exact for candles of a second."""
    rows = square.get("klines", symbol="BTCUSDT", interval="1s", limit=400)
    assert len(rows) == 400
    for row in rows:
        trades = trades_of(square, row[0], row[0] + SECOND)
        bought = sum((Decimal(t["q"]) for t in trades if not t["m"]), Decimal(0))
        assert row[8] == sum(t["l"] - t["f"] + 1 for t in trades)
        assert (Decimal(row[5]), Decimal(row[9])) == (
            sum((Decimal(t["q"]) for t in trades), Decimal(0)), bought,
        )  # fmt: skip
    assert min(row[8] for row in rows) == 0  # quiet ones are among them
    assert any(t["l"] > t["f"] for t in trades_of(square, rows[0][0], rows[-1][6]))


@pytest.mark.parametrize("interval", ["3m", "5m", "15m", "30m", "1h"])
def test_longer_candles_are_what_minutes_add_up_to(square: Square, interval: str) -> None:
    """Whatever the timeframe, also where clients have traded."""
    row = square.get("klines", symbol="BTCUSDT", interval=interval, limit=2)[0]
    minutes = square.get(
        "klines", symbol="BTCUSDT", interval="1m", startTime=row[0], endTime=row[6], limit=1_000
    )
    assert (row[1], row[4]) == (minutes[0][1], minutes[-1][4])
    assert Decimal(row[2]) == max(Decimal(m[2]) for m in minutes)
    assert Decimal(row[3]) == min(Decimal(m[3]) for m in minutes)
    assert Decimal(row[5]) == sum(Decimal(m[5]) for m in minutes)
    assert abs(row[8] - sum(m[8] for m in minutes)) <= len(minutes)
    assert Decimal(row[9]) < Decimal(row[5])


def test_a_ticker_is_the_candle_of_its_window(square: Square) -> None:
    """Open, high, low, close, volume and number of trades of a window of whole minutes."""
    ticker = square.get("ticker", symbol="BTCUSDT", windowSize="30m")
    rows = square.get(
        "klines", symbol="BTCUSDT", interval="1m", startTime=ticker["openTime"], limit=100
    )
    assert len(rows) == 31
    assert (ticker["openPrice"], ticker["lastPrice"]) == (rows[0][1], rows[-1][4])
    assert Decimal(ticker["highPrice"]) == max(Decimal(row[2]) for row in rows)
    assert Decimal(ticker["lowPrice"]) == min(Decimal(row[3]) for row in rows)
    assert Decimal(ticker["volume"]) == sum(Decimal(row[5]) for row in rows)
    change = Decimal(ticker["lastPrice"]) - Decimal(ticker["openPrice"])
    assert Decimal(ticker["priceChange"]) == change
    average = Decimal(ticker["quoteVolume"]) / Decimal(ticker["volume"])
    assert abs(Decimal(ticker["weightedAvgPrice"]) - average) < Decimal("0.00001")


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHBTC"])
@pytest.mark.parametrize("path", ["ticker/24hr", "ticker", "ticker/tradingDay"])
def test_the_ids_of_a_ticker_are_trades(square: Square, path: str, symbol: str) -> None:
    """The first one and the last one can be fetched by their ids, and nothing lies beyond."""
    ticker = square.get(path, symbol=symbol)
    first, last = (
        square.get("historicalTrades", symbol=symbol, fromId=ticker[name], limit=1)[0]
        for name in ("firstId", "lastId")
    )
    assert (first["id"], last["id"]) == (ticker["firstId"], ticker["lastId"])
    assert square.get("trades", symbol=symbol, limit=1) == [last]
    if path == "ticker/24hr":
        assert (ticker["lastPrice"], ticker["lastQty"]) == (last["price"], last["qty"])
        opened = (ticker["openTime"] // MINUTE + 1) * MINUTE  # counted by the minute
    else:
        opened = ticker["openTime"]
    found = square.get("aggTrades", symbol=symbol, startTime=opened, limit=1)
    assert found[0]["f"] == first["id"]


def test_best_prices_are_the_books(square: Square) -> None:
    """The book's first level, the two tickers' and the 24 hours' are one."""
    book = square.get("depth", symbol="BTCUSDT", limit=1)
    best = square.get("ticker/bookTicker", symbol="BTCUSDT")
    assert [[best["bidPrice"], best["bidQty"]]] == book["bids"]
    assert [[best["askPrice"], best["askQty"]]] == book["asks"]
    day = square.get("ticker/24hr", symbol="BTCUSDT")
    assert best == {name: day[name] for name in best}
    assert square.get("ticker/price", symbol="BTCUSDT")["price"] == day["lastPrice"]


def test_the_average_is_that_of_the_last_five_minutes(square: Square) -> None:
    """It values market orders, so a bot must be able to foresee it."""
    found = square.get("avgPrice", symbol="BTCUSDT")
    now = square.at // 10**6 // SECOND * SECOND
    trades = trades_of(square, now - 299 * SECOND, now + SECOND)
    amount = sum((Decimal(t["q"]) for t in trades), Decimal(0))
    exact = sum((Decimal(t["q"]) * Decimal(t["p"]) for t in trades), Decimal(0)) / amount
    assert abs(Decimal(found["price"]) / exact - 1) < Decimal("0.0001")  # costs are estimated
    assert found["closeTime"] == trades[-1]["T"]


# ---- aggregates


def test_trades_of_one_taker_at_one_price_are_one_aggregate() -> None:
    """Two makers at one price and one at the next: three trades, two aggregates."""
    square = Square(alone=True)
    for lots, ticks in ((100, 5_000_000), (200, 5_000_000), (300, 5_000_001)):
        square.sell(lots, ticks)
    square.buy(600, 5_000_001)
    trades = square.get("trades", symbol="BTCUSDT")
    first, second = square.get("aggTrades", symbol="BTCUSDT")
    assert [t["qty"] for t in trades] == ["0.00100000", "0.00200000", "0.00300000"]
    assert (first["a"], first["f"], first["l"]) == (
        trades[0]["id"], trades[0]["id"], trades[1]["id"],
    )  # fmt: skip
    assert (first["p"], first["q"], first["m"]) == ("50000.00000000", "0.00300000", False)
    assert (second["a"], second["q"]) == (trades[2]["id"], "0.00300000")
    row = square.get("klines", symbol="BTCUSDT", interval="1m")[0]
    assert (row[8], row[9]) == (3, "0.00600000")  # nobody else trades: all are counted
    day = square.get("ticker/24hr", symbol="BTCUSDT")
    assert (day["count"], day["firstId"], day["lastId"]) == (3, trades[0]["id"], trades[2]["id"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(1, 7))
def test_pages_of_aggregates_lose_and_double_nothing(sizes: list[int], limit: int) -> None:
    """However large the pages and the aggregates: none is cut apart at the end of a page."""
    square = Square(alone=True)
    for size in sizes:
        for _ in range(size):
            square.sell(100, 5_000_000)
        square.buy(100 * size, 5_000_000)
    whole = square.get("aggTrades", symbol="BTCUSDT")
    assert [entry["q"] for entry in whole] == [f"0.00{size}00000" for size in sizes]
    found: list[Any] = []
    page = square.get("aggTrades", symbol="BTCUSDT", fromId=0, limit=limit)
    while page:
        assert len(page) <= limit
        found += page
        page = square.get("aggTrades", symbol="BTCUSDT", fromId=found[-1]["a"] + 1, limit=limit)
    assert found == whole
    assert square.get("aggTrades", symbol="BTCUSDT", limit=limit) == whole[-limit:]


def test_ids_grow_by_time_over_both_kinds_of_trades(square: Square) -> None:
    """A client remembers the last id that it has seen, and asks for what comes after."""
    now = square.at // 10**6
    found = trades_of(square, now - 10 * MINUTE, now)
    ids = [entry["a"] for entry in found]
    assert ids == sorted(set(ids))
    assert [e["T"] for e in found] == sorted(e["T"] for e in found)
    assert any(entry["l"] > entry["f"] for entry in found)
    assert any(entry["l"] == entry["f"] for entry in found)


def test_candles_claim_no_more_trades_than_lots() -> None:
    """Each trade is of one lot at least, so an estimate above that would be a lie."""
    assert (claimed(0, 60), claimed(7, 60), claimed(10**6, 60)) == (0, 7, 180)


# ---- other time zones, weeks and months


@pytest.mark.parametrize("zone", ["0", "8", "-3:30"])
@pytest.mark.parametrize("interval", ["3d", "1w", "1M"])
def test_long_candles_are_what_days_add_up_to(square: Square, interval: str, zone: str) -> None:
    """Also where weeks and months begin at another midnight."""
    row = square.get("klines", symbol="BTCUSDT", interval=interval, timeZone=zone, limit=2)[0]
    days = square.get(
        "klines", symbol="BTCUSDT", interval="1d", timeZone=zone, startTime=row[0],
        endTime=row[6], limit=40,
    )  # fmt: skip
    assert (days[0][0], days[-1][6]) == (row[0], row[6])
    assert (row[1], row[4]) == (days[0][1], days[-1][4])
    assert Decimal(row[5]) == sum(Decimal(day[5]) for day in days)
    assert all(b[0] - a[0] == DAY for a, b in pairwise(days))


# ---- the beginning of all


LISTED = 1_502_942_400_000  # 2017-08-17, 4:00, as in production
MIDNIGHT = LISTED - 4 * HOUR


@pytest.mark.parametrize(
    ("interval", "opened"),
    [("1m", LISTED), ("1d", MIDNIGHT), ("1w", MIDNIGHT - 3 * DAY), ("1M", MIDNIGHT - 16 * DAY)],
)
def test_the_first_candle_there_is_can_be_asked_for(
    square: Square, interval: str, opened: int
) -> None:
    """Clients send a startTime of 0 to learn since when a market is traded."""
    rows = square.get("klines", symbol="BTCUSDT", interval=interval, startTime=0, limit=2)
    assert len(rows) == 2
    assert (rows[0][0], rows[1][0]) == (opened, rows[0][6] + 1)
    older: dict[str, Any] = {"symbol": "BTCUSDT", "interval": interval, "endTime": opened - 1}
    assert square.get("klines", **older) == []
    assert square.get("klines", **older | {"endTime": opened}) == rows[:1]


def test_old_trades_can_be_asked_for_by_time_and_by_id(square: Square) -> None:
    """A month ago somebody traded, too; the oldest there are come first."""
    month = square.at // 10**6 - 30 * DAY
    by_time = square.get("aggTrades", symbol="BTCUSDT", startTime=month, limit=5)
    assert len(by_time) == 5
    assert by_time[0]["T"] - month < 60 * SECOND
    by_id = square.get("historicalTrades", symbol="BTCUSDT", fromId=by_time[0]["f"], limit=5)
    assert [entry["id"] for entry in by_id] == [entry["f"] for entry in by_time]
    oldest = square.get("aggTrades", symbol="BTCUSDT", startTime=0, limit=5)
    assert oldest == square.get("aggTrades", symbol="BTCUSDT", fromId=0, limit=5)
    assert oldest[0]["T"] < month
    assert [entry["a"] for entry in oldest] == sorted(entry["a"] for entry in oldest)
