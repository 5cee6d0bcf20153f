"""Account events over the small venue's WebSocket: neutral records, in words of its own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.server.venue_server import VenueServer
from tests.venues import test_small_venue as small
from tests.venues.small_venue import STREAM, STREAM_HOST, instant, signature

URL = f"wss://{STREAM_HOST}{STREAM}"


def follow(secret: str = DEFAULT_SECRET) -> dict[str, Any]:
    """The message that follows an account, signed as a request is."""
    now = instant(time.time_ns())
    return {"op": "follow", "auth": [DEFAULT_KEY, now, signature(secret, now, b"follow")]}


def test_an_account_is_followed_and_left() -> None:
    """Each record is a push of its own, which faults strike by unified names."""

    async def story(client: small.Client, venue: VenueServer) -> None:
        async with client.session.ws_connect(URL) as ws:
            assert (await ws.receive_json())["op"] == "hello"
            await ws.send_json(follow())
            assert await ws.receive_json() == {"op": "following"}
            placed = (await small.order(client, venue))["data"]
            assert await ws.receive_json() == {"op": "order", **placed}
            change: dict[str, Any] = {"field": "status", "value": "closed"}
            with venue.exchange.arm("set_field", operations=("watch_orders",), **change):
                await client.ask("POST", "/v1/orders/cancel", no=placed["no"])
                assert (await ws.receive_json())["state"] == "done"
            await ws.send_json({"op": "leave"})
            assert await ws.receive_json() == {"op": "left"}
            await small.order(client, venue)
            with pytest.raises(TimeoutError):
                await ws.receive_json(timeout=1)

    small.on_the_wire(story)


def test_an_account_is_private() -> None:
    """What is not signed by its key, or makes no sense, is refused; the connection stays."""

    async def story(client: small.Client, venue: VenueServer) -> list[int]:
        async with client.session.ws_connect(URL) as ws:
            await ws.receive_json()
            codes = []
            for message in (follow("wrong"), {"op": "follow"}, {"op": "follow", "auth": 5}):
                await ws.send_json(message)
                codes.append((await ws.receive_json())["error"]["code"])
            await ws.send_json(follow())
            assert (await ws.receive_json())["op"] == "following"
            await ws.send_json(follow())
            return [*codes, (await ws.receive_json())["error"]["code"]]

    assert small.on_the_wire(story) == [1500, 1500, 1500, 1001]


def test_what_ends_a_subscription_leaves_room_for_the_next() -> None:
    """The venue has ended it; the client follows again on the same connection."""

    async def story(client: small.Client, venue: VenueServer) -> None:
        async with client.session.ws_connect(URL) as ws:
            await ws.receive_json()
            await ws.send_json(follow())
            await ws.receive_json()
            with venue.exchange.arm("end_subscription", operations=("watch_orders",)):
                await small.order(client, venue)
                assert await ws.receive_json() == {"op": "left"}
            await ws.send_json(follow())
            assert await ws.receive_json() == {"op": "following"}
            placed = (await small.order(client, venue))["data"]
            assert await ws.receive_json() == {"op": "order", **placed}

    small.on_the_wire(story)
