"""Shrinking on made-up bots, of which it is known exactly what breaks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from failing_exchange.explorer.shrink import Attempt, shrink
from failing_exchange.explorer.trial import Break, Seen
from failing_exchange.explorer.world import World

ONE = Break("once", "breaks", (), (), "create_order", 0.0, 1.0, ())


def plan_of(fault: str, strikes: int, **fields: Any) -> dict[str, Any]:
    """One rule of a recorded plan that struck so many orders."""
    found = [["main", "create_order", "", n, str(n)] for n in range(1, strikes + 1)]
    return {"name": "x", "label": "x", "fault": fault, "fields": fields, "strikes": found}


def bot(breaks: Callable[[World], bool]) -> Attempt:
    """A bot that breaks one rule in some worlds."""
    return lambda world: Seen(breaks=(ONE,) if breaks(world) else (), plan=world.plan)


def test_values_are_made_as_mild_as_they_can_be() -> None:
    """A delay of ten seconds says more than one of eleven minutes, if it is enough."""
    harmed = bot(lambda world: any(rule["fields"]["seconds"] >= 7 for rule in world.plan))
    world = World(seed=1, seconds=60.0, plan=(plan_of("delay_answer", 1, seconds=640.0),))
    small = shrink(world, harmed(world), "once", harmed)
    assert small.world.plan[0]["fields"] == {"seconds": 10.0}
