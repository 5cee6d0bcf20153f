"""A position has its stop (I12)."""

from __future__ import annotations

from typing import Any

from failing_exchange.conduct.facts import sign
from failing_exchange.conduct.rule import End, Rule, Severity
from failing_exchange.conduct.told import heard
from failing_exchange.core import events as e
from failing_exchange.core.order import TRIGGERED_TYPES, Side
from failing_exchange.core.reject import Reject
from failing_exchange.trip import Trip


class Covered(Rule):
    """I12: a position has its stop, within the seconds that its intent names.

    Counted from the last time the venue failed the bot: whose request is refused or not answered,
    and who tries again within that time (after the wait that was named), does what can be done.
    What is too small to be sold is no position.
    """

    name = "covered"
    invariant = "I12"
    severity = Severity.MONEY
    sentence = "An open position is not left without its intended stop."

    def __init__(self) -> None:
        super().__init__()
        self._naked_since: dict[str, int] = {}
        self._positions: dict[str, int] = {}  # atoms of the base asset
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
            return self._fill(event.fill)
        known = facts.orders.get(getattr(event, "order_id", 0))
        return known.symbol if known is not None else ""

    def _fill(self, fill: Any) -> str:
        if fill.account != self.scene.facts.account:
            return ""
        market = self.scene.facts.engine.state.markets[fill.symbol].market
        change = sign(fill.side) * market.amount_step * fill.lots
        change -= fill.fee if fill.fee_asset == market.base else 0
        self._positions[fill.symbol] = self._positions.get(fill.symbol, 0) + change
        return str(fill.symbol)

    def told(self, trip: Trip) -> None:
        """A request that was refused, or whose answer was lost: the clock starts again."""
        said = heard(trip)
        if not self._naked_since or trip.is_push or trip.echo_of:
            return
        if said is None or isinstance(said, Reject):
            until = (said.until or 0) if isinstance(said, Reject) else 0
            for symbol, since in self._naked_since.items():
                if since < trip.born_at:
                    self._check(symbol, trip.born_at)
                self._naked_since[symbol] = max(since, trip.ended_at, until)

    def _look(self, symbol: str, at: int) -> None:
        if self._naked(symbol, at) > 0:
            self._naked_since.setdefault(symbol, at)
        elif symbol in self._naked_since:
            self._check(symbol, at)
            del self._naked_since[symbol]

    def _naked(self, symbol: str, at: int) -> int:
        """Lots without a stop, where they are worth selling."""
        state = self.scene.facts.engine.state
        ms, position = state.markets[symbol], max(0, self._positions.get(symbol, 0))
        stops = sum(
            order.remaining
            for order in state.accounts[self.scene.facts.account].open.values()
            if order.symbol == symbol and order.kind in TRIGGERED_TYPES and order.side is Side.SELL
        )
        naked = position // ms.market.amount_step - stops
        naked -= naked % ms.market.amount_every
        worth = self.scene.facts.money(symbol, max(0, naked), at) or 0.0
        least = self.scene.facts.in_usdt(symbol, ms.market.cost_min, at) or 0.0
        return 0 if worth < 2 * least or naked < ms.market.amount_min else naked

    def _check(self, symbol: str, at: int) -> None:
        seconds = (at - self._naked_since[symbol]) / 1e9
        if seconds > self._limits[symbol]:
            facts = self.scene.facts
            step = facts.engine.state.markets[symbol].market.amount_step
            lots = self._positions[symbol] // step
            self.breach(
                at,
                f"left a position in {symbol} without its stop for {seconds:.0f} s, where "
                f"{self._limits[symbol]:g} s were meant",
                money=facts.money(symbol, lots, at),
            )

    def ended(self, end: End) -> None:
        """What is naked to the end."""
        for symbol in self._naked_since:
            self._check(symbol, end.at)
