"""How a bot reacts to refusals: it waits out bans (I4), does not repeat hopeless requests (I5),
sets its clock (I11), and stops where no retry can help (I14).
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.commands import (
    CancelOrder,
    ChangeOrder,
    PlaceConditional,
    PlaceOrder,
    ReplaceOrder,
)
from failing_exchange.core.events import BalanceChanged, MarketChanged
from failing_exchange.core.queries import FetchOrder
from failing_exchange.core.reject import OF_CONTRACTS, Reason, Reject
from failing_exchange.core.units import MILLISECOND, SECOND
from failing_exchange.core.wanted_orders import PLACING, parts_of
from failing_exchange.faults.operations import CHANGE, PLACE, PRIVATE_CALLS, TIME
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.answers import is_success, received
from failing_exchange.judge.requested_orders import parts_and_told
from failing_exchange.judge.rule import CLIENT_UNKNOWN, Rule, Severity
from failing_exchange.text.durations import span

KINDS_MAX = 1_000  # different refused requests that are counted at one time; the oldest goes
CANCELS_MAX = 1_000  # orders whose cancel is remembered; the oldest may be canceled once more
FOR_THE_ACCOUNT = frozenset({
    Reason.KEY_REFUSED, Reason.PERMISSION_DENIED, Reason.RESTRICTED_LOCATION,
})  # fmt: skip
FOR_THE_REQUEST = frozenset({
    Reason.BAD_REQUEST, Reason.NOT_SUPPORTED, Reason.UNKNOWN_SYMBOL, Reason.INVALID_ORDER,
    Reason.INVALID_PRICE, Reason.INVALID_AMOUNT, Reason.INVALID_COST, Reason.PRICE_BAND,
    Reason.WOULD_MATCH, Reason.WOULD_TRIGGER, Reason.TOO_MANY_ORDERS, Reason.ORDER_NOT_FOUND,
    Reason.DUPLICATE_CLIENT_ID, Reason.INSUFFICIENT_FUNDS, Reason.CLIENT_ID_MISMATCH,
}) | OF_CONTRACTS  # fmt: skip
FINAL = FOR_THE_REQUEST | FOR_THE_ACCOUNT
INCURABLE = FOR_THE_ACCOUNT | {Reason.UNKNOWN_SYMBOL, Reason.NOT_SUPPORTED}
PACE_S = 45.0  # seconds; a bot that reads no more often than that polls, and does not loop
NO_WAIT = (0, 0)
EARLY_NS = MILLISECOND  # a clock that is read in milliseconds may be one early


class BacksOff(Rule):
    """I4: no request is sent during a wait that the venue named. Those in flight are excused.

    Each product of a venue has limits of its own.
    """

    name = "backs_off"
    invariant = "I4"
    severity = Severity.DANGER
    sentence = "Nothing is sent before the instant that a rate limit or a ban has named."
    care = "remembers the instant that the venue named, for all of its requests."
    windows = (Reason.RATE_LIMITED, Reason.BANNED, Reason.TOO_MANY_ORDERS_SENT)

    def __init__(self) -> None:
        super().__init__()
        # by product and whether it is about orders only: until when, and the trip that named it
        self._waits: dict[tuple[Any, bool], tuple[int, int]] = {}

    def restarted(self) -> None:
        """Forget waits: a new process does not know of them."""
        self._waits.clear()

    def sent(self, trip: Trip) -> None:
        """Check whether a wait is still on."""
        product = _product(trip)
        until, named_by = self._waits.get((product, False), NO_WAIT)
        if trip.command.__class__ in PLACING:
            until, named_by = max((until, named_by), self._waits.get((product, True), NO_WAIT))
        if trip.born_at < until - EARLY_NS:
            early = (until - trip.born_at) / SECOND
            self.breach(
                f"sent {trip.operation} (trip {trip.number}) {span(early)} before the end of "
                f"the wait that trip {named_by} had named",
                named_by,
                trip,
                at=trip.born_at,
            )

    def told(self, trip: Trip) -> None:
        """Note the wait that a refusal names."""
        answer = received(trip)
        if self._names_a_wait(answer):
            key = (_product(trip), answer.reason is Reason.TOO_MANY_ORDERS_SENT)
            if answer.until > self._waits.get(key, NO_WAIT)[0]:
                self._waits[key] = answer.until, trip.number

    def _names_a_wait(self, answer: Any) -> bool:
        refused = answer.__class__ is Reject
        return refused and answer.until is not None and answer.reason in self.windows

    def overheard(self, trip: Trip) -> None:
        """Give up judging: a wait was named, and it is not known to which client."""
        answer = received(trip)
        if self._names_a_wait(answer):
            self.unknown = CLIENT_UNKNOWN


def _product(trip: Trip) -> Any:
    """The product whose limits count a request: its messages have a class of their own."""
    return None if trip.read is None else trip.message.__class__


OPERATORS = (BalanceChanged, MarketChanged)  # events of the operator's commands


class NoHotLoop(Rule):
    """I5: the same request is not repeated endlessly after the same final refusal.

    `repeats`: how many more such requests are allowed; `looks`: the same for look-ups of an order
    that is not found, which may be on its way. After `rest_s` without one, counting starts
    again. Of requests that only read, one each `pace_s` is not counted: a poller may go on asking.
    A request that was sent before the refusal arrived does not count.
    """

    name = "no_hot_loop"
    invariant = "I5"
    severity = Severity.MANNERS
    sentence = "A request that was refused for good is not sent again and again."
    care = "changes a refused request, or waits longer each time."

    def __init__(
        self, *, repeats: int = 5, looks: int = 40, rest_s: float = 200.0, pace_s: float = PACE_S
    ) -> None:
        super().__init__()
        self.rest_s = rest_s
        self.pace_s = pace_s
        self.repeats = repeats
        self.looks = looks
        self._rows: dict[Any, _Row] = {}

    def restarted(self) -> None:
        """Forget refusals: a new process does not know of them."""
        self._rows.clear()

    def told(self, trip: Trip) -> None:
        """Count refusals of one kind in a row."""
        if trip.is_push or trip.echo_of:
            return
        for part, answer in parts_and_told(trip):
            self._count(trip, part, answer)

    def _count(self, trip: Trip, command: Any, answer: Any) -> None:
        """Count what was told of one command of a request."""
        name = _name(trip, command)
        if answer.__class__ is not Reject or answer.reason is Reason.NO_CHANGE:
            self._rows.pop(name, None)  # all is as it was asked to be
            return
        if answer.reason not in FINAL or any(e.__class__ in OPERATORS for e in trip.happened):
            return  # what the operator changed with this very request, nobody could know before
        row = self._rows.get(name)
        if row is None or row.reason is not answer.reason:
            row = self._rows[name] = _Row(answer.reason)
            if len(self._rows) > KINDS_MAX:
                del self._rows[next(iter(self._rows))]
        if trip.born_at < row.told_at:
            row.told_at = trip.ended_at
            return  # on its way before the last refusal arrived
        row.told_at = trip.ended_at
        changes = trip.operation in CHANGE
        count = row.add(trip, self.rest_s if changes else self.pace_s, leaks=not changes)
        allowed = self.looks if command.__class__ is FetchOrder else self.repeats
        if count == allowed + 2 and not row.is_accused:
            row.is_accused = True
            self.breach(
                f"sent {trip.operation} again more than {allowed} times (trips {row.first} to "
                f"{trip.number}) after the same refusal: {trip.words(answer)}",
                row.first,
                trip,
                at=trip.ended_at,
            )

    def overheard(self, trip: Trip) -> None:
        """Give up judging: some client was refused, and may repeat its request."""
        answer = received(trip)
        if answer.__class__ is Reject and answer.reason in FINAL:
            self.unknown = CLIENT_UNKNOWN


class _Tries:
    """Requests in a row. One that comes later than a pause after the last begins a new row.

    Where it `leaks`, one request each pause is free instead: a steady poller counts as one.
    """

    def __init__(self) -> None:
        self.first = 0  # the number of the trip that began the row
        self.is_accused = False
        self._at = 0
        self._level = 0  # nanoseconds: a pause for each request that counts

    def add(self, trip: Trip, pause_s: float, *, leaks: bool) -> int:
        """Count a request; return how many count now."""
        pause, gap = int(pause_s * SECOND), trip.born_at - self._at
        left = max(0, self._level - gap) if leaks else self._level * (gap <= pause)
        if not left:
            self.first, self.is_accused = trip.number, False
        self._at, self._level = trip.born_at, left + pause
        return -(-self._level // pause)


class _Row(_Tries):
    """The same request, and the reason for which it was refused."""

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self.reason = reason
        self.told_at = 0


def request_of(trip: Trip) -> Any:
    """What makes two requests the same: all but their prices, names and times."""
    parts = parts_of(trip.command)
    return _name(trip, parts[0]) if len(parts) == 1 else tuple(_name(trip, one) for one in parts)


def _name(trip: Trip, command: Any) -> Any:
    """The same of one command of a request."""
    kind = command.__class__
    if kind is ReplaceOrder:
        command, kind = command.place, command.place.__class__
    symbol = getattr(command, "symbol", "") or trip.symbol
    if kind is PlaceOrder or kind is PlaceConditional:
        return ("place", symbol, command.side, command.kind, command.lots)
    if kind in (CancelOrder, FetchOrder, ChangeOrder):
        return (kind, symbol, command.order_id, command.client_id)
    return (trip.operation, symbol)


class KeepsTime(Rule):
    """I11: after a refusal for the time of a request, at most two more such refusals in a row.

    A bot that asks the venue for its time starts a new count. Refusals for a nonce are not judged:
    setting a clock does not cure them.
    """

    name = "keeps_time"
    invariant = "I11"
    severity = Severity.DANGER
    sentence = "After a refusal for its clock, the bot sets it within two more tries."
    care = "asks the venue for its time, and signs when the request leaves."

    def __init__(self, *, more: int = 2) -> None:
        super().__init__()
        self.more = more
        self._row: list[Trip] = []

    def told(self, trip: Trip) -> None:
        """Count refusals in a row."""
        answer = received(trip)
        if trip.is_push or trip.echo_of or answer is None:
            return
        if not isinstance(answer, Reject):
            if trip.operation in PRIVATE_CALLS or trip.operation in TIME:
                self._row.clear()
        elif _is_about_time(answer) and trip.operation not in TIME:
            if self._row and trip.born_at < self._row[-1].ended_at:
                return  # on its way before the last refusal arrived
            self._row.append(trip)
            if len(self._row) == self.more + 2:
                self.breach(
                    f"sent {len(self._row)} requests in a row with a wrong time: "
                    f"{trip.words(answer)}",
                    *self._row,
                    at=trip.ended_at,
                )

    def overheard(self, trip: Trip) -> None:
        """It may have been this client that asked for the time."""
        if is_success(received(trip)):
            self.told(trip)


def _is_about_time(answer: Reject) -> bool:
    """Whether a refusal is for a clock; one for a nonce has the same class, as in ccxt."""
    return answer.reason is Reason.CLOCK_SKEW and "nonce" not in answer.text.lower()


class Stops(Rule):
    """I14: where no retry can help, trading stops and does not loop.

    `orders`: how many orders are allowed afterwards with no more than `rest_s` between two; each
    open order may be canceled once. `others`: how many other private calls, where the account is
    refused, beyond one each `pace_s`: a poller may check whether access is back.
    """

    name = "stops"
    invariant = "I14"
    severity = Severity.DANGER
    sentence = "When a key, a place or a market is refused for good, the bot stops trading there."
    care = "stops trading where no retry can help, and says so."

    def __init__(
        self,
        *,
        orders: int = 3,
        others: int = 20,
        rest_s: float = 1_800.0,
        pace_s: float = PACE_S,
    ) -> None:
        super().__init__()
        self.orders = orders
        self.others = others
        self.rest_s = rest_s
        self.pace_s = pace_s
        self._refused: dict[tuple[Reason, str], _Refused] = {}

    def restarted(self) -> None:
        """Forget refusals: a new process does not know of them."""
        self._refused.clear()

    def sent(self, trip: Trip) -> None:
        """Count a request that can't succeed."""
        for (reason, place), refused in self._refused.items():
            if not _lies_in(reason, place, trip):
                continue
            if trip.operation in CHANGE:
                if refused.is_first_cancel(trip):
                    continue
                allowed, tries = self.orders, refused.orders
                count = tries.add(trip, self.rest_s, leaks=False)
            elif reason in FOR_THE_ACCOUNT:
                allowed, tries = self.others, refused.others
                count = tries.add(trip, self.pace_s, leaks=True)
            else:
                continue  # a read that can't succeed: see `no_hot_loop`
            if count == allowed + 1 and not tries.is_accused:
                tries.is_accused = True
                self.breach(
                    f"went on with {trip.operation} (trip {trip.number}), {count} requests "
                    f"after trip {refused.by} was refused for good ({reason.value})",
                    refused.by,
                    trip,
                    at=trip.born_at,
                )

    def told(self, trip: Trip) -> None:
        """Note a final refusal, or that requests pass again."""
        answer = received(trip)
        if trip.is_push or trip.echo_of or answer is None:
            return
        if isinstance(answer, Reject):
            if answer.reason in INCURABLE:
                where = (answer.reason, _place(answer.reason, trip))
                self._refused.setdefault(where, _Refused(trip.number, trip.operation in CHANGE))
                if len(self._refused) > KINDS_MAX:
                    del self._refused[next(iter(self._refused))]
            return
        for where in [w for w in self._refused if _lies_in(*w, trip)]:
            if trip.operation in CHANGE or not self._refused[where].of_order:
                del self._refused[where]
            else:
                self._refused[where].others = _Tries()  # to read is not in vain

    def overheard(self, trip: Trip) -> None:
        """Give up judging where some client was refused for good."""
        answer = received(trip)
        if not isinstance(answer, Reject):
            self.told(trip)
        elif answer.reason in INCURABLE:
            self.unknown = CLIENT_UNKNOWN


class _Refused:
    """A place where the client was refused for good, by which trip, and what it sent since."""

    def __init__(self, by: int, of_order: bool) -> None:
        self.by = by
        self.of_order = of_order  # an order or a cancel was refused: a read that passes cures none
        self.orders = _Tries()
        self.others = _Tries()
        self._cancels: dict[Any, None] = {}

    def is_first_cancel(self, trip: Trip) -> bool:
        """Whether a request is the first cancel of its order (or of all) here."""
        if trip.operation in PLACE:
            return False
        name = request_of(trip)
        first = name not in self._cancels
        self._cancels[name] = None
        if len(self._cancels) > CANCELS_MAX:
            del self._cancels[next(iter(self._cancels))]
        return first


def _place(reason: Reason, trip: Trip) -> str:
    """What is refused for good: a market, a method, or (empty) all of the account."""
    if reason is Reason.UNKNOWN_SYMBOL:
        return trip.symbol
    return trip.operation if reason in (Reason.NOT_SUPPORTED, Reason.PERMISSION_DENIED) else ""


def _lies_in(reason: Reason, place: str, trip: Trip) -> bool:
    if reason is Reason.UNKNOWN_SYMBOL:
        return trip.symbol == place and trip.operation in PRIVATE_CALLS
    if place:
        return trip.operation == place
    return trip.operation in PRIVATE_CALLS
