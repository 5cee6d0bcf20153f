"""Market streams under faults, with latency, and again with the same seed."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.streams import streams


def test_a_push_is_shared_and_not_journalled_until_a_rule_concerns_it() -> None:
    """With a fault armed each listener has a trip of its own, and only the struck one misses it."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        path = "/ws/btcusdt@miniTicker"
        async with streams(client, path) as one, streams(client, path) as other:
            assert await one.next() == await other.next()
            entries = exchange.journal.requests
            exchange.arm("lose_push", operations="watch_ticker", clients="ws-1")
            silent, heard = one.next(), other.next()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(silent, 5.5)
            assert (await heard)["e"] == "24hrMiniTicker"
            exchange.disarm("lose_push")
            assert (await one.next())["e"] == "24hrMiniTicker"
            assert exchange.journal.requests >= entries

    on_the_wire(story)


def test_faults_of_market_data_reach_the_streams() -> None:
    """The same rules as for calls, in the fields of the venue's own messages."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        async with streams(client, "/ws/btcusdt@ticker") as socket:
            exchange.arm("null_ticker", operations="watch_ticker", fields=["bid", "last"])
            ticker = await socket.next()
            assert (ticker["b"], ticker["c"]) == (None, None) and ticker["a"]
            exchange.disarm("null_ticker")
            exchange.arm("cross_ticker", operations="watch_ticker")
            ticker = await socket.next()
            assert float(ticker["b"]) > float(ticker["a"])
        async with streams(client, "/ws/btcusdt@depth5") as socket:
            exchange.arm("empty_book", operations="watch_order_book")
            book = await socket.next()
            assert book["bids"] == book["asks"] == [] and book["lastUpdateId"]

    on_the_wire(story)


def test_a_push_that_is_struck_stands_in_the_journal() -> None:
    """What happened on the line can be looked up by its connection."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        async with streams(client, "/ws/btcusdt@trade") as socket:
            exchange.arm("repeat_push", operations="watch_trades", after=0.5)
            first, second = await socket.take(2)
            ids = {first["t"]: 1, second["t"]: 1}
            while (trade := await socket.next())["t"] not in ids:
                ids[trade["t"]] = 1
            pushes = [trip for trip in exchange.journal.trips if trip.account == "ws-1"]
            assert pushes and all(trip.is_push for trip in pushes)

    on_the_wire(story)


def test_a_broken_feed_breaks_its_connection() -> None:
    """What the client sees is a reset, without a close frame."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@trade") as socket:
            await socket.next()
            client.venue.exchange.arm("break_feed", operations="watch_trades")
            while (await socket.ws.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
            assert socket.ws.close_code == 1006

    on_the_wire(story)


def test_pushes_travel_as_long_as_answers_do() -> None:
    """On a venue with latency the line keeps its order."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@trade") as socket:
            ids = []
            for _ in range(50):
                trade = await socket.next()
                assert int(time.time() * 1000) > trade["E"]
                ids.append(trade["t"])
            assert ids == sorted(ids)

    on_the_wire(story, latency="auto")


def heard_by_a_client(seed: int) -> list[str]:
    """Everything that some streams push in ten seconds."""
    heard: list[str] = []

    async def story(client: Client) -> None:
        names = ("trade", "aggTrade", "kline_1m", "ticker", "bookTicker", "depth", "depth5@100ms")
        path = "/stream?streams=" + "/".join(f"btcusdt@{name}" for name in names)
        async with streams(client, path) as socket:
            for n in range(10):
                await client.order(price=str(40_000 + n))
                while True:
                    heard.append(await socket.ws.receive_str())
                    if '@depth"' in heard[-1]:
                        break

    on_the_wire(story, seed=seed, latency="auto")
    return heard


def test_the_same_seed_pushes_the_same_bytes() -> None:
    """A failure on a stream can be looked at again."""
    first = heard_by_a_client(3)
    assert len(first) > 50
    assert heard_by_a_client(3) == first
    assert heard_by_a_client(4) != first
