"""How a bot places orders: each intent once (I1), no second try before it has asked (I6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from failing_exchange.core import events as e
from failing_exchange.core.commands import CancelOrder, PlaceOrder
from failing_exchange.core.queries import FetchOrder, FetchOrders
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.journal.trip import Edited, Trip
from failing_exchange.judge.answers import received
from failing_exchange.judge.facts import OrderFacts, is_order
from failing_exchange.judge.false_reads import HORIZON_S, told_falsely
from failing_exchange.judge.intents import Intent
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
    """I1: no intent is executed beyond its amount, and none has two live orders."""

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
        if trip.echo_of or not is_order(trip.command):
            return
        intent = self.context.intents.of_trip(trip)
        if intent is None:
            return
        self.unknown = ""
        for event in trip.happened:
            if isinstance(event, e.OrderAccepted):
                known = self.context.facts.orders.get(event.order_id)
                if known is not None and known.order.client_id == event.client_id:
                    self._add(intent, known, trip)

    def _add(self, intent: Intent, known: OrderFacts, trip: Trip) -> None:
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
            self._seen.setdefault(intent.number, (trip.born_at, [*live, known]))
        orders.append(known)
        self._count(intent, trip.born_at)

    def happened(self, events: Any, at: int) -> None:
        """Check what an intent has executed."""
        for event in events:
            if (
                isinstance(event, e.OrderFilled)
                and event.fill.account == self.context.facts.account
            ):
                intent = self.context.intents.of_order(event.order_id)
                if intent is not None:
                    self._count(intent, at)

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
    told = received(trip)
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

    def is_like(self, order: PlaceOrder) -> bool:
        """Whether an order may be one more try: as much, on that side, at about that price."""
        if (order.symbol, order.side, order.lots) != (self.symbol, self.side, self.lots):
            return False
        away = abs(order.ticks - self.ticks) * ALIKE
        return not self.ticks or not order.ticks or away <= self.ticks


class Resolves(Rule):
    """I6: after an ambiguous answer the bot asks before it sends a new order for that intent.

    `horizon_s`: until then "not found" does not prove that the order does not exist.
    """

    name = "resolves"
    invariant = "I6"
    severity = Severity.DANGER
    sentence = "What became of an order is looked up before another is sent in its place."
    care = "asks what became of an order by its client order id, until it is sure."

    def __init__(self, *, horizon_s: float = HORIZON_S) -> None:
        super().__init__()
        self.horizon_s = horizon_s
        self._open: dict[int, Question] = {}
        self._flying: dict[int, Trip] = {}

    def sent(self, trip: Trip) -> None:
        """Check a new order against outcomes that are unknown."""
        command = trip.command
        if is_order(command):
            for flying in [t for t in self._flying.values() if t.gave_up_at]:
                self._ask(flying)
            intent = self.context.intents.of_trip(trip)
            for question in list(self._open.values()):
                self._check(question, command, intent, trip)
        if is_order(command) or command.__class__ is CancelOrder:
            self._flying[trip.number] = trip
            if len(self._flying) > QUESTIONS_MAX:
                del self._flying[next(iter(self._flying))]

    def _check(
        self, question: Question, order: PlaceOrder, intent: Intent | None, trip: Trip
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
            del self._open[question.trip.number]
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
        """Note an unknown outcome, or one that has become known."""
        self._flying.pop(trip.number, None)
        if trip.echo_of:
            return
        command = trip.command
        if (is_order(command) or command.__class__ is CancelOrder) and is_ambiguous(trip):
            self._ask(trip)
        elif self._open:
            self._resolve(trip)

    def _ask(self, trip: Trip) -> None:
        self._flying.pop(trip.number, None)
        command = trip.command
        if is_order(command):
            order_id, ticks, side, lots = 0, command.ticks, command.side, command.lots
            intent = self.context.intents.of_trip(trip)
        else:
            known = self.context.facts.of_command(command)
            if known is None:
                return
            order_id, ticks = known.order.id, known.order.ticks
            side, lots = known.order.side, known.order.lots
            intent = self.context.intents.of_order(order_id)
        self._open[trip.number] = Question(
            trip, intent, command.client_id, order_id, trip.symbol or command.symbol, side, lots,
            ticks,
        )  # fmt: skip
        if len(self._open) > QUESTIONS_MAX:
            del self._open[next(iter(self._open))]

    def _resolve(self, trip: Trip) -> None:
        answer = received(trip)
        for number, question in list(self._open.items()):
            if self._answers(question, trip, answer):
                del self._open[number]

    def _answers(self, question: Question, trip: Trip, answer: Any) -> bool:
        """Whether a message says what became of an order, or that it does not exist."""
        if trip.born_at < question.trip.born_at or answer is None:
            return False
        late = (trip.born_at - question.trip.born_at) / SECOND >= self.horizon_s
        refused = isinstance(answer, Reject)
        if trip.command.__class__ is FetchOrder and self._is_about(question, trip.command):
            return not refused or (answer.reason is Reason.ORDER_NOT_FOUND and late)
        if late and trip.command.__class__ is FetchOrders and not refused:
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


def _accepted(trip: Trip) -> list[int]:
    return [event.order_id for event in trip.happened if isinstance(event, e.OrderAccepted)]
