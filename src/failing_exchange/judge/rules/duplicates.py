"""How a bot places orders: each intent once (I1), no second try before it has asked (I6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from failing_exchange.core import events as e
from failing_exchange.core.commands import CancelOrder, PlaceConditional
from failing_exchange.core.conditional_order import ConditionalSnapshot
from failing_exchange.core.queries import (
    FetchConditional,
    FetchConditionals,
    FetchFills,
    FetchOrder,
    FetchOrders,
)
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.core.wanted_orders import parts_of
from failing_exchange.journal.trip import Edited, Trip
from failing_exchange.judge.answers import received
from failing_exchange.judge.facts import OrderFacts
from failing_exchange.judge.false_reads import HORIZON_S, told_falsely
from failing_exchange.judge.intents import Intent
from failing_exchange.judge.requested_orders import Asked, parts_and_told, placed, requested
from failing_exchange.judge.rule import Rule, RunEnd, Severity
from failing_exchange.judge.wording import describe_failure

LOOKS_MAX = 1_000  # latest questions about orders; an order is sent again sooner
TRIPS_NAMED_MAX = 6  # in a sentence; a breach lists them all
ALIKE = 100  # prices that differ by less than 1/ALIKE are taken for the same order
QUESTIONS_MAX = 1_000  # outcomes unknown at one time; the oldest is no longer asked about
AMBIGUOUS = frozenset({
    Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE, Reason.CONNECTION_LOST, Reason.TIMED_OUT,
    Reason.MALFORMED,
})  # fmt: skip


class Once(Rule):
    """I1: no intent is executed beyond its amount, and none has two live orders.

    A conditional order counts from its trigger on.
    """

    name = "once"
    invariant = "I1"
    severity = Severity.MONEY
    sentence = "Each intent is executed at most once, and has at most one live order."
    care = "names each order, and asks for it by that name before it sends anything again."

    def __init__(self) -> None:
        super().__init__()
        self._orders: dict[int, list[OrderFacts]] = {}  # by intent
        self._blamed: dict[int, None] = {}  # intents of which it could know that one order stands
        self._excuses: dict[int, str] = {}  # intents of which it was told falsely, and how
        # by intent: when the first trouble was, and which orders were open at once (none: excess)
        self._seen: dict[int, tuple[int, list[OrderFacts]]] = {}
        self._looks: deque[int] = deque(maxlen=LOOKS_MAX)  # when it asked about its orders

    def begin(self, context: Any) -> None:
        """Not judged until an intent is known."""
        super().begin(context)
        self.unknown = "what the bot intends is not known: declare it, or name it in the scenario"

    def told(self, trip: Trip) -> None:
        """Assign accepted orders to intents, except those that the network repeated."""
        if trip.command.__class__ in (FetchOrder, FetchOrders):
            self._looks.append(trip.born_at)
        if trip.echo_of:
            return
        facts, intents = self.context.facts, self.context.intents
        if any(intents.of_trip(trip, one.place) for one in requested(trip, facts) if one.is_new):
            self.unknown = ""
        for place, _, event in placed(trip, facts):
            intent = intents.of_trip(trip, place)
            if intent is not None and event.__class__ is e.OrderAccepted:
                self._add(intent, facts.orders[event.order_id], trip.born_at)

    def _add(self, intent: Intent, known: OrderFacts, at: int) -> None:
        orders = self._orders.setdefault(intent.number, [])
        if intent.lots is None:
            intent.lots = known.order.lots
        before = [one for one in orders if one.order.is_open or one.order.filled]
        if known.order.lots > intent.lots or not all(one.false_by for one in before):
            self._blamed[intent.number] = None  # this is too large, or it could know of one before
        elif before:
            self._excuses[intent.number] = told_falsely(before[0])
        live = [one for one in before if one.order.is_open]
        if known.order.is_open and live:
            self._seen.setdefault(intent.number, (at, [*live, known]))
        orders.append(known)
        self._count(intent, at)

    def happened(self, events: Any, at: int) -> None:
        """Check what an intent has executed; note the orders that prices have triggered."""
        for event in events:
            if event.__class__ is not e.OrderFilled and event.__class__ is not e.OrderAccepted:
                continue
            known = self.context.facts.orders.get(event.order_id)
            intent = None if known is None else self.context.intents.of_order(known.order)
            if known is None or intent is None:
                continue
            if event.__class__ is e.OrderFilled:
                self._count(intent, at)
            elif known.order.conditional_id:
                self._add(intent, known, at)

    def _count(self, intent: Intent, at: int) -> None:
        if self._executed(intent) > (intent.lots or 0):
            when = self._seen.get(intent.number, (at, []))[0]
            self._seen[intent.number] = (when, [])

    def _executed(self, intent: Intent) -> int:
        return sum(one.order.filled for one in self._orders.get(intent.number, ()))

    def ended(self, end: RunEnd) -> None:
        """Report intents that executed too much, or had several live orders."""
        if self.unknown and self.context.intents.missed:
            self.unknown = "several clients are judged: name the account=... of each intent"
        for number, (at, live) in self._seen.items():
            intent = self.context.intents.numbered(number)
            if intent is not None and number in self._blamed:
                self._report(intent, at, live, end)
            elif intent is not None:
                self.unknown = self._excuses.get(number, "")

    def _report(self, intent: Intent, at: int, live: list[OrderFacts], end: RunEnd) -> None:
        """Report that too much was executed or, with `live`, that several orders were open."""
        orders = live or [one for one in self._orders[intent.number] if one.order.filled]
        trips = [one.placed_by for one in orders if one.placed_by is not None]
        facts, symbol = self.context.facts, orders[0].symbol
        market = facts.market(symbol)
        wanted = market.amount_text(intent.lots or 0)
        if live:
            excess = min(one.order.lots for one in orders[1:])
            text = f"had {len(live)} live orders{_in(trips)} where it wanted one of {wanted}"
            text += f" {market.base}"
        else:
            done = "bought" if orders[0].order.side == "buy" else "sold"
            excess = self._executed(intent) - (intent.lots or 0)
            amount = market.amount_text(self._executed(intent))
            text = f"{done} {amount} {market.base}{_in(trips)} instead of {wanted}"
        rows = ", ".join(f"order {one.order.id} ({one.order.filled} lots)" for one in orders)
        money = facts.money(symbol, excess, end.at)
        self.breach(text + because(trips, self._looks), *trips, row=rows, money=money, at=at)


def _in(trips: list[Trip]) -> str:
    """The trips that an amount is the sum of."""
    if len(trips) < 2:
        return ""
    numbers = [str(trip.number) for trip in trips[:TRIPS_NAMED_MAX]]
    more = len(trips) - len(numbers)
    last = f"{more} more" if more else numbers.pop()
    return f" (trips {', '.join(numbers)} and {last})"


def because(trips: list[Trip], looks: Sequence[int]) -> str:
    """Why an order was sent again, as far as the journal shows it; `looks`: when it looked.

    All of the trips were accepted, so that a refusal of one is no more certain than silence.
    """
    for first, again in pairwise(trips):
        if is_ambiguous(first) or isinstance(received(first), Reject):
            asked = any(first.told_at <= at <= again.born_at for at in looks)
            unasked = "" if asked else " without asking"
            return f", because {describe_failure(first)} and it sent the order again{unasked}"
    return ""


def is_ambiguous(trip: Trip) -> bool:
    """Whether the client could not know from the answer what became of its request."""
    return is_unclear(received(trip))


def is_unclear(told: Any) -> bool:
    """Whether what a client was told of an order does not say what became of it."""
    if told is None:
        return True
    if told.__class__ is Edited:
        return any(name in ("*", "id") for name, _ in told.edits)
    return isinstance(told, Reject) and told.reason in AMBIGUOUS


class Question(NamedTuple):
    """A request whose outcome its client does not know."""

    trip: Trip
    intent: Intent | None
    client_id: str
    order_id: int
    symbol: str
    side: Any
    lots: int
    ticks: int  # 0: a market order

    waits: bool  # for a price, beside the book

    def is_like(self, order: Any) -> bool:
        """Whether an order may be one more try: as much, on that side, at about that price."""
        if (order.symbol, order.side, order.lots) != (self.symbol, self.side, self.lots):
            return False
        if (order.__class__ is PlaceConditional) is not self.waits:
            return False
        away = abs(order.ticks - self.ticks) * ALIKE
        return not self.ticks or not order.ticks or away <= self.ticks


class Resolves(Rule):
    """I6: after an ambiguous answer the bot asks before it sends a new order for that intent.

    `horizon_s`: until then "not found" does not prove that the order does not exist. Of a
    conditional order any look proves it: their register does not lag. A change of an open order can
    be sent again: it is the same order.
    """

    name = "resolves"
    invariant = "I6"
    severity = Severity.DANGER
    sentence = "What became of an order is looked up before another is sent in its place."
    care = "asks what became of an order by its client order id, until it is sure."

    def __init__(self, *, horizon_s: float = HORIZON_S) -> None:
        super().__init__()
        self.horizon_s = horizon_s
        self._open: dict[tuple[int, int], Question] = {}  # by trip, and place in its request
        self._flying: dict[int, Trip] = {}

    def sent(self, trip: Trip) -> None:
        """Check new orders against outcomes that are unknown."""
        orders = self._new_orders(trip)
        if orders:
            for flying in [t for t in self._flying.values() if t.gave_up_at]:
                self._ask(flying)
        for one in orders:
            intent = self.context.intents.of_trip(trip, one.place)
            for name, question in list(self._open.items()):
                self._check(name, question, one.order, intent, trip)
        if orders or any(part.__class__ is CancelOrder for part in parts_of(trip.command)):
            self._flying[trip.number] = trip
            if len(self._flying) > QUESTIONS_MAX:
                del self._flying[next(iter(self._flying))]

    def _new_orders(self, trip: Trip) -> list[Asked]:
        return [one for one in requested(trip, self.context.facts) if one.is_new]

    def _check(
        self,
        name: tuple[int, int],
        question: Question,
        order: Any,
        intent: Intent | None,
        trip: Trip,
    ) -> None:
        if order.client_id and order.client_id == question.client_id:
            return  # the same order once more: the venue refuses it while the first is open
        if intent is not None and question.intent is not None:
            same = intent is question.intent
        else:
            same = question.is_like(order)
            if not same and order.symbol == question.symbol:
                self.unknown = "what the bot intends is not known, and an outcome stayed open"
        if same:
            del self._open[name]
            facts = self.context.facts
            self.breach(
                f"sent another order (trip {trip.number}) without asking what became of the one "
                f"before: {describe_failure(question.trip)}",
                question.trip,
                trip,
                row=self._row(question),
                money=facts.money(question.symbol, order.lots, trip.born_at),
                at=trip.born_at,
            )

    def _row(self, question: Question) -> str:
        events = [type(event).__name__ for event in question.trip.happened]
        return ", ".join(events) or "nothing happened"

    def told(self, trip: Trip) -> None:
        """Note unknown outcomes, or those that have become known."""
        self._flying.pop(trip.number, None)
        if trip.echo_of:
            return
        if not self._ask(trip) and self._open:
            self._resolve(trip)

    def _ask(self, trip: Trip) -> bool:
        """Note the orders and cancels of a request whose outcome is unknown; whether there are."""
        self._flying.pop(trip.number, None)
        found = [*self._of_orders(trip), *self._of_cancels(trip)]
        for place, question in enumerate(found):
            self._open[trip.number, place] = question
            if len(self._open) > QUESTIONS_MAX:
                del self._open[next(iter(self._open))]
        return bool(found)

    def _of_orders(self, trip: Trip) -> Iterator[Question]:
        for one in self._new_orders(trip):
            if is_unclear(one.told):
                order, intent = one.order, self.context.intents.of_trip(trip, one.place)
                waits = order.__class__ is PlaceConditional
                yield Question(
                    trip, intent, order.client_id, 0, trip.symbol or order.symbol, order.side,
                    order.lots, order.ticks, waits,
                )  # fmt: skip

    def _of_cancels(self, trip: Trip) -> Iterator[Question]:
        for part, told in parts_and_told(trip):
            if part.__class__ is CancelOrder and is_unclear(told):
                known = self.context.facts.of_command(part)
                if known is not None:
                    order, intent = known.order, self.context.intents.of_order(known.order)
                    yield Question(
                        trip, intent, part.client_id, order.id, trip.symbol or part.symbol,
                        order.side, order.lots, order.ticks, False,
                    )  # fmt: skip

    def _resolve(self, trip: Trip) -> None:
        answer = received(trip)
        for name, question in list(self._open.items()):
            if self._answers(question, trip, answer):
                del self._open[name]

    def _answers(self, question: Question, trip: Trip, answer: Any) -> bool:
        """Whether a message says what became of an order, or that it does not exist."""
        if trip.born_at < question.trip.born_at or answer is None:
            return False
        late = (trip.born_at - question.trip.born_at) / SECOND >= self.horizon_s
        refused = isinstance(answer, Reject)
        if question.waits:
            return _is_look(question, trip.command, answer) or _is_told(question, answer)
        if trip.command.__class__ is FetchOrder and self._is_about(question, trip.command):
            return not refused or (answer.reason is Reason.ORDER_NOT_FOUND and late)
        if late and not refused and _lists_it(question, trip.command):
            return not trip.command.symbol or trip.command.symbol == question.symbol
        return self._told_since(question)

    def _is_about(self, question: Question, look: FetchOrder) -> bool:
        if question.client_id and look.client_id == question.client_id:
            return True
        order_ids = [question.order_id] if question.order_id else _accepted(question.trip)
        return bool(look.order_id) and look.order_id in order_ids

    def _told_since(self, question: Question) -> bool:
        """Whether the client was told of the order itself, by any message."""
        if question.order_id:
            known = self.context.facts.orders.get(question.order_id)
            return known is None or known.ended_told_at > question.trip.born_at
        return any(
            known is not None and known.told_at
            for known in map(self.context.facts.orders.get, _accepted(question.trip))
        )


def _lists_it(question: Question, look: Any) -> bool:
    """Whether a list would show the order: a market order is in one of fills, and never open."""
    is_market = not question.ticks and not question.order_id
    if look.__class__ is FetchOrders:
        return not (is_market and look.which == "open")
    return look.__class__ is FetchFills and is_market


def _is_look(question: Question, look: Any, answer: Any) -> bool:
    """Whether a conditional order was asked for, by itself or with all others, and answered."""
    if look.__class__ is FetchConditionals:
        return not isinstance(answer, Reject) and look.symbol in ("", question.symbol)
    if look.__class__ is not FetchConditional:
        return False
    if isinstance(answer, Reject) and answer.reason is not Reason.ORDER_NOT_FOUND:
        return False
    is_named = bool(question.client_id) and look.client_id == question.client_id
    return is_named or look.conditional_id in _waiting(question.trip)


def _is_told(question: Question, answer: Any) -> bool:
    """Whether a message tells of a conditional order."""
    ids = _waiting(question.trip)
    parts = answer if answer.__class__ is tuple else (answer,)
    told = (getattr(part, "conditional", part) for part in parts)
    return any(one.__class__ is ConditionalSnapshot and one.id in ids for one in told)


def _waiting(trip: Trip) -> list[int]:
    """The conditional orders that a request has placed."""
    events = trip.happened
    return [event.conditional_id for event in events if event.__class__ is e.ConditionalChanged]


def _accepted(trip: Trip) -> list[int]:
    return [event.order_id for event in trip.happened if isinstance(event, e.OrderAccepted)]
