"""One second of the background: it fills resting orders and triggers waiting ones."""

from __future__ import annotations

from failing_exchange.core.conditional_triggers import check_last
from failing_exchange.core.events import OrderTriggered
from failing_exchange.core.matching import end_other_leg, finish, trade, walk
from failing_exchange.core.order import (
    BUY,
    EXPIRED,
    LIMIT_TYPES,
    OPEN,
    SELL,
    WAITING,
    Order,
    Side,
    Why,
)
from failing_exchange.core.pegged_orders import take_price
from failing_exchange.core.place_order import enter
from failing_exchange.core.reject import Reject
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import MarketState, State, bounds_of
from failing_exchange.core.stop_triggers import follow, is_met
from failing_exchange.core.units import SECOND


def run_step(state: State, ms: MarketState, second: int) -> None:
    """Run one second of the background: fill resting orders, then trigger waiting ones."""
    at = second * SECOND
    ms.liquidity.to(second)
    for side in (BUY, SELL):
        _trade_through(state, ms, side, at)
    ms.hold_off()
    printed = ms.tape.second(second)
    if printed is not None and printed.volume:
        check_triggers(state, ms, printed.low, printed.high, at)
        if ms.conditionals:
            check_last(state, ms, printed.low, printed.high, at)
    ms.watch_all()


def _trade_through(state: State, ms: MarketState, side: Side, at: int) -> None:
    """Fill orders that this second's trades passed, up to the volume traded beyond them."""
    used = 0
    while (level := ms.book.best(side)) is not None and level.head is not None:
        left = ms.liquidity.passed(side.other, level.ticks) - used
        if left <= 0:
            return
        order = level.head
        lots = min(left, order.shown or order.remaining)
        used += lots
        state.begin_transaction(at)
        trade(state, ms, None, order, order.ticks, lots, at)


# ---- waiting orders whose triggers are met


def check_triggers(state: State, ms: MarketState, low: int, high: int, at: int) -> None:
    """Trigger every waiting order whose trigger is met by trades from `low` to `high`."""
    for order in list(ms.waiting.values()):
        if order.status is WAITING:
            if is_met(order, low, high):
                go_live(state, ms, order, at)
            elif follow(order, low, high, at):
                state.search(ms, bounds_of(order), at)


def go_live(state: State, ms: MarketState, order: Order, at: int) -> None:
    """Trigger an order and let it match."""
    state.begin_transaction(at)
    if not make_live(state, ms, order, ms.tape.last(at // SECOND), at):
        return
    if order.kind not in LIMIT_TYPES and settlement_of(ms).holds_cost(order.side):
        _top_up(state, ms, order, at)
    enter(state, ms, order, at)


def make_live(state: State, ms: MarketState, order: Order, ticks: int, at: int) -> bool:
    """Trigger an order by a trade at `ticks`; return False where it is refused and expires."""
    end_other_leg(state, ms, order, at)
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
    """Hold more for a triggered order that costs more than was held, as far as funds allow."""
    settlement, (_, spent) = settlement_of(ms), walk(ms, order.side, lots=order.remaining)
    more = settlement.need(ms.market, order, spent) - order.reserved
    settlement.hold_up_to(state, ms, order, more, at)
