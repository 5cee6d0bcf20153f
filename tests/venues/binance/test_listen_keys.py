"""User streams by listen key: gone, as in production, or as of old where wanted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY
from failing_exchange.venues.binance.venue import Binance
from tests.venues.binance.client import HOST, Client

PATH = "/api/v3/userDataStream"
STREAM = "wss://stream.binance.com:9443"
HOUR = 3_600


class Streams:
    """A client that has a listen key or asks for one."""

    def __init__(self, session: aiohttp.ClientSession, venue: Binance) -> None:
        self.session = session
        self.client = Client(session, venue)

    async def call(self, method: str, **params: str) -> tuple[int, Any]:
        """A request for listen keys: with the API key, without a signature."""
        headers = {"X-MBX-APIKEY": DEFAULT_KEY}
        sent = self.session.request(method, HOST + PATH, params=params, headers=headers)
        async with sent as response:
            return response.status, await response.json()

    async def key(self) -> str:
        """A listen key."""
        status, body = await self.call("POST")
        assert status == 200
        key: str = body["listenKey"]
        return key

    def listen(self, path: str) -> Any:
        """A connection to the streams."""
        return self.session.ws_connect(STREAM + path)


def with_keys(story: Callable[[Streams], Awaitable[None]], **options: Any) -> None:
    """Run a story against a venue that still has listen keys."""

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None), **{"legacy_listen_keys": True} | options)
        await venue.listen_in_simulation()
        try:
            async with aiohttp.ClientSession() as session:
                await story(Streams(session, venue))
        finally:
            await venue.close()

    simulate(main())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_listen_keys_are_gone(method: str) -> None:
    """As since 2026-02-20: 410 with a page of the gateway, which is no JSON."""

    async def story(streams: Streams) -> None:
        headers = {"X-MBX-APIKEY": DEFAULT_KEY}
        async with streams.session.request(method, HOST + PATH, headers=headers) as response:
            body = await response.text()
            assert (response.status, response.content_type) == (410, "text/html")
            assert len(body) == 136
            assert "<h1>410 Gone</h1>" in body

    with_keys(story, legacy_listen_keys=False)


def test_a_key_opens_a_stream_of_bare_events() -> None:
    """/ws/<key> tells the events as they are, /stream?streams=<key> with the key's name."""

    async def story(streams: Streams) -> None:
        key = await streams.key()
        assert len(key) == 64
        async with (
            streams.listen(f"/ws/{key}") as raw,
            streams.listen(f"/stream?streams={key}") as combined,
        ):
            await streams.client.order()
            event = json.loads(await raw.receive_str())
            assert (event["e"], event["x"]) == ("executionReport", "NEW")
            wrapped = json.loads(await combined.receive_str())
            assert (wrapped["stream"], wrapped["data"]) == (key, event)

    with_keys(story)


def test_an_account_has_one_key_and_asking_again_extends_it() -> None:
    """A second POST gives the same key."""

    async def story(streams: Streams) -> None:
        key = await streams.key()
        await asyncio.sleep(0.9 * HOUR)
        assert await streams.key() == key
        await asyncio.sleep(0.9 * HOUR)
        assert await streams.key() == key
        await asyncio.sleep(1.1 * HOUR)
        assert await streams.key() != key

    with_keys(story)


def test_a_key_that_is_not_extended_ends_with_its_hour() -> None:
    """listenKeyExpired is the last event; the connection stays, and says nothing more."""

    async def story(streams: Streams) -> None:
        key = await streams.key()
        heard: list[Any] = []

        async def listen() -> None:
            async with streams.listen(f"/ws/{key}") as ws:
                async for message in ws:
                    heard.append(json.loads(message.data))

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(0.5 * HOUR)
        assert await streams.call("PUT", listenKey=key) == (200, {})
        await asyncio.sleep(0.9 * HOUR)
        await streams.client.order()
        await asyncio.sleep(0.2 * HOUR)
        await streams.client.order()
        await asyncio.sleep(1)
        names = ["executionReport", "outboundAccountPosition", "listenKeyExpired"]
        assert [event["e"] for event in heard] == names
        assert heard[-1]["listenKey"] == key
        assert not listening.done()
        listening.cancel()
        gone = {"code": -1125, "msg": "This listenKey does not exist."}
        assert await streams.call("PUT", listenKey=key) == (400, gone)

    with_keys(story)


def test_a_key_that_is_closed_says_nothing_more() -> None:
    """DELETE ends the stream without a last event."""

    async def story(streams: Streams) -> None:
        key = await streams.key()
        async with streams.listen(f"/ws/{key}") as ws:
            assert await streams.call("DELETE", listenKey=key) == (200, {})
            await streams.client.order()
            with pytest.raises(asyncio.TimeoutError):
                await ws.receive_str(timeout=5)

    with_keys(story)


def test_a_key_of_the_api_is_needed_and_no_signature() -> None:
    """USER_STREAM as it was: the API key alone."""

    async def story(streams: Streams) -> None:
        async with streams.session.post(HOST + PATH) as response:
            assert (response.status, (await response.json())["code"]) == (401, -2014)
        assert (await streams.call("PUT"))[1]["code"] == -1102

    with_keys(story)
