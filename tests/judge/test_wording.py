"""What a bot heard of a request, in the words that a finding quotes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.http import HttpDamage
from failing_exchange.journal.trip import Damage, Damaged, Decision, Edited, Stage, Trip
from failing_exchange.judge.wording import ANSWER_TEXT_MAX, describe_failure

LOW = Reject(Reason.INSUFFICIENT_FUNDS, "Account has insufficient balance.")
STRUCK = (Decision("rule-1", "stale_order", Stage.ANSWER, None),)
CASES: list[tuple[dict[str, Any], str]] = [
    ({}, "{} got no answer"),
    ({"happened": ("accepted",)}, "the answer to {} was lost"),
    ({"told": "an order", "gave_up_at": 5, "happened": ("accepted",)}, "the answer to {} was lost"),
    ({"hung_up": True, "happened": ("accepted",)}, "the connection broke on {}"),
    ({"told": Damaged(None, Damage(HttpDamage.CUT))}, "the answer to {} could not be read"),
    ({"echo_of": 3}, "{} arrived twice"),
    ({"told": LOW}, '{} was answered "Account has insufficient balance"'),
    ({"told": LOW, "happened": ("accepted",)},
     '{}, which was accepted, was answered "Account has insufficient balance"'),
    ({"told": Edited("an order", ()), "struck": STRUCK},
     "the answer to {} was not the truth (stale order)"),
    ({"told": Edited("an order", ())}, "the answer to {} was not the truth (altered)"),
    ({"told": "an order"}, "the answer to {} did not say it"),
]  # fmt: skip


def trip(operation: str = "create_order", **more: Any) -> Trip:
    """The bot's second such request."""
    made = Trip(7, 0, "main", operation, None, "BTC/USDT")
    made.request_number = 2
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(("heard", "text"), CASES)
def test_a_mishap_is_told_as_the_bot_met_it(heard: dict[str, Any], text: str) -> None:
    """Lost, broken, unreadable and false are different bugs in a client."""
    assert describe_failure(trip(**heard)) == text.format("its second order (trip 7)")


@pytest.mark.parametrize(
    ("operation", "which"),
    [
        ("cancel_order", "its second cancel (trip 7)"),
        ("edit_order", "its second change (trip 7)"),
        ("fetch_balance", "fetch_balance (trip 7)"),
    ],
)
def test_a_request_is_named_by_what_it_asks_for(operation: str, which: str) -> None:
    """The number leads to the row of the journal."""
    assert describe_failure(trip(operation)) == f"{which} got no answer"


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (ANSWER_TEXT_MAX, "x" * ANSWER_TEXT_MAX),
        (ANSWER_TEXT_MAX + 1, "x" * (ANSWER_TEXT_MAX - 1) + "…"),
    ],
)
def test_a_long_refusal_is_cut_where_it_says_so(length: int, shown: str) -> None:
    """A page of HTML in a sentence hides the sentence."""
    told = trip(told=Reject(Reason.BAD_REQUEST, "x" * length))
    assert describe_failure(told).endswith(f'was answered "{shown}"')


def test_a_refusal_is_quoted_in_the_words_of_the_venue() -> None:
    """The author of a bot finds them in the bot's log."""

    def words(refused: Reject, operation: str) -> str:
        return f"-2010 in {operation}."

    told = trip(told=LOW, message=SimpleNamespace(words=words))
    assert (
        describe_failure(told) == 'its second order (trip 7) was answered "-2010 in create_order"'
    )
