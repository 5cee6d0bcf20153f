"""After a break the bot looks at what it has missed (I9); a position has its stop (I12)."""

from __future__ import annotations

from typing import Any

from failing_exchange.conduct.facts import is_order, sign
from failing_exchange.conduct.rule import End, Rule, Severity
from failing_exchange.conduct.told import heard, is_yes
from failing_exchange.core import events as e
from failing_exchange.core.order import TRIGGERED_TYPES
from failing_exchange.faults.operations import ACCOUNT_FEEDS, ACCOUNT_READS
from failing_exchange.trip import Trip

FEEDS_MAX = 2_000  # feeds whose return is awaited; the oldest is no longer


class Resyncs(Rule):
    """I9: a broken feed carries data again soon, and an account is looked at before it trades.

    `within_s`: how long a feed may be gone while it has something to say.
    """

    name = "resyncs"
    invariant = "I9"
    severity = Severity.DANGER
    sentence = "After a lost stream the bot subscribes anew, and looks before its next order."

    def __init__(self, *, within_s: float = 60.0) -> None:
        super().__init__()
        self.within_s = within_s
        self._gone: dict[tuple[str, str], Trip] = {}
        self._unseen: Trip | None = None  # the break of an account feed, until somebody looks

    def parameters(self) -> dict[str, Any]:
        """How long a feed may be gone, in seconds."""
        return {"within_s": self.within_s}

    def told(self, trip: Trip) -> None:
        """A feed broke, or carries data again; a look at the account."""
        if not trip.is_push:
            if trip.operation in ACCOUNT_READS and is_yes(heard(trip)):
                self._unseen = None
            return
        feed = (trip.operation, trip.symbol)
        if trip.hung_up:
            self._gone.setdefault(feed, trip)
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
        seconds = (at - gone.ended_at) / 1e9
        if seconds > self.within_s:
            self.breach(
                at,
                f"was without {gone.operation} {gone.symbol} for {seconds:.0f} s after it broke "
                f"(trip {gone.number})",
                gone,
            )

    def sent(self, trip: Trip) -> None:
        """An order: has the account been looked at since?"""
        if self._unseen is not None and is_order(trip.command):
            self.breach(
                trip.born_at,
                f"sent an order (trip {trip.number}) after an account feed broke (trip "
                f"{self._unseen.number}) without a look at what was missed",
                self._unseen,
                trip,
                of=trip,
            )
            self._unseen = None

    def ended(self, end: End) -> None:
        """What never came back; a bot that has returned needs no feeds."""
        if not end.returned:
            for (operation, _), gone in self._gone.items():
                if operation not in ACCOUNT_FEEDS:
                    self._check(gone, end.at)


class Covered(Rule):
    """I12: a position has its stop, within the seconds that its intent names."""

    name = "covered"
    invariant = "I12"
    severity = Severity.MONEY
    sentence = "An open position is not left without its intended stop."

    def __init__(self) -> None:
        super().__init__()
        self._naked_since: dict[str, int] = {}
        self._positions: dict[str, int] = {}
        self._limits: dict[str, float] = {}

    def begin(self, scene: Any) -> None:
        """Only an intent can ask for a stop."""
        super().begin(scene)
        self.unknown = "no intent asks for a stop: say covered_within= when you declare it"

    def happened(self, events: Any, at: int) -> None:
        """Positions and stops change with orders."""
        symbols = dict.fromkeys(s for event in events if (s := self._touched(event)))
        for symbol in symbols:
            limit = self.scene.intents.cover_of(symbol)
            if limit is not None:
                self.unknown = ""
                self._limits[symbol] = limit
                self._look(symbol, at)

    def _touched(self, event: Any) -> str:
        facts = self.scene.facts
        if event.__class__ is e.OrderFilled:
            fill = event.fill
            if fill.account != facts.account:
                return ""
            change = sign(fill.side) * fill.lots
            self._positions[fill.symbol] = self._positions.get(fill.symbol, 0) + change
            return str(fill.symbol)
        known = facts.orders.get(getattr(event, "order_id", 0))
        return known.symbol if known is not None else ""

    def _look(self, symbol: str, at: int) -> None:
        if self._naked(symbol) > 0:
            self._naked_since.setdefault(symbol, at)
        elif symbol in self._naked_since:
            self._check(symbol, self._naked_since.pop(symbol), at)

    def _naked(self, symbol: str) -> int:
        """Lots without a stop; what is too small to be sold counts as dust."""
        position = self._positions.get(symbol, 0)
        account = self.scene.facts.engine.state.accounts[self.scene.facts.account]
        stops = sum(
            order.remaining
            for order in account.open.values()
            if order.symbol == symbol
            and order.kind in TRIGGERED_TYPES
            and sign(order.side) * position < 0
        )
        naked = abs(position) - stops
        market = self.scene.facts.engine.state.markets[symbol].market
        return naked if naked >= max(market.amount_min, abs(position) // 100) else 0

    def _check(self, symbol: str, since: int, at: int) -> None:
        seconds = (at - since) / 1e9
        if seconds > self._limits[symbol]:
            lots = abs(self._positions.get(symbol, 0))
            self.breach(
                at,
                f"left a position in {symbol} without its stop for {seconds:.0f} s, where "
                f"{self._limits[symbol]:g} s were meant",
                money=self.scene.facts.money(symbol, lots, at),
            )

    def ended(self, end: End) -> None:
        """What is naked to the end."""
        for symbol, since in self._naked_since.items():
            self._check(symbol, since, end.at)
