"""Explanations of a trip in words: which rules concerned it, which struck, which ended it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from failing_exchange.core.events import OperationRefused
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND
from failing_exchange.faults.plan import ENDING, Answer, Cause, Delay, Drop, HangUp, Repeat, Replace
from failing_exchange.journal.trip import Damaged, Edited, Trip
from failing_exchange.text.durations import span


def explain(trip: Trip) -> str:
    """A few lines about a trip: the rules it met, in their order, and both columns."""
    return "\n".join(_lines(trip))


def _lines(trip: Trip) -> Iterator[str]:
    what = f"{trip.operation} {trip.symbol}".strip()
    echo = f", an echo of trip {trip.echo_of}" if trip.echo_of else ""
    who = f" by {trip.account}" if trip.account else ""
    yield f"trip {trip.number}: {what}{who}, such request number {trip.request_number}{echo}"
    if not trip.considered and not trip.struck:
        yield "  no rule met it"
    names = dict.fromkeys([*(decision.rule for decision in trip.struck), *trip.considered])
    for name in sorted(names, key=_place(trip)):
        yield f"  {name}: {_story(trip, name)}"
    yield f"  happened: {', '.join(_event(event) for event in trip.happened) or 'nothing'}"
    yield f"  told: {_told(trip)}"


def _event(event: Any) -> str:
    if isinstance(event, OperationRefused):
        return f"{event.command} was refused ({event.why})"
    return type(event).__name__


def _place(trip: Trip) -> Any:
    order = {name: place for place, name in enumerate(trip.considered)}
    return lambda name: order.get(name, -1)  # a gate stands before all rules


def _story(trip: Trip, name: str) -> str:
    struck = [decision for decision in trip.struck if decision.rule == name]
    if struck:
        parts = [f"{_words(decision.verdict)} at {decision.stage}" for decision in struck]
        ended = _ends(struck[-1].verdict) and struck[-1] is trip.struck[-1]
        return "; ".join(parts) + (" (this ended it)" if ended else "")
    if any(rule.name == name for rule, _ in trip.active):
        return "its turn had come, but there was nothing for it to do"
    return "met it, did not strike"


def _ends(verdict: Any) -> bool:
    return isinstance(verdict, ENDING)


def _words(verdict: Any) -> str:
    match verdict:
        case Reject():
            return f"refused ({verdict.reason.value}: {verdict.text})"
        case Delay(nanoseconds):
            return f"held up for {span(nanoseconds / SECOND)}"
        case Drop():
            return "lost"
        case HangUp():
            return "connection broken"
        case Repeat(nanoseconds):
            return f"sent again {span(nanoseconds / SECOND)} later"
        case Replace(Edited(_, edits)):
            return f"fields changed: {', '.join(name for name, _ in edits)}"
        case Replace(Damaged(_, damage)):
            return f"bytes damaged: {damage.kind}"
        case Replace(value):
            return f"replaced by {type(value).__name__}"
        case Answer(value):
            return f"answered in the engine's place with {type(value).__name__}"
        case Cause(command, after):
            return f"incident {type(command).__name__} {'after' if after else 'before'} it"
    return repr(verdict)


def _told(trip: Trip) -> str:
    if trip.hung_up:
        return "nothing: the connection broke"
    if trip.told is None:
        return "nothing" if trip.ended_at else "nothing yet"
    if isinstance(trip.told, str):
        return trip.told
    if isinstance(trip.told, Damaged):
        said = f"damaged bytes ({trip.told.damage.kind})"
    elif isinstance(trip.told, Reject):
        said = f"no ({trip.told.reason.value}: {trip.told.text})"
    else:
        said = type(trip.told).__name__
    return f"{said}, but the client had given up" if trip.gave_up_at else said
