"""How long a venue waits for its own engine, and what it says then: nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.core.reject import Reason, Reject

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.gateway import Gateway

TOO_SLOW = Reject(Reason.OUTCOME_UNKNOWN, "the engine has not answered in time")


def limit(gateway: Gateway, trip: Trip, engine_time_max: int) -> None:
    """Tell the client when the engine takes longer than it may; only a fault makes it so slow.

    The trip goes on, unheard: what it does is done. The way over the network is not counted.
    """
    if not trip.active or trip.ended_at:
        return
    there = back = 0
    if gateway.latency is not None:
        there, back = gateway.counter.of(trip).one_way(gateway.latency, trip.request_number)
    at = trip.born_at + there + engine_time_max + back
    gateway.later(at + 1, _give_up, gateway, trip)


def _give_up(gateway: Gateway, trip: Trip) -> None:
    if not trip.ended_at and trip.reply is not None:
        gateway.leave(trip, TOO_SLOW)
