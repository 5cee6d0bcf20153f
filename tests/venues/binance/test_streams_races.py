"""What overtakes, repeats, hides or outlives what, on the streams and the WebSocket API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from failing_exchange import FailingExchange
from failing_exchange.faults import operations as ops
from failing_exchange.faults.triggers import nth
from failing_exchange.venues.binance.venue import Binance
from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.socket_client import SocketClient, on_a_socket
from tests.venues.binance.streams import STREAM, streams

DEPTH = "/ws/btcusdt@depth@100ms"


@asynccontextmanager
async def market(path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A market stream beside."""
    async with aiohttp.ClientSession() as session, session.ws_connect(STREAM + path) as ws:
        yield ws


async def orders(client: Client, *prices: float) -> None:
    """Each changes the book by one update."""
    for price in prices:
        await client.order(price=str(price))
        await asyncio.sleep(0.2)


async def updates(client: Client, name: str | None, **fields: Any) -> list[tuple[int, int]]:
    """(U, u) of what five orders push; a fault strikes the second."""
    if name is not None:
        client.venue.exchange.arm(name, nth(2), operations="watch_order_book", **fields)
    async with streams(client, DEPTH) as socket:
        await orders(client, 40_000, 40_001, 40_002, 40_003, 40_004)
        found = []
        try:
            while True:
                async with asyncio.timeout(5):
                    update = await socket.next()
                found.append((update["U"], update["u"]))
        except TimeoutError:
            return found


def heard(name: str | None, **fields: Any) -> list[tuple[int, int]]:
    """The same, on a market without background."""
    return on_the_wire(lambda client: updates(client, name, **fields), background=False)


@pytest.mark.parametrize(
    ("name", "fields", "order"),
    [
        ("lose_push", {}, [0, 2, 3, 4]),
        ("repeat_push", {"after": 0.3}, [0, 1, 2, 1, 3, 4]),
        ("delay_push", {"seconds": 0.3, "overtaken": True}, [0, 2, 1, 3, 4]),
        ("delay_push", {"seconds": 0.3}, [0, 1, 2, 3, 4]),
    ],
)
def test_an_update_of_the_book_is_lost_doubled_or_overtaken(
    name: str, fields: dict[str, Any], order: list[int]
) -> None:
    """The ids tell: who joins them is not deceived, who does not has a ghost book."""
    whole = heard(None)
    assert len(whole) == 5
    assert all(b[0] == a[1] + 1 for a, b in pairwise(whole))
    ids = heard(name, **fields)
    places = {u: n for n, u in enumerate(sorted({u for _, u in ids} | missing(ids)))}
    assert [places[u] for _, u in ids] == order


def missing(ids: list[tuple[int, int]]) -> set[int]:
    """The last ids of updates between others that did not come."""
    known = sorted(set(ids))
    return {b[0] - 1 for a, b in pairwise(known) if b[0] != a[1] + 1}


def test_a_snapshot_is_older_than_its_updates() -> None:
    """The first update begins behind the snapshot's end: it must be asked for again."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        before = await client.order(price="39999")
        await asyncio.sleep(5)
        async with streams(client, DEPTH) as socket:
            pair = {"symbol": "BTCUSDT", "orderId": before.body["orderId"]}
            await client.signed("DELETE", "/api/v3/order", **pair)
            await orders(client, 40_000, 40_001)
            first = await socket.next()
            exchange.arm("stale_read", operations="fetch_order_book", seconds=3)
            old = (await client.public("GET", "/api/v3/depth", symbol="BTCUSDT")).body
            assert old["lastUpdateId"] < first["U"] - 1
            assert old["bids"] == [["39999.00000000", "0.10000000"]]  # as it was then
            exchange.reset()
            new = (await client.public("GET", "/api/v3/depth", symbol="BTCUSDT")).body
            assert new["lastUpdateId"] >= first["U"]
            assert [bid[0][:5] for bid in new["bids"]] == ["40001", "40000"]

    on_the_wire(story, background=False)


def test_an_event_comes_before_its_reply() -> None:
    """Who only knows orders by the answer does not know whose event it is."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        client.exchange.arm("delay_answer", operations="create_order", seconds=1)
        client.heard.clear()
        assert (await client.order())["status"] == 200
        kinds = [message.get("event", {}).get("e", "reply") for message in client.heard]
        assert kinds == ["executionReport", "outboundAccountPosition", "reply"]

    on_a_socket(story)


def test_events_of_one_moment_become_one() -> None:
    """Of an order's fills only the last is told: who adds them up has too little."""

    async def story(client: SocketClient) -> list[str]:
        await client.subscribe()
        if merged:
            client.exchange.arm("merge_pushes")
        await client.order(price="60000", quantity="9")
        try:
            async with asyncio.timeout(2):
                while True:
                    await client.hear()
        except TimeoutError:
            return [event["x"] for event in client.events if event["e"] == "executionReport"]

    merged = False
    assert on_a_socket(story).count("TRADE") > 1
    merged = True
    assert on_a_socket(story).count("TRADE") == 1


def test_who_subscribes_again_is_told_what_it_knows() -> None:
    """A fill that is counted twice is a position that is not there."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        await client.order(price="60000", quantity="0.01")
        while client.events[-1:] == [] or client.events[-1]["e"] != "outboundAccountPosition":
            await client.hear()
        told = [event for event in client.events if event.get("t", -1) > 0]
        client.exchange.arm("replay_on_subscribe", count=100)
        await client.ask("userDataStream.unsubscribe")
        client.heard.clear()
        await client.subscribe()
        assert "result" in client.heard[-1]  # the answer goes first
        again = []
        try:
            async with asyncio.timeout(2):
                while True:
                    again.append(await client.event())
        except TimeoutError:
            pass
        assert [e["t"] for e in again if e.get("t", -1) > 0] == [e["t"] for e in told] != []

    on_a_socket(story)


@pytest.mark.parametrize("fault", ["silence_feed", "stall_socket", "ack_without_data"])
def test_the_user_stream_is_dead_while_the_market_lives(fault: str) -> None:
    """A watchdog that looks at prices is content."""

    async def story(client: SocketClient) -> None:
        if fault == "ack_without_data":
            client.exchange.arm(fault, operations="subscribe_account")
        else:
            client.exchange.arm(fault, operations=ops.ACCOUNT_FEEDS)
        assert await client.subscribe() == 0  # as if all were well
        async with market("/ws/btcusdt@bookTicker/btcusdt@trade") as prices:
            asked = await client.send("order.place", client.sign(ORDER))
            if fault != "stall_socket":
                assert (await client.reply(asked))["status"] == 200
            for _ in range(5):
                assert json.loads(await prices.receive_str())["s"] == "BTCUSDT"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(300):
                    await client.event()
        assert len(await client.exchange.fetch_open_orders("BTC/USDT")) == 1
        assert not client.ws.closed

    on_a_socket(story)


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
         "quantity": "0.1", "price": "40000"}  # fmt: skip


@pytest.mark.parametrize("fault", ["break_frame", "garble_frame", "close_socket"])
def test_a_user_stream_breaks_and_the_market_stream_does_not(fault: str) -> None:
    """Each connection is struck for itself."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        async with market("/ws/btcusdt@bookTicker") as prices:
            client.exchange.arm(fault, nth(1), operations=ops.ACCOUNT_FEEDS)
            await client.send("order.place", client.sign(ORDER))
            while (message := await client.ws.receive()).type is aiohttp.WSMsgType.TEXT:
                assert "event" not in json.loads(message.data)
            assert json.loads(await prices.receive_str())["s"] == "BTCUSDT"
        assert len(await client.exchange.fetch_open_orders("BTC/USDT")) == 1

    on_a_socket(story)


def test_listen_keys_are_struck_like_subscriptions() -> None:
    """The user stream of old bots is one, too."""

    async def story(client: SocketClient) -> None:
        async with aiohttp.ClientSession() as session:
            url = "https://api.binance.com/api/v3/userDataStream"
            headers = {"X-MBX-APIKEY": client.sign({})["apiKey"]}
            async with session.post(url, headers=headers) as got:
                key = (await got.json())["listenKey"]
            async with session.ws_connect(f"{STREAM}/ws/{key}") as events:
                client.exchange.arm("close_socket", nth(1), operations="watch_orders", code="1012")
                await client.order()
                message = await events.receive()
                assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1012)
            client.exchange.arm("replay_on_subscribe", count=1)
            async with session.ws_connect(f"{STREAM}/ws/{key}") as events:
                assert json.loads(await events.receive_str())["e"] == "outboundAccountPosition"
            client.exchange.reset()
            client.exchange.arm("ack_without_data", operations="subscribe_account")
            async with session.ws_connect(f"{STREAM}/ws/{key}") as events:
                await client.order()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(60):
                        await events.receive()

    def with_keys(exchange: FailingExchange) -> Binance:
        return Binance(exchange, legacy_listen_keys=True)

    on_a_socket(story, venue=with_keys)
