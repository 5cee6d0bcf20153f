"""A rule about beliefs can't accuse a bot that may not read its account."""

from __future__ import annotations

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.operations import CHANGE, PRIVATE_CALLS, SETTINGS
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.answers import received
from failing_exchange.judge.rule import Rule
from failing_exchange.judge.rules.back_off import INCURABLE

ACTS = (*CHANGE, *SETTINGS)
OF_ALL_REQUESTS = (Reason.KEY_REFUSED, Reason.RESTRICTED_LOCATION)  # so that reads fail as well
LOCKED_OUT = "the bot was refused for good, and can't see what is true"


class ReadsItsAccount(Rule):
    """A rule that compares what a bot believes with what is true.

    `is_locked_out`: a read of the account was refused for good, and no private request has
    succeeded since.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_locked_out = False

    def told(self, trip: Trip) -> None:
        """Note final refusals of reads, and private requests that succeed."""
        if trip.operation not in PRIVATE_CALLS:
            return
        answer = received(trip)
        if not isinstance(answer, Reject):
            self.is_locked_out = self.is_locked_out and answer is None
        elif answer.reason in (OF_ALL_REQUESTS if trip.operation in ACTS else INCURABLE):
            self.is_locked_out = True
