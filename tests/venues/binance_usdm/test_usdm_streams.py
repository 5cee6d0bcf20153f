"""Market streams of USD-M: which path serves what, and the shape of every push."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import pytest

from failing_exchange import simulate
from failing_exchange.core.commands import LiquidatePosition, SettleContract
from failing_exchange.faults.triggers import nth
from failing_exchange.journal.serialize import line
from failing_exchange.venue.plain_view import View
from failing_exchange.venues.binance_usdm.contract_streams import StreamRoute, parse
from tests.venues.binance.streams import Socket
from tests.venues.binance_usdm.contracts import BTC, usdm
from tests.venues.binance_usdm.futures_ear import check_shape

STREAM = "wss://fstream.binance.com"
MINE = "main"  # the account of any key
KEYS = {"X-MBX-APIKEY": "any"}
T = TypeVar("T")
# The connector's examples, 2026-08-21; field order as there. `ps` and `st` stand where the
# documents of 2026-08-19 name them, `X` of a trade as clients read it (no document has it).
CANDLE = 't# T# {}i" f# L# o c h l v n# x? q V Q B'
SHAPES = {
    "btcusdt@aggTrade": 'e" E# s" a# p q nq f# l# T# m? st#',
    "btcusdt@trade": 'e" E# T# s" t# p q X" m?',
    "btcusdt@markPrice@1s": 'e" E# s" p i P r ap T# st#',
    "btcusdt@kline_1m": 'e" E# s" k{}',
    "btcusdt_perpetual@continuousKline_1m": 'e" E# ps" ct" k{}',
    "btcusdt@miniTicker": 'e" E# s" c o h l v q ps" st#',
    "btcusdt@ticker": 'e" E# s" p P w c Q o h l v q O# C# F# L# n# ps" st#',
    "btcusdt@bookTicker": 'e" u# E# T# s" ps" b B a A st#',
    "btcusdt@depth5@100ms": 'e" E# T# s" U# u# pu# b[] a[] ps" st#',
    "btcusdt@depth@100ms": 'e" E# T# s" U# u# pu# b[] a[] ps" st#',
    "!markPrice@arr@1s": 'e" E# s" p i P r ap T# st#',
    "!miniTicker@arr": 'e" E# s" c o h l v q ps" st#',
    "!ticker@arr": 'e" E# s" p P w c Q o h l v q O# C# F# L# n# ps" st#',
    "!bookTicker": 'e" u# E# T# s" ps" b B a A st#',
    "btcusdt@forceOrder": 'e" E# o{} ps" st#',
    "!forceOrder@arr": 'e" E# o{} ps" st#',
    "!contractInfo": 'e" E# s" ct" dt# ot# cs" bks[] st#',
    "!assetIndex@arr": 'e" E# s" i b a B A q g Q G',
    "usdtusd@assetIndex": 'e" E# s" i b a B A q g Q G',
}
INNER = {
    "btcusdt@kline_1m": CANDLE.format('s" '),
    "btcusdt_perpetual@continuousKline_1m": CANDLE.format(""),
    "btcusdt@forceOrder": 's" S" o" f" q p ap X" l z T#',
    "!forceOrder@arr": 's" S" o" f" q p ap X" l z T#',
}


class Clients:
    """Bob trades in process, and a session opens connections."""

    def __init__(self, venue: Any, session: aiohttp.ClientSession) -> None:
        self.venue = venue
        self.session = session
        self.bob = venue.exchange.client("bob")
        self.carol = venue.exchange.client("carol")
        self.mine = venue.exchange.client(MINE)

    @asynccontextmanager
    async def listen(self, path: str) -> Any:
        """Connect."""
        async with self.session.ws_connect(STREAM + path) as ws:
            yield Socket(ws)

    async def trade(self) -> None:
        """Carol buys 0.1 BTC of bob, who then offers as much again."""
        await self.carol.create_order(BTC, "market", "buy", 0.1)
        await self.bob.create_order(BTC, "limit", "sell", 0.1, 50_000)

    async def listen_key(self, method: str = "POST") -> tuple[int, Any]:
        """A request about the listen key."""
        url = "https://fapi.binance.com/fapi/v1/listenKey"
        async with self.session.request(method, url, headers=KEYS) as response:
            return response.status, await response.json()


def on_streams(story: Callable[[Clients], Awaitable[T]], **options: Any) -> T:
    """Run a story against a venue where bob offers 1 BTC at 50,000 and bids at 49,000."""

    async def main() -> T:
        venue = usdm(**options)
        venue.accept_any_key()
        await venue.listen_in_simulation()
        try:
            async with aiohttp.ClientSession() as session:
                clients = Clients(venue, session)
                await clients.bob.create_order(BTC, "limit", "sell", 1, 50_000)
                await clients.bob.create_order(BTC, "limit", "buy", 1, 49_000)
                return await story(clients)
        finally:
            await venue.close()

    return simulate(main(), seed=1)


def path_of(name: str) -> str:
    """The path that serves a stream."""
    stream = parse(name)
    assert stream is not None
    return f"{stream.route}/ws/{name}"


PUSHED = [name for name in SHAPES if "orce" not in name and name != "!contractInfo"]


@pytest.mark.parametrize("name", PUSHED)
def test_every_push_has_the_fields_of_the_documents(name: str) -> None:
    """A client that reads a field finds it, with the type that it has in production."""

    async def story(clients: Clients) -> None:
        async with clients.listen(path_of(name)) as socket:
            await clients.trade()
            await asyncio.sleep(0.3)
            await clients.trade()
            told = await socket.next()
            first = told[0] if isinstance(told, list) else told
            assert isinstance(told, list) == name.endswith(("@arr", "@arr@1s"))
            check_shape(SHAPES[name], first)
            if name in INNER:
                check_shape(INNER[name], first["k"])

    on_streams(story)


@pytest.mark.parametrize("route", [StreamRoute.NONE, StreamRoute.PUBLIC, StreamRoute.MARKET])
def test_a_path_confirms_all_streams_and_serves_its_own(route: StreamRoute) -> None:
    """Since 2026-04-23 a bot on the old path subscribes to mark prices, and hears nothing."""
    serves_book = route is not StreamRoute.MARKET

    async def story(clients: Clients) -> None:
        async with clients.listen(f"{route}/ws") as socket:
            names = ["btcusdt@markPrice@1s", "btcusdt@bookTicker"]
            assert await socket.ask("SUBSCRIBE", names) == {"result": None, "id": 1}
            await clients.trade()
            heard = {(await socket.next())["e"] for _ in range(2)}
            assert heard == {"bookTicker" if serves_book else "markPriceUpdate"}
            assert (await socket.ask("LIST_SUBSCRIPTIONS", id=2))["result"] == names

    on_streams(story)


def test_updates_of_the_book_follow_one_another() -> None:
    """`pu` is the `u` of the update before: a client that sees another one has missed something."""

    async def story(clients: Clients) -> None:
        async with clients.listen("/public/stream?streams=btcusdt@depth@100ms") as socket:
            last = 0
            for price in (48_000, 48_100, 48_200):
                await clients.bob.create_order(BTC, "limit", "buy", 0.5, price)
                told = await socket.next()
                assert told["stream"] == "btcusdt@depth@100ms"
                update = told["data"]
                assert update["b"] == [[f"{price}.00", "0.500"]]
                assert update["U"] <= update["u"]
                assert last in (0, update["pu"])
                last = update["u"]

    on_streams(story)


def test_a_listen_key_opens_the_private_path_only() -> None:
    """In the path or as a parameter; `events` says which; on the old path nothing comes."""

    async def story(clients: Clients) -> None:
        status, body = await clients.listen_key()
        key = body["listenKey"]
        assert await clients.listen_key("PUT") == (status, {"listenKey": key})

        async def heard(path: str) -> list[Any]:
            async with clients.listen(path) as socket:
                for side in ("buy", "sell"):
                    await clients.mine.create_order(BTC, "market", side, 0.1)
                await asyncio.sleep(1)
                await socket.say({"method": "LIST_SUBSCRIPTIONS", "id": 1})
                found = []
                while "result" not in (message := await socket.next()):
                    found.append(message)
                return found

        bare = await heard(f"/private/ws/{key}")
        assert [one["e"] for one in bare[:2]] == ["TRADE_LITE", "ORDER_TRADE_UPDATE"]
        assert len(bare) == 8
        orders = await heard(f"/private/ws?listenKey={key}&events=ORDER_TRADE_UPDATE")
        assert [one["e"] for one in orders] == ["ORDER_TRADE_UPDATE"] * 4
        combined = await heard(f"/private/stream?listenKey={key}")
        assert {one["stream"] for one in combined} == {key}
        assert await heard(f"/ws/{key}") == []

    on_streams(story)


def test_an_hour_ends_a_key_and_its_listeners_are_told() -> None:
    """The event's time is a text, as in production."""

    async def story(clients: Clients) -> None:
        key = (await clients.listen_key())[1]["listenKey"]
        async with clients.listen(f"/private/ws/{key}") as socket:
            last = asyncio.ensure_future(socket.next())  # it answers pings meanwhile
            await asyncio.sleep(3_601)
            told = await last
            check_shape('e" E listenKey"', told)
            assert (told["e"], told["listenKey"]) == ("listenKeyExpired", key)

    on_streams(story)


def test_a_key_that_was_told_to_have_expired_is_gone() -> None:
    """A client that asks anew gets another key, by which it sees that it has to connect again."""

    async def story(clients: Clients) -> None:
        key = (await clients.listen_key())[1]["listenKey"]
        paths = f"/private/ws/{key}", f"/private/stream?listenKey={key}"
        async with clients.listen(paths[0]) as first, clients.listen(paths[1]) as second:
            clients.mine.arm("end_subscription", nth(1))
            await clients.mine.create_order(BTC, "market", "buy", 0.1)
            assert (await first.next())["e"] == "listenKeyExpired"
            assert (await second.next())["data"]["e"] == "listenKeyExpired"
        assert (await clients.listen_key("PUT"))[0] == 400
        assert (await clients.listen_key())[1]["listenKey"] != key

    on_streams(story)


def test_a_key_that_is_gone_cannot_be_kept_alive() -> None:
    """-1125, as production says it; closing needs no name, and can be done twice."""

    async def story(clients: Clients) -> None:
        gone = (400, {"code": -1125, "msg": "This listenKey does not exist."})
        assert await clients.listen_key("PUT") == gone
        await clients.listen_key()
        assert await clients.listen_key("DELETE") == (200, {})
        assert await clients.listen_key("DELETE") == (200, {})
        assert await clients.listen_key("PUT") == gone

    on_streams(story)


@pytest.mark.parametrize("name", ["btcusdt@forceOrder", "!forceOrder@arr"])
def test_of_the_liquidations_of_a_second_the_largest_is_told(name: str) -> None:
    """At most one a second and contract, as since 2026-04-14; it is public, without an account."""

    async def story(clients: Clients) -> None:
        async with clients.listen(path_of(name)) as socket:
            for account, amount in (("carol", 0.1), ("dave", 0.2), ("erin", 0.1)):
                client = clients.venue.exchange.client(account)
                await client.create_order(BTC, "market", "buy", amount)
            for account in ("carol", "dave", "erin"):
                await clients.venue.exchange.operate(LiquidatePosition(account, BTC))
            await asyncio.sleep(3)
            await socket.say({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            told, answer = await socket.take(2)
            assert answer["id"] == 1
            check_shape(SHAPES[name], told)
            check_shape(INNER[name], told["o"])
            order = told["o"]
            assert (order["S"], order["q"], order["X"]) == ("SELL", "0.200", "FILLED")

    on_streams(story)


def test_a_contract_that_is_settled_is_told_at_once() -> None:
    """With its brackets, so that a bot that trades by them sees them change."""

    async def story(clients: Clients) -> None:
        async with clients.listen("/market/ws/!contractInfo") as socket:
            await clients.venue.exchange.operate(SettleContract(BTC))
            told = await socket.next()
            check_shape(SHAPES["!contractInfo"], told)
            assert (told["s"], told["bks"][0]["ma"]) == ("BTCUSDT", 125)

    on_streams(story)


def test_faults_strike_the_streams_by_their_unified_names() -> None:
    """A position event is lost, a mark price is doubled, and an edited one says something else."""

    async def story(clients: Clients) -> None:
        key = (await clients.listen_key())[1]["listenKey"]
        exchange = clients.venue.exchange
        async with clients.listen(f"/private/ws/{key}") as socket:
            exchange.arm("lose_push", operations="watch_positions")
            await clients.mine.create_order(BTC, "market", "buy", 0.1)
            events = [(await socket.next())["e"] for _ in range(3)]
            assert events == ["TRADE_LITE", "ORDER_TRADE_UPDATE", "ORDER_TRADE_UPDATE"]
            exchange.disarm("lose_push")
            exchange.arm("repeat_push", operations="watch_positions", after=0.5)
            await clients.mine.create_order(BTC, "market", "sell", 0.1)
            events = [(await socket.next())["e"] for _ in range(5)]
            assert events.count("ACCOUNT_UPDATE") == 2
            exchange.disarm("repeat_push")
        async with clients.listen("/market/ws/btcusdt@markPrice@1s") as socket:
            await socket.next()
            exchange.arm("silence_feed", operations="watch_mark_price")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.next(), 5.5)
        markets = exchange.venue.gateway.engine.state.markets
        view = View(lambda symbol: markets[symbol].market if symbol else None, lambda number: BTC)
        assert all(line(trip) and view.trip(trip) for trip in exchange.journal.trips)

    on_streams(story)
