"""Admission checks before the engine: maintenance and rate limits refuse as the venue does."""

from __future__ import annotations

from failing_exchange.core.rate_limits import Limit
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.journal.trip import Decision, Limited, Stage, Trip
from failing_exchange.venue.maintenance import MaintenanceSchedule
from failing_exchange.venue.venue_clock import instant_text


class MaintenanceGate:
    """Refuses every request during maintenance."""

    def __init__(self, schedule: MaintenanceSchedule) -> None:
        self.schedule = schedule

    def __call__(self, trip: Trip, at: int, /) -> None:
        """Raise `Reject` during maintenance, with the instant at which it ends."""
        going_on = self.schedule.at(at) if self.schedule.windows else None
        if going_on is not None:
            end, message = going_on
            refused = Reject(
                Reason.MAINTENANCE, f"{message} (until {instant_text(end)})", until=end
            )
            strike(trip, "maintenance", "MAINTENANCE", refused)


class RateGate:
    """Limits the requests of all clients together, as a venue limits one address."""

    def __init__(self, limit: Limit, name: str = "rate limit") -> None:
        self.limit = limit
        self.name = name

    def __call__(self, trip: Trip, at: int, /) -> None:
        """Raise `Reject` above the limit."""
        until = self.limit.take(at)
        if until is not None:
            wait = (until - at) / SECOND
            text = f"rate limit exceeded: retry after {wait:.3f} s"
            refuse_over_limit(trip, self.name, Reject(Reason.RATE_LIMITED, text, until=until))


def strike(trip: Trip, rule: str, label: str, refused: Reject) -> None:
    """Refuse a trip, and note the decision on it."""
    trip.struck = (*trip.struck, Decision(rule, label, Stage.REQUEST, refused))
    raise refused


def refuse_over_limit(trip: Trip, rule: str, refused: Reject) -> None:
    """Refuse a trip that is over a limit; statistics count it as limited, not as struck."""
    trip.struck = (*trip.struck, Limited(rule, "RATE_LIMIT", Stage.REQUEST, refused))
    raise refused
