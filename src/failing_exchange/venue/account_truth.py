"""What an account really has, with no fault between: wallets, positions and orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failing_exchange.core.queries import (
    FetchBalance,
    FetchConditionals,
    FetchFuturesAccount,
    FetchOrders,
)
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.spelling import shown
from failing_exchange.venue.plain_view import View

if TYPE_CHECKING:
    from failing_exchange.core.market import Market
    from failing_exchange.venue.venue import RunningVenue


def view_of(venue: RunningVenue) -> View:
    """What shows the values of a venue, with the markets and orders that it has at the time."""

    def market(symbol: str) -> Market | None:
        return venue.market_of(symbol) if symbol in venue.markets else None

    def symbol_of(order_id: int) -> str:
        order = venue.engine.state.orders.get(order_id) if venue.engine is not None else None
        return "" if order is None else order.symbol

    return View(market, symbol_of)


def look_at(venue: RunningVenue, account: str, limit: int | None = None) -> Any:
    """The exchange's own answers about an account.

    `limit`: of open and of conditional orders only the newest `limit`; None: all.
    Raises ConfigurationError for an unknown one.
    """
    if account not in venue.accounts:
        known = ", ".join(venue.accounts)
        raise ConfigurationError(f"no account {shown(account)}; there are {known}")
    queries = (
        FetchBalance(account),
        FetchOrders(account, limit=limit),
        FetchFuturesAccount(account),
        FetchConditionals(account, limit=limit),
    )
    return [venue.gateway.look(query) for query in queries]


def account_view(view: View, found: Any) -> dict[str, Any]:
    """The same in units: balances, open orders, futures wallet, positions, conditional orders."""
    balances, orders, (margins, positions), waiting = found
    return {
        "balances": view.balances(balances.assets),
        "open_orders": view.value(orders.orders),
        "futures": {
            "balances": {asset: view.margin(one) for asset, one in margins.assets.items()},
            "hedge": margins.hedge,
            "multi_assets": margins.multi_assets,
            "joint": view.value(margins.joint),
        },
        "positions": [view.position(one) for one in positions if one.lots],
        "conditional_orders": view.value(waiting.conditionals),
    }
