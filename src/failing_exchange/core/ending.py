"""Canceling, amending and replacing orders."""

from __future__ import annotations

from typing import NamedTuple

from failing_exchange.core.commands import AmendOrder, CancelAllOrders, CancelOrder, ReplaceOrder
from failing_exchange.core.events import OrderAmended
from failing_exchange.core.matching import finish, need
from failing_exchange.core.order import Order, OrderSnapshot, Side, Status
from failing_exchange.core.placing import place
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.rules import check_amends
from failing_exchange.core.state import Account, State


class Replaced(NamedTuple):
    """What a cancel-and-replace did: each half succeeded, was refused, or (None) was not tried."""

    canceled: OrderSnapshot | Reject
    placed: OrderSnapshot | Reject | None


def find_open(account: Account, symbol: str, order_id: int, client_id: str) -> Order:
    """An open order by id or client order id; raise `Reject` when there is none."""
    order = account.open.get(order_id) if order_id else account.by_client_id.get(client_id)
    if order is None or not order.is_open or (symbol and order.symbol != symbol):
        raise Reject(Reason.ORDER_NOT_FOUND, "Unknown order sent.")
    return order


def cancel(state: State, command: CancelOrder, at: int) -> OrderSnapshot:
    """Cancel one open order."""
    account = state.account(command.account)
    order = find_open(account, command.symbol, command.order_id, command.client_id)
    finish(state, state.market(order.symbol, at), order, Status.CANCELED, at)
    return order.snapshot()


def cancel_all(state: State, command: CancelAllOrders, at: int) -> tuple[OrderSnapshot, ...]:
    """Cancel every open order of an account, in one market or in all."""
    account = state.account(command.account)
    if command.symbol:
        state.market(command.symbol, at)
    ended = [o for o in account.open.values() if not command.symbol or o.symbol == command.symbol]
    for order in ended:
        if order.is_open:  # the other order of a list may have ended with its partner
            finish(state, state.market(order.symbol, at), order, Status.CANCELED, at)
    return tuple(order.snapshot() for order in ended)


def amend(state: State, command: AmendOrder, at: int) -> OrderSnapshot:
    """Reduce the amount of an open order; it keeps its place in the queue."""
    account = state.account(command.account)
    order = find_open(account, command.symbol, command.order_id, command.client_id)
    ms = state.market(order.symbol, at)
    ms.market.check_steps(command.lots, 0)
    ms.market.check_amount(command.lots, ms.market.amount_max)
    if not order.filled < command.lots < order.lots:
        raise Reject(
            Reason.INVALID_AMOUNT,
            f"Invalid amount: {ms.market.amount_text(command.lots)} must be less than the order's "
            f"{ms.market.amount_text(order.lots)} and more than is filled",
        )
    if ms.market.rules is not None:
        check_amends(order, ms.market.rules)
    order.amended = (*order.amended, (at, order.ticks, order.lots))
    if order.resting:
        ms.book.shrink(order, order.lots - command.lots)
    order.lots = command.lots
    order.iceberg_lots = min(order.iceberg_lots, command.lots)
    order.updated_at = at
    ms.sequence += 1
    if order.partner is None:
        _release_surplus(state, order, at)
    state.events.append(OrderAmended(order.id, order.account, command.lots, at))
    return order.snapshot()


def _release_surplus(state: State, order: Order, at: int) -> None:
    market = state.markets[order.symbol].market
    surplus = order.reserved - need(market, order)
    asset = market.quote if order.side is Side.BUY else market.base
    if surplus > 0:
        state.ledger.release(order.account, asset, surplus, at=at)
        order.reserved -= surplus


def replace(state: State, command: ReplaceOrder, at: int) -> Replaced:
    """Cancel, then place; either half may be refused on its own."""
    canceled: OrderSnapshot | Reject
    try:
        canceled = cancel(state, command.cancel, at)
    except Reject as refused:
        if command.stop_on_failure:
            return Replaced(refused, None)
        canceled = refused
    try:
        return Replaced(canceled, place(state, command.place, at))
    except Reject as refused:
        return Replaced(canceled, refused)
