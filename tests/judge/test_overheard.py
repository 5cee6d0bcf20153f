"""Public messages to one of several clients: they may excuse each of them, and accuse none."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core.queries import Clock
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.rule import CLIENT_UNKNOWN, Rule
from failing_exchange.judge.rules.back_off import BacksOff, NoHotLoop, Stops


def answered(told: Any, number: int = 1) -> Trip:
    """A public request with this answer."""
    trip = Trip(number, 0, "main", "fetch_time", None, "")
    trip.told = told
    return trip


LATER = Reject(Reason.RATE_LIMITED, "wait", until=10)


@pytest.mark.parametrize(
    ("rule", "told", "unknown"),
    [
        (BacksOff, LATER, True),
        (BacksOff, Reject(Reason.RATE_LIMITED, "wait"), False),
        (BacksOff, Reject(Reason.MAINTENANCE, "wait", until=10), False),
        (BacksOff, Clock(0), False),
        (NoHotLoop, Reject(Reason.KEY_REFUSED, "no"), True),
        (NoHotLoop, LATER, False),
        (NoHotLoop, Clock(0), False),
        (Stops, Reject(Reason.KEY_REFUSED, "no"), True),
        (Stops, LATER, False),
        (Stops, Clock(0), False),
        (Stops, None, False),
    ],
)
def test_a_refusal_of_nobody_knows_whom_leaves_the_rule_open(
    rule: type[Rule], told: Any, unknown: bool
) -> None:
    """If it was this client it has to heed it; if not, it need not: neither can be seen."""
    judging = rule()
    judging.overheard(answered(told))
    assert judging.unknown == (CLIENT_UNKNOWN if unknown else "")
    assert judging.count == 0
