"""Cancel, amend and replace orders."""

from __future__ import annotations

from failing_exchange.core.commands import (
    AmendOrder,
    CancelAllConditionals,
    CancelAllOrders,
    CancelOnly,
    CancelOrder,
    Replaced,
    ReplaceOrder,
)
from failing_exchange.core.conditional_orders import cancel_all as cancel_conditionals
from failing_exchange.core.events import OrderAmended
from failing_exchange.core.generated_ids import Named, unused_id
from failing_exchange.core.market import Market
from failing_exchange.core.matching import finish, tell_of_list
from failing_exchange.core.order import (
    AMENDMENTS_MAX,
    CANCELED,
    LIMIT_TYPES,
    PENDING,
    Amendment,
    ListUpdate,
    Order,
    OrderSnapshot,
)
from failing_exchange.core.order_rules import check, check_amends, check_unused
from failing_exchange.core.pegged_orders import pegged
from failing_exchange.core.place_order import place
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import Account, MarketState, State, check_client_id


def find_open(account: Account, symbol: str, order_id: int, client_id: str) -> Order:
    """An open order by id or client order id; raise `Reject` when there is none."""
    order = account.open.get(order_id) if order_id else account.named(client_id, symbol)
    if order is None or not order.is_open or (symbol and order.symbol != symbol):
        raise Reject(Reason.ORDER_NOT_FOUND, open_order=order_id or client_id)
    if order_id and client_id:
        check_client_id(order.client_id, client_id)
    return order


def cancel(state: State, command: CancelOrder, at: int) -> OrderSnapshot:
    """Cancel one open order, and with it the others of its list."""
    account = state.account(command.account)
    order = find_open(account, command.symbol, command.order_id, command.client_id)
    if command.only is not None:
        _check_progress(order, command.only)
    if command.cancel_id:
        order.canceled_as = command.cancel_id
    finish(state, state.market(order.symbol, at), order, CANCELED, at)
    return order.snapshot()


def _check_progress(order: Order, only: CancelOnly) -> None:
    """Raise `Reject` where the order's progress is not the one the cancel is limited to."""
    wanted = only is CancelOnly.PARTIALLY_FILLED
    if (order.filled > 0) is not wanted or order.status is PENDING:
        filled = f"{order.filled} of {order.lots} lots"
        raise Reject(Reason.CANCEL_RESTRICTED, filled=filled, only=only)


def cancel_all(state: State, command: CancelAllOrders, at: int) -> tuple[OrderSnapshot, ...]:
    """Cancel every open order of an account: in one market, in those of some kinds, or in all."""
    account = state.account(command.account)
    if command.symbol:
        state.market(command.symbol, at)
    if command.conditionals:
        cancel_conditionals(state, CancelAllConditionals(command.account, command.symbol), at)
    among = state.of_kinds(command.kinds)
    symbols = (command.symbol,) if command.symbol else {ms.market.symbol for ms in among}
    ended = [order for order in account.open.values() if order.symbol in symbols]
    for order in ended:
        if order.is_open:  # the other order of a list may have ended with its partner
            if command.cancel_id:
                order.canceled_as = command.cancel_id
            state.begin_transaction(at)
            finish(state, state.market(order.symbol, at), order, CANCELED, at)
    return tuple(order.snapshot() for order in ended)


def amend(state: State, command: AmendOrder, at: int) -> OrderSnapshot:
    """Reduce the amount of an open order; it keeps its place in the queue.

    The other order of a pair is reduced with it, unless the list was placed in process.
    """
    account = state.account(command.account)
    order = find_open(account, command.symbol, command.order_id, command.client_id)
    ms = state.market(order.symbol, at)
    lots = command.lots - order.decremented
    _check_amendment(ms.market, order, lots)
    name = _new_name(account, order, command.new_client_id)
    renamed = name != order.client_id
    order_list = order.order_list
    pair: tuple[Order, ...] = (order,)
    if order_list is not None and order_list.announced and order.partner is not None:
        pair = (order, order.partner)
    for one in pair:
        _amend(state, ms, account, one, lots, name if one is order else one.client_id, at)
    if order.partner is None or len(pair) > 1:
        _release_surplus(state, ms, pair, at)
    if order_list is not None and renamed:
        tell_of_list(state, order_list, ListUpdate.UPDATED, at)
    return order.snapshot()


def _check_amendment(market: Market, order: Order, lots: int) -> None:
    """Raise `Reject` for an amount that is too small, or not below the present one."""
    if order.follows and not order.lots:
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.AMEND_PENDING, order_list=order.list_id)
    market.check_steps(lots, 0)
    market.check_amount(lots, market.amount_max)
    if not order.filled < lots < order.lots:
        rule = OrderRule.AMEND_INCREASE if lots > order.lots else OrderRule.AMEND_SAME
        raise Reject(
            Reason.INVALID_AMOUNT,
            rule=rule if lots >= order.lots else "",
            amount=market.amount_text(lots),
            present=market.amount_text(order.lots),
        )
    check_amends(order, AMENDMENTS_MAX)
    if market.rules is not None:
        check_amends(order, market.rules.amends_max)
        if order.ticks and order.kind in LIMIT_TYPES:
            market.check_cost(market.cost(order.ticks, lots))


def _new_name(account: Account, order: Order, wanted: str | None) -> str:
    """The client id of an order after an amendment; raise `Reject` where another one has it."""
    if wanted is None or wanted == order.client_id:
        return order.client_id
    check_unused(account, wanted, order.symbol)
    number = order.id * AMENDMENTS_MAX + len(order.amendments)
    return wanted or unused_id(account.names(order.symbol), number, Named.AMENDMENT)


def _amend(
    state: State, ms: MarketState, account: Account, order: Order, lots: int, name: str, at: int
) -> None:
    record = Amendment(
        state.next_execution_id, order.id, order.symbol, order.client_id, name,
        order.original_lots, lots + order.decremented, at,
    )  # fmt: skip
    order.amendments = (*order.amendments, record)
    order.amended = (*order.amended, (at, order.ticks, order.lots))
    if order.resting:
        ms.book.shrink(order, order.lots - lots)
    order.lots = lots
    order.iceberg_lots = min(order.iceberg_lots, lots)
    order.updated_at = at
    ms.sequence += 1
    if name != order.client_id:
        account.rename(order, name)
    state.events.append(OrderAmended(order.id, order.account, lots, at))


def _release_surplus(state: State, ms: MarketState, pair: tuple[Order, ...], at: int) -> None:
    """Release what an order, or an OCO pair, no longer needs to hold."""
    settlement, holder = settlement_of(ms), max(pair, key=lambda order: order.reserved)
    needed = max(settlement.need(ms.market, order) for order in pair)
    settlement.release(state, ms, holder, at, keep=needed)


def replace(state: State, command: ReplaceOrder, at: int) -> Replaced:
    """Cancel, then place; either half may be refused on its own.

    Raises `Reject` only where the rules are checked first, and the new order breaks one.
    """
    if command.check_first:
        new = command.place._replace(client_id="")  # the name may be that of the old order
        account, ms = state.account(new.account), state.market(new.symbol, at)
        new = pegged(ms, new)
        check(state, ms, account, new, at, pending=True)
    canceled: OrderSnapshot | Reject
    try:
        canceled = cancel(state, command.cancel, at)
    except Reject as refused:
        if command.only_if_canceled:
            return Replaced(refused, None)
        canceled = refused
    if command.refused is not None:
        return Replaced(canceled, command.refused.as_reject())
    state.begin_transaction(at)
    try:
        return Replaced(canceled, place(state, command.place, at))
    except Reject as refused:
        return Replaced(canceled, refused)
