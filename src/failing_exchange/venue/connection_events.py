"""Moments of a connection (a connect, an upgrade, a ping): a trip without a request or an answer.

Each is met by the armed rules and journalled like a push where one concerns it, and costs nothing
where none does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.faults.http import HttpDamage
from failing_exchange.faults.plan import Delay, Replace
from failing_exchange.journal.trip import Damage, Damaged, Stage

if TYPE_CHECKING:
    from failing_exchange.venue.gateway import Gateway

AS_EVER = "as ever"  # what is told of a moment that no fault has struck


def harm(gateway: Gateway, operation: str, client: str = "", symbol: str = "") -> Damage | None:
    """What faults make of a moment that comes now; None where it goes as ever.

    A connection can't wait: a delay is passed over, and any other verdict is a broken line.
    """
    plan = gateway.plan
    if not plan.concerns(operation):
        return None
    at = gateway.clock.now()
    trip = gateway.journal.open_push(at, client, operation, symbol)
    gateway.kinds.count(trip)
    gateway.match(trip, at)
    for verdict in plan.verdicts(Stage.WIRE, trip):
        if isinstance(verdict, Replace) and isinstance(verdict.value, Damaged):
            trip.replace_answer(verdict.value)
        elif not isinstance(verdict, Delay) and trip.damage is None:
            trip.damage = Damage(HttpDamage.RESET)
    trip.told = AS_EVER if trip.damage is None else Damaged(None, trip.damage)
    gateway.journal.end(trip, at)
    return trip.damage
