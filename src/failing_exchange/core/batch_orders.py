"""Several orders in one command: each is placed, changed, canceled or refused on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from failing_exchange.core import commands as c, conditional_orders
from failing_exchange.core.cancel_replace import cancel
from failing_exchange.core.change_order import change
from failing_exchange.core.conditional_order import ConditionalSnapshot
from failing_exchange.core.order import OrderSnapshot
from failing_exchange.core.place_order import place
from failing_exchange.core.reject import Reason, Refusal, Reject
from failing_exchange.core.state import State

RUN: dict[type, Callable[[State, Any, int], OrderSnapshot | ConditionalSnapshot]] = {
    c.PlaceOrder: place,
    c.ChangeOrder: change,
    c.CancelOrder: cancel,
    c.PlaceConditional: conditional_orders.place,
    c.CancelConditional: conditional_orders.cancel,
}


def run(state: State, batch: c.BatchOrders, at: int) -> c.BatchDone:
    """Carry out the commands one after another. Raises `Reject` where none of them may run."""
    count = len(batch.commands)
    if not 1 <= count <= c.BATCH_MAX:
        text = f"a batch has from 1 to {c.BATCH_MAX} orders, not {count}"
        raise Reject(Reason.BAD_REQUEST, text)
    commands = [one for one in batch.commands if not isinstance(one, Refusal)]
    if any(command.account != batch.account for command in commands):
        raise Reject(Reason.PERMISSION_DENIED)
    return c.BatchDone(tuple(_one(state, command, at) for command in batch.commands))


def _one(
    state: State, command: c.InBatch | Refusal, at: int
) -> OrderSnapshot | ConditionalSnapshot | Reject:
    if isinstance(command, Refusal):
        return command.as_reject()
    state.begin_transaction(at)
    try:
        return RUN[type(command)](state, command, at)
    except Reject as refused:
        return refused.settled()
