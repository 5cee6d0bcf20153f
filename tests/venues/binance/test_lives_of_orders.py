"""What answers say of an order's life: why it expired, and since when it works.

rest-api.md, "Conditional fields in Order Responses"; CHANGELOG.md, 2026-03-26; both 2026-07-21.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.socket_client import SocketClient, on_a_socket

PATH = "/api/v3/order"
IOC: dict[str, Any] = {"timeInForce": "IOC"}
FOK: dict[str, Any] = {"timeInForce": "FOK"}
MARKET: dict[str, Any] = {"type": "MARKET", "price": None, "timeInForce": None}
NO_IOC = "UNFILLED_IOC_QUANTITY_EXPIRED"
NO_FOK = "UNFILLED_FOK_ORDER_EXPIRED"
NOBODY = "INSUFFICIENT_LIQUIDITY"


async def asked(client: Client, name: str) -> Any:
    """The order as a query shows it."""
    got = await client.signed("GET", PATH, symbol="BTCUSDT", origClientOrderId=name)
    return got.body


@pytest.mark.parametrize(("order", "reason"), [(IOC, NO_IOC), (FOK, NO_FOK), (MARKET, NOBODY)])
def test_answers_say_why_an_order_expired(order: dict[str, Any], reason: str) -> None:
    """RESULT and FULL, and every query; an ACK says nothing."""

    async def story(client: Client) -> None:
        for form in ("ACK", "RESULT", "FULL"):
            got = await client.order(newClientOrderId=form, newOrderRespType=form, **order)
            found = await asked(client, form)
            assert (found["status"], found["expiryReason"]) == ("EXPIRED", reason)
            assert got.body.get("expiryReason") == (None if form == "ACK" else reason)
        every = (await client.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT")).body
        assert [one["expiryReason"] for one in every] == [reason] * 3

    on_the_wire(story, background=False)


def test_the_stream_and_the_answers_give_the_same_reason() -> None:
    """There is one table."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        for n, order in enumerate((IOC, FOK, MARKET)):
            await client.order(newClientOrderId=f"n{n}", **order)
        await asyncio.sleep(1)
        await client.ask("ping")
        told = {one["c"]: one["eR"] for one in client.events if one.get("x") == "EXPIRED"}
        for name, reason in told.items():
            query = {"symbol": "BTCUSDT", "origClientOrderId": name}
            found = (await client.signed("order.status", **query))["result"]
            assert found["expiryReason"] == reason
        assert list(told.values()) == [NO_IOC, NO_FOK, NOBODY]

    on_a_socket(story, background=False)


def test_an_order_that_is_there_or_was_canceled_has_no_reason() -> None:
    """The field is there for expired orders only."""

    async def story(client: Client) -> None:
        await client.order(newClientOrderId="mine")
        assert "expiryReason" not in await asked(client, "mine")
        await client.signed("DELETE", PATH, symbol="BTCUSDT", origClientOrderId="mine")
        assert "expiryReason" not in await asked(client, "mine")

    on_the_wire(story, background=False)


WORKS = ("status", "isWorking", "workingTime")
STOP = {"type": "STOP_LOSS", "price": None, "timeInForce": None, "stopPrice": "60000"}


def works(order: Any) -> tuple[Any, ...]:
    """Its status, whether it works, and since when."""
    return tuple(order[name] for name in WORKS)


def test_a_stop_that_is_canceled_before_its_trigger_has_never_worked() -> None:
    """Neither before nor after its cancel, and not when it is amended either."""

    async def story(client: Client) -> None:
        await client.order(newClientOrderId="stop", **STOP)
        assert works(await asked(client, "stop")) == ("NEW", False, -1)
        named = {"symbol": "BTCUSDT", "origClientOrderId": "stop"}
        path = "/api/v3/order/amend/keepPriority"
        amend = {"newQty": "0.05", "newClientOrderId": "stop"}
        got = await client.signed("PUT", path, **named, **amend)
        assert "workingTime" not in got.body["amendedOrder"]
        await client.signed("DELETE", PATH, **named)
        assert works(await asked(client, "stop")) == ("CANCELED", False, -1)

    on_the_wire(story, background=False)


def test_a_stop_works_since_its_trigger() -> None:
    """And an order that rests since it was placed: also when both are canceled."""

    async def story(client: Client) -> None:
        await client.order(newClientOrderId="rests")
        limit = STOP | {"type": "STOP_LOSS_LIMIT", "price": "45000", "timeInForce": "GTC"}
        await client.order(newClientOrderId="stop", **limit)
        await asyncio.sleep(5)
        for name, side in (("bob", "sell"), ("carol", "buy")):
            other = client.venue.exchange.client(name)
            await other.create_order("BTC/USDT", "limit", side, "0.01", 60_000)
        for status in ("NEW", "CANCELED"):
            rests, stop = await asked(client, "rests"), await asked(client, "stop")
            assert works(rests) == (status, True, rests["time"])
            assert works(stop) == (status, True, stop["time"] + 5_000)
            await client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")

    on_the_wire(story, background=False)


def test_orders_that_waited_for_another_have_never_worked() -> None:
    """The pending orders of a list that is canceled before its working order is filled."""

    async def story(client: Client) -> None:
        pending = {"pendingSide": "SELL", "pendingQuantity": "0.1", "pendingAboveType":
                   "LIMIT_MAKER", "pendingAbovePrice": "60000", "pendingBelowType": "STOP_LOSS",
                   "pendingBelowStopPrice": "30000"}  # fmt: skip
        working = {"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "40000",
                   "workingQuantity": "0.1", "workingTimeInForce": "GTC"}  # fmt: skip
        path = "/api/v3/orderList/otoco"
        placed = await client.signed("POST", path, symbol="BTCUSDT", **working, **pending)
        names = [one["clientOrderId"] for one in placed.body["orders"]]
        first, *rest = [await asked(client, name) for name in names]
        assert works(first) == ("NEW", True, first["time"])
        assert {works(one) for one in rest} == {("PENDING_NEW", False, -1)}
        await client.signed("DELETE", PATH, symbol="BTCUSDT", origClientOrderId=names[0])
        first, *rest = [await asked(client, name) for name in names]
        assert works(first) == ("CANCELED", True, first["time"])
        assert {works(one) for one in rest} == {("CANCELED", False, -1)}

    on_the_wire(story, background=False)
