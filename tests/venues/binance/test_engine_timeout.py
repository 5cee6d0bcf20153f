"""-1007: the venue's door waits ten seconds for its engine, and then it does not know either."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from failing_exchange.core.reject import Reason, Reject
from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.socket_client import SocketClient, on_a_socket

# errors.md, -1007, 2026-07-21; the status as seen in production
WORDS = (
    "Timeout waiting for response from backend server. Send status unknown; execution status "
    "unknown."
)
NO = {"code": -1007, "msg": WORDS}


async def orders_of(client: Client) -> list[Any]:
    """The open orders."""
    found: list[Any] = (await client.signed("GET", "/api/v3/openOrders")).body
    return found


def test_an_order_that_was_too_slow_is_there_all_the_same() -> None:
    """The client is told 408 after ten seconds; two seconds later the order is accepted."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        exchange.arm("delay_request", operations="create_order", seconds=12)
        began = time.time()
        got = await client.order(recvWindow=60_000)
        assert (got.status, got.body) == (408, NO)
        assert time.time() - began == pytest.approx(10, abs=0.01)
        assert await orders_of(client) == []
        await asyncio.sleep(3)
        assert len(await orders_of(client)) == 1
        trip = next(t for t in exchange.journal.trips if t.operation == "create_order")
        assert trip.happened
        assert isinstance(trip.told, Reject)
        assert trip.told.reason is Reason.OUTCOME_UNKNOWN

    on_the_wire(story)


def test_a_late_answer_of_the_engine_is_unknown_as_well() -> None:
    """The order is there before the client is told that nobody knows."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        exchange.arm("delay_answer", operations="create_order", seconds=15)
        assert (await client.order()).status == 408
        assert len(await orders_of(client)) == 1

    on_the_wire(story)


def test_a_request_that_its_own_window_has_ended_is_not_carried_out() -> None:
    """recvWindow is looked at once more before the engine: the same -1007, and no order."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        exchange.arm("delay_request", operations="create_order", seconds=12)
        assert (await client.order()).status == 408
        await asyncio.sleep(60)
        assert await orders_of(client) == []

    on_the_wire(story)


def test_ten_seconds_are_still_in_time() -> None:
    """The limit is passed by what takes longer than it; the way over the network is not counted."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        exchange.arm("delay_answer", operations="create_order", seconds=10)
        assert (await client.order()).status == 200
        exchange.reset()
        exchange.arm("delay_answer", operations="create_order", seconds=10.001)
        assert (await client.order()).status == 408

    on_the_wire(story)
    on_the_wire(story, latency=3_000)


def test_the_websocket_api_says_it_too() -> None:
    """The same status and words, in its own envelope."""

    async def story(client: SocketClient) -> None:
        client.exchange.arm("delay_answer", operations="create_order", seconds=20)
        got = await client.order()
        assert (got["status"], got["error"]) == (408, NO)
        client.exchange.reset()
        assert len((await client.signed("openOrders.status"))["result"]) == 1

    on_a_socket(story)


def test_a_lost_answer_is_no_timeout_of_the_venue() -> None:
    """What the network has lost, no door can know of: the client waits until it gives up."""

    async def story(client: Client) -> None:
        client.venue.exchange.arm("lose_answer", operations="create_order")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await client.order()

    on_the_wire(story)
