"""Requests that place, change, cancel and look up orders.

"New Order", "Modify Order", "Cancel Order" and "Query Order"; "Common Definition"; 2026-08-19.
Conditional orders have left these endpoints on 2025-12-09 (-4120): they are algo orders.
"""

from __future__ import annotations

import re
from typing import NoReturn

from failing_exchange.core import commands as c
from failing_exchange.core.market import Market, Prevention
from failing_exchange.core.order import OrderType, PositionSide, Side, TimeInForce
from failing_exchange.core.queries import FetchOrder, FetchOrders
from failing_exchange.core.reject import Reason
from failing_exchange.core.units import MILLISECOND, SECOND
from failing_exchange.venues.binance_common.call import Reading
from failing_exchange.venues.binance_common.params import DECIMAL, DECIMAL_RANGE, Params, illegal
from failing_exchange.venues.binance_common.refusals import missing, refuse
from failing_exchange.venues.binance_usdm.number_formats import places_of

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
TYPES = {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET}
CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
POSITION_SIDES = {side.name: side for side in PositionSide}
FORCES = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTX": TimeInForce.GTC,  # post-only
    "GTD": TimeInForce.GTC,  # until goodTillDate
}
PREVENTIONS = {
    mode.name: mode
    for mode in (Prevention.EXPIRE_TAKER, Prevention.EXPIRE_MAKER, Prevention.EXPIRE_BOTH,
                 Prevention.NONE)
}  # fmt: skip
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]+\Z")
CLIENT_ID_RANGE = "^[.A-Z:/a-z0-9_-]{1,36}$"
CLIENT_ID_LENGTH_MAX = 36  # a longer one is refused
GTD_AHEAD = 600 * SECOND  # a goodTillDate must lie further ahead
GTD_LAST = 253_402_300_799_000  # milliseconds: the year 9999; a later one is refused
NEGATIVE = re.compile(r"-[0-9]{1,20}(?:\.[0-9]{1,20})?\Z")


def read_place(r: Reading) -> c.PlaceOrder:
    """POST /fapi/v1/order."""
    p, market = r.params, r.market()
    side = SIDES.get(p.need("side"))
    if side is None:
        refuse("INVALID_SIDE", "Invalid side.")
    name = p.need("type")
    if name in CONDITIONAL:
        refuse(
            "STOP_ORDER_SWITCH_ALGO",
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
            "instead.",
            Reason.NOT_SUPPORTED,
        )
    if name not in TYPES:
        refuse("INVALID_ORDER_TYPE", "Invalid orderType.")
    _check_combination(p, name)
    check_response(p)
    force = p.get("timeInForce", "GTC")
    return c.PlaceOrder(
        account=r.account,
        symbol=market.symbol,
        side=side,
        kind=TYPES[name],
        lots=lots_of(p, "quantity", market),
        ticks=ticks_of(p, "price", market),
        time_in_force=FORCES[force],
        post_only=force == "GTX",
        client_id=client_id(p, "newClientOrderId"),
        prevention=prevention_of(p),
        reduce_only=p.flag("reduceOnly"),
        position_side=position_side(p),
        expires_at=_good_till(r, force),
    )


def _check_combination(p: Params, name: str) -> None:
    needed = ("timeInForce", "quantity", "price") if name == "LIMIT" else ("quantity",)
    for parameter in needed:
        if not p.get(parameter):
            missing(parameter)
    if name == "MARKET":
        if "price" in p:
            refuse("PARAM_NOT_REQUIRED", "Parameter 'price' sent when not required.")
        if "timeInForce" in p:
            refuse("PARAM_NOT_REQUIRED", "Parameter 'timeInForce' sent when not required.")
    if p.get("timeInForce", "GTC") not in FORCES:
        refuse("INVALID_TIF", "Invalid timeInForce.")
    if "reduceOnly" in p and p.get("positionSide", "BOTH") != "BOTH":
        refuse("PARAM_NOT_REQUIRED", "Parameter 'reduceonly' sent when not required.")


def _good_till(r: Reading, force: str) -> int:
    """The instant at which a GTD order ends, 0 for others: whole seconds of goodTillDate count."""
    if force != "GTD":
        r.params.integer("goodTillDate", 0)
        return 0
    until = r.params.integer("goodTillDate")
    if not r.at + GTD_AHEAD < until * MILLISECOND or until >= GTD_LAST:
        refuse(
            "FUTURE_GOOD_TILL_DATE",
            "The goodTillDate timestamp must be greater than the current time plus 600 seconds and "
            f"smaller than {GTD_LAST} (UTC 9999-12-31 23:59:59)",
        )
    return until * MILLISECOND // SECOND * SECOND


def read_test(r: Reading) -> c.PlaceOrder:
    """POST /fapi/v1/order/test."""
    return read_place(r)._replace(test=True)


def read_query(r: Reading) -> FetchOrder:
    """GET /fapi/v1/order."""
    return FetchOrder(r.account, r.market().symbol, *named(r.params))


def read_cancel(r: Reading) -> c.CancelOrder:
    """DELETE /fapi/v1/order."""
    return c.CancelOrder(r.account, r.market().symbol, *named(r.params))


def read_cancel_all(r: Reading) -> c.CancelAllOrders:
    """DELETE /fapi/v1/allOpenOrders."""
    return c.CancelAllOrders(r.account, r.market().symbol)


def read_open(r: Reading) -> FetchOrders:
    """GET /fapi/v1/openOrders."""
    market = r.maybe_market()
    return FetchOrders(r.account, market.symbol if market else "", "open")


def check_response(p: Params) -> None:
    """newOrderRespType must be a known one."""
    if p.get("newOrderRespType", "ACK") not in ("ACK", "RESULT"):
        refuse("INVALID_NEW_ORDER_RESP_TYPE", "Invalid newOrderRespType.")


def position_side(p: Params) -> PositionSide:
    """The position that a request is about; the only one where it says nothing."""
    side = POSITION_SIDES.get(p.text("positionSide", "BOTH"))
    if side is None:
        refuse("INVALID_POSITION_SIDE", "Invalid position side.")
    return side


def prevention_of(p: Params) -> Prevention | None:
    """The self-trade prevention that a request asks for."""
    if "selfTradePreventionMode" not in p:
        return None
    return p.one_of("selfTradePreventionMode", PREVENTIONS)


def client_id(p: Params, name: str) -> str:
    """A client order id, empty where none was sent."""
    text = p.get(name)
    if text is None:
        return ""
    if len(text) > CLIENT_ID_LENGTH_MAX:  # these words were seen on the test network, 2026-09-12
        refuse("INVALID_CL_ORD_ID_LEN", "Client order id length should be less than 36 chars")
    if not CLIENT_ID.match(text):
        illegal(name, CLIENT_ID_RANGE)
    return text


def named(p: Params) -> tuple[int, str]:
    """(id, client id) of a request about one order; of both, the id counts."""
    if "orderId" not in p and "origClientOrderId" not in p:
        refuse(
            "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    order_id, name = p.integer("orderId", 0), p.text("origClientOrderId")
    return (order_id, "") if order_id else (0, name)


def ticks_of(p: Params, name: str, market: Market) -> int:
    """A price in ticks, 0 where none was sent."""
    if name not in p:
        return 0
    ticks = _steps(p, name, market.price_step, Reason.INVALID_PRICE)
    if ticks < 0:
        refuse("PRICE_LESS_THAN_ZERO", "Price less than 0.", Reason.INVALID_PRICE)
    return ticks


def lots_of(p: Params, name: str, market: Market) -> int:
    """An amount in lots, 0 where none was sent."""
    if name not in p:
        return 0
    lots = _steps(p, name, market.amount_step, Reason.INVALID_AMOUNT)
    if lots <= 0:
        refuse("QTY_LESS_THAN_ZERO", "Quantity less than zero.", Reason.INVALID_AMOUNT)
    return lots


def _steps(p: Params, name: str, step: int, reason: Reason) -> int:
    """A decimal in steps of the contract's precision, -1 for a negative one."""
    text = p[name]
    if NEGATIVE.match(text):
        return -1
    found = DECIMAL.match(text)
    if found is None:
        illegal(name, DECIMAL_RANGE, reason)
    places = len((found[2] or "").rstrip("0"))
    steps, rest = (0, 1) if places > places_of(step) else divmod(p.atoms(name, reason), step)
    if rest:
        too_precise(reason)
    return steps


def too_precise(reason: Reason) -> NoReturn:
    """Raise `Reject` for a number with more places than the contract has."""
    refuse("BAD_PRECISION", "Precision is over the maximum defined for this asset.", reason)
