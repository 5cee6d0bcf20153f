"""What an order rests on: fresh prices (I8), the market's rules (I10), free funds (I13)."""

from __future__ import annotations

from typing import Any

from failing_exchange.conduct.facts import is_order
from failing_exchange.conduct.rule import WHOSE, Rule, Severity
from failing_exchange.conduct.told import Quote, heard, is_yes, quotes_of
from failing_exchange.core import events as e
from failing_exchange.core.order import OrderType, Side
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.operations import PLACE
from failing_exchange.trip import Trip


class Fresh(Rule):
    """I8: no order is priced from data that is old, missing, zero or crossed.

    A look is a ticker, a book, a trade, an average, or the last of some candles, asked for or
    pushed. `age_s`: how old the newest believable one may be when the order is sent. Only limit
    orders are judged: the levels of a stop come from what was paid and what may be lost, it takes
    effect at a price of the market's, and one on the wrong side is refused.
    """

    name = "fresh"
    invariant = "I8"
    severity = Severity.MONEY
    sentence = "No order is priced from market data that is old, missing, zero or crossed."

    def __init__(self, *, age_s: float = 30.0) -> None:
        super().__init__()
        self.age_s = age_s
        self._sound: dict[str, tuple[Quote, Trip]] = {}
        self._last: dict[str, tuple[Quote, Trip]] = {}
        self.unknown = "the bot asked this venue for no market data"

    def parameters(self) -> dict[str, Any]:
        """The greatest age, in seconds."""
        return {"age_s": self.age_s}

    def told(self, trip: Trip) -> None:
        """A look at a market."""
        said = heard(trip)
        if said is None or isinstance(said, Reject):
            return
        for quote in quotes_of(said):
            self._note(quote, trip)
            self.unknown = ""

    def _note(self, quote: Quote, trip: Trip) -> None:
        self._last[quote.symbol] = quote, trip
        if quote.sound and (
            quote.symbol not in self._sound or quote.at >= self._sound[quote.symbol][0].at
        ):
            self._sound[quote.symbol] = quote, trip

    def overheard(self, trip: Trip) -> None:
        """It may have been this client that looked; whoever has looked itself is judged."""
        for quote in quotes_of(heard(trip)):
            if quote.symbol not in self._last:
                self.unknown = self.unknown and WHOSE
            elif quote.sound:
                self._note(quote, trip)

    def sent(self, trip: Trip) -> None:
        """A limit order: what did the bot know of the market?"""
        command = trip.command
        if not is_order(command) or command.kind is not OrderType.LIMIT:
            return
        if command.symbol not in self._last:
            return
        quote, look = self._last[command.symbol]
        money = self.scene.facts.money(command.symbol, command.lots, trip.born_at)
        if not quote.sound:
            self.breach(
                trip.born_at,
                f"priced an order (trip {trip.number}) from data that can't be believed "
                f"(trip {look.number}): missing, zero or crossed",
                look, trip, money=money, of=trip,
            )  # fmt: skip
            return
        if self.scene.facts.engine.state.markets[command.symbol].halted_at:
            return  # there is nothing newer to see
        sound, look = self._sound[command.symbol]
        age = (trip.born_at - sound.at) / 1e9
        if age > self.age_s:
            self.breach(
                trip.born_at,
                f"priced an order (trip {trip.number}) from data {age:.0f} s old "
                f"(trip {look.number})",
                look, trip, money=money, of=trip,
            )  # fmt: skip


class ObeysFilters(Rule):
    """I10: every order obeys the market's rules in force; one miss is excused after a change.

    A price or an amount that is no plain decimal, or has more places than are read, breaks one.
    """

    name = "obeys_filters"
    invariant = "I10"
    severity = Severity.DANGER
    sentence = "Every order keeps to the market's steps, minimums and bands, as published."
    filters = frozenset({
        Reason.INVALID_PRICE, Reason.INVALID_AMOUNT, Reason.INVALID_COST, Reason.PRICE_BAND,
    })  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._excused: dict[str, bool] = {}

    def happened(self, events: Any, at: int) -> None:
        """New rules excuse the next miss."""
        for event in events:
            if event.__class__ is e.MarketChanged:
                self._excused[event.symbol] = True

    def told(self, trip: Trip) -> None:
        """Was an order refused for a rule that truly holds?"""
        said = heard(trip)
        asked = is_order(trip.command) or (trip.command is None and trip.operation in PLACE)
        if not asked or not isinstance(said, Reject) or trip.echo_of:
            return
        if said.reason not in self.filters or not is_honest(trip):
            return
        if self._excused.pop(trip.symbol, False):
            return
        self.breach(
            trip.ended_at,
            f"sent an order (trip {trip.number}) that breaks a rule: {said.text}",
            trip,
        )


def is_honest(trip: Trip) -> bool:
    """Whether a refusal is the exchange's own, and not a fault's."""
    return not any(isinstance(decision.verdict, Reject) for decision in trip.struck)


class SellsFree(Rule):
    """I13, selling: the bot never sells more than it has free, as far as it can know.

    A first miss is excused while the client has not been told of the change that forbids it.
    """

    name = "sells_free"
    invariant = "I13"
    severity = Severity.DANGER
    sentence = "No more is sold than the bot was told is free."

    def __init__(self) -> None:
        super().__init__()
        self._missed = 0

    def told(self, trip: Trip) -> None:
        """Was a sale refused because so much was not there?"""
        said, command = heard(trip), trip.command
        if trip.operation == "fetch_balance" and is_yes(said):
            self._missed = 0
        if not is_order(command) or command.side is not Side.SELL or trip.echo_of:
            return
        if not isinstance(said, Reject) or said.reason is not Reason.INSUFFICIENT_FUNDS:
            return
        if not is_honest(trip):
            return
        facts, self._missed = self.scene.facts, self._missed + 1
        if self._missed > 1 or self._could_know(trip):
            held = facts.holds(trip.symbol)
            wanted = facts.engine.state.markets[trip.symbol].market.amount_text(command.lots)
            self.breach(
                trip.ended_at,
                f"tried to sell {wanted} (trip {trip.number}) with {held / 1e8:.8f} free",
                trip,
                row=f"free: {held} atoms",
                money=facts.money(trip.symbol, command.lots, trip.ended_at),
            )

    def _could_know(self, trip: Trip) -> bool:
        facts = self.scene.facts
        if facts.balances_told_at >= facts.balance_changed_at:
            return True
        return not any(fact.kind in ("fill", "balance") for fact in facts.unknown())
