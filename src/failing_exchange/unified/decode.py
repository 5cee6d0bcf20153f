"""From the arguments of a unified order to a command, with the markets in force."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.market import ListedMarket, Market, Prevention
from failing_exchange.core.order import LIMIT_TYPES, OrderType, PositionSide, Side, TimeInForce
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS
from failing_exchange.unified.numbers import atoms_of, hashable, lots_of, ticks_of

BUY, SELL, LIMIT, MARKET = Side.BUY, Side.SELL, OrderType.LIMIT, OrderType.MARKET
SIDES = {"buy": BUY, "sell": SELL, "BUY": BUY, "SELL": SELL}
# order type -> (as a limit order, as a market order) when a trigger price is given
KINDS: dict[str, OrderType] = {
    "limit": LIMIT,
    "market": MARKET,
    "limit_maker": LIMIT,
    "stop_loss": OrderType.STOP_LOSS,
    "stop_loss_limit": OrderType.STOP_LOSS_LIMIT,
    "take_profit": OrderType.TAKE_PROFIT,
    "take_profit_limit": OrderType.TAKE_PROFIT_LIMIT,
    "trailing_stop": OrderType.TRAILING_STOP,
}
ALIASES = {"stop": "stop_loss", "stop_market": "stop_loss", "stop_limit": "stop_loss_limit",
           "trailing_stop_market": "trailing_stop"}  # fmt: skip
TRIGGERS = {  # parameter -> (as a limit order, as a market order)
    "triggerPrice": (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS),
    "stopPrice": (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS),
    "stopLossPrice": (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS),
    "takeProfitPrice": (OrderType.TAKE_PROFIT_LIMIT, OrderType.TAKE_PROFIT),
}
CONTRACT_PARAMS = ("reduceOnly", "positionSide", "hedged")  # refused on spot markets
CLIENT_ID_LENGTH_MAX = 64  # a longer client order id is refused


_invalid = partial(Reject, Reason.INVALID_ORDER)


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

    def order(self, account: str, arguments: tuple[Any, ...]) -> c.PlaceOrder:
        """(symbol, type, side, amount, price, params) as a command."""
        symbol, kind, side, amount, price, params = arguments
        market = self.market(symbol)
        found = SIDES.get(side if side.__class__ is str else str(side).lower())
        if found is None:
            raise _invalid(f'Invalid side: {side!r} is neither "buy" nor "sell"')
        return _of_any_kind(account, market, kind, found, amount, price, params or {})


def _of_any_kind(
    account: str,
    market: Market,
    kind: object,
    side: Side,
    amount: object,
    price: object,
    params: Mapping[str, Any],
) -> c.PlaceOrder:
    reduce_only, position_side = _position_of(market, side, params)
    order_type, stop = _kind(kind, price, params)
    priced = order_type in LIMIT_TYPES
    if priced and price is None:
        raise Reject(
            Reason.INVALID_PRICE, f"Invalid price: a {order_type} order needs one, not None"
        )
    cost = _one_of(params, "cost", "quoteOrderQty")
    by_cost = cost is not None
    if by_cost and priced:
        raise _invalid(f"Invalid order: a {order_type} order takes no cost ({cost!r})")
    return c.PlaceOrder(
        account=account,
        symbol=market.symbol,
        side=side,
        kind=order_type,
        lots=0 if by_cost else lots_of(hashable(amount), market.amount_step),
        ticks=_ticks(market, price) if priced else 0,
        cost=atoms_of(hashable(cost)) if by_cost else 0,
        time_in_force=_time_in_force(params),
        post_only=_post_only(kind, priced, params),
        client_id=_client_id(params),
        stop_ticks=_ticks(market, stop) if stop is not None else 0,
        trail_ticks=_trail(market, price, params) if order_type is OrderType.TRAILING_STOP else 0,
        prevention=_prevention(params),
        test=bool(params.get("test")),
        reduce_only=reduce_only,
        position_side=position_side,
    )


def _position_of(
    market: Market, side: Side, params: Mapping[str, Any]
) -> tuple[bool, PositionSide]:
    """Whether an order only reduces, and the position that it is for.

    With `hedged` a buy is for the long position; with `reduceOnly` too, it closes the short one.
    """
    if market.contract is None:
        for name in CONTRACT_PARAMS:
            if name in params:
                raise Reject(
                    Reason.BAD_REQUEST,
                    f"Invalid order: {name} is for contracts, and {market.symbol} is a spot market",
                )
        return False, PositionSide.BOTH
    reduces, wanted = bool(params.get("reduceOnly")), params.get("positionSide")
    if wanted is not None or not params.get("hedged"):
        return reduces, position_side(params)
    opens_long = (side is BUY) is not reduces
    return False, PositionSide.LONG if opens_long else PositionSide.SHORT


def position_side(params: Mapping[str, Any]) -> PositionSide:
    """The param positionSide; BOTH where there is none. Raises `Reject`."""
    name = str(params.get("positionSide", "BOTH")).upper()
    if name not in PositionSide.__members__:
        raise Reject(
            Reason.BAD_REQUEST,
            f"Invalid positionSide: {params['positionSide']!r} is none of BOTH, LONG, SHORT",
        )
    return PositionSide[name]


def _one_of(params: Mapping[str, Any], *names: str) -> Any:
    """The value of the one param that is given; raises `Reject` where there are two."""
    given = {name: params[name] for name in names if params.get(name) is not None}
    if len(given) > 1:
        both = " and ".join(f"{name} {value!r}" for name, value in given.items())
        raise _invalid(f"Invalid order: {both}: give only one of them")
    return next(iter(given.values()), None)


def _ticks(market: Market, price: object) -> int:
    return ticks_of(hashable(price), market.price_step)


def _post_only(kind: object, priced: bool, params: Mapping[str, Any]) -> bool:
    wanted = bool(params.get("postOnly")) or _force(params) == "PO"
    if str(kind).lower() != "limit_maker" and not wanted:
        return False
    force = _time_in_force(params)
    if not priced or force is not TimeInForce.GTC:
        what = f"{force} order" if priced else "order without a price"
        raise _invalid(f"Invalid order: an {what} can't be post-only")
    return True


def _kind(
    kind: object, price: object, params: Mapping[str, Any]
) -> tuple[OrderType, object | None]:
    """The order type and its trigger price. Without a type, a price makes it a limit order."""
    if kind is None:
        kind = "market" if price is None else "limit"
    name = ALIASES.get(str(kind).lower(), str(kind).lower())
    found = KINDS.get(name)
    if found is None:
        known = ", ".join([*KINDS, *ALIASES])
        raise _invalid(f"Invalid type: {kind!r} is none of {known}")
    if _one_of(params, *TRIGGERS, "trailingAmount", "trailingPercent") is None:
        return found, None
    for name, (as_limit, as_market) in TRIGGERS.items():
        if params.get(name) is not None:
            plain = found in (LIMIT, MARKET)
            as_priced = as_limit if found is LIMIT else as_market
            return (as_priced if plain else found), params[name]
    return OrderType.TRAILING_STOP, None


def _trail(market: Market, price: object, params: Mapping[str, Any]) -> int:
    if params.get("trailingAmount") is not None:
        return _ticks(market, params["trailingAmount"])
    percent = params.get("trailingPercent")
    if percent is None or price is None:
        raise _invalid(
            "Invalid order: a trailing stop needs params trailingAmount, or trailingPercent "
            "with a reference price",
        )
    return max(1, _ticks(market, price) * atoms_of(hashable(percent)) // (100 * ATOMS))


def _force(params: Mapping[str, Any]) -> str:
    return str(params.get("timeInForce") or "").upper()


def _time_in_force(params: Mapping[str, Any]) -> TimeInForce:
    text = _force(params)
    if not text or text == "PO":
        return TimeInForce.GTC
    if text not in TimeInForce.__members__:
        raise _invalid(f"Invalid timeInForce: {text!r} is not GTC, IOC, FOK or PO")
    return TimeInForce(text)


def _client_id(params: Mapping[str, Any]) -> str:
    value = params.get("clientOrderId") or params.get("newClientOrderId") or ""
    if not isinstance(value, str) or len(value) > CLIENT_ID_LENGTH_MAX:
        raise Reject(
            Reason.BAD_REQUEST,
            f"Invalid clientOrderId: {value!r} is not a string of at most {CLIENT_ID_LENGTH_MAX} "
            "characters",
        )
    return value


def _prevention(params: Mapping[str, Any]) -> Prevention | None:
    value = params.get("selfTradePrevention") or params.get("selfTradePreventionMode")
    if value is None:
        return None
    name = str(value).upper()
    if name not in Prevention.__members__:
        raise _invalid(
            f"Invalid selfTradePrevention: {value!r} is none of "
            + ", ".join(Prevention.__members__),
        )
    return Prevention[name]


def order_id_of(value: object, params: Mapping[str, Any]) -> tuple[int, str]:
    """(order id, client order id) of a call that names an order."""
    client_id = _client_id(params) or str(params.get("origClientOrderId") or "")
    if value in (None, "") and client_id:
        return 0, client_id
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 18 or text == "0":
        raise Reject(
            Reason.ORDER_NOT_FOUND, f"Order not found: {value!r} is not an order id of this venue"
        )
    return int(text), ""
