"""Hypothesis draws the worlds; the careful bot survives, and our own exchange is sound."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from failing_exchange.runs.bot_loader import find_bot
from failing_exchange.testing.hypothesis_strategies import World, fault_plans, run


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fault_plans(seconds=600.0))
def test_no_world_breaks_the_exchange(world: World) -> None:
    """Whatever strikes, the books balance, and the bot buys nothing twice."""
    outcome = run(find_bot("careful"), world)
    assert not outcome.error
    assert "once" not in outcome.broken
