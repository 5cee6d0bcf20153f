"""Trips in sentences about a bot: which request it was, and what the bot received."""

from __future__ import annotations

from failing_exchange.core.reject import Reject
from failing_exchange.journal.trip import Damaged, Edited, Trip
from failing_exchange.judge.answers import received

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
            "tenth")  # fmt: skip
NOUNS = {"create_order": "order", "cancel_order": "cancel", "edit_order": "change"}
ANSWER_TEXT_MAX = 80  # characters of a venue's text in a sentence


def ordinal(n: int) -> str:
    """A place in a row, in words up to the tenth.

    >>> ordinal(2), ordinal(12), ordinal(23)
    ('second', '12th', '23rd')
    """
    if 1 <= n <= len(ORDINALS):
        return ORDINALS[n - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th") if n % 100 not in (11, 12, 13) else "th"
    return f"{n}{ending}"


def request_name(trip: Trip) -> str:
    """A request of the bot's, as "its second order (trip 7)"."""
    noun = NOUNS.get(trip.operation)
    if noun is None:
        return f"{trip.operation} (trip {trip.number})"
    return f"its {ordinal(max(1, trip.request_number))} {noun} (trip {trip.number})"


def describe_failure(trip: Trip) -> str:
    """What the client received for a request, where that did not say what became of it."""
    which = request_name(trip)
    if trip.echo_of:
        return f"{which} arrived twice"
    if received(trip) is None:
        return _no_answer(trip, which)
    told = trip.told
    if isinstance(told, Reject):
        text = trip.words(told).rstrip(".")
        short = text if len(text) <= ANSWER_TEXT_MAX else text[: ANSWER_TEXT_MAX - 1] + "…"
        though = ", which was accepted," if trip.happened else ""
        quote = "'" if '"' in short else '"'  # a body that was cut off has one of its own
        return f"{which}{though} was answered {quote}{short}{quote}"
    if isinstance(told, Edited):
        how = trip.struck[-1].label.replace("_", " ") if trip.struck else "altered"
        return f"the answer to {which} was not the truth ({how})"
    return f"the answer to {which} did not say it"


def _no_answer(trip: Trip, which: str) -> str:
    if trip.hung_up:
        return f"the connection broke on {which}"
    if isinstance(trip.told, Damaged):
        return f"the answer to {which} could not be read"
    if trip.happened:
        return f"the answer to {which} was lost"
    return f"{which} got no answer"
