"""The way of a message that is struck by faults.

A road is a generator: it yields how long, in nanoseconds, the message waits now.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from failing_exchange.core.reject import Reject
from failing_exchange.errors import InternalError
from failing_exchange.faults.plan import Answer, Cause, Delay, Drop, HangUp, Repeat, Replace
from failing_exchange.journal.trip import Stage, Trip

if TYPE_CHECKING:
    from failing_exchange.venue.gateway import Gateway


class Lost(Exception):
    """The trip ends here, and its client hears no answer."""


def there_and_back(g: Gateway, trip: Trip, there: int, back: int) -> Iterator[int]:
    """The way of a request, which is `there` and `back` nanoseconds long without faults."""
    try:
        if there:
            yield there
        try:
            now = g.clock.now()
            g.catch_up(now)
            g.arrive(trip, now)
            yield from _before_engine(g, trip)
            yield from _behind_engine(g, Stage.ANSWER, trip)
        except Reject as refused:
            trip.answer = refused.settled()
        if back:
            yield back
        yield from _behind_engine(g, Stage.WIRE, trip)
        if trip.told is None:  # else a door that would not wait has said something already
            trip.told = trip.as_told()
    except Lost:
        if back and trip.hung_up and g.clock.now() < trip.born_at + there + back:
            yield back  # a client can't see from the time on which way the connection broke
    g.plan.conclude(trip)
    g.end(trip, g.clock.now())


def out(g: Gateway, trip: Trip, back: int) -> Iterator[int]:
    """The way of a push. The line keeps its order; a delay at ANSWER lets others pass."""
    try:
        yield from _behind_engine(g, Stage.ANSWER, trip)
        if g.latency is not None:
            now = g.clock.now()
            yield g.lines.arrival(trip.account, now + back) - now
        while (held := g.lines.held_until(trip.account)) > (now := g.clock.now()):
            yield held - now
        yield from _behind_engine(g, Stage.WIRE, trip)
        trip.told = trip.as_told()
    except Lost:
        trip.told = None
    g.plan.conclude(trip)
    g.end(trip, g.clock.now())


def _before_engine(g: Gateway, trip: Trip) -> Iterator[int]:
    """The REQUEST faults in their order, until one ends the trip; then the engine.

    Incidents belong to the engine's step: a request that never gets there causes none.
    """
    causes: list[Cause] = []
    try:
        yield from _ask_all(g, trip, causes)
    except (Reject, Lost):
        g.give_up(trip, causes)
        raise


def _ask_all(g: Gateway, trip: Trip, causes: list[Cause]) -> Iterator[int]:
    for verdict in g.plan.verdicts(Stage.REQUEST, trip):
        match verdict:
            case Cause():
                causes.append(verdict)
            case Answer(value):
                trip.replace_answer(value)
                g.give_up(trip, causes)
                return
            case Replace(value):
                trip.command = value
            case _:
                yield from _obey(g, verdict, trip)
    g.act(trip, g.clock.now(), causes)


def _behind_engine(g: Gateway, stage: Stage, trip: Trip) -> Iterator[int]:
    """The faults behind the engine; a refusal here is what the client is told."""
    for verdict in g.plan.verdicts(stage, trip):
        if isinstance(verdict, Replace):
            trip.replace_answer(verdict.value)
        elif isinstance(verdict, Reject):
            trip.answer = verdict
            return
        elif isinstance(verdict, Delay) and trip.is_push and stage is Stage.WIRE:
            g.lines.hold(trip.account, g.clock.now() + verdict.nanoseconds)
            yield verdict.nanoseconds
        else:
            yield from _obey(g, verdict, trip)


def _obey(g: Gateway, verdict: object, trip: Trip) -> Iterator[int]:
    match verdict:
        case Delay(nanoseconds):
            yield nanoseconds
        case Reject():
            raise verdict
        case Drop():
            raise Lost
        case HangUp():
            trip.hung_up = True
            raise Lost
        case Repeat(nanoseconds):
            g.later(g.clock.now() + nanoseconds, g.repeat, trip, trip.reply)
        case _:
            raise InternalError(f"no such verdict at this place: {verdict!r}")
