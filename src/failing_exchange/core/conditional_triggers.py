"""Conditional orders meet their price: they place an order, which may be refused."""

from __future__ import annotations

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.conditional_order import ConditionalOrder, ConditionalStatus, held_lots
from failing_exchange.core.conditional_steps import take_step
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.mark_watch import ALGO, watch_mark
from failing_exchange.core.order import LIMIT, LIMIT_TYPES, MARKET, PositionSide, TriggerBy
from failing_exchange.core.order_rules import check
from failing_exchange.core.pegged_orders import pegged
from failing_exchange.core.place_order import accept, enter, enter_capped, make, market_cost
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import MarketState, State
from failing_exchange.core.stop_triggers import follow, is_met, trigger_bounds
from failing_exchange.core.units import PPM, SECOND


def watch(state: State, ms: MarketState, one: ConditionalOrder, at: int) -> None:
    """Wait for the prices that concern a conditional order; the last ones are replaced."""
    bounds = trigger_bounds(one.trigger)
    state.conditionals[one.id] = one
    if one.command.by is TriggerBy.MARK:
        watch_mark(state, ms, f"{ALGO}{one.id}", bounds, at)
    else:
        ms.conditionals[one.id] = one
        state.search(ms, bounds, at)


def unwatch(state: State, ms: MarketState, one: ConditionalOrder, at: int) -> None:
    """Wait no longer."""
    state.conditionals.pop(one.id, None)
    ms.conditionals.pop(one.id, None)
    watch_mark(state, ms, f"{ALGO}{one.id}", None, at)


def end(
    state: State,
    ms: MarketState,
    one: ConditionalOrder,
    status: ConditionalStatus,
    at: int,
    why: str = "",
) -> None:
    """End a conditional order that waits."""
    unwatch(state, ms, one, at)
    take_step(state, one, status, at, why)


def check_last(state: State, ms: MarketState, low: int, high: int, at: int) -> None:
    """Look at the conditional orders of a market after trades from `low` to `high`."""
    for one in list(ms.conditionals.values()):
        if one.is_waiting:
            _look(state, ms, one, low, high, at)


def check_mark(state: State, ms: MarketState, number: int, at: int) -> None:
    """Look at a conditional order whose bounds the mark price has reached."""
    one, mark = state.conditionals.get(number), mark_of(ms, at)
    if one is not None and mark:
        _look(state, ms, one, mark, mark, at)


def _look(
    state: State, ms: MarketState, one: ConditionalOrder, low: int, high: int, at: int
) -> None:
    """Trigger a conditional order by prices from `low` to `high`, or let it follow them."""
    trigger = one.trigger
    if is_met(trigger, low, high):
        if not one.command.protected or is_protected(ms, at):
            fire(state, ms, one, at)
        return
    trailed = trigger.trailing_at
    if follow(trigger, low, high, at):
        if not trailed:
            take_step(state, one, ConditionalStatus.NEW, at)
        watch(state, ms, one, at)


def is_protected(ms: MarketState, at: int) -> bool:
    """Whether mark and last price are close enough to trigger an order with price protection."""
    assert ms.market.contract is not None
    mark, last = mark_of(ms, at), ms.tape.last(at // SECOND) * ms.market.price_step
    return abs(mark - last) * PPM <= mark * ms.market.contract.trigger_protect


def fire(state: State, ms: MarketState, one: ConditionalOrder, at: int) -> None:
    """Trigger a conditional order: place its order; one that is refused rejects it.

    The order has a new id, and keeps the client id of the conditional one.
    """
    state.begin_transaction(at)
    unwatch(state, ms, one, at)
    one.triggered_at = at
    account = state.accounts[one.command.account]
    take_step(state, one, ConditionalStatus.TRIGGERING, at)
    try:
        command = pegged(ms, _command(ms, one))
        check(state, ms, account, _checked(ms, one, command), at)
        order = make(state, ms, command, at, account)
        cost = market_cost(ms, order, command) if order.kind is MARKET else None
        settlement_of(ms).hold_need(state, ms, order, at, cost)
    except Reject as refused:
        one.reason = refused.reason
        take_step(state, one, ConditionalStatus.REJECTED, at, refused.text)
        return
    order.conditional_id, one.order = one.id, order
    del account.conditionals[one.id]
    account.triggered[one.id] = one
    accept(state, account, order, at)
    take_step(state, one, ConditionalStatus.TRIGGERED, at)
    cap, account.cap = account.cap, None
    if cap is not None:
        enter_capped(state, ms, order, cap, at)
    else:
        enter(state, ms, order, at)


def _checked(ms: MarketState, one: ConditionalOrder, command: PlaceOrder) -> PlaceOrder:
    """The order as it is checked: a position is closed at once, however large it is."""
    most = ms.market.market_amount_max or ms.market.amount_max
    if not one.command.close_position or most is None:
        return command
    return command._replace(lots=min(command.lots, most))


def _command(ms: MarketState, one: ConditionalOrder) -> PlaceOrder:
    """The order to place; raise `Reject` without a position to close."""
    c, lots = one.command, one.command.lots
    if c.close_position:
        position = ms.positions.get(one.key)
        lots = 0 if position is None else held_lots(position.lots, c.side)
        if not lots:
            raise Reject(Reason.REDUCE_ONLY)
    return PlaceOrder(
        c.account, c.symbol, c.side, LIMIT if c.kind in LIMIT_TYPES else MARKET, lots, c.ticks,
        time_in_force=c.time_in_force, post_only=c.post_only, client_id=one.client_id,
        prevention=c.prevention, peg=c.peg, extra=c.extra,
        reduce_only=c.reduce_only or (c.close_position and c.position_side is PositionSide.BOTH),
        position_side=c.position_side, expires_at=c.expires_at,
    )  # fmt: skip


def end_with_positions(state: State, moved: dict[tuple[str, str], None], at: int) -> None:
    """Expire the conditional orders that end with a position, where it was closed."""
    for name, symbol in moved:
        account, ms = state.accounts.get(name), state.markets[symbol]
        if account is None or not account.conditionals:
            continue
        for one in list(account.conditionals.values()):
            if not one.command.ends_with_position or one.command.symbol != symbol:
                continue
            position = ms.positions.get(one.key)
            if position is not None and held_lots(position.lots, one.command.side):
                one.has_position = True
            elif one.has_position:
                end(state, ms, one, ConditionalStatus.EXPIRED, at, "the position is closed")
