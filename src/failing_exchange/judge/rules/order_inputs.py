"""What an order rests on: fresh prices (I8), the market's rules (I10), free funds (I13)."""

from __future__ import annotations

from typing import Any

from failing_exchange.core import events as e
from failing_exchange.core.order import OrderType, Side
from failing_exchange.core.reject import Reason, Refusal, Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.faults.operations import PLACE
from failing_exchange.faults.plan import Replace
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.answers import Quote, is_success, quotes_of, received
from failing_exchange.judge.products import product_of
from failing_exchange.judge.requested_orders import requested
from failing_exchange.judge.rule import CLIENT_UNKNOWN, Rule, Severity
from failing_exchange.text.durations import span


class Fresh(Rule):
    """I8: no order is priced from data that is old, missing, zero or crossed.

    Data is a ticker, a book, a trade, an average, or the last of some candles, asked for or pushed,
    from any of the venue's sources: with sound data from one, another may be crossed. `age_s`: how
    old the newest sound data may be when the order is sent. Only limit orders are judged: the
    levels of a stop come from what was paid and what may be lost, it takes effect at a price of the
    market's, and one on the wrong side is refused.
    """

    name = "fresh"
    invariant = "I8"
    severity = Severity.MONEY
    sentence = "No order is priced from market data that is old, missing, zero or crossed."
    care = "looks at the age and the sense of a price before it trades on it."

    def __init__(self, *, age_s: float = 30.0) -> None:
        super().__init__()
        self.age_s = age_s
        self._sound: dict[str, tuple[Quote, Trip]] = {}
        self._last: dict[str, tuple[Quote, Trip]] = {}
        self.unknown = "the bot asked this venue for no market data"

    def told(self, trip: Trip) -> None:
        """Note the prices that the bot received."""
        answer = received(trip)
        if answer is None or isinstance(answer, Reject):
            return
        for quote in quotes_of(answer):
            self._note(quote, trip)
            self.unknown = ""

    def _note(self, quote: Quote, trip: Trip) -> None:
        self._last[quote.symbol] = quote, trip
        if quote.sound and (
            quote.symbol not in self._sound or quote.at >= self._sound[quote.symbol][0].at
        ):
            self._sound[quote.symbol] = quote, trip

    def overheard(self, trip: Trip) -> None:
        """Note prices that this client may have received."""
        for quote in quotes_of(received(trip)):
            if quote.symbol not in self._last:
                self.unknown = self.unknown and CLIENT_UNKNOWN
            elif quote.sound:
                self._note(quote, trip)

    def sent(self, trip: Trip) -> None:
        """Check what the bot knew of a market when it sent limit orders, or changed one."""
        orders = [one.order for one in requested(trip, self.context.facts)]
        for order in {o.symbol: o for o in orders if o.kind is OrderType.LIMIT}.values():
            if order.symbol in self._last:
                self._check(order, trip)

    def _check(self, order: Any, trip: Trip) -> None:
        newest, look = self._last[order.symbol]
        sound = self._sound.get(order.symbol)
        halted = self.context.facts.engine.state.markets[order.symbol].halted_at
        age = None if sound is None else (trip.born_at - sound[0].at) / SECOND
        if age is not None and (age <= self.age_s or (halted and newest.sound)):
            return  # it had a sound price; in a halt there is nothing newer to see
        if newest.sound:
            assert sound is not None
            assert age is not None
            look, why = sound[1], f"{span(age)} old"
        else:
            why = "that can't be believed: missing, zero or crossed"
        self.breach(
            f"priced an order (trip {trip.number}) from data (trip {look.number}) {why}",
            look,
            trip,
            money=self.context.facts.money(order.symbol, order.lots, trip.born_at),
            at=trip.born_at,
        )


class ObeysFilters(Rule):
    """I10: every order obeys the market's rules in force; one miss is excused after a change.

    One outside a price band is excused, too, for the band moves with the market; not a second one
    in a row. What was sent before the first miss was told is the same miss. A price or an amount
    that is not a plain decimal, or has too many places, breaks a rule.
    """

    name = "obeys_filters"
    invariant = "I10"
    severity = Severity.DANGER
    sentence = "Every order keeps to the market's steps, minimums and bands, as published."
    care = "reads the market's rules, rounds to them, and reads them anew when refused."
    filters = frozenset({
        Reason.INVALID_PRICE, Reason.INVALID_AMOUNT, Reason.INVALID_COST, Reason.PRICE_BAND,
    })  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._changed: dict[str, None] = {}  # markets whose next miss is excused
        self._refused_at: dict[tuple[str, bool], int] = {}  # when an excused miss was told

    def happened(self, events: Any, at: int) -> None:
        """Excuse the next miss after a change of the rules."""
        for event in events:
            if event.__class__ is e.MarketChanged:
                self._changed[event.symbol] = None

    def told(self, trip: Trip) -> None:
        """Check whether an order was refused for a rule that is in force."""
        if trip.echo_of:
            return
        orders = requested(trip, self.context.facts)
        answers = [(one.order.symbol, one.told) for one in orders]
        if trip.command is None and trip.operation in PLACE:  # it could not even be read
            answers = [(trip.symbol, received(trip))]
        for symbol, answer in answers:
            self._check(symbol, answer, trip)

    def _check(self, symbol: str, answer: Any, trip: Trip) -> None:
        if is_success(answer):
            self._refused_at.pop((symbol, True), None)
        if (
            not isinstance(answer, Reject)
            or answer.reason not in self.filters
            or not is_honest(trip)
        ):
            return
        if not self._is_excused(symbol, trip, banded=answer.reason is Reason.PRICE_BAND):
            self.breach(
                f"sent an order (trip {trip.number}) that breaks a rule: {trip.words(answer)}",
                trip,
                at=trip.ended_at,
            )

    def _is_excused(self, symbol: str, trip: Trip, *, banded: bool) -> bool:
        heard_at = self._refused_at.get((symbol, banded))
        if heard_at is not None and trip.born_at < heard_at:
            return True
        excused = symbol in self._changed or (banded and heard_at is None)
        if excused:
            self._changed.pop(symbol, None)
            self._refused_at[symbol, banded] = trip.ended_at
        return excused


def is_honest(trip: Trip) -> bool:
    """Whether a refusal is the exchange's own, and not a fault's."""
    return not any(_refuses(decision.verdict) for decision in trip.struck)


def _refuses(verdict: Any) -> bool:
    """Whether a fault refuses a request, or orders of it."""
    if isinstance(verdict, Replace):
        orders = getattr(verdict.value, "commands", ())
        return any(isinstance(one, Refusal) for one in orders)
    return isinstance(verdict, Reject)


class SellsFree(Rule):
    """I13, selling: the bot never sells more than it has free, as far as it can know.

    A first miss is excused while the client has not been told of the change that forbids it. So is
    the first one after each further change that the operator makes. Where a sale opens a short
    position, it sells nothing that is held, and is not judged: this rule does not judge margin.
    `keeps_reserve` judges exits that are refused for want of margin.
    """

    name = "sells_free"
    invariant = "I13"
    severity = Severity.DANGER
    sentence = "No more is sold than the bot was told is free."
    care = "sells what it received, after fees, and what is free."

    def __init__(self) -> None:
        super().__init__()
        self._missed = 0
        self._refused_at = 0  # when the last miss was told

    def restarted(self) -> None:
        """Forget misses: a new process does not know what the one before was told."""
        self._missed = 0

    def told(self, trip: Trip) -> None:
        """Check whether a sale was refused for lack of what it sells."""
        if trip.operation == "fetch_balance" and is_success(received(trip)):
            self._missed = 0
        if trip.echo_of:
            return
        for one in requested(trip, self.context.facts):
            if one.order.side is Side.SELL and self._lacks(one.told):
                self._missing(one.order, trip)
                return  # another leg of the same list lacks the same

    def _lacks(self, answer: Any) -> bool:
        return isinstance(answer, Reject) and answer.reason is Reason.INSUFFICIENT_FUNDS

    def _missing(self, order: Any, trip: Trip) -> None:
        facts, free = self.context.facts, self._free(order.symbol)
        if free is None or not is_honest(trip):
            return
        if self._missed and trip.born_at < self._refused_at:
            return  # on its way before the last refusal arrived
        if facts.balance_moved_at > self._refused_at:
            self._missed = 0
        self._missed, self._refused_at = self._missed + 1, trip.ended_at
        if self._missed > 1 or self._could_know(trip):
            wanted = facts.market(order.symbol).amount_text(order.lots)
            self.breach(
                f"tried to sell {wanted} (trip {trip.number}) with {free / ATOMS:.8f} free",
                trip,
                row=f"free: {free} atoms",
                money=facts.money(order.symbol, order.lots, trip.ended_at),
                at=trip.ended_at,
            )

    def _free(self, symbol: str) -> int | None:
        """The free atoms of what is sold; None where a sale needs none."""
        facts, market = self.context.facts, self.context.facts.market(symbol)
        product = product_of(market)
        if product.opens_shorts:
            return None
        return facts.engine.state.ledger.free(facts.account, product.held(market))

    def _could_know(self, trip: Trip) -> bool:
        facts = self.context.facts
        if facts.balances_told_at >= facts.balance_changed_at:
            return True
        return not any(fact.kind in ("fill", "balance") for fact in facts.unknown())
