"""The commonest order, a limit order that asks for nothing special, placed without detours."""

from __future__ import annotations

from failing_exchange.core import placing
from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.events import OrderAccepted
from failing_exchange.core.market import SECOND
from failing_exchange.core.matching import match
from failing_exchange.core.names import unused_id
from failing_exchange.core.order import BUY, LIMIT, OPEN, Order, OrderSnapshot, record
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import State

PLAIN = PlaceOrder("", "", BUY, LIMIT)[6:]  # all that such an order leaves as it is


def place(state: State, command: PlaceOrder, at: int) -> OrderSnapshot:
    """The same as `placing.place`, for a plain order in a plain market by a shorter way."""
    name, symbol, side, kind, lots, ticks = command[:6]
    account, ms = state.accounts.get(name), state.markets.get(symbol)
    if (
        account is None or ms is None or kind is not LIMIT or command[6:] != PLAIN
        or account.cap is not None or not ms.market.is_plain
    ):  # fmt: skip
        return placing.place(state, command, at)
    ms.liquidity.to(at // SECOND)
    market = ms.market
    atoms = market.cost_up(ticks, lots)
    if (
        atoms <= market.cost_min
        or lots < market.amount_min or (market.amount_max is not None and lots > market.amount_max)
        or ticks < market.price_min or (market.price_max is not None and ticks > market.price_max)
    ):  # fmt: skip
        market.check_limits(lots, ticks, 0)
    number = state.next_order_id
    state.next_order_id = number + 1
    order = Order(number, name, symbol, side, LIMIT, lots, at)
    order.ticks = ticks
    settlement = settlement_of(ms)
    settlement.hold(state, ms, order, settlement.need(market, order), at)
    order.client_id = unused_id(account.by_client_id, number)
    state.orders[number] = account.open[number] = account.by_client_id[order.client_id] = order
    state.events.append(record(OrderAccepted, (number, name, order.client_id, at)))
    if placing.crosses(ms, side, ticks):
        match(state, ms, order, lots, at)
    if order.status is OPEN:
        placing.rest(state, ms, order, at)
    return order.snapshot()
