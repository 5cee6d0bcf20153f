"""A cancel meets a fill, also where the order still waits for its trigger."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import FailingExchange
from failing_exchange.client.controls import Armed
from failing_exchange.core.events import OrderFilled, OrderTriggered
from failing_exchange.journal.trip import Trip
from tests.faults.stories import status
from tests.passes import SYMBOL, run

FAR = {"sell": 40_000.0, "buy": 60_000.0}
RACES = ["fill_beats_cancel", "partial_fill_beats_cancel", "canceled_but_filled", "fill_order"]


async def cancel_a_stop(
    x: FailingExchange, armed: Armed, kind: str, side: str
) -> tuple[Any, Any, Trip]:
    """What the cancel of a stop says, what the order is then, and the trip of the cancel."""
    trigger = {"triggerPrice": FAR[side]}
    price = FAR[side] if kind == "limit" else None
    stop = await x.create_order(SYMBOL, kind, side, 0.01, price, trigger)
    said = await status(x.cancel_order(stop["id"], SYMBOL))
    trip = x.journal.trips[-1]
    armed.disarm()
    return said, await x.fetch_order(stop["id"], SYMBOL), trip


@pytest.mark.parametrize("kind", ["limit", "market"])
@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("fault", RACES)
def test_a_stop_is_triggered_and_filled_before_its_cancel(fault: str, side: str, kind: str) -> None:
    """A bot that believes in its cancel is wrong about its position, with stops most of all."""
    partly = fault == "partial_fill_beats_cancel"
    expected = {"canceled_but_filled": "canceled", "partial_fill_beats_cancel": "canceled"}

    async def story(x: FailingExchange) -> None:
        operations = {"operations": "cancel_order"} if fault == "fill_order" else {}
        armed = x.arm(fault, "nth(1)", **operations)
        said, order, trip = await cancel_a_stop(x, armed, kind, side)
        assert said == expected.get(fault, "OrderNotFoundError")
        assert (order["status"], order["filled"]) == (
            ("canceled", 0.005) if partly else ("closed", 0.01)
        )
        assert order["average"] == FAR[side]
        assert armed.struck == 1
        kinds = [type(event) for event in trip.happened]
        assert kinds[:2] == [OrderTriggered, OrderFilled]

    run(story)


def test_what_is_left_of_a_triggered_stop_meets_the_market_in_the_next_second() -> None:
    """An order that nobody cancels is filled at the market's price then."""

    async def story(x: FailingExchange) -> None:
        stop = await x.create_order(
            SYMBOL, "market", "sell", 0.01, None, {"triggerPrice": FAR["sell"]}
        )
        x.arm("fill_order", "nth(1)", operations="fetch_order", fill_ratio=0.5)
        order = await x.fetch_order(stop["id"], SYMBOL)
        assert (order["status"], order["filled"]) == ("open", 0.005)
        await asyncio.sleep(1)
        order = await x.fetch_order(stop["id"], SYMBOL)
        assert (order["status"], order["filled"]) == ("closed", 0.01)

    run(story)


def test_where_there_is_nothing_to_fill_explain_says_so() -> None:
    """A fault that changed nothing is told as one."""

    async def story(x: FailingExchange) -> None:
        x.arm("fill_beats_cancel", "nth(1)")
        assert await status(x.cancel_order("99", SYMBOL)) == "OrderNotFoundError"
        said = x.explain(x.journal.trips[-1].number)
        assert "fill_beats_cancel: its turn had come, but there was nothing for it to do" in said

    run(story)
