"""Requests that place, cancel and look up single orders.

rest-api.md, "Trading endpoints"; enums.md; 2026-07-21.
"""

from __future__ import annotations

import re
from typing import NoReturn

from failing_exchange.core import commands as c
from failing_exchange.core.market import Market, Prevention
from failing_exchange.core.order import Extra, OrderType, PegPrice, Side, TimeInForce as Force
from failing_exchange.core.queries import FetchOrder, FetchOrders
from failing_exchange.core.reject import Reason
from failing_exchange.venues.binance.orders import TYPES
from failing_exchange.venues.binance.pegs import Names, peg_of
from failing_exchange.venues.binance_common.call import Reading
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import missing, refuse

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
FORCES = {"GTC": Force.GTC, "IOC": Force.IOC, "FOK": Force.FOK}
PREVENTIONS = {mode.name: mode for mode in Prevention}
RESPONSES = ("ACK", "RESULT", "FULL")
RESTRICTIONS = {
    "ONLY_NEW": c.CancelOnly.NEW,
    "ONLY_PARTIALLY_FILLED": c.CancelOnly.PARTIALLY_FILLED,
}
CLIENT_ID = re.compile(r"[a-zA-Z0-9-_]{1,36}\Z")
STRATEGY_TYPE_MIN = 1_000_000
# "Additional mandatory parameters based on order type"
NEEDED = {
    "LIMIT": ("timeInForce", "quantity", "price"),
    "MARKET": (),
    "STOP_LOSS": ("quantity",),
    "STOP_LOSS_LIMIT": ("timeInForce", "quantity", "price"),
    "TAKE_PROFIT": ("quantity",),
    "TAKE_PROFIT_LIMIT": ("timeInForce", "quantity", "price"),
    "LIMIT_MAKER": ("quantity", "price"),
}
PEGS = ("pegPriceType", "pegOffsetType", "pegOffsetValue")
TRIGGERED = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
UNWANTED = {
    "MARKET": ("price", "timeInForce", "stopPrice", "trailingDelta", "icebergQty"),
    "LIMIT": ("quoteOrderQty", "stopPrice", "trailingDelta"),
    "LIMIT_MAKER": ("quoteOrderQty", "stopPrice", "trailingDelta"),
    "STOP_LOSS": ("quoteOrderQty", "price", "icebergQty"),
    "TAKE_PROFIT": ("quoteOrderQty", "price", "icebergQty"),
    "STOP_LOSS_LIMIT": ("quoteOrderQty",),
    "TAKE_PROFIT_LIMIT": ("quoteOrderQty",),
}
# Orders of these types with no other parameters can only lack what is needed: no combination is
# wrong, and nothing else has to be read.
ALWAYS = ("symbol", "side", "type", "quantity", "newClientOrderId", "newOrderRespType")
USUAL = {"LIMIT": {*ALWAYS, "timeInForce", "price"}, "MARKET": {*ALWAYS}}
USUALLY_NEEDED = {"LIMIT": ("timeInForce", "price"), "MARKET": ()}


def read_place(r: Reading) -> c.PlaceOrder:
    """POST /api/v3/order."""
    p, market = r.params, r.market()
    side = side_of(p, "side")
    check_response(p)
    return read_leg(p, market, r.account, side, lots=lots_of(p, "quantity", market))


def read_test(r: Reading) -> c.PlaceOrder:
    """POST /api/v3/order/test."""
    r.params.flag("computeCommissionRates")
    return read_place(r)._replace(test=True)


def test_weight(params: Params) -> int:
    """20 with the fees, 1 without."""
    return 20 if params.get("computeCommissionRates", "").lower() == "true" else 1


def read_routed(r: Reading) -> NoReturn:
    """POST /api/v3/sor/order: no market of this venue has smart order routing."""
    r.market()
    refuse("NEW_ORDER_REJECTED", "SOR is not supported for this symbol.", Reason.NOT_SUPPORTED)


def read_query(r: Reading) -> FetchOrder:
    """GET /api/v3/order."""
    return FetchOrder(r.account, r.market().symbol, *named(r.params))


def read_cancel(r: Reading) -> c.CancelOrder:
    """DELETE /api/v3/order."""
    p, symbol = r.params, r.market().symbol
    order_id, name = named(p)
    return c.CancelOrder(
        r.account, symbol, order_id, name, restriction(p), client_id(p, "newClientOrderId")
    )


def read_cancel_all(r: Reading) -> c.CancelAllOrders:
    """DELETE /api/v3/openOrders."""
    return c.CancelAllOrders(r.account, r.market().symbol)


def read_open(r: Reading) -> FetchOrders:
    """GET /api/v3/openOrders."""
    market = r.maybe_market()
    return FetchOrders(r.account, market.symbol if market else "", "open")


def restriction(p: Params) -> c.CancelOnly | None:
    """Which orders a cancel is meant for, where it says so."""
    text = p.get("cancelRestrictions")
    if text is None:
        return None
    if text not in RESTRICTIONS:
        refuse(
            "INVALID_CANCEL_RESTRICTIONS",
            "Invalid cancelRestrictions",  # rest-api.md; errors.md describes the code
        )
    return RESTRICTIONS[text]


# ---- one order, alone or as a leg of a list


class Leg:
    """The parameters of one order of a list: those with a prefix, such as `pendingAboveType`."""

    def __init__(self, params: Params, prefix: str) -> None:
        self.prefix = prefix
        self.params = params

    def name(self, plain: str) -> str:
        """A plain parameter's name in this leg."""
        if not self.prefix:
            return plain
        plain = {"newClientOrderId": "clientOrderId"}.get(plain, plain)
        return f"{self.prefix}{plain[0].upper()}{plain[1:]}"

    def has(self, plain: str) -> bool:
        """Whether a parameter was sent."""
        return self.name(plain) in self.params


def read_leg(
    p: Params, market: Market, account: str, side: Side, *, lots: int, prefix: str = ""
) -> c.PlaceOrder:
    """One order; `lots` is read by the caller, for orders of a list share one amount."""
    name = p.need(f"{prefix}Type" if prefix else "type")
    if name not in TYPES:
        refuse("INVALID_ORDER_TYPE", "Invalid orderType.")
    if lots and not prefix and name in USUAL and p.keys() <= USUAL[name]:
        return _usual(p, market, account, side, name, lots)
    leg = Leg(p, prefix)
    peg = peg_of(p, Names(*map(leg.name, PEGS)), name)
    _check_combination(leg, name, shared=bool(prefix), pegged=peg is not None)
    iceberg = lots_of(p, leg.name("icebergQty"), market)
    force = _force(leg)
    if iceberg and force is not Force.GTC:
        if prefix.lower().endswith(("above", "below")):
            refuse(
                "OCO_ICEBERGQTY_TIMEINFORCE",
                f"Parameter '{leg.name('icebergQty')}' is not supported if "
                "`aboveTimeInForce`/`belowTimeInForce` is not GTC.",
            )
        unsupported()
    resting = peg is not None and peg.price is PegPrice.PRIMARY and name == "LIMIT"
    if resting and force is not Force.GTC:
        unsupported()
    return c.PlaceOrder(
        account=account,
        symbol=market.symbol,
        side=side,
        kind=TYPES[name],
        lots=lots,
        ticks=ticks_of(p, leg.name("price"), market),
        cost=p.atoms("quoteOrderQty", Reason.INVALID_COST) if not prefix else 0,
        time_in_force=force,
        post_only=name == "LIMIT_MAKER",
        client_id=client_id(p, leg.name("newClientOrderId")),
        stop_ticks=ticks_of(p, leg.name("stopPrice"), market),
        prevention=prevention_of(p),
        iceberg_lots=iceberg,
        trail_bips=p.integer(leg.name("trailingDelta"), 0),
        peg=peg,
        extra=_strategy(p, leg),
    )


def _usual(
    p: Params, market: Market, account: str, side: Side, name: str, lots: int
) -> c.PlaceOrder:
    """An order as most are."""
    for parameter in USUALLY_NEEDED[name]:
        if not p.get(parameter):
            missing(parameter)
    force = FORCES.get(p.get("timeInForce", "GTC"))
    if force is None:
        refuse("INVALID_TIF", "Invalid timeInForce.")
    ticks = ticks_of(p, "price", market)
    named = client_id(p, "newClientOrderId")
    return c.PlaceOrder(
        account, market.symbol, side, TYPES[name], lots, ticks, 0, force, False, named
    )


def _check_combination(leg: Leg, name: str, *, shared: bool, pegged: bool) -> None:
    p = leg.params
    for parameter in NEEDED[name]:
        optional = (shared and parameter == "quantity") or (pegged and parameter == "price")
        if not p.get(leg.name(parameter)) and not optional:
            missing(leg.name(parameter))
    for parameter in UNWANTED[name]:
        if leg.has(parameter):
            refuse(
                "PARAM_NOT_REQUIRED",
                f"Parameter '{leg.name(parameter)}' sent when not required.",
            )
    if name in TRIGGERED and not leg.has("stopPrice") and not leg.has("trailingDelta"):
        refuse(
            "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            f"Param '{leg.name('stopPrice')}' or '{leg.name('trailingDelta')}' must be sent, but "
            "both were empty/null!",
        )
    if name == "MARKET" and not shared:
        _check_market(p)
    if name == "LIMIT_MAKER" and leg.has("timeInForce"):
        refuse("TIF_NOT_REQUIRED", "TimeInForce parameter sent when not required.")


def _check_market(p: Params) -> None:
    if "quantity" in p and "quoteOrderQty" in p:
        refuse("PARAM_NOT_REQUIRED", "Parameter 'quoteOrderQty' sent when not required.")
    if not p.get("quantity") and not p.get("quoteOrderQty"):
        refuse(
            "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
        )


def unsupported() -> NoReturn:
    """A combination of type, time in force and iceberg amount that the venue does not know."""
    refuse("UNKNOWN_ORDER_COMPOSITION", "Unsupported order combination.", Reason.INVALID_ORDER)


def check_response(p: Params) -> None:
    """newOrderRespType must be a known one."""
    if p.get("newOrderRespType", "FULL") not in RESPONSES:
        refuse("INVALID_PARAMETER", "Data sent for parameter 'newOrderRespType' is not valid.")


def side_of(p: Params, name: str) -> Side:
    """A side that must be there."""
    side = SIDES.get(p.need(name))
    if side is None:
        refuse("INVALID_SIDE", "Invalid side.")
    return side


def _force(leg: Leg) -> Force:
    text = leg.params.get(leg.name("timeInForce"))
    if text is None:
        return Force.GTC
    force = FORCES.get(text)
    if force is None:
        refuse("INVALID_TIF", "Invalid timeInForce.")
    return force


def prevention_of(p: Params) -> Prevention | None:
    """The self-trade prevention that a request asks for."""
    if "selfTradePreventionMode" not in p:
        return None
    return p.one_of("selfTradePreventionMode", PREVENTIONS)


def _strategy(p: Params, leg: Leg) -> Extra:
    """The client's own labels of an order, as they are shown again."""
    names = [name for name in ("strategyId", "strategyType") if leg.has(name)]
    labels = tuple((name, p.integer(leg.name(name))) for name in names)
    if dict(labels).get("strategyType", STRATEGY_TYPE_MIN) < STRATEGY_TYPE_MIN:
        refuse("BAD_STRATEGY_TYPE", "`strategyType` was less than 1000000.")
    return labels


def client_id(p: Params, name: str) -> str:
    """A client order id, empty where none was sent."""
    text = p.get(name)
    if text is None:
        return ""
    if not CLIENT_ID.match(text):
        refuse(
            "ILLEGAL_CHARS",
            f"Illegal characters found in parameter '{name}'; legal range is "
            "'^[a-zA-Z0-9-_]{1,36}$'.",
        )
    return text


def named(p: Params, by_id: str = "orderId", by_name: str = "origClientOrderId") -> tuple[int, str]:
    """(id, client id) of a request about one order or list."""
    if by_id not in p and by_name not in p:
        refuse(
            "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            f"Param '{by_name}' or '{by_id}' must be sent, but both were empty/null!",
        )
    return p.integer(by_id, 0), p.text(by_name)


def ticks_of(p: Params, name: str, market: Market) -> int:
    """A price in ticks, 0 where none was sent; one between two ticks breaks the PRICE_FILTER."""
    if name not in p:
        return 0
    ticks, rest = divmod(p.atoms(name, Reason.INVALID_PRICE), market.price_step)
    if rest or not ticks:
        refuse("INVALID_MESSAGE", "Filter failure: PRICE_FILTER", Reason.INVALID_PRICE)
    return ticks


def lots_of(p: Params, name: str, market: Market) -> int:
    """An amount in lots, 0 where none was sent; one between two steps breaks LOT_SIZE."""
    if name not in p:
        return 0
    lots, rest = divmod(p.atoms(name, Reason.INVALID_AMOUNT), market.amount_step)
    if rest or not lots:
        refuse("INVALID_MESSAGE", "Filter failure: LOT_SIZE", Reason.INVALID_AMOUNT)
    return lots


assert set(NEEDED) == set(UNWANTED) == set(TYPES), "each order type has its rows"
assert OrderType.TRAILING_STOP not in TYPES.values(), "the venue trails by trailingDelta"
