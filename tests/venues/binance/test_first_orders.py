"""The way of an order over the wire, from the signed request to the reply."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.venues.binance.client import Client, on_the_wire


def test_an_order_is_placed_shown_and_canceled() -> None:
    """The three calls that every bot makes, in the venue's own format."""

    async def story(client: Client) -> None:
        placed = (await client.order(newClientOrderId="mine")).body
        assert (placed["status"], placed["origQty"], placed["fills"]) == ("NEW", "0.10000000", [])
        shown = await client.signed(
            "GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="mine"
        )
        assert shown.body["orderId"] == placed["orderId"]
        gone = await client.signed(
            "DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"]
        )
        assert (gone.status, gone.body["status"]) == (200, "CANCELED")
        again = await client.signed(
            "DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"]
        )
        assert (again.status, again.body) == (400, {"code": -2011, "msg": "Unknown order sent."})

    on_the_wire(story)


def test_a_wrong_signature_is_refused_in_the_venues_words() -> None:
    """A client must meet the same refusal here as in production."""

    async def story(client: Client) -> None:
        got = await client.signed("GET", "/api/v3/account", signature="00")
        assert (got.status, got.body["code"]) == (400, -1101)  # sent twice
        late = await client.signed("GET", "/api/v3/account", timestamp=1)
        assert late.body["code"] == -1021

    on_the_wire(story)


def test_a_lost_answer_leaves_the_order_live() -> None:
    """The bot that hears nothing has bought all the same."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        exchange.arm("break_connection", operations="create_order", executed="before")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.order()
        open_orders = await client.signed("GET", "/api/v3/openOrders")
        assert len(open_orders.body) == 1

    on_the_wire(story)


def test_a_bot_that_cancels_all_tasks_does_not_cancel_the_venue() -> None:
    """Housekeeping of a bot must not undo an order that is on its way."""

    async def story(client: Client) -> None:
        order = asyncio.ensure_future(client.order())
        await asyncio.sleep(0.1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(10)
        assert order.cancelled()
        shown = await client.signed("GET", "/api/v3/openOrders")
        assert len(shown.body) == 1

    on_the_wire(story, latency=2_000)
