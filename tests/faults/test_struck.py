"""Struck means that something differed; a count of strikes and `nth(1)` can be relied on."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange import FailingExchange, Market, simulate
from failing_exchange.core.commands import BustTrade, Freeze
from failing_exchange.core.events import OperationRefused
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.plan import Cause
from tests.faults.stories import said, status
from tests.passes import REQUEST, SYMBOL, arm, run


@pytest.mark.parametrize("fault", ["lock_funds", "take_funds"])
def test_an_asset_that_is_not_here_is_refused_when_armed(fault: str) -> None:
    """It would never strike; the error names the asset that was meant."""

    async def story(x: FailingExchange) -> None:
        with pytest.raises(ConfigurationError, match="no asset 'BTCC'; did you mean 'BTC'"):
            x.arm(fault, asset="BTCC")
        armed = x.arm(fault, asset="BNB", operations="fetch_balance")
        await x.fetch_balance()
        assert armed.struck == 1

    run(story)


@pytest.mark.parametrize("fault", ["lock_funds", "take_funds"])
def test_funds_are_those_that_buyers_pay_with_whatever_the_markets(fault: str) -> None:
    """A venue without USDT has no other money to take; once nothing happened there."""

    async def main() -> float:
        market = Market(
            symbol="ETH/EUR", base="ETH", quote="EUR", price_step=10**6, amount_step=10**4
        )
        balances = {"EUR": 1_000, "ETH": 2}
        async with FailingExchange(markets=[market], balances=balances, latency=None) as x:
            x.arm(fault, operations="fetch_balance", part=0.5)
            return float((await x.fetch_balance())["EUR"]["free"])

    assert simulate(main()) == 500


async def buy(x: FailingExchange, price: float = 20_000.0) -> dict[str, Any]:
    order: dict[str, Any] = await x.create_order(SYMBOL, "limit", "buy", 0.01, price)
    return order


@pytest.mark.parametrize(
    ("command", "why"),
    [(BustTrade(SYMBOL, 99), "no client's trade 99"), (Freeze("main", "XYZ", 5), "no asset 'XYZ'")],
)
@pytest.mark.parametrize("after", [False, True])
def test_an_incident_that_the_engine_refuses_is_told_and_is_no_strike(
    command: Any, why: str, after: bool
) -> None:
    """It changed nothing; once it passed in silence and was counted."""

    async def story(x: FailingExchange) -> None:
        rule = arm(x, REQUEST, Cause(command, after), operations="create_order")
        assert (await buy(x))["status"] == "open"
        trip = x.journal.trips[-1]
        refused = [e for e in trip.happened if isinstance(e, OperationRefused)]
        assert [why in one.why for one in refused] == [True]
        assert (rule.struck, trip.struck) == (0, ())
        assert f"{type(command).__name__} was refused ({why}" in x.explain(trip.number)

    run(story)


def test_an_incident_around_a_request_that_never_arrives_is_no_strike() -> None:
    """Another fault refuses the request first: nothing is filled, and nothing counted."""

    async def story(x: FailingExchange) -> None:
        filled = x.arm("fill_at_once")
        lost = x.arm("reject_request", operations="create_order")
        assert await said(buy(x)) != "open"
        assert (filled.struck, lost.struck) == (0, 1)

    run(story)


def test_the_next_request_takes_the_place_of_one_with_nothing_to_do() -> None:
    """`nth(1)` of a race strikes the first cancel that names an open order."""

    async def story(x: FailingExchange) -> None:
        armed = x.arm("fill_beats_cancel", "nth(1)")
        for number in ("98", "99"):
            assert await status(x.cancel_order(number, SYMBOL)) == "OrderNotFoundError"
        told = [await status(x.cancel_order((await buy(x))["id"], SYMBOL)) for _ in range(2)]
        assert told == ["OrderNotFoundError", "canceled"]
        assert armed.struck == 1

    run(story)


def test_a_trade_is_undone_as_soon_as_there_is_one() -> None:
    """A fault that decides itself passes its turn on, too."""

    async def story(x: FailingExchange) -> None:
        armed = x.arm("bust_last_trade", "first(2)", operations="fetch_balance")
        for _ in range(3):
            await x.fetch_balance()
        for _ in range(2):
            await x.create_order(SYMBOL, "market", "buy", 0.01)
            await x.fetch_balance()
            await x.fetch_balance()
        assert armed.struck == 2
        await x.create_order(SYMBOL, "market", "buy", 0.01)
        await x.fetch_balance()
        assert armed.struck == 2

    run(story)


def test_where_another_fault_ended_the_request_the_turn_is_over() -> None:
    """Two faults on the first order: the second one does not wait for another."""

    async def story(x: FailingExchange) -> None:
        first = x.arm("reject_request", "nth(1)", operations="create_order")
        second = x.arm("lose_answer", "nth(1)", operations="create_order")
        await said(buy(x))
        assert (await buy(x))["status"] == "open"
        assert (first.struck, second.struck) == (1, 0)

    run(story)


def test_between_two_numbers_a_turn_is_passed_on_once() -> None:
    """`nth(1) | nth(4)` strikes twice, whichever requests give it something to do."""

    async def story(x: FailingExchange) -> None:
        armed = x.arm("fill_beats_cancel", "nth(1) | nth(4)")
        await status(x.cancel_order("99", SYMBOL))
        told = [await status(x.cancel_order((await buy(x))["id"], SYMBOL)) for _ in range(5)]
        fails = "OrderNotFoundError"
        assert told == [fails, "canceled", fails, "canceled", "canceled"]
        assert armed.struck == 2

    run(story)
