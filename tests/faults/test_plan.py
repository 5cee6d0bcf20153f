"""The plan: who is asked in which order, what is counted, what outlives its disarming."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core import commands as c
from failing_exchange.core.order import OrderType, Side
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults import plan as plans
from failing_exchange.faults.catalogue import make
from failing_exchange.faults.plan import FaultPlan, FaultRule, Scope
from failing_exchange.faults.triggers import always, nth
from failing_exchange.journal.trip import Trip
from tests.faults.stories import SYMBOL, buy, said


def rule(name: str, fault: str = "lose_answer") -> FaultRule:
    return FaultRule(name=name, fault=make(fault), when=always)


def test_names_are_unique_and_unknown_ones_are_an_error() -> None:
    """A rule that replaces another unseen would be a riddle."""
    plan = FaultPlan()
    plan.arm(rule("a"))
    with pytest.raises(ConfigurationError, match="armed already"):
        plan.arm(rule("a"))
    with pytest.raises(ConfigurationError, match="no rule named 'b' is armed; armed: a"):
        plan.disarm("b")
    assert plan.free_name("a") == "a-2"
    plan.disarm("a")
    assert not plan.rules


def test_there_is_a_limit_to_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that arms and never disarms is found early."""
    monkeypatch.setattr(plans, "RULES_MAX", 2)
    plan = FaultPlan()
    plan.arm(rule("a"))
    plan.arm(rule("b"))
    with pytest.raises(ConfigurationError, match="2 rules are armed already"):
        plan.arm(rule("c"))


def test_whom_finds_an_order_in_a_batch() -> None:
    """A batch is met where one of its orders is."""
    order = c.PlaceOrder("bob", SYMBOL, Side.SELL, OrderType.LIMIT, 1, 1, client_id="mine")
    trip = Trip(1, 0, "bob", "create_orders", None, SYMBOL)
    trip.command = c.BatchOrders("bob", (order._replace(side=Side.BUY, client_id=""), order))
    assert Scope(sides=("sell",), client_order_ids=("mine",)).meets(trip)
    assert not Scope(client_order_ids=("other",)).meets(trip)


def test_whom_chooses_by_symbol_side_client_and_client_order_id() -> None:
    """A fault for one of several bots, markets or orders leaves the others in peace."""

    async def main() -> list[object]:
        async with FailingExchange(latency=None) as x:
            bob = x.client("bob")
            only: dict[str, Any] = {"why": "invalid_price", "operations": "create_order"}
            whoms: list[dict[str, Any]] = [
                {"symbols": SYMBOL},
                {"sides": "sell"},
                {"clients": "bob"},
                {"client_order_ids": "mine"},
            ]
            seen: list[object] = []
            for whom in whoms:
                with x.arm("reject_request", **only, **whom):
                    answers = [
                        await said(buy(x)),
                        await said(x.create_order("ETH/USDT", "limit", "buy", 1, 1_000)),
                        await said(x.create_order(SYMBOL, "limit", "sell", 0.01, 60_000)),
                        await said(buy(bob)),
                        await said(buy(x, params={"clientOrderId": "mine"})),
                    ]
                    seen.append([isinstance(answer, str) for answer in answers])
                    await x.cancel_all_orders()
            return seen

    assert simulate(main()) == [
        [True, False, True, True, True],
        [False, False, True, False, False],
        [False, False, False, True, False],
        [False, False, False, False, True],
    ]


def test_rules_are_asked_in_the_order_in_which_they_were_armed() -> None:
    """The first that ends a trip has the last word."""

    async def main() -> tuple[object, int, int]:
        async with FailingExchange(latency=None) as x:
            first = x.arm("reject_request", why="invalid_price", operations="create_order")
            second = x.arm("reject_request", why="insufficient_funds", operations="create_order")
            return await said(buy(x)), first.struck, second.struck

    assert simulate(main()) == ("InvalidOrderError", 1, 0)


def test_faults_add_up_on_one_trip() -> None:
    """Sent twice, filled at once, and the answer lost: a day like any other."""

    async def main() -> tuple[object, int]:
        async with FailingExchange(latency=None) as x:
            x.arm("repeat_request", nth(1), after=1)
            x.arm("fill_at_once", nth(1))
            lost = x.arm("lose_answer", nth(1), operations="create_order")
            told = await said(buy(x))
            assert lost.struck == 1
            return told, len(await x.fetch_orders())

    assert simulate(main()) == ("RequestTimeoutError", 2)


def test_a_fault_that_strikes_at_two_stages_is_counted_once() -> None:
    """`struck` counts requests, not verdicts."""

    async def main() -> int:
        async with FailingExchange(latency=None) as x:
            order = await buy(x)
            armed = x.arm("canceled_but_filled")
            await x.cancel_order(order["id"])
            return armed.struck

    assert simulate(main()) == 1


def test_disarming_ends_what_is_not_sticky_at_once() -> None:
    """Leaving the scope restores health."""

    async def main() -> list[object]:
        async with FailingExchange(latency=None) as x:
            with x.arm("maintenance", duration=600):
                inside = await said(x.fetch_status())
            outside = await said(x.fetch_status())
            return [inside, outside["status"]]

    assert simulate(main()) == ["ExchangeMaintenanceError", "ok"]


def test_parts_of_a_sighting_have_draws_and_memories_of_their_own() -> None:
    """Or two bursts in one trigger would share a spell."""
    seen: dict[str, Any] = {}

    def remember(match: plans.Match) -> bool:
        left, right = match.within("left"), match.within("right")
        left.memory["seen"] = True
        seen.update(own=match.draw(), left=left.draw(), right=right.draw())
        seen["shared"] = "seen" in right.memory or "seen" in match.memory
        return True

    plan = FaultPlan()
    plan.arm(FaultRule(name="a", fault=make("lose_answer"), when=remember, scope=Scope()))
    plan.match(Trip(1, 0, "main", "fetch_time", None, ""), 0)
    assert len({seen["own"], seen["left"], seen["right"]}) == 3
    assert not seen["shared"]
