"""How a request ended, in one word: metrics, spans and logs use the same ones."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from failing_exchange.core.reject import Reject
from failing_exchange.journal.trip import UNHEARD, Damaged, parts_of

if TYPE_CHECKING:
    from failing_exchange.core.reject import Reason
    from failing_exchange.journal.trip import Trip


class TripOutcome(StrEnum):
    """What a client received. An answer that a fault has altered is an answer to it."""

    __hash__ = str.__hash__  # an enum's own is slow, and counts are kept by it

    ANSWERED = "answered"
    REFUSED = "refused"
    DAMAGED = "damaged"
    LOST = "lost"
    ABANDONED = "abandoned"  # the client left before there was anything to tell it


def outcome_of(trip: Trip) -> TripOutcome:
    """The outcome of a trip that has ended.

    >>> from failing_exchange.journal.trip import Trip
    >>> str(outcome_of(Trip(1, 0, "main", "fetch_time", (), "", told="12:00", ended_at=1)))
    'answered'
    """
    told = trip.told
    if told.__class__ not in UNHEARD:
        return TripOutcome.ANSWERED
    if told is None:
        return TripOutcome.ABANDONED if trip.gave_up_at else TripOutcome.LOST
    return TripOutcome.DAMAGED if told.__class__ is Damaged else TripOutcome.REFUSED


def reason_of(trip: Trip) -> Reason | None:
    """Why a trip was refused; None if it was not."""
    answer = parts_of(trip.told).answer
    return answer.reason if isinstance(answer, Reject) else None
