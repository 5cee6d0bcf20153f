"""Change price and amount of an open order; it keeps its id, and loses its place in the queue.

Source: Binance USDⓈ-M, "Modify Order (TRADE)" and the self-trade prevention FAQ (2025-03).
"""

from __future__ import annotations

from failing_exchange.core.cancel_replace import find_open
from failing_exchange.core.commands import ChangeOrder
from failing_exchange.core.events import OrderAmended
from failing_exchange.core.market import Prevention
from failing_exchange.core.matching import crosses, finish
from failing_exchange.core.order import (
    AMENDMENTS_MAX,
    CANCELED,
    LIMIT,
    Amendment,
    Order,
    OrderSnapshot,
    Why,
)
from failing_exchange.core.order_rules import check_prices, has_least_worth, price_bounds
from failing_exchange.core.pegged_orders import price_of
from failing_exchange.core.place_order import enter
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import MarketState, State

CHANGES_MAX = 10_000  # of one order (Binance, -5026); one more is refused


def change(state: State, command: ChangeOrder, at: int) -> OrderSnapshot:
    """Change an open limit order. Raises `Reject` where it stays as it is.

    It is canceled where its new amount is filled already, or where it is post-only and would match.
    """
    account = state.account(command.account)
    order = find_open(account, command.symbol, command.order_id, command.client_id)
    if command.side not in (None, order.side):
        raise Reject(
            Reason.INVALID_ORDER, order=order.id, side=str(order.side), asked=str(command.side)
        )
    ms, lots, ticks = state.market(order.symbol, at), command.lots, command.ticks
    if command.peg is not None:
        ticks = price_of(ms, order.side, command.peg)
    _check(ms, order, lots, ticks, at)
    if lots <= order.filled or (order.post_only and crosses(ms, order.side, ticks)):
        finish(state, ms, order, CANCELED, at, why=Why.CHANGED)
        return order.snapshot()
    lots = _hold_anew(state, ms, order, lots, ticks, at)
    _note(state, order, command, lots, ticks, at)
    if order.resting:
        ms.book.remove(order)
    order.lots, order.ticks, order.updated_at = lots, ticks, at
    order.peg = command.peg
    order.prevention = Prevention.NONE
    if not order.held:  # an incident keeps it off the book, at its new price as well
        enter(state, ms, order, at)
    return order.snapshot()


def _check(ms: MarketState, order: Order, lots: int, ticks: int, at: int) -> None:
    """Raise `Reject` for an order that can't be changed, or for what the market does not allow."""
    market = ms.market
    if market.contract is None:
        raise Reject(Reason.UNKNOWN_SYMBOL, symbol=market.symbol)
    if order.kind is not LIMIT or order.order_list is not None:
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.LIMIT_ONLY, changed=str(order.kind))
    market.check_trading()
    if (lots, ticks) == (order.lots, order.ticks):
        raise Reject(Reason.NO_CHANGE, setting="the order", value="so")
    if changes_of(order) >= CHANGES_MAX:
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.AMENDS, count=CHANGES_MAX)
    market.check_steps(lots, ticks)
    bounds = price_bounds(ms, order.side, at) if market.price_band is not None else None
    market.check_limits(lots, ticks, bounds, has_least_worth(ms, order))
    if market.rules is not None:
        probe = _probe(order, lots, ticks, at)
        check_prices(ms, market.rules, probe, at)


def changes_of(order: Order) -> int:
    """How often an order was changed."""
    return order.amendments[-1].nth if order.amendments else 0


def _probe(order: Order, lots: int, ticks: int, at: int) -> Order:
    """An order like the one that is changed, to try what the change needs."""
    probe = Order(order.id, order.account, order.symbol, order.side, LIMIT, lots, at, ticks)
    probe.reduce_only, probe.position_side = order.reduce_only, order.position_side
    return probe


def _hold_anew(state: State, ms: MarketState, order: Order, lots: int, ticks: int, at: int) -> int:
    """Hold what the changed order needs instead; return its amount, which its position may bound.

    Raises `Reject` where the account can't carry it; the order holds what it held, then.
    """
    settlement, before = settlement_of(ms), order.reserved
    settlement.release(state, ms, order, at)
    probe = _probe(order, lots - order.filled, ticks, at)
    try:
        settlement.hold_need(state, ms, probe, at)
    except Reject:
        settlement.hold(state, ms, order, before, at)
        raise
    order.reserved = probe.reserved
    return order.filled + probe.lots


def _note(state: State, order: Order, command: ChangeOrder, lots: int, ticks: int, at: int) -> None:
    """Keep what is changed, the last `AMENDMENTS_MAX` times, and record the event."""
    record = Amendment(
        state.next_execution_id, order.id, order.symbol, order.client_id, order.client_id,
        order.lots, lots, at, order.ticks, ticks, changes_of(order) + 1, command.change_id,
    )  # fmt: skip
    order.amendments = (*order.amendments, record)[-AMENDMENTS_MAX:]
    order.amended = (*order.amended, (at, order.ticks, order.lots))
    state.events.append(OrderAmended(order.id, order.account, lots, at, ticks, command.change_id))
