"""The bot survives, and works again after faults (I3)."""

from __future__ import annotations

from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND
from failing_exchange.faults.plan import Cause, Delay, Repeat
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.answers import received
from failing_exchange.judge.facts import NEVER
from failing_exchange.judge.rule import Rule, RunEnd, Severity
from failing_exchange.judge.rules.back_off import INCURABLE
from failing_exchange.text.durations import span

HARMLESS = (Cause, Delay, Repeat)  # verdicts of faults that leave an answer as it is
STOPS_S = 60.0  # seconds; a bot that works for longer after a final refusal has not stopped for it
PAUSES_ALLOWED = 2  # times its longest pause: a bot that is silent for no longer may be at rest


class Alive(Rule):
    """I3: the bot is up, and sends requests that succeed, some time after the last fault.

    `within_s`: the time. A bot that has returned by itself has done what it wanted. One that sends
    nothing for no longer than twice the longest pause that it has made before may be at rest. So
    may one whose last request met the last fault and was answered with success and the truth, as
    in a market that had become thin, or late: nothing has kept it from working. Pushes do not show
    that it works: they come to a bot that has died as well. Nor does a final refusal excuse one
    that went on for longer than `STOPS_S` after it.
    """

    name = "alive"
    invariant = "I3"
    severity = Severity.DANGER
    sentence = "The bot survives, and works again soon after the last fault."
    care = "catches what one request can raise, and goes on with the next."

    def __init__(self, *, within_s: float = 300.0) -> None:
        super().__init__()
        self.within_s = within_s
        self._worked_at = NEVER  # when a request succeeded last
        self._pushed_at = NEVER
        self._sent = 0
        self._sent_at = NEVER
        self._pause = 0  # the longest between two requests
        self._refused_at = NEVER  # for good
        self._served_at = NEVER  # when its newest request ended well and truly, though struck

    def sent(self, trip: Trip) -> None:
        """Measure the pauses between requests."""
        if self._sent:
            self._pause = max(self._pause, trip.born_at - self._sent_at)
        self._sent += 1
        self._served_at = NEVER
        self._sent_at = trip.born_at

    def told(self, trip: Trip) -> None:
        """Note success, and final refusals."""
        answer = received(trip)
        if isinstance(answer, Reject) and answer.reason in INCURABLE:
            self._refused_at = trip.ended_at
        if answer is None or isinstance(answer, Reject) or trip.hung_up:
            return
        if trip.is_push:
            self._pushed_at = trip.ended_at
            return
        self._worked_at = trip.ended_at
        if all(isinstance(d.verdict, HARMLESS) for d in trip.struck):
            self._served_at = trip.ended_at

    def overheard(self, trip: Trip) -> None:
        """Count it for this client: it may have been the one."""
        self.told(trip)

    def ended(self, end: RunEnd) -> None:
        """Report a bot that died or has had no success since the last fault."""
        if end.crashed is not None:
            self.breach(f"died: {end.crashed}", at=end.at)
        elif not self._sent:
            self.unknown = "the bot has sent nothing"
        elif end.returned:
            return
        elif end.at - end.last_fault_at < self.within_s * SECOND:
            self.unknown = f"the run ended less than {span(self.within_s)} after the last fault"
        elif self._worked_at <= end.last_fault_at:
            self._not_seen(end)

    def _not_seen(self, end: RunEnd) -> None:
        """Report that no request has succeeded since the last fault, or say why that may be."""
        refused = self._refused_at != NEVER
        if refused and self._worked_at - self._refused_at <= STOPS_S * SECOND:
            self.unknown = "the bot was refused for good, and may have stopped as it should"
        elif self._may_rest(end):
            self.unknown = "the bot has not sent a request since the last fault, and may be at rest"
        elif self._sent_at <= end.last_fault_at and self._pushed_at > end.last_fault_at:
            self.unknown = "since the last fault there were only pushes, which a dead bot gets, too"
        else:
            self.breach(
                "has had no successful request since the last fault", at=end.last_fault_at or end.at
            )

    def _may_rest(self, end: RunEnd) -> bool:
        """Whether it has sent nothing since the last fault, for no reason that the fault gave."""
        if self._served_at != NEVER and self._served_at == end.last_fault_at:
            return True
        silent = end.at - self._sent_at
        return self._sent_at <= end.last_fault_at and silent <= PAUSES_ALLOWED * self._pause
