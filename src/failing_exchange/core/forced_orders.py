"""Orders that the venue itself places to close a position: liquidation, ADL, settlement.

Their client order ids are the venue's (Binance): `autoclose-...`, `adl_autoclose`,
`settlement_autoclose-...`.
"""

from __future__ import annotations

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.matching import trade
from failing_exchange.core.order import BUY, LIMIT, SELL, Order, TimeInForce
from failing_exchange.core.place_order import accept, make
from failing_exchange.core.positions import Position
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.units import MILLISECOND

AUTOCLOSE = "autoclose-{at}"
ADL = "adl_autoclose"
SETTLEMENT = "settlement_autoclose-{at}"


def forced_order(
    state: State, ms: MarketState, account: Account, position: Position, lots: int, ticks: int,
    client_id: str, at: int,
) -> Order:  # fmt: skip
    """Accept an immediate-or-cancel order that closes some lots of a position; it has no fee."""
    command = PlaceOrder(
        account.name, ms.market.symbol, SELL if position.lots > 0 else BUY, LIMIT, lots, ticks,
        time_in_force=TimeInForce.IOC, client_id=client_id.format(at=at // MILLISECOND),
        reduce_only=True, position_side=position.side,
    )  # fmt: skip
    order = make(state, ms, command, at, account)
    order.forced = True
    accept(state, account, order, at)
    return order


def close_beside_book(
    state: State, ms: MarketState, account: Account, position: Position, lots: int, ticks: int,
    client_id: str, at: int,
) -> Order | None:  # fmt: skip
    """Close some lots at a price that the venue sets, against the background; it prints nothing."""
    lots = min(lots, abs(position.lots))
    if lots < 1:
        return None
    order = forced_order(state, ms, account, position, lots, ticks, client_id, at)
    trade(state, ms, None, order, ticks, lots, at, operator=True, public=False)
    return order
