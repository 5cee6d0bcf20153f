"""Conditional orders: they wait beside the book, and place an order when a price is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from failing_exchange.core.commands import PlaceConditional
from failing_exchange.core.order import BUY, Order, OrderSnapshot, OrderType, PositionSide, Side
from failing_exchange.core.reject import Reason

# Conditional orders are counted from here, as in production (beyond 2^51): none has the id of an
# ordinary order, so that a call about the wrong kind finds nothing.
FIRST_CONDITIONAL_ID = 4_000_000_000_000_001
# How far a trailing stop may follow, in basis points: callbackRate from 0.1 to 20 percent.
LEAST_TRAIL, LARGEST_TRAIL = 10, 2_000


class ConditionalStatus(StrEnum):
    """The state of a conditional order.

    `TRIGGERING`: its price was reached. `TRIGGERED`: its order was placed. `FINISHED`: that order
    is over. `REJECTED`: that order was refused. The other ends come before the trigger.
    """

    __hash__ = str.__hash__

    NEW = "new"
    TRIGGERING = "triggering"
    TRIGGERED = "triggered"
    FINISHED = "finished"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELED = "canceled"


LEGAL_STEPS: dict[ConditionalStatus, frozenset[ConditionalStatus]] = {
    ConditionalStatus.NEW: frozenset({
        ConditionalStatus.NEW, ConditionalStatus.TRIGGERING, ConditionalStatus.EXPIRED,
        ConditionalStatus.CANCELED,
    }),
    ConditionalStatus.TRIGGERING: frozenset({
        ConditionalStatus.TRIGGERED, ConditionalStatus.REJECTED
    }),
    ConditionalStatus.TRIGGERED: frozenset({ConditionalStatus.FINISHED}),
    ConditionalStatus.FINISHED: frozenset(),
    ConditionalStatus.REJECTED: frozenset(),
    ConditionalStatus.EXPIRED: frozenset(),
    ConditionalStatus.CANCELED: frozenset(),
}  # fmt: skip


@dataclass(slots=True, eq=False)
class PriceTrigger:
    """When a conditional order triggers, by the rules of `core.stop_triggers`.

    Prices are ticks, or atoms where the mark price triggers: it is finer than ticks.
    """

    kind: OrderType
    side: Side
    stop_ticks: int
    trail_bips: int = 0
    extreme: int = 0
    trail_ticks: int = 0
    trailing_at: int = 0


class StatusChange(NamedTuple):
    """A change of a conditional order: its status from an instant on."""

    at: int
    status: ConditionalStatus
    why: str = ""
    activated: bool = False


@dataclass(slots=True, eq=False)
class ConditionalOrder:
    """A conditional order and what has become of it. Only the engine changes it."""

    id: int
    command: PlaceConditional
    client_id: str
    trigger: PriceTrigger
    created_at: int
    status: ConditionalStatus = ConditionalStatus.NEW
    steps: list[StatusChange] = field(default_factory=list)
    triggered_at: int = 0
    has_position: bool = False  # it has seen the position that it ends with
    order: Order | None = None  # the one that it has placed
    why: str = ""  # it was rejected, or ended without its owner
    reason: Reason | None = None  # its order was refused for it

    @property
    def key(self) -> tuple[str, PositionSide]:
        """The position that it trades, as `MarketState.positions` names it."""
        return self.command.account, self.command.position_side

    @property
    def is_waiting(self) -> bool:
        """Whether it has not triggered and is not over."""
        return self.status is ConditionalStatus.NEW

    def snapshot(self, at: int = 0) -> ConditionalSnapshot:
        """Its state now, or at an earlier instant at or after it was placed."""
        steps = [step for step in self.steps if step.at <= at] if at else self.steps
        last, order = steps[-1], self.order
        done = self.triggered_at and (not at or at >= self.triggered_at)
        return ConditionalSnapshot(
            self.id, self.client_id, self.command, last.status, self.created_at, last.at,
            self.triggered_at if done else 0, any(step.activated for step in steps), last.why,
            self.reason if last.status is ConditionalStatus.REJECTED else None,
            None if order is None else order.as_of(at) if at else order.snapshot(),
        )  # fmt: skip

    def as_of(self, at: int) -> ConditionalSnapshot | None:
        """Its state at an instant; None before it was placed."""
        return self.snapshot(at) if at >= self.created_at else None


class ConditionalSnapshot(NamedTuple):
    """A conditional order at one instant; `command` is how it was placed.

    `activated`: a trailing stop follows the price. `order`: the one that it has placed. `why` it
    was refused, with the `reason`, or ended without its owner.
    """

    id: int
    client_id: str
    command: PlaceConditional
    status: ConditionalStatus
    created_at: int
    updated_at: int
    triggered_at: int = 0
    activated: bool = False
    why: str = ""
    reason: Reason | None = None
    order: OrderSnapshot | None = None


class Conditionals(NamedTuple):
    """Conditional orders of an account, oldest first."""

    conditionals: tuple[ConditionalSnapshot, ...]


def held_lots(lots: int, side: Side) -> int:
    """Of a position's `lots`, how many an order of a side closes; 0 where none."""
    return max(0, -lots if side is BUY else lots)
