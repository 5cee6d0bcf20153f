"""Connection events (connect, upgrade, ping). Journalled only if an armed rule applies.

Such a trip has neither a request nor an answer: a fault either breaks the connection or it does
not, at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.faults.http import HttpDamage
from failing_exchange.faults.plan import Delay, Replace
from failing_exchange.journal.trip import Damage, Damaged, Stage

if TYPE_CHECKING:
    from failing_exchange.venue.gateway import Gateway

UNAFFECTED = "unaffected"  # the second column of an event that no fault has struck


def connection_fault(
    gateway: Gateway, operation: str, client: str = "", symbol: str = ""
) -> Damage | None:
    """What the faults do to a connection event that happens now; None if nothing.

    A connection can't wait: a delay is passed over, and any other verdict is a broken line.
    """
    plan = gateway.plan
    if not plan.concerns(operation):
        return None
    at = gateway.clock.now()
    trip = gateway.journal.open_push(at, client, operation, symbol)
    gateway.counter.count(trip)
    gateway.match(trip, at)
    for verdict in plan.verdicts(Stage.WIRE, trip):
        if isinstance(verdict, Replace) and isinstance(verdict.value, Damaged):
            trip.replace_answer(verdict.value)
        elif not isinstance(verdict, Delay) and trip.damage is None:
            trip.damage = Damage(HttpDamage.RESET)
    told = UNAFFECTED if trip.damage is None else Damaged(None, trip.damage)
    gateway.journal.tell(trip, at, told)
    return trip.damage
