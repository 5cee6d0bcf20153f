"""One pays the other: what a working order buys is kept for the orders that wait behind it."""

from __future__ import annotations

from failing_exchange.core.market import Market
from failing_exchange.core.order import MARKET, TRIGGERED_TYPES, Fill, Order, OrderType
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import MarketState, State

MARKET_TYPES = (MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT)


def keep(state: State, ms: MarketState, working: Order, fill: Fill, at: int) -> None:
    """Lock what a fill has brought, for the first of the pending orders to hold.

    The fee is taken from what else is free, where that is enough and the list does not say
    otherwise.
    """
    assert working.order_list is not None
    settlement = settlement_of(ms)
    asset, got = settlement.proceeds(ms.market, fill.side, fill.lots, fill.cost)
    if fill.fee_asset == asset and (
        working.order_list.fee_from_proceeds or state.ledger.free(working.account, asset) < got
    ):
        got -= fill.fee
    settlement.hold(state, ms, working.order_list.orders[1], got, at)


def size(market: Market, pending: list[Order], at: int) -> None:
    """Give the pending orders the amount that what is kept for them allows."""
    atoms = max(order.reserved for order in pending)
    lots = min(_fitting(market, order, atoms // market.amount_step) for order in pending)
    for order in pending:
        order.amended = (*order.amended, (at, order.ticks, order.lots))
        order.lots, order.updated_at = lots, at


def _fitting(market: Market, order: Order, lots: int) -> int:
    """So many lots as the amounts of a market allow: at most, and in steps."""
    most, every = market.amount_max, market.amount_every
    if order.kind in MARKET_TYPES:
        most = market.market_amount_max or most
        if market.rules is not None and market.rules.market_amount_every:
            every = max(every, market.rules.market_amount_every)
    lots = lots if most is None else min(lots, most)
    return lots - lots % every


assert set(MARKET_TYPES[1:]) <= TRIGGERED_TYPES
