"""How a bot bears a no: it waits out a ban (I4), repeats no refused request (I5), keeps time (I11).

And it stops where no retry can help (I14).
"""

from __future__ import annotations

from typing import Any

from failing_exchange.conduct.rule import WHOSE, Rule, Severity
from failing_exchange.conduct.told import heard, is_yes
from failing_exchange.core.commands import CancelOrder, FetchOrder, PlaceOrder
from failing_exchange.core.market import SECOND
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.operations import PRIVATE_CALLS, TIME
from failing_exchange.trip import Trip

KINDS_MAX = 1_000  # different refused requests that are counted at one time; the oldest goes
INCURABLE = frozenset({
    Reason.KEY_REFUSED, Reason.PERMISSION_DENIED, Reason.RESTRICTED_LOCATION, Reason.UNKNOWN_SYMBOL,
    Reason.NOT_SUPPORTED,
})  # fmt: skip
EARLY_NS = 1_000_000  # a clock that is read in milliseconds may be one early


class BacksOff(Rule):
    """I4: no request inside a window that the venue has named. Those in flight are excepted."""

    name = "backs_off"
    invariant = "I4"
    severity = Severity.DANGER
    sentence = "Nothing is sent before the instant that a rate limit or a ban has named."
    windows = (Reason.RATE_LIMITED, Reason.BANNED, Reason.TOO_MANY_ORDERS_SENT)

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0  # sent inside a window
        self._until = self._orders_until = 0
        self._named_by = self._orders_named_by = 0

    def restarted(self) -> None:
        """A new process has not been told to wait."""
        self._until = self._orders_until = 0

    def sent(self, trip: Trip) -> None:
        """Is it too early?"""
        until, named_by = self._until, self._named_by
        if trip.command.__class__ is PlaceOrder and self._orders_until > until:
            until, named_by = self._orders_until, self._orders_named_by
        if trip.born_at < until - EARLY_NS:
            self.requests += 1
            early = (until - trip.born_at) / 1e9
            self.breach(
                trip.born_at,
                f"sent {trip.operation} (trip {trip.number}) {early:.1f} s before the end of "
                f"the wait that trip {named_by} had named",
                named_by,
                trip,
                of=trip,
            )

    def told(self, trip: Trip) -> None:
        """A wait is named."""
        said = heard(trip)
        if said.__class__ is not Reject or said.until is None or said.reason not in self.windows:
            return
        if said.reason is Reason.TOO_MANY_ORDERS_SENT:
            if said.until > self._orders_until:
                self._orders_until, self._orders_named_by = said.until, trip.number
        elif said.until > self._until:
            self._until, self._named_by = said.until, trip.number

    def overheard(self, trip: Trip) -> None:
        """A wait is named, and nobody knows to whom."""
        said = heard(trip)
        if said.__class__ is Reject and said.until is not None and said.reason in self.windows:
            self.unknown = WHOSE


class NoHotLoop(Rule):
    """I5: the same request is not repeated for ever after the same final refusal.

    `repeats`: how many more such requests are borne; `looks`: the same for look-ups of an order
    that is not found, which may be on its way. After `rest_s` without one a new row begins.
    """

    name = "no_hot_loop"
    invariant = "I5"
    severity = Severity.MANNERS
    sentence = "A request that was refused for good is not sent again and again."
    final = frozenset({
        Reason.BAD_REQUEST, Reason.NOT_SUPPORTED, Reason.UNKNOWN_SYMBOL, Reason.INVALID_ORDER,
        Reason.INVALID_PRICE, Reason.INVALID_AMOUNT, Reason.INVALID_COST, Reason.PRICE_BAND,
        Reason.WOULD_MATCH, Reason.WOULD_TRIGGER, Reason.TOO_MANY_ORDERS, Reason.ORDER_NOT_FOUND,
        Reason.DUPLICATE_CLIENT_ID, Reason.INSUFFICIENT_FUNDS, Reason.KEY_REFUSED,
        Reason.PERMISSION_DENIED, Reason.RESTRICTED_LOCATION, Reason.CLIENT_ID_MISMATCH,
    })  # fmt: skip

    def __init__(self, *, repeats: int = 5, looks: int = 40, rest_s: float = 200.0) -> None:
        super().__init__()
        self.rest_s = rest_s
        self.repeats = repeats
        self.looks = looks
        self._counts: dict[Any, tuple[Reason, int, int, int]] = {}

    def parameters(self) -> dict[str, Any]:
        """How many repetitions are borne."""
        return {"repeats": self.repeats, "looks": self.looks, "rest_s": self.rest_s}

    def restarted(self) -> None:
        """A new process has not been refused anything."""
        self._counts.clear()

    def told(self, trip: Trip) -> None:
        """Count refusals of one kind in a row."""
        if trip.is_push or trip.echo_of:
            return
        name, said = request_of(trip), heard(trip)
        if said.__class__ is not Reject:
            self._counts.pop(name, None)
            return
        if said.reason not in self.final:
            return
        new = (said.reason, 0, trip.number, trip.ended_at)
        reason, count, first, last = self._counts.get(name, new)
        if reason is not said.reason or trip.ended_at - last > self.rest_s * SECOND:
            count, first = 0, trip.number
        count += 1
        self._counts[name] = (said.reason, count, first, trip.ended_at)
        if len(self._counts) > KINDS_MAX:
            del self._counts[next(iter(self._counts))]
        borne = self.looks if trip.command.__class__ is FetchOrder else self.repeats
        if count == borne + 2:
            self.breach(
                trip.ended_at,
                f"sent {trip.operation} again more than {borne} times (trips {first} to "
                f"{trip.number}) after the same refusal: {said.text}",
                first,
                trip,
                of=trip,
            )

    def overheard(self, trip: Trip) -> None:
        """Somebody was refused, and may ask again and again."""
        said = heard(trip)
        if said.__class__ is Reject and said.reason in self.final:
            self.unknown = WHOSE


def request_of(trip: Trip) -> Any:
    """What makes two requests the same: all but their prices, names and times."""
    command = trip.command
    if command.__class__ is PlaceOrder:
        return (trip.operation, trip.symbol, command.side, command.kind, command.lots)
    if command.__class__ in (CancelOrder, FetchOrder):
        return (trip.operation, trip.symbol, command.order_id, command.client_id)
    return (trip.operation, trip.symbol)


class KeepsTime(Rule):
    """I11: after a refusal for the time of a request, at most two more such refusals in a row.

    Who asks the venue for its time has done what can be done, and begins a new row.
    """

    name = "keeps_time"
    invariant = "I11"
    severity = Severity.DANGER
    sentence = "After a refusal for its clock or nonce, the bot mends it within two more tries."

    def __init__(self, *, more: int = 2) -> None:
        super().__init__()
        self.more = more
        self._row: list[int] = []

    def parameters(self) -> dict[str, Any]:
        """How many more refusals are borne."""
        return {"more": self.more}

    def told(self, trip: Trip) -> None:
        """Count them in a row."""
        said = heard(trip)
        if trip.is_push or trip.echo_of or said is None:
            return
        if not isinstance(said, Reject):
            if trip.operation in PRIVATE_CALLS or trip.operation in TIME:
                self._row.clear()
        elif said.reason is Reason.CLOCK_SKEW and trip.operation not in TIME:
            self._row.append(trip.number)
            if len(self._row) == self.more + 2:
                self.breach(
                    trip.ended_at,
                    f"sent {len(self._row)} requests in a row with a wrong time: {said.text}",
                    *self._row,
                    of=trip,
                )

    def overheard(self, trip: Trip) -> None:
        """It may have been this client that asked for the time."""
        if is_yes(heard(trip)):
            self.told(trip)


class Stops(Rule):
    """I14: where no retry can help, trading stops and does not loop.

    `orders`, `others`: how many orders and cancels, and other private calls, are borne after it.
    """

    name = "stops"
    invariant = "I14"
    severity = Severity.DANGER
    sentence = "When a key, a place or a market is refused for good, the bot stops trading there."

    def __init__(self, *, orders: int = 3, others: int = 20) -> None:
        super().__init__()
        self.orders = orders
        self.others = others
        self._after: dict[tuple[str, str], list[int]] = {}  # where -> [first trip, orders, others]

    def parameters(self) -> dict[str, Any]:
        """How many requests are borne."""
        return {"orders": self.orders, "others": self.others}

    def sent(self, trip: Trip) -> None:
        """Another request in a place where none can succeed."""
        for where, seen in self._after.items():
            if not self._lies_in(where, trip):
                continue
            place = 1 if trip.command.__class__ in (PlaceOrder, CancelOrder) else 2
            seen[place] += 1
            if seen[place] == (self.orders, self.others)[place - 1] + 1:
                self.breach(
                    trip.born_at,
                    f"went on with {trip.operation} (trip {trip.number}), {seen[place]} requests "
                    f"after trip {seen[0]} was refused for good ({where[0]})",
                    seen[0],
                    trip,
                    of=trip,
                )

    def _lies_in(self, where: tuple[str, str], trip: Trip) -> bool:
        reason, place = where
        if reason == Reason.NOT_SUPPORTED:
            return trip.operation == place
        if reason == Reason.UNKNOWN_SYMBOL:
            return trip.symbol == place and trip.operation in PRIVATE_CALLS
        return trip.operation in PRIVATE_CALLS

    def told(self, trip: Trip) -> None:
        """Refused for good, or cured."""
        said = heard(trip)
        if trip.is_push or trip.echo_of or said is None:
            return
        if isinstance(said, Reject):
            if said.reason in INCURABLE:
                place = trip.symbol if said.reason is Reason.UNKNOWN_SYMBOL else ""
                if said.reason is Reason.NOT_SUPPORTED:
                    place = trip.operation
                self._after.setdefault((said.reason.value, place), [trip.number, 0, 0])
                if len(self._after) > KINDS_MAX:
                    del self._after[next(iter(self._after))]
        elif self._after:
            for where in [w for w in self._after if self._lies_in(w, trip)]:
                del self._after[where]

    def overheard(self, trip: Trip) -> None:
        """Somebody was refused for good, or is not any more."""
        said = heard(trip)
        if not isinstance(said, Reject):
            self.told(trip)
        elif said.reason in INCURABLE:
            self.unknown = WHOSE
