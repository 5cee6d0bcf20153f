"""`explain`: every kind of verdict in words, and what the client was told of the trip."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core.commands import MovePrice
from failing_exchange.core.queries import Clock
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.explain import explain
from failing_exchange.faults.http import HttpDamage
from failing_exchange.faults.plan import Answer, Cause, Delay, Drop, HangUp, Repeat, Replace
from failing_exchange.journal.trip import Damage, Damaged, Decision, Edited, Stage, Trip

NO = Reject(Reason.BAD_REQUEST, "Malformed.")
CUT = Damaged(Clock(1), Damage(HttpDamage.CUT))
MOVE = MovePrice("BTC/USDT", 1)


def trip(**more: Any) -> Trip:
    made = Trip(7, 0, "main", "fetch_time", None, "")
    made.request_number = 2
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("verdict", "words", "ends"),
    [
        (NO, "refused (bad_request: Malformed.)", True),
        (Delay(1_500_000_000), "held up for 1.5 s", False),
        (Drop(), "lost", True),
        (HangUp(), "connection broken", True),
        (Repeat(2_000_000_000), "sent again 2 s later", False),
        (Replace(Edited(Clock(1), (("bid", 1), ("ask", 2)))), "fields changed: bid, ask", False),
        (Replace(CUT), "bytes damaged: cut", False),
        (Replace(Clock(1)), "replaced by Clock", False),
        (Answer(Clock(1)), "answered in the engine's place with Clock", True),
        (Cause(MOVE), "incident MovePrice before it", False),
        (Cause(MOVE, after=True), "incident MovePrice after it", False),
        (None, "None", False),
    ],
)
def test_each_verdict_has_its_words(verdict: Any, words: str, ends: bool) -> None:
    """Only what keeps a message from going on has ended its trip."""
    struck = (Decision("rule", "label", Stage.ANSWER, verdict),)
    line = explain(trip(struck=struck, considered=("rule",))).splitlines()[1]
    assert line == f"  rule: {words} at answer{' (this ended it)' if ends else ''}"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"hung_up": True}, "nothing: the connection broke"),
        ({}, "nothing yet"),
        ({"ended_at": 5}, "nothing"),
        ({"told": "the venue has ended the subscription"}, "the venue has ended the subscription"),
        ({"told": CUT}, "damaged bytes (cut)"),
        ({"told": NO}, "no (bad_request: Malformed.)"),
        ({"told": Clock(1)}, "Clock"),
        ({"told": Clock(1), "gave_up_at": 5}, "Clock, but the client had given up"),
    ],
)
def test_what_the_client_was_told_has_its_words(told: dict[str, Any], words: str) -> None:
    """Late, lost and broken are three different mishaps."""
    assert explain(trip(**told)).splitlines()[-1] == f"  told: {words}"


def test_an_echo_names_the_trip_that_it_repeats() -> None:
    """And a public request names nobody."""
    first = explain(trip(echo_of=3, account="")).splitlines()[0]
    assert first == "trip 7: fetch_time, such request number 2, an echo of trip 3"
