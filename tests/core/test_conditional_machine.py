"""Whatever is placed, changed and triggered: the books stay sound, and no status comes back."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from failing_exchange.core import commands as c
from failing_exchange.core.conditional_order import LEGAL_STEPS, ConditionalStatus
from failing_exchange.core.events import ConditionalChanged
from failing_exchange.core.order import (
    LIMIT,
    LIMIT_TYPES,
    MARKET,
    TRIGGERED_TYPES,
    OrderType,
    PositionSide,
    Side,
    TriggerBy,
)
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, SECOND
from tests.core.contracts import USD, Floor, S
from tests.examples import machine

NAMES = ("alice", "bob", "carol")
accounts = st.sampled_from(NAMES)
sides = st.sampled_from(list(Side))
prices = st.integers(96, 104)
amounts = st.integers(1, 9)
numbers = st.integers(1, 40)
kinds = st.sampled_from(sorted(TRIGGERED_TYPES))
times = st.just(0) | st.integers(1, 20)


class Conditionals(RuleBasedStateMachine):
    """Three accounts in one contract; Bob's margin is isolated, Carol keeps two positions."""

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor()
        self.known: dict[int, ConditionalStatus] = {}
        self.floor.open("carol", 10_000)
        self.do(c.SetPositionMode("carol", True))
        self.do(c.SetMarginMode("bob", S, MarginMode.ISOLATED))

    @initialize()
    def begin(self) -> None:
        """A first trade, so that there is a price."""
        self.floor.cross("alice", "bob", 100, 20)

    def do(self, command: Any) -> None:
        """Carry out a command, which may be refused; the exchange is audited either way."""
        try:
            self.floor.do(command)
        except Reject:
            self.floor.events = ()
            self.floor.wait(0)
        self.follow()

    def follow(self) -> None:
        """Statuses change along the table."""
        for event in self.floor.events:
            if isinstance(event, ConditionalChanged):
                before = self.known.get(event.conditional_id)
                if before is None:
                    assert event.status is ConditionalStatus.NEW
                else:
                    assert event.status in LEGAL_STEPS[before]
                self.known[event.conditional_id] = event.status

    def side_of(self, name: str, side: Side, opens: bool) -> PositionSide:
        """The position side that an order of an account needs."""
        if name != "carol":
            return PositionSide.BOTH
        return PositionSide.LONG if (side is Side.BUY) is opens else PositionSide.SHORT

    @rule(name=accounts, side=sides, price=prices, lots=amounts, opens=st.booleans(), ends=times)
    def place(self, name: str, side: Side, price: int, lots: int, opens: bool, ends: int) -> None:
        """An order that may match, rest, or reduce a position."""
        self.do(c.PlaceOrder(
            name, S, side, LIMIT, lots, price * USD, reduce_only=not opens and name != "carol",
            position_side=self.side_of(name, side, opens), expires_at=self.ends(ends),
        ))  # fmt: skip

    @rule(name=accounts, side=sides, lots=amounts)
    def take(self, name: str, side: Side, lots: int) -> None:
        """A market order."""
        place = self.side_of(name, side, True)
        self.do(c.PlaceOrder(name, S, side, MARKET, lots, position_side=place))

    @rule(
        name=accounts, side=sides, kind=kinds, price=prices, lots=amounts, by=st.sampled_from(
            list(TriggerBy)
        ), closes=st.booleans(), ends_with=st.booleans(), guarded=st.booleans(), ends=times,
        opens=st.booleans(),
    )  # fmt: skip
    def wait_for(
        self, name: str, side: Side, kind: OrderType, price: int, lots: int, by: TriggerBy,
        closes: bool, ends_with: bool, guarded: bool, ends: int, opens: bool,
    ) -> None:  # fmt: skip
        """A conditional order of any kind."""
        trails = kind is OrderType.TRAILING_STOP
        self.do(c.PlaceConditional(
            name, S, side, kind, 0 if closes else lots, price * USD,
            price * USD if kind in LIMIT_TYPES else 0, by, 50 * trails, close_position=closes,
            ends_with_position=ends_with, protected=guarded,
            position_side=self.side_of(name, side, opens), expires_at=self.ends(ends),
        ))  # fmt: skip

    def ends(self, seconds: int) -> int:
        return self.floor.at + seconds * SECOND if seconds else 0

    @rule(name=st.sampled_from(NAMES[:2]), price=prices)
    def leave(self, name: str, price: int) -> None:
        """Close a position; what ends with it ends."""
        lots = self.floor.positions.get(name, 0)
        side, other = (Side.SELL, "bob") if lots > 0 else (Side.BUY, "alice")
        other = other if other != name else "carol"
        opening = self.side_of(other, side.other, True)
        for who, way, place in (other, side.other, opening), (name, side, PositionSide.BOTH):
            self.do(c.PlaceOrder(
                who, S, way, LIMIT, abs(lots), price * USD, position_side=place
            ))  # fmt: skip

    @rule(name=accounts, number=numbers)
    def cancel(self, name: str, number: int) -> None:
        """Any of an account's conditional orders, known or not."""
        self.do(c.CancelConditional(name, S, number))

    @rule(name=accounts, number=numbers, price=prices, lots=amounts)
    def change(self, name: str, number: int, price: int, lots: int) -> None:
        """Orders, those that conditional ones have placed included."""
        known = list(self.floor.engine.state.accounts[name].open)
        number = known[number % len(known)] if known else number
        self.do(c.ChangeOrder(name, S, number, lots=lots, ticks=price * USD))

    @rule(name=accounts, everything=st.booleans(), seconds=times)
    def give_up(self, name: str, everything: bool, seconds: int) -> None:
        """Cancel all orders, now or by a countdown, and the conditional ones."""
        if everything:
            self.do(c.CancelAllConditionals(name))
        self.do(c.SetCountdown(name, S, seconds * SECOND))

    @rule(name=accounts, part=st.integers(1, 9), rests=st.booleans())
    def cap(self, name: str, part: int, rests: bool) -> None:
        """The next order is filled in part, whether or not it has been triggered."""
        self.do(c.CapNextFill(name, part * 100_000, SECOND if rests else None))

    @rule(cents=st.integers(-600, 600))
    def move_mark(self, cents: int) -> None:
        """The mark price leaves the last price."""
        self.do(c.MoveMark(S, cents * ATOMS // 100))

    @rule(seconds=st.integers(1, 30))
    def pass_time(self, seconds: int) -> None:
        """What is due ends."""
        self.floor.wait(seconds)
        self.follow()

    @invariant()
    def what_is_over_waits_for_nothing(self) -> None:
        """Only those that wait are looked at when prices move."""
        state = self.floor.engine.state
        assert all(one.is_waiting for one in state.conditionals.values())
        told = {n for n, status in self.known.items() if status is ConditionalStatus.NEW}
        assert told == set(state.conditionals)


TestConditionals = machine(Conditionals, 40, steps=30)
