"""Faults of funding strike pushes that tell of it, and no others."""

from __future__ import annotations

import pytest

from failing_exchange.faults.contract_faults import DelayFunding, RepeatFunding
from failing_exchange.faults.plan import Delay, FaultPlan, Match, Repeat
from failing_exchange.feeds.contract_records import FuturesChange, FuturesUpdate
from failing_exchange.journal.trip import Stage, Trip


def push(why: FuturesChange) -> Match:
    """A push that tells of a changed wallet."""
    trip = Trip(1, 0, "main", "watch_balance", None, "")
    trip.is_push, trip.answer = True, FuturesUpdate(why, (), (), 0)
    return Match(trip, 0, 1, None, {}, FaultPlan(0), "rule")


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [(DelayFunding(seconds=2), Delay(2 * 10**9)), (RepeatFunding(after=1), Repeat(10**9))],
)
def test_a_push_of_funding_comes_late_or_twice(
    fault: DelayFunding | RepeatFunding, verdict: Delay | Repeat
) -> None:
    """One of a match comes as ever: it would be another fault."""
    assert fault.strike(Stage.ANSWER, push(FuturesChange.FUNDING)) == verdict
    assert fault.strike(Stage.ANSWER, push(FuturesChange.ORDER)) is None
