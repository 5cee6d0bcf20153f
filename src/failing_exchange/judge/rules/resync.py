"""After a broken stream the bot subscribes again, and looks at what it missed (I9)."""

from __future__ import annotations

from failing_exchange.core.units import SECOND
from failing_exchange.core.wanted_orders import orders_in
from failing_exchange.faults.operations import ACCOUNT_FEEDS, ACCOUNT_READS
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.answers import is_success, received
from failing_exchange.judge.rule import CLIENT_UNKNOWN, Rule, RunEnd, Severity
from failing_exchange.text.durations import span

FEEDS_MAX = 2_000  # feeds whose return is awaited; the oldest is no longer


class Resyncs(Rule):
    """I9: a broken feed carries data again soon, and an account is looked at before it trades.

    `within_s`: how long a feed may be gone while it has something to say, counted from its last
    break: a bot that subscribes again and is cut off again has done its part.
    """

    name = "resyncs"
    invariant = "I9"
    severity = Severity.DANGER
    sentence = "After a lost stream the bot subscribes anew, and looks before its next order."
    care = "reads orders, fills and balances after a break, before its next order."

    def __init__(self, *, within_s: float = 120.0) -> None:
        super().__init__()
        self.within_s = within_s
        self._gone: dict[tuple[str, str], Trip] = {}
        self._unseen: Trip | None = None  # the break of an account feed, until somebody looks

    def told(self, trip: Trip) -> None:
        """Note broken feeds, feeds that are back, and reads of the account."""
        if not trip.is_push:
            if trip.operation in ACCOUNT_READS and is_success(received(trip)):
                self._unseen = None
            return
        feed = (trip.operation, trip.symbol)
        if trip.hung_up:
            if feed in self._gone:  # it was tried again, and in vain
                self._check(self._gone[feed], trip.born_at)
            self._gone[feed] = trip
            if trip.operation in ACCOUNT_FEEDS:
                self._unseen = self._unseen or trip
            if len(self._gone) > FEEDS_MAX:
                del self._gone[next(iter(self._gone))]
        elif trip.told is not None and feed in self._gone:
            self._back(feed, trip.ended_at)

    def _back(self, feed: tuple[str, str], at: int) -> None:
        gone = self._gone.pop(feed)
        if feed[0] not in ACCOUNT_FEEDS:
            self._check(gone, at)

    def _check(self, gone: Trip, at: int) -> None:
        seconds = (at - gone.ended_at) / SECOND
        if seconds > self.within_s:
            self.breach(
                f"was without {gone.operation} {gone.symbol} for {span(seconds)} after it broke "
                f"(trip {gone.number})",
                gone,
                at=at,
            )

    def overheard(self, trip: Trip) -> None:
        """Give up judging: a feed of market data broke, and it is not known whose."""
        if trip.is_push and trip.hung_up:
            self.unknown = CLIENT_UNKNOWN

    def sent(self, trip: Trip) -> None:
        """Check that the account was read since its feed broke."""
        if self._unseen is not None and orders_in(trip.command):
            self.breach(
                f"sent an order (trip {trip.number}) after an account feed broke (trip "
                f"{self._unseen.number}) without a look at what was missed",
                self._unseen,
                trip,
                at=trip.born_at,
            )
            self._unseen = None

    def ended(self, end: RunEnd) -> None:
        """Report feeds that never came back, unless the bot has returned."""
        if not end.returned:
            for (operation, _), gone in self._gone.items():
                if operation not in ACCOUNT_FEEDS:
                    self._check(gone, end.at)
