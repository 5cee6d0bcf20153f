"""Market streams: how they are subscribed to, and what each of them pushes when."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from failing_exchange import FailingExchange
from failing_exchange.core.commands import SetMarketStatus
from failing_exchange.core.market import MarketStatus
from failing_exchange.feeds.market_feeds import Feeds
from failing_exchange.feeds.sources import CANDLES_A_PUSH_MAX, EngineView
from failing_exchange.server.conversation import Join, Leave, Opened, Send
from failing_exchange.server.messages import Request
from failing_exchange.venue.api_changes import Features
from failing_exchange.venues.binance.spot_changes import CHANGES
from failing_exchange.venues.binance.spot_streams import SpotStreams
from failing_exchange.venues.binance.stream_topics import topic
from failing_exchange.venues.binance_common.market_streams import METHODS, RefusedCommand, read
from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.streams import streams


def test_a_stream_in_the_path_pushes_at_once_and_raw() -> None:
    """The simplest of all clients."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@trade") as socket:
            trade = await socket.next()
            assert (trade["e"], trade["s"], trade["M"]) == ("trade", "BTCUSDT", True)
            assert trade["E"] == int(time.time() * 1000)

    on_the_wire(story)


def test_combined_streams_say_which_one_speaks() -> None:
    """One connection for many markets is what most bots use."""

    async def story(client: Client) -> None:
        path = "/stream?streams=btcusdt@miniTicker/ethusdt%40miniTicker"
        async with streams(client, path) as socket:
            first, second = await socket.take(2)
            assert first["stream"] == "btcusdt@miniTicker"
            assert (second["stream"], second["data"]["s"]) == ("ethusdt@miniTicker", "ETHUSDT")
            assert first["data"]["e"] == "24hrMiniTicker"

    on_the_wire(story)


def test_streams_are_subscribed_listed_and_left_on_an_open_connection() -> None:
    """The replies are those of the document, word for word."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/any-token-will-do") as socket:
            names = ["btcusdt@aggTrade", "btcusdt@depth"]
            assert await socket.ask("SUBSCRIBE", names, 1) == {"result": None, "id": 1}
            assert await socket.ask("LIST_SUBSCRIPTIONS", id="x-1") == {
                "result": names,
                "id": "x-1",
            }
            answer = await socket.ask("UNSUBSCRIBE", ["btcusdt@depth"], None)
            assert answer == {"result": None, "id": None}
            left = await socket.ask("LIST_SUBSCRIPTIONS", id=-5)
            assert left == {"result": ["btcusdt@aggTrade"], "id": -5}
            assert (await socket.next())["e"] == "aggTrade"

    on_the_wire(story)


def test_a_session_is_text_in_and_actions_out() -> None:
    """No socket, no loop: what a connection is told can be read off."""
    feeds = Feeds(FailingExchange().venue)
    done: list[Any] = []
    request = Request("GET", "/ws/btcusdt@trade/token", "", {}, b"", "127.0.0.1")
    features = Features(CHANGES, None)
    session = SpotStreams(feeds, None, features, Opened("ws-1", request, 0, done.append))
    (join,) = session.opened(0)
    assert isinstance(join, Join)
    assert [one.key for one in join.topics] == [("btcusdt@trade", False)]
    more = session.heard('{"method":"SUBSCRIBE","params":["ethusdt@trade","nothing"],"id":1}', 0)
    joined, told = more
    assert isinstance(joined, Join)
    assert [one.key for one in joined.topics] == [("ethusdt@trade", False)]
    assert told == Send(b'{"result":null,"id":1}')
    left, _ = session.heard('{"method":"UNSUBSCRIBE","params":["btcusdt@trade","x"],"id":2}', 0)
    assert left == Leave(("btcusdt@trade", False))
    assert (list(session.streams), done) == (["ethusdt@trade", "nothing"], [])


def test_combined_is_a_property_that_can_be_changed() -> None:
    """It is false for /ws and true for /stream."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@ticker") as socket:
            assert await socket.ask("GET_PROPERTY", ["combined"], 2) == {"result": False, "id": 2}
            assert (await socket.next())["e"] == "24hrTicker"
            answer = await socket.ask("SET_PROPERTY", ["combined", True], 5)
            assert answer == {"result": None, "id": 5}
            assert (await socket.next())["stream"] == "btcusdt@ticker"
        async with streams(client, "/stream") as socket:
            assert (await socket.ask("GET_PROPERTY", ["combined"]))["result"] is True

    on_the_wire(story)


VARIANTS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
NO_ID = "Invalid request: request ID must be an unsigned integer"
REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ('{"method":"SET_PROPERTY","params":["x",true],"id":7}',
     {"code": 0, "msg": "Unknown property", "id": 7}),
    ('{"method":"GET_PROPERTY","params":["x"],"id":8}',
     {"code": 0, "msg": "Unknown property", "id": 8}),
    ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}',
     {"code": 1, "msg": "Invalid value type: expected Boolean"}),
    ('{"method":"SET_PROPERTY","params":[1,true],"id":1}',
     {"code": 2, "msg": "Invalid request: property name must be a string"}),
    ('{"method":"GET_PROPERTY","id":1}',
     {"code": 2, "msg": "Invalid request: property name must be a string"}),
    ('{"method":"SUBSCRIBE","params":["btcusdt@trade"]}', {"code": 2, "msg": NO_ID}),
    ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1.5}', {"code": 2, "msg": NO_ID}),
    ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":9223372036854775808}',
     {"code": 2, "msg": NO_ID}),
    ('{"method":"LIST_SUBSCRIPTIONS","id":"%s"}' % ("x" * 37), {"code": 2, "msg": NO_ID}),
    ('{"method":"SUBSCRIBED","id":1}',
     {"code": 2, "msg": f"Invalid request: unknown variant `SUBSCRIBED`, expected one of {VARIANTS}"
                        " at line 1 column 22"}),
    ('{"method":"GET_PROPERTY","params":["combined",1],"id":1}',
     {"code": 2, "msg": "Invalid request: too many parameters"}),
    ('{"params":["btcusdt@trade"],"id":1}',
     {"code": 2, "msg": "Invalid request: missing field `method` at line 1 column 35"}),
    ("hello", {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}),
]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
REQUESTS = st.fixed_dictionaries(
    {"method": st.sampled_from(METHODS) | JSON}, optional={"params": JSON, "id": JSON}
)


@given(st.one_of(st.text(), JSON.map(json.dumps), REQUESTS.map(json.dumps)))
def test_any_text_is_understood_or_refused(text: str) -> None:
    """What a client says must never break the venue."""
    try:
        asked = read(text)
    except RefusedCommand as no:
        assert no.answer["code"] in (2, 3)
    else:
        assert asked.method in METHODS


@pytest.mark.parametrize(("sent", "answer"), REFUSALS)
def test_a_bad_request_is_refused_in_the_venues_words(sent: str, answer: dict[str, Any]) -> None:
    """A client's parser of errors has to meet the real ones."""

    async def story(client: Client) -> None:
        async with streams(client) as socket:
            await socket.say(sent)
            assert await socket.next() == answer

    on_the_wire(story)


def test_a_name_that_no_stream_has_is_accepted_and_stays_silent() -> None:
    """Upper case is the classic mistake: an answer comes, and then nothing."""

    async def story(client: Client) -> None:
        async with streams(client) as socket:
            names = ["BTCUSDT@trade", "btcusdt@trades", "nousdt@trade", "!ticker@arr"]
            assert (await socket.ask("SUBSCRIBE", names))["result"] is None
            assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == names
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(socket.next(), 15)

    on_the_wire(story)


def test_a_connection_may_have_1024_streams() -> None:
    """One more is refused, and those there go on."""

    async def story(client: Client) -> None:
        async with streams(client) as socket:
            names = [f"coin{n}usdt@trade" for n in range(1_024)]
            assert (await socket.ask("SUBSCRIBE", names))["result"] is None
            assert (await socket.ask("SUBSCRIBE", names[:5]))["result"] is None
            assert (await socket.ask("SUBSCRIBE", ["btcusdt@trade"]))["code"] == 2
            assert len((await socket.ask("LIST_SUBSCRIPTIONS"))["result"]) == 1_024

    on_the_wire(story)


def test_microseconds_are_for_those_who_ask() -> None:
    """Both kinds of clients may listen to the same stream."""

    async def story(client: Client) -> None:
        path = "/stream?streams=btcusdt@trade&timeUnit="
        async with (
            streams(client, path + "MICROSECOND") as fine,
            streams(client, path + "microsecond") as fine_too,
            streams(client, "/ws/btcusdt@trade") as coarse,
        ):
            micro, same, milli = await fine.next(), await fine_too.next(), await coarse.next()
            assert micro == same
            assert micro["data"]["E"] == milli["E"] * 1_000
            assert micro["data"]["T"] == milli["T"] * 1_000

    on_the_wire(story)


def test_a_clients_own_trade_is_pushed_when_it_is_made() -> None:
    """The background moves in whole seconds; orders do not wait for it."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@trade") as socket:
            await asyncio.sleep(0.35)
            placed = await client.order(type="MARKET", timeInForce=None, price=None)
            fill = placed.body["fills"][0]
            trade = await socket.next()
            assert (trade["t"], trade["p"], trade["q"]) == (
                fill["tradeId"], fill["price"], fill["qty"],
            )  # fmt: skip
            assert (trade["T"], trade["m"]) == (placed.body["transactTime"], False)

    on_the_wire(story)


def test_the_prints_of_one_order_at_one_price_are_one_aggregate_trade() -> None:
    """Its ids span those of the single trades."""

    async def story(client: Client) -> None:
        path = "/stream?streams=btcusdt@trade/btcusdt@aggTrade"
        async with streams(client, path) as socket:
            other = client.venue.exchange.client("other")
            asks = (await other.fetch_order_book("BTC/USDT"))["asks"]
            price = round(asks[0][0] - 0.01, 2)
            for _ in range(2):
                await other.create_order("BTC/USDT", "limit", "sell", 0.01, price)
            await client.order(quantity="0.02", price=str(price))
            first, second, both = [message["data"] for message in await socket.take(3)]
            assert (first["e"], second["e"], both["e"]) == ("trade", "trade", "aggTrade")
            assert (both["f"], both["l"], both["q"]) == (first["t"], second["t"], "0.02000000")

    on_the_wire(story)


def test_a_candle_is_pushed_while_it_forms_and_when_it_closes() -> None:
    """Bots act on `x`; it comes once, and the next candle begins where this one ends."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@kline_1m") as socket:
            ended: list[Any] = []
            began: list[Any] = []
            for _ in range(65):
                event = await socket.next()
                (ended if event["k"]["x"] else began).append(event)
            assert len(ended) == 2
            candle = ended[0]["k"]
            assert ended[0]["E"] == candle["T"] + 1
            assert began[-1]["k"]["t"] == candle["t"] + 120_000
            rest = await client.venue.exchange.fetch_ohlcv("BTC/USDT", "1m", candle["t"], 1)
            shown = [float(candle[name]) for name in "ohlcv"]
            assert shown == rest[0][1:]
            assert began[1]["E"] - began[0]["E"] == 2_000

    on_the_wire(story)


def test_candles_of_other_time_zones_close_at_their_own_midnight() -> None:
    """UTC+8 is eight hours ahead."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@kline_1d@+08:00") as socket:
            event = await socket.next()
            assert event["k"]["t"] % 86_400_000 == 16 * 3_600_000
            assert event["k"]["T"] - event["k"]["t"] == 86_400_000 - 1

    on_the_wire(story)


LATE = [
    ("1s", "", 0.4, 4.3, 4), ("1s", "", 0.0, 200.0, CANDLES_A_PUSH_MAX), ("1m", "", 30.0, 200.0, 3),
    ("1h", "@+08:00", 1_000.0, 9_000.0, 2), ("1d", "@+08:00", 4_000.0, 200_000.0, 2),
    ("1M", "@+08:00", 0.0, 70 * 86_400.0, 2),
]  # fmt: skip


@pytest.mark.parametrize(("interval", "zone", "first", "late", "count"), LATE)
def test_a_late_beat_makes_up_for_each_candle_that_closed_meanwhile(
    interval: str, zone: str, first: float, late: float, count: int
) -> None:
    """A busy or stopped process must not melt seconds into one candle; REST has the same ones."""

    async def story(client: Client) -> None:
        await asyncio.sleep(first)
        gateway = client.venue.exchange.venue.gateway
        found = topic(f"btcusdt@kline_{interval}{zone}", ["BTC/USDT"], micro=False)
        assert found is not None
        source = found.source(EngineView(gateway.engine), gateway.clock.now())
        await asyncio.sleep(late)
        now = gateway.clock.now()
        gateway.settle(now)
        pushed = [found.write(one, now)["k"] for one in source.new(now)]
        assert [k["x"] for k in pushed] == [True] * count
        query = {"symbol": "BTCUSDT", "interval": interval, "limit": count + 1}
        if zone:
            query["timeZone"] = zone[1:]
        rest = (await client.public("GET", "/api/v3/klines", **query)).body[:-1]
        assert [[k[name] for name in "tohlcvTqnVQ"] for k in pushed] == [row[:11] for row in rest]
        assert not any(
            one.bars[-1].at * 1_000 in (k["t"] for k in pushed) for one in source.new(now)
        )

    on_the_wire(story, seed=77)


@pytest.mark.parametrize(
    ("name", "event"),
    [("ticker", "24hrTicker"), ("miniTicker", "24hrMiniTicker"), ("ticker_1h", "1hTicker"),
     ("ticker_4h", "4hTicker"), ("ticker_1d", "1dTicker"), ("avgPrice", "avgPrice"),
     ("kline_1s", "kline"), ("kline_1M", "kline"), ("kline_1w", "kline")],
)  # fmt: skip
def test_statistics_come_each_second(name: str, event: str) -> None:
    """Every kind that the document names is there."""

    async def story(client: Client) -> None:
        async with streams(client, f"/ws/ethbtc@{name}") as socket:
            first, second = await socket.take(2)
            assert (first["e"], first["s"]) == (event, "ETHBTC")
            assert second["E"] - first["E"] in (1_000, 2_000)

    on_the_wire(story)


@pytest.mark.parametrize("name", ["!miniTicker@arr", "!ticker_1h@arr", "!ticker_4h@arr"])
def test_all_markets_come_in_one_array(name: str) -> None:
    """Only those that have changed are in it."""

    async def story(client: Client) -> None:
        async with streams(client, f"/ws/{name}") as socket:
            symbols = [ticker["s"] for ticker in await socket.next()]
            assert symbols == ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ETHBTC"]
        await client.venue.exchange.operate(SetMarketStatus("BTC/USDT", MarketStatus.HALTED))
        async with streams(client, f"/ws/{name}") as socket:
            await socket.next()
            assert "BTCUSDT" not in [ticker["s"] for ticker in await socket.next()]

    on_the_wire(story)


def test_the_best_prices_are_pushed_when_an_order_changes_them() -> None:
    """Real time means with the order, not with the next second."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@bookTicker") as socket:
            before = await socket.next()
            await asyncio.sleep(0.25)
            price = f"{float(before['a']) - 0.01:.2f}"
            await client.order(price=price, quantity="0.03")
            after = await socket.next()
            assert (after["b"], after["B"], after["s"]) == (
                f"{price}000000",
                "0.03000000",
                "BTCUSDT",
            )
            assert after["u"] > before["u"]

    on_the_wire(story)


@pytest.mark.parametrize("levels", [5, 10, 20])
def test_partial_books_have_their_levels(levels: int) -> None:
    """At 100 ms an order shows within its tenth of a second."""

    async def story(client: Client) -> None:
        async with streams(client, f"/ws/btcusdt@depth{levels}@100ms") as socket:
            book = await socket.next()
            assert len(book["bids"]) == len(book["asks"]) == levels
            await asyncio.sleep(0.25)
            price = f"{float(book['asks'][0][0]) - 0.01:.2f}"
            await client.order(price=price, quantity="0.03")
            began = time.time()
            book = await socket.next()
            assert book["bids"][0] == [f"{price}000000", "0.03000000"]
            assert 0 < time.time() - began <= 0.1

    on_the_wire(story)


def test_a_stream_without_listeners_rests() -> None:
    """A venue that nobody watches does no work."""

    async def story(client: Client) -> None:
        feeds = client.venue.dialect.feeds
        async with streams(client, "/ws/btcusdt@trade") as socket:
            await socket.next()
            pushed = feeds.pushed
        await asyncio.sleep(100)
        assert feeds.pushed < pushed + 20

    on_the_wire(story)


def test_a_venue_that_shuts_down_says_so() -> None:
    """A client that hears it can connect elsewhere before the line goes dead."""

    async def story(client: Client) -> None:
        async with streams(client) as raw, streams(client, "/stream") as combined:
            now = int(time.time() * 1000)
            await client.venue.close()
            event = {"e": "serverShutdown", "E": now}
            assert await raw.next() == event
            assert await combined.next() == {"stream": "!serverShutdown", "data": event}
            assert (await raw.ws.receive()).data == 1001

    on_the_wire(story)
