"""From the arguments of a unified order to a command, with the markets in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.market import ListedMarket, Market
from failing_exchange.core.order import LIMIT_TYPES, TRIGGERED_TYPES, OrderType, Side
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.unified.numbers import atoms_of, hashable, lots_of
from failing_exchange.unified.order_params import (
    OF_CONDITIONALS,
    SIDES,
    client_id_of,
    expiry_of,
    invalid,
    is_post_only,
    kind_of,
    one_of,
    position_of,
    prevention_of,
    price_match_of,
    ticks_at,
    time_in_force_of,
    trail_of,
)
from failing_exchange.unified.trigger_orders import place_of


class Decoder:
    """Reads symbols and orders."""

    def __init__(self, listed: Mapping[str, ListedMarket]) -> None:
        self.listed = listed

    def market(self, symbol: object) -> Market:
        """A market by its unified symbol."""
        listed = self.listed.get(symbol) if isinstance(symbol, str) else None
        if listed is None:
            raise Reject(Reason.UNKNOWN_SYMBOL, f"Symbol not found: {symbol!r} is not traded here")
        return listed.market

    def known(self, symbol: str | None) -> str:
        """The symbol of a message, checked; empty for all markets."""
        if symbol:
            self.market(symbol)
        return symbol or ""

    def order(self, account: str, arguments: tuple[Any, ...]) -> c.PlaceOrder | c.PlaceConditional:
        """(symbol, type, side, amount, price, params) as a command."""
        symbol, kind, side, amount, price, params = arguments
        market = self.market(symbol)
        found = SIDES.get(side if side.__class__ is str else str(side).lower())
        if found is None:
            raise invalid(f'Invalid side: {side!r} is neither "buy" nor "sell"')
        if market.contract is not None:
            return self._of_contract(account, market, found, arguments)
        return _of_any_kind(account, market, kind, found, amount, price, params or {})

    def _of_contract(
        self, account: str, market: Market, side: Side, arguments: tuple[Any, ...]
    ) -> c.PlaceOrder | c.PlaceConditional:
        """The same of a contract, whose conditional orders wait beside the book."""
        _, kind, _, amount, price, given = arguments
        params = given or {}
        order_type, stop = kind_of(kind, price, params, contract=True)
        if order_type in TRIGGERED_TYPES:
            return place_of(account, market, order_type, stop, side, amount, price, params)
        for name in OF_CONDITIONALS:
            if params.get(name):
                raise Reject(
                    Reason.BAD_REQUEST,
                    f"Invalid order: {name} ({params[name]!r}) is for orders with a trigger price",
                )
        return _of_any_kind(account, market, kind, side, amount, price, params)


def _of_any_kind(
    account: str,
    market: Market,
    kind: object,
    side: Side,
    amount: object,
    price: object,
    params: Mapping[str, Any],
) -> c.PlaceOrder:
    reduce_only, position_side = position_of(market, side, params)
    order_type, stop = kind_of(kind, price, params)
    peg = price_match_of(order_type, params)
    priced = order_type in LIMIT_TYPES and peg is None
    if priced and price is None:
        raise Reject(
            Reason.INVALID_PRICE, f"Invalid price: a {order_type} order needs one, not None"
        )
    cost = one_of(params, "cost", "quoteOrderQty")
    by_cost = cost is not None
    if by_cost and priced:
        raise invalid(f"Invalid order: a {order_type} order takes no cost ({cost!r})")
    return c.PlaceOrder(
        account=account,
        symbol=market.symbol,
        side=side,
        kind=order_type,
        lots=0 if by_cost else lots_of(hashable(amount), market.amount_step),
        ticks=ticks_at(market, price) if priced else 0,
        cost=atoms_of(hashable(cost)) if by_cost else 0,
        time_in_force=time_in_force_of(params),
        post_only=is_post_only(kind, priced, params),
        client_id=client_id_of(params),
        stop_ticks=ticks_at(market, stop) if stop is not None else 0,
        trail_ticks=trail_of(market, price, params) if order_type is OrderType.TRAILING_STOP else 0,
        prevention=prevention_of(params),
        test=bool(params.get("test")),
        reduce_only=reduce_only,
        position_side=position_side,
        expires_at=expiry_of(params),
        peg=peg,
    )


def order_id_of(value: object, params: Mapping[str, Any]) -> tuple[int, str]:
    """(order id, client order id) of a call that names an order."""
    client_id = client_id_of(params) or str(params.get("origClientOrderId") or "")
    if value in (None, "") and client_id:
        return 0, client_id
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 18 or text == "0":
        raise Reject(
            Reason.ORDER_NOT_FOUND, f"Order not found: {value!r} is not an order id of this venue"
        )
    return int(text), ""
