"""What market streams push: the documents' fields in their order, with REST's values."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters
from typing import Any

import pytest

from failing_exchange.core.queries import (
    FetchAveragePrice,
    FetchBook,
    FetchCandles,
    FetchTicker,
    FetchTrades,
)
from failing_exchange.core.units import SECOND
from failing_exchange.feeds.book_delta import BookView
from failing_exchange.venues.binance import stream_events as events
from failing_exchange.venues.binance_common.intervals import next_edge, start_of
from tests.venues.binance.square import BTC, Square
from tests.venues.binance.test_market_data import DECIMAL, PERCENT

# web-socket-streams.md, "Payload" of each stream, 2026-07-21. A field is a decimal text, unless
# marked: # a whole number, ? a flag, % per cent, " another text, * levels, {} fields of its own.
FIELDS = {
    "trade": 'e" E# s" t# p q T# m? M?',
    "aggTrade": 'e" E# s" a# p q f# l# T# m? M?',
    "kline": 'e" E# s" k{}',
    "k": 't# T# s" i" f# L# o c h l v n# x? q V Q B"',
    "24hrMiniTicker": 'e" E# s" c o h l v q',
    "24hrTicker": 'e" E# s" p P% w x c Q b B a A o h l v q O# C# F# L# n#',
    "1hTicker": 'e" E# s" p P% o h l c w v q O# C# F# L# n#',
    "avgPrice": 'e" E# s" i" w T#',
    "depthUpdate": 'e" E# s" U# u# b* a*',
    "bookTicker": 'u# s" b B a A',
    "depth": "lastUpdateId# bids* asks*",
}


class Pushes:
    """What the streams of BTC say at one moment."""

    def __init__(self, square: Square) -> None:
        self.square = square
        self.at = square.at

    def ask(self, query: Any) -> Any:
        """Read the market."""
        return self.square.engine.execute(query, self.at)[1]

    def trade(self, micro: bool = False) -> Any:
        """<symbol>@trade."""
        return events.trade(self.ask(FetchTrades("", BTC, limit=1)), self.at, micro=micro)

    def aggregate(self, micro: bool = False) -> Any:
        """<symbol>@aggTrade."""
        found = self.ask(FetchTrades("", BTC, limit=1, takers=True))
        return events.agg_trade(found, self.at, micro=micro)

    def kline(self, interval: str = "1m", offset: int = 0, micro: bool = False) -> Any:
        """<symbol>@kline_<interval>."""
        start = start_of(interval, self.at // SECOND, offset)
        edges = (start, next_edge(interval, start, offset))
        query = FetchCandles("", BTC, edges[1] - edges[0], edges=edges, ends=True)
        return events.kline(self.ask(query), self.at, micro=micro, interval=interval, offset=offset)

    def mini(self, micro: bool = False) -> Any:
        """<symbol>@miniTicker."""
        return events.mini_ticker(self.ask(FetchTicker("", BTC)), self.at, micro=micro, window="")

    def ticker(self, micro: bool = False) -> Any:
        """<symbol>@ticker."""
        found = self.ask(FetchTicker("", BTC, ends=True))
        return events.ticker(found, self.at, micro=micro, window="")

    def window(self, micro: bool = False) -> Any:
        """<symbol>@ticker_1h."""
        since = (self.at // SECOND - 3_600) // 60 * 60
        found = self.ask(FetchTicker("", BTC, since=since, ends=True))
        return events.window_ticker(found, self.at, micro=micro, window="1h")

    def average(self, micro: bool = False) -> Any:
        """<symbol>@avgPrice."""
        return events.average(self.ask(FetchAveragePrice("", BTC)), self.at, micro=micro)

    def diff(self, micro: bool = False) -> Any:
        """<symbol>@depth: what a second has changed."""
        view = BookView(self.ask(FetchBook("", BTC)))
        self.square.wait(1)
        self.at = self.square.at
        update = view.update(self.ask(FetchBook("", BTC)))
        assert update is not None
        return events.depth(update, self.at, micro=micro)

    def best(self, micro: bool = False) -> Any:
        """<symbol>@bookTicker."""
        return events.book_ticker(self.ask(FetchBook("", BTC, 1)))

    def top(self, micro: bool = False) -> Any:
        """<symbol>@depth5."""
        return events.partial_depth(self.ask(FetchBook("", BTC, 5)))


KINDS: dict[str, Callable[..., Any]] = {
    "trade": Pushes.trade, "aggTrade": Pushes.aggregate, "kline": Pushes.kline,
    "24hrMiniTicker": Pushes.mini, "24hrTicker": Pushes.ticker, "1hTicker": Pushes.window,
    "avgPrice": Pushes.average, "depthUpdate": Pushes.diff, "bookTicker": Pushes.best,
    "depth": Pushes.top,
}  # fmt: skip


@pytest.fixture
def pushes() -> Pushes:
    """A minute and a half into a market's life, half a second past."""
    square = Square()
    square.wait(90)
    square.at += SECOND // 2
    return Pushes(square)


CHECKS: dict[str, Callable[[Any], object]] = {
    "": DECIMAL.match,
    "%": PERCENT.match,
    "#": lambda value: type(value) is int,
    "?": lambda value: type(value) is bool,
    '"': lambda value: type(value) is str,
    "*": lambda levels: all(DECIMAL.match(text) for level in levels for text in level),
    "{}": lambda inner: check(inner, FIELDS["k"]),
}


def check(event: dict[str, Any], fields: str) -> bool:
    """Names in order, each of its type."""
    said = [(name.rstrip('#?%*{}"'), name.lstrip(ascii_letters)) for name in fields.split()]
    assert list(event) == [name for name, _ in said]
    for name, mark in said:
        assert CHECKS[mark](event[name]), (name, event[name])
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_pushes_have_the_documents_fields(pushes: Pushes, kind: str) -> None:
    """In the documents' order, of the documents' types."""
    event = KINDS[kind](pushes)
    check(event, FIELDS[kind])
    if "e" in event:
        assert (event["e"], event["s"]) == (kind, "BTCUSDT")
        assert event["E"] == pushes.at // 10**6


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("bookTicker", "depth")])
def test_pushes_tell_microseconds_on_request(pushes: Pushes, kind: str) -> None:
    """All instants, in candles as well."""
    event = KINDS[kind](pushes, micro=True)
    for name in ("E", "T", "O", "C"):
        if name in event:
            assert 10**15 < event[name] < 10**16
    if kind == "kline":
        k = event["k"]
        assert k["T"] - k["t"] == 60 * 10**6 - 1


def test_a_candle_is_a_row_of_rest(pushes: Pushes) -> None:
    """The one that forms; its ids are those of trades that can be fetched."""
    square, k = pushes.square, pushes.kline()["k"]
    row = square.get("klines", symbol="BTCUSDT", interval="1m", limit=1)[0]
    assert [k[name] for name in "tohlcvTqnVQ"] == row[:11]
    trades = square.get("aggTrades", symbol="BTCUSDT", startTime=k["t"], limit=1_000)
    assert (k["f"], k["L"]) == (trades[0]["f"], trades[-1]["l"])
    assert k["x"] is False


def test_a_candle_of_a_second_counts_its_trades() -> None:
    """As REST does, exactly; one in which nobody traded has the ids -1."""
    square = Square(alone=True)
    for _ in range(3):
        square.sell(100, 5_000_000)
    square.buy(300, 5_000_000)
    k = Pushes(square).kline("1s")["k"]
    row = square.get("klines", symbol="BTCUSDT", interval="1s", limit=1)[0]
    assert [k[name] for name in "tohlcvTqnVQ"] == row[:11]
    assert (k["n"], k["V"], k["L"] - k["f"]) == (3, "0.00300000", 2)
    quiet = Square()
    while quiet.get("klines", symbol="BTCUSDT", interval="1s", limit=1)[0][8]:
        quiet.wait(1)
    k = Pushes(quiet).kline("1s")["k"]
    assert (k["n"], k["f"], k["L"], k["v"]) == (0, -1, -1, "0.00000000")


def test_a_candle_that_has_closed_ends_with_its_last_trade(pushes: Pushes) -> None:
    """It is pushed when the next one has begun, whose trades are not in it."""
    square = pushes.square
    start = start_of("1m", square.at // SECOND)
    square.wait(start + 60 - square.at // SECOND)
    query = FetchCandles("", BTC, 60, edges=(start, start + 60), ends=True)
    found = square.engine.execute(query, square.at)[1]
    event = events.kline(found, square.at, micro=False, interval="1m", offset=0)
    assert event["k"]["x"] is True
    assert event["k"]["L"] // 10**6 < start + 60


@pytest.mark.parametrize("offset", [0, 28_800])
def test_a_month_of_another_zone_ends_at_its_own_midnight(pushes: Pushes, offset: int) -> None:
    """In UTC+8 the year is eight hours older."""
    k = pushes.kline("1M", offset)["k"]
    assert k["t"] == (1_767_225_600 - offset) * 1_000
    assert k["T"] - k["t"] == 31 * 86_400_000 - 1


def test_tickers_say_what_rest_says(pushes: Pushes) -> None:
    """Every field of the long forms."""
    rest = pushes.square.get("ticker/24hr", symbol="BTCUSDT")
    event = pushes.ticker()
    assert {name: event[name] for name in events.DAY_FIELDS} == {
        n: rest[r] for n, r in events.DAY_FIELDS.items()
    }
    rest = pushes.square.get("ticker", symbol="BTCUSDT", windowSize="1h")
    event = pushes.window()
    assert {n: event[n] for n in events.WINDOW} == {n: rest[r] for n, r in events.WINDOW.items()}
    average = pushes.square.get("avgPrice", symbol="BTCUSDT")
    event = pushes.average()
    assert (event["w"], event["T"]) == (average["price"], average["closeTime"])


def test_books_say_what_rest_says(pushes: Pushes) -> None:
    """The best prices, the first levels, and a snapshot that grows by what has changed."""
    square = pushes.square
    book = square.get("depth", symbol="BTCUSDT", limit=5)
    assert pushes.top() == book
    best = pushes.best()
    assert [[best["b"], best["B"]]] == book["bids"][:1]
    assert [[best["a"], best["A"]]] == book["asks"][:1]
    before = square.get("depth", symbol="BTCUSDT")
    event = pushes.diff()
    after = square.get("depth", symbol="BTCUSDT")
    assert event["U"] <= before["lastUpdateId"] < event["u"] < after["lastUpdateId"]
    assert event["u"] - event["U"] + 1 >= len(event["b"]) + len(event["a"])
    for side, changed in (("bids", event["b"]), ("asks", event["a"])):
        levels = dict(before[side]) | dict(changed)
        left = {p: q for p, q in levels.items() if float(q)}
        assert all(left[price] == amount for price, amount in after[side])
