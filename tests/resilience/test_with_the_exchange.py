"""The bot's side on the failing exchange itself: one intent, one order, in the first column."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailureMode
from failing_exchange.resilience import OrderQueue, place_order_with_retry
from tests.resilience.scripted import in_virtual_time

INTENTS = 25
BUY: dict[str, Any] = {
    "symbol": "BTC/USDT", "type": "limit", "side": "buy", "amount": 0.01, "price": 20_000,
}  # fmt: skip


async def orders_of(exchange: FailingExchange) -> list[str]:
    """The client order ids of all orders, read in health."""
    exchange.set_failure_mode(None)
    await asyncio.sleep(150)  # no reading lags longer
    return [order["clientOrderId"] for order in await exchange.fetch_open_orders("BTC/USDT")]


@pytest.mark.parametrize("executed", ["before", "after", "either"])
@pytest.mark.parametrize("mode", [FailureMode.TIMEOUT, FailureMode.CONNECTION_ERROR])
@in_virtual_time
async def test_lost_answers_leave_one_order_per_intent(mode: FailureMode, executed: str) -> None:
    """Whether the exchange acted can't be told from the error; the orders must be right anyway."""
    exchange = FailingExchange(seed=11, background=False)
    exchange.set_failure_mode(mode, 0.3, {"executed": executed})
    ids = [f"n{number}" for number in range(INTENTS)]
    for client_id in ids:
        await place_order_with_retry(
            exchange, **BUY, params={"clientOrderId": client_id}, max_retries=20
        )
    assert exchange.get_failure_statistics()["total"] >= 5
    assert await orders_of(exchange) == ids


@in_virtual_time
async def test_malformed_answers_leave_one_order_per_intent() -> None:
    """What cannot be read says nothing about what happened."""
    exchange = FailingExchange(seed=11, background=False)
    exchange.set_failure_mode(FailureMode.INVALID_RESPONSE, 0.2)
    for number in range(INTENTS):
        await place_order_with_retry(
            exchange, **BUY, params={"clientOrderId": f"n{number}"}, max_retries=20
        )
    assert exchange.get_failure_statistics()["total"] >= 5
    assert sorted(await orders_of(exchange)) == sorted(f"n{number}" for number in range(INTENTS))


@in_virtual_time
async def test_the_queue_waits_for_the_end_of_maintenance() -> None:
    """The seed's example, with the venue's own announcement of its return."""
    exchange = FailingExchange(background=False)
    exchange.set_failure_mode(FailureMode.MAINTENANCE, 1.0)
    queue = OrderQueue(exchange)
    assert await queue.submit(**BUY) is None
    exchange.set_failure_mode(None)
    await asyncio.sleep(7_200)
    settled = await queue.drain()
    assert [item.error for item in settled] == [None]
    assert len(await exchange.fetch_open_orders("BTC/USDT")) == 1
