"""How a conditional order changes its status: what is kept of it, and the event."""

from __future__ import annotations

from failing_exchange.core.conditional_order import (
    LEGAL_STEPS,
    ConditionalOrder,
    ConditionalStatus,
    StatusChange,
)
from failing_exchange.core.events import ConditionalChanged
from failing_exchange.core.order import Order
from failing_exchange.core.state import State

ENDED = frozenset(status for status, further in LEGAL_STEPS.items() if not further)


def take_step(
    state: State, one: ConditionalOrder, status: ConditionalStatus, at: int, why: str = ""
) -> None:
    """Change the status of a conditional order, as `LEGAL_STEPS` allows, and record the event."""
    assert status in LEGAL_STEPS[one.status], f"{one} cannot become {status}"
    one.status, one.why = status, why
    activated = one.trigger.trailing_at > 0
    one.steps.append(StatusChange(at, status, why, activated))
    if status in ENDED:
        state.accounts[one.command.account].keep_conditional(one)
    number, filled, cost = 0, 0, 0
    if one.order is not None:
        number, filled, cost = one.order.id, one.order.filled, one.order.cost
    state.events.append(
        ConditionalChanged(
            one.id, one.command.account, one.command.symbol, one.client_id, status, at,
            number, filled, cost, activated, why, one.reason,
        )
    )  # fmt: skip


def conclude(state: State, order: Order, at: int) -> None:
    """The order that a conditional order has placed is over, and with it the conditional one."""
    one = state.accounts[order.account].triggered.get(order.conditional_id)
    if one is not None:
        take_step(state, one, ConditionalStatus.FINISHED, at)
