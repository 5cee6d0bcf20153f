"""A jump of the price acts within the engine step of the request that it strikes."""

from __future__ import annotations

import asyncio

import pytest

from failing_exchange import FailingExchange
from tests.faults.stories import status
from tests.passes import SYMBOL, run


@pytest.mark.parametrize(("by", "told"), [(-0.05, "OrderWouldMatchError"), (0.05, "open")])
def test_a_stop_in_the_struck_request_meets_the_new_price(by: float, told: str) -> None:
    """A stop that was right when it was sent is refused, since the market has gone past it."""

    async def story(x: FailingExchange) -> None:
        last = (await x.fetch_ticker(SYMBOL))["last"]
        x.arm("jump_price", "nth(1)", operations="create_order", by=by)
        stop = {"triggerPrice": last * 0.99}
        assert await status(x.create_order(SYMBOL, "market", "sell", 0.01, None, stop)) == told

    run(story)


def test_a_stop_that_waits_is_triggered_by_the_jump() -> None:
    """It is sold at the new price, within the call that the fault has struck."""

    async def story(x: FailingExchange) -> None:
        last = (await x.fetch_ticker(SYMBOL))["last"]
        stop = {"triggerPrice": last * 0.99}
        order = await x.create_order(SYMBOL, "market", "sell", 0.01, None, stop)
        x.arm("jump_price", "nth(1)", operations="fetch_ticker", by=-0.05)
        await x.fetch_ticker(SYMBOL)
        order = await x.fetch_order(order["id"], SYMBOL)
        assert order["status"] == "closed"
        assert order["average"] == pytest.approx(last * 0.95, rel=0.002)

    run(story)


def test_price_and_offers_jump_together_and_stay() -> None:
    """Nothing of it is seen only a second later; the print that tells of it is the newest."""

    async def story(x: FailingExchange) -> None:
        old = await x.fetch_ticker(SYMBOL)
        x.arm("jump_price", "nth(1)", operations="fetch_ticker", by=-0.05)
        for pause in (0.0, 0.1, 5.0):
            await asyncio.sleep(pause)
            new = await x.fetch_ticker(SYMBOL)
            for name in ("last", "bid", "ask"):
                assert new[name] == pytest.approx(old[name] * 0.95, rel=0.002)
        assert new["bid"] < new["ask"]

    run(story)


def test_a_jump_stops_in_front_of_a_clients_order() -> None:
    """The sides of the book never overlap: the order is in the way until it is filled."""

    async def story(x: FailingExchange) -> None:
        last = (await x.fetch_ticker(SYMBOL))["last"]
        price = round(last * 0.99, 2)
        await x.create_order(SYMBOL, "limit", "buy", 1, price)
        x.arm("jump_price", "nth(1)", operations="fetch_ticker", by=-0.05)
        ticker = await x.fetch_ticker(SYMBOL)
        assert (ticker["bid"], ticker["ask"]) == (price, round(price + 0.01, 2))

    run(story)


def test_a_jump_comes_back_after_its_time() -> None:
    """And only then."""

    async def story(x: FailingExchange) -> None:
        old = (await x.fetch_ticker(SYMBOL))["bid"]
        x.arm("jump_price", "nth(1)", operations="fetch_ticker", by=-0.5, lasts=30)
        assert (await x.fetch_ticker(SYMBOL))["bid"] < old * 0.6
        await asyncio.sleep(29)
        assert (await x.fetch_ticker(SYMBOL))["bid"] < old * 0.6
        await asyncio.sleep(3)
        assert (await x.fetch_ticker(SYMBOL))["bid"] > old * 0.9

    run(story)
