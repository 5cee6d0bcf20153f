"""Read the price, the trigger and the params of a unified order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failing_exchange.core.market import Market, Prevention
from failing_exchange.core.order import (
    LIMIT_TYPES,
    OrderType,
    Peg,
    PegPrice,
    PositionSide,
    Side,
    TimeInForce,
)
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS, MILLISECOND
from failing_exchange.text.number_checks import is_whole
from failing_exchange.unified.message_fields import SINCE_MAX
from failing_exchange.unified.numbers import atoms_of, hashable, ticks_of

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
           "take_profit_market": "take_profit",
           "trailing_stop_market": "trailing_stop"}  # fmt: skip
CONTRACT_ALIASES = {"stop": "stop_loss_limit", "take_profit": "take_profit_limit"}  # of Binance
TRIGGERS = {  # parameter -> (as a limit order, as a market order)
    "triggerPrice": (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS),
    "stopPrice": (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS),
    "stopLossPrice": (OrderType.STOP_LOSS_LIMIT, OrderType.STOP_LOSS),
    "takeProfitPrice": (OrderType.TAKE_PROFIT_LIMIT, OrderType.TAKE_PROFIT),
}
CONTRACT_PARAMS = (  # refused on spot markets
    "reduceOnly", "positionSide", "hedged", "closePosition", "workingType", "priceProtect",
    "trailingTriggerPrice", "activationPrice", "callbackRate", "goodTillDate", "priceMatch",
)  # fmt: skip
OF_CONDITIONALS = ("closePosition", "workingType", "priceProtect")  # refused without a trigger
# Binance's priceMatch: the n-th best price of the other side of the book, or of the own one.
PRICE_MATCHES = {
    name + (f"_{nth}" if nth > 1 else ""): Peg(price, nth - 1 if nth > 1 else None)
    for name, price in (("OPPONENT", PegPrice.MARKET), ("QUEUE", PegPrice.PRIMARY))
    for nth in (1, 5, 10, 20)
}
TRAILS = ("trailingAmount", "trailingPercent", "callbackRate")
CLIENT_ID_LENGTH_MAX = 64  # a longer client order id is refused


def invalid(text: str, reason: Reason = Reason.INVALID_ORDER) -> Reject:
    """The refusal of an order that can't be read."""
    return Reject(reason, text)


def position_of(market: Market, side: Side, params: Mapping[str, Any]) -> tuple[bool, PositionSide]:
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


def one_of(params: Mapping[str, Any], *names: str) -> Any:
    """The value of the one param that is given; raises `Reject` where there are two."""
    given = {name: params[name] for name in names if params.get(name) is not None}
    if len(given) > 1:
        both = " and ".join(f"{name} {value!r}" for name, value in given.items())
        raise invalid(f"Invalid order: {both}: give only one of them")
    return next(iter(given.values()), None)


def price_match_of(kind: OrderType, params: Mapping[str, Any]) -> Peg | None:
    """The param priceMatch of a limit order; None where its own price counts. Raises `Reject`."""
    value = params.get("priceMatch")
    if value is None or value == "NONE":
        return None
    peg = PRICE_MATCHES.get(value) if isinstance(value, str) else None
    if peg is None:
        raise invalid(f"Invalid priceMatch: {value!r} is none of NONE, {', '.join(PRICE_MATCHES)}")
    if kind not in LIMIT_TYPES:
        raise invalid(f"Invalid order: priceMatch ({value}) is for limit orders, not {kind}")
    return peg


def ticks_at(market: Market, price: object) -> int:
    """A price in ticks of its market."""
    return ticks_of(hashable(price), market.price_step)


def is_post_only(kind: object, priced: bool, params: Mapping[str, Any]) -> bool:
    """Whether an order may only rest; raises `Reject` where it can't."""
    wanted = bool(params.get("postOnly")) or force_of(params) in ("PO", "GTX")
    if str(kind).lower() != "limit_maker" and not wanted:
        return False
    force = time_in_force_of(params)
    if not priced or force is not TimeInForce.GTC:
        what = f"{force} order" if priced else "order without a price"
        raise invalid(f"Invalid order: an {what} can't be post-only")
    return True


def kind_of(
    kind: object, price: object, params: Mapping[str, Any], contract: bool = False
) -> tuple[OrderType, object | None]:
    """The order type and its trigger price. Without a type, a price makes it a limit order."""
    if kind is None:
        kind = "market" if price is None else "limit"
    text = str(kind).lower()
    name = (CONTRACT_ALIASES.get(text) if contract else None) or ALIASES.get(text, text)
    found = KINDS.get(name)
    if found is None:
        known = ", ".join([*KINDS, *ALIASES])
        raise invalid(f"Invalid type: {kind!r} is none of {known}")
    if one_of(params, *TRIGGERS, *TRAILS) is None:
        return found, None
    for name, (as_limit, as_market) in TRIGGERS.items():
        if params.get(name) is not None:
            plain = found in (LIMIT, MARKET)
            as_priced = as_limit if found is LIMIT else as_market
            return (as_priced if plain else found), params[name]
    return OrderType.TRAILING_STOP, one_of(params, "trailingTriggerPrice", "activationPrice")


def trail_of(market: Market, price: object, params: Mapping[str, Any]) -> int:
    """By how many ticks a trailing stop of a spot market follows the price."""
    if params.get("trailingAmount") is not None:
        return ticks_at(market, params["trailingAmount"])
    percent = params.get("trailingPercent")
    if percent is None or price is None:
        raise invalid(
            "Invalid order: a trailing stop needs params trailingAmount, or trailingPercent "
            "with a reference price",
        )
    return max(1, ticks_at(market, price) * _percent(percent) // (100 * ATOMS))


def _percent(value: object) -> int:
    return atoms_of(hashable(value), "trailingPercent")


def force_of(params: Mapping[str, Any]) -> str:
    """The param timeInForce in capitals; "" without one."""
    return str(params.get("timeInForce") or "").upper()


def time_in_force_of(params: Mapping[str, Any]) -> TimeInForce:
    """How long an order stays; one of GTX or GTD is GTC with terms of its own."""
    text = force_of(params)
    if text in ("", "PO", "GTX", "GTD"):
        return TimeInForce.GTC
    if text not in TimeInForce.__members__:
        raise invalid(f"Invalid timeInForce: {text!r} is not GTC, IOC, FOK or PO")
    return TimeInForce(text)


def client_id_of(params: Mapping[str, Any]) -> str:
    """The client order id that a caller names; "" without one. Raises `Reject`."""
    value = params.get("clientOrderId") or params.get("newClientOrderId") or ""
    if not isinstance(value, str) or len(value) > CLIENT_ID_LENGTH_MAX:
        raise Reject(
            Reason.BAD_REQUEST,
            f"Invalid clientOrderId: {value!r} is not a string of at most {CLIENT_ID_LENGTH_MAX} "
            "characters",
        )
    return value


def expiry_of(params: Mapping[str, Any]) -> int:
    """The instant at which an order that is good till a date ends; 0 for any other."""
    date, wanted = params.get("goodTillDate"), force_of(params) == "GTD"
    if date is None and not wanted:
        return 0
    if not wanted or not is_whole(date) or not 0 < date < SINCE_MAX:
        raise invalid(
            f"Invalid goodTillDate: {date!r}: a timeInForce of GTD needs one, in milliseconds, and "
            "no other takes it"
        )
    return int(date) * MILLISECOND


def prevention_of(params: Mapping[str, Any]) -> Prevention | None:
    """The mode of self-trade prevention that a caller names."""
    value = params.get("selfTradePrevention") or params.get("selfTradePreventionMode")
    if value is None:
        return None
    name = str(value).upper()
    if name not in Prevention.__members__:
        raise invalid(
            f"Invalid selfTradePrevention: {value!r} is none of "
            + ", ".join(Prevention.__members__),
        )
    return Prevention[name]
