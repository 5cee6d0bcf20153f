"""Shrinking on made-up bots, of which it is known exactly what breaks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from failing_exchange.explorer.findings import needed, weather
from failing_exchange.explorer.shrink import Attempt, shrink, shrink_alone
from failing_exchange.explorer.trial import BrokenRule, TrialSummary
from failing_exchange.explorer.world import FaultSpec, World

ONE = BrokenRule("once", "breaks", (), (), "create_order", 0.0, 1.0, ())


def plan_of(fault: str, strikes: int, **fields: Any) -> dict[str, Any]:
    """One rule of a recorded plan that struck so many orders."""
    found = [["main", "create_order", "", n, str(n)] for n in range(1, strikes + 1)]
    return {"name": "x", "label": "x", "fault": fault, "fields": fields, "strikes": found}


def bot(breaks: Callable[[World], bool]) -> Attempt:
    """A bot that breaks one rule in some worlds."""
    return lambda world: TrialSummary(breaks=(ONE,) if breaks(world) else (), plan=world.plan)


def test_values_are_made_as_mild_as_they_can_be() -> None:
    """A delay of ten seconds says more than one of eleven minutes, if it is enough."""
    harmed = bot(lambda world: any(rule["fields"]["seconds"] >= 7 for rule in world.plan))
    world = World(seed=1, seconds=60.0, plan=(plan_of("delay_answer", 1, seconds=640.0),))
    small = shrink(world, harmed(world), "once", harmed)
    assert small.world.plan[0]["fields"] == {"seconds": 10.0}


def test_a_fault_of_many_operations_names_a_few_of_them() -> None:
    """A sentence with the names of 35 operations is not read."""
    four = ("a", "b", "c", "d")
    assert weather(FaultSpec("lost", "chance(0.05)", four)) == "lost on 5 % of a and b and c and d"
    assert (
        weather(FaultSpec("lost", "", (*four, "e")))
        == "lost on every one of a and b and c and 2 others"
    )


def test_many_strikes_are_told_as_weather() -> None:
    """ "40 faults suffice" says nothing; "on 5 % of the orders" can be understood."""

    def breaks(world: World) -> bool:
        rates = [float(arm.when[7:-1]) for arm in world.faults if arm.when.startswith("chance(")]
        return (
            sum(len(rule["strikes"]) for rule in world.plan) >= 10 or max(rates, default=0) > 0.04
        )

    harmed = bot(breaks)
    world = World(seed=1, seconds=60.0, plan=(plan_of("rate_limited", 40, retry_after=1.0),))
    small = shrink(world, harmed(world), "once", harmed)
    assert small.complete
    assert not small.world.plan
    assert needed(small) == "rate_limited on 5 % of create_order suffices"


def test_one_fault_that_lasts_is_told_as_one() -> None:
    """A key that is refused from the seventh request on is one fault, not thirty."""

    def breaks(world: World) -> bool:
        strikes = sum(len(rule["strikes"]) for rule in world.plan)
        return strikes >= 10 or any(arm.when == "nth(1)" for arm in world.faults)

    harmed = bot(breaks)
    world = World(seed=1, seconds=60.0, plan=(plan_of("reject_request", 30, lasts=None),))
    small = shrink(world, harmed(world), "once", harmed)
    assert needed(small) == "one reject_request on create_order, from request 1 on, suffices"


def test_few_strikes_stay_as_they_are() -> None:
    """Three lost answers in a row are three faults; that is as short as it can be said."""
    harmed = bot(lambda world: sum(len(rule["strikes"]) for rule in world.plan) >= 3)
    world = World(seed=1, seconds=60.0, plan=(plan_of("lose_answer", 40),))
    small = shrink(world, harmed(world), "once", harmed)
    assert needed(small) == "3 faults suffice"


def test_what_needs_no_fault_is_seen_at_once() -> None:
    """The first trial is a calm one; what else struck is not looked at."""
    harmed = bot(lambda world: True)
    world = World(seed=1, seconds=60.0, faults=(FaultSpec("lose_answer", "chance(0.1)"),),
                  restarts=(5.0,), plan=(plan_of("lose_answer", 40),))  # fmt: skip
    small = shrink_alone(world, harmed(world), "once", harmed)
    assert small is not None
    assert needed(small) == "no fault is needed for it"
    assert small.runs < 10


def test_a_limit_that_is_needed_is_no_calm_day() -> None:
    """What fails only under a rate limit or a slow line is not told as failing by itself."""
    harmed = bot(lambda world: world.rate_limit is not None)
    world = World(seed=1, seconds=60.0, rate_limit=60, plan=(plan_of("lose_answer", 4),))
    small = shrink(world, harmed(world), "once", harmed)
    assert needed(small) == "a limit of 60 requests a minute suffices"
    slow = bot(lambda world: world.latency == 250.0)
    world = World(seed=1, seconds=60.0, latency=250.0)
    found = shrink_alone(world, slow(world), "once", slow)
    assert found is not None
    assert needed(found) == "a latency of 250 ms suffices"
    assert found.faults == 1
