"""Waiting orders become live: their triggers are met."""

from __future__ import annotations

from failing_exchange.core.events import OrderTriggered
from failing_exchange.core.market import SECOND
from failing_exchange.core.matching import PRICED_TYPES, finish, leave_partner, walk
from failing_exchange.core.order import BUY, EXPIRED, OPEN, WAITING, Order, Why
from failing_exchange.core.pegging import take_price
from failing_exchange.core.placing import enter, watch
from failing_exchange.core.reject import Reject
from failing_exchange.core.state import MarketState, State
from failing_exchange.core.triggers import follow, is_met


def check_triggers(state: State, ms: MarketState, low: int, high: int, at: int) -> None:
    """Make live every waiting order that prints between `low` and `high` trigger."""
    for order in list(ms.waiting.values()):
        if order.status is WAITING:
            if is_met(order, low, high):
                go_live(state, ms, order, at)
            elif follow(order, low, high, at):
                watch(state, ms, order, at)


def go_live(state: State, ms: MarketState, order: Order, at: int) -> None:
    """A trigger is met: the order becomes an ordinary one."""
    state.turn(at)
    if not make_live(state, ms, order, ms.tape.last(at // SECOND), at):
        return
    if order.kind not in PRICED_TYPES and order.side is BUY:
        _top_up(state, ms, order, at)
    enter(state, ms, order, at)


def make_live(state: State, ms: MarketState, order: Order, ticks: int, at: int) -> bool:
    """Have a print at `ticks` trigger an order; False where it is refused then, and expires."""
    leave_partner(state, ms, order, at)
    ms.waiting.pop(order.id, None)
    state.waiting.pop(order.id, None)
    order.move_to(OPEN, at)
    order.triggered_at = at
    state.events.append(OrderTriggered(order.id, order.account, ticks, at))
    if order.peg is not None:
        try:
            take_price(state, ms, order, at)
        except Reject:
            finish(state, ms, order, EXPIRED, at, why=Why.REFUSED)
            return False
    return True


def _top_up(state: State, ms: MarketState, order: Order, at: int) -> None:
    """A triggered market buy may cost more than was held: take the rest from what is free."""
    _, spent = walk(ms, order.side, lots=order.remaining)
    free = state.ledger.free(order.account, ms.market.quote)
    more = min(free, max(0, spent - order.reserved))
    state.ledger.reserve(order.account, ms.market.quote, more, at=at)
    order.reserved += more
