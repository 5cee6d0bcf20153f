"""What a rule or a limit looks at is settled: it does not depend on who asked before."""

from __future__ import annotations

import asyncio

import pytest

from failing_exchange import FailingExchange
from failing_exchange.faults.plan import Delay
from failing_exchange.faults.triggers import filled
from tests.faults.stories import said
from tests.passes import REQUEST, SYMBOL, arm, run

HOURS = 3_600


async def filled_meanwhile(x: FailingExchange) -> str:
    """Place a bid near the market, and wait until the market has filled it unobserved."""
    bid = (await x.fetch_ticker(SYMBOL))["bid"]
    order = await x.create_order(SYMBOL, "limit", "buy", 0.001, bid - 5)
    await asyncio.sleep(6 * HOURS)
    return str(order["id"])


@pytest.mark.parametrize("asks", [False, True])
def test_a_fill_that_nobody_has_asked_about_counts(asks: bool) -> None:
    """The order was filled hours ago, whether another account has asked since or not."""

    async def story(x: FailingExchange) -> None:
        x.arm("unknown_outcome", filled(0.5), operations="fetch_order", clients="main")
        order_id = await filled_meanwhile(x)
        if asks:
            await x.client("other").fetch_balance()
        assert await said(x.fetch_order(order_id, SYMBOL)) == "RequestTimeoutError"

    run(story, seed=3)


@pytest.mark.parametrize("asks", [False, True])
def test_no_fault_claims_a_fill_that_the_market_made(asks: bool) -> None:
    """`struck` says what the fault did: here the market was there hours before it."""

    async def story(x: FailingExchange) -> None:
        armed = x.arm("fill_beats_cancel")
        order_id = await filled_meanwhile(x)
        if asks:
            await x.client("other").fetch_balance()
        assert await said(x.cancel_order(order_id, SYMBOL)) == "OrderNotFoundError"
        assert armed.struck == 0

    run(story, seed=3)


def test_a_rule_behind_a_delay_sees_what_happened_during_the_delay() -> None:
    """A request that was held up for hours meets the market as it is when it arrives."""

    async def story(x: FailingExchange) -> None:
        arm(x, REQUEST, Delay(6 * HOURS * 1_000_000_000), operations="cancel_order")
        armed = x.arm("fill_beats_cancel")
        bid = (await x.fetch_ticker(SYMBOL))["bid"]
        order = await x.create_order(SYMBOL, "limit", "buy", 0.001, bid - 5)
        await said(x.cancel_order(order["id"], SYMBOL))
        await asyncio.sleep(7 * HOURS)
        assert armed.struck == 0

    run(story, seed=3)
