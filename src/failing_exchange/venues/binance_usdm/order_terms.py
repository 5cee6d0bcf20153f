"""The parameters of orders: how they are named, and what is said of bad ones.

"New Order", "New Algo Order" and "Common Definition", 2026-08-19.
"""

from __future__ import annotations

import re
from typing import NoReturn

from failing_exchange.core.market import Market, Prevention
from failing_exchange.core.order import Peg, PositionSide, Side, TimeInForce
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import MILLISECOND, SECOND
from failing_exchange.unified.order_params import PRICE_MATCHES
from failing_exchange.venues.binance_common.call import Reading
from failing_exchange.venues.binance_common.params import DECIMAL, DECIMAL_RANGE, Params, illegal
from failing_exchange.venues.binance_common.refusals import missing, refuse
from failing_exchange.venues.binance_usdm.number_formats import places_of, price_places

# Of conditional orders, which this endpoint took until 2025 and now refuses by their type (-4120).
CONDITIONS = "stopPrice closePosition activationPrice callbackRate workingType priceProtect"
ORDER = (
    "symbol! side! type! positionSide timeInForce reduceOnly quantity price newClientOrderId "
    f"newOrderRespType priceMatch selfTradePreventionMode goodTillDate {CONDITIONS}"
)
CHANGE = "symbol! side! quantity! price orderId origClientOrderId priceMatch modifyId"
ALGO = (
    "algoType! symbol! side! type! positionSide timeInForce quantity price triggerPrice "
    "workingType priceMatch closePosition priceProtect reduceOnly activatePrice callbackRate "
    "clientAlgoId newOrderRespType selfTradePreventionMode goodTillDate"
)
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
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
PRICE_MATCH_NAMES = {(peg.price, peg.levels): name for name, peg in PRICE_MATCHES.items()}
PRICED = ("LIMIT", "STOP", "TAKE_PROFIT")  # types that may take their price from the book
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]+\Z")
CLIENT_ID_RANGE = "^[.A-Z:/a-z0-9_-]{1,36}$"
CLIENT_ID_LENGTH_MAX = 36  # a longer one is refused
GTD_AHEAD = 600 * SECOND  # a goodTillDate must lie further ahead
GTD_LAST = 253_402_300_799_000  # milliseconds: the year 9999; a later one is refused
NEGATIVE = re.compile(r"-[0-9]{1,20}(?:\.[0-9]{1,20})?\Z")


def side_of(p: Params) -> Side:
    """A side, which must be there."""
    side = SIDES.get(p.need("side"))
    if side is None:
        refuse("INVALID_SIDE", "Invalid side.")
    return side


def force_of(p: Params, known: tuple[str, ...] = tuple(FORCES)) -> str:
    """Time in force, good till canceled where it is not sent."""
    force = p.text("timeInForce", "GTC")
    if force not in known:
        refuse("INVALID_TIF", "Invalid timeInForce.")
    return force


def unwanted(p: Params, *names: str) -> None:
    """Raise `Reject` for parameters that were sent and may not be."""
    for name in names:
        if name in p:
            refuse("PARAM_NOT_REQUIRED", f"Parameter '{name}' sent when not required.")


def needed(p: Params, *names: str) -> None:
    """Raise `Reject` for parameters that must be there and are not."""
    for name in names:
        if not p.get(name):
            missing(name)


def good_till(r: Reading, force: str) -> int:
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


def check_response(p: Params) -> None:
    """newOrderRespType must be a known one."""
    if p.text("newOrderRespType", "ACK") not in ("ACK", "RESULT"):
        refuse("INVALID_NEW_ORDER_RESP_TYPE", "Invalid newOrderRespType.")


def position_side(p: Params) -> PositionSide:
    """The position that a request is about; the only one where it says nothing."""
    side = POSITION_SIDES.get(p.text("positionSide", "BOTH"))
    if side is None:
        refuse("INVALID_POSITION_SIDE", "Invalid position side.")
    return side


def reduce_only(p: Params) -> bool:
    """Whether an order may only reduce a position; that can't be said of a hedged one."""
    found = p.flag("reduceOnly")
    if "reduceOnly" in p and p.get("positionSide", "BOTH") != "BOTH":  # as seen, in small letters
        refuse("PARAM_NOT_REQUIRED", "Parameter 'reduceonly' sent when not required.")
    return found


def prevention_of(p: Params, force: str) -> Prevention | None:
    """The self-trade prevention that a request asks for; None: that of the market.

    It does not hold for FOK orders.
    """
    text = p.get("selfTradePreventionMode")
    if text is not None and text not in PREVENTIONS:
        refuse("INVALID_SELF_TRADE_PREVENTION_MODE", "Invalid self trade prevention mode")
    if force == "FOK":
        return Prevention.NONE
    return None if text is None else PREVENTIONS[text]


def price_match(p: Params, kind: str) -> Peg | None:
    """The price of the book that an order takes; None where it names its own."""
    text = p.text("priceMatch", "NONE")
    if text == "NONE":
        return None
    if text not in PRICE_MATCHES:
        refuse("INVALID_PRICE_MATCH", "Invalid price match")
    if kind not in PRICED:
        refuse(
            "UNSUPPORTED_ORDER_TYPE_PRICE_MATCH",
            "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT",
        )
    unwanted(p, "price")
    return PRICE_MATCHES[text]


def match_name(peg: Peg | None) -> str:
    """The price match of an order, as it is shown."""
    return "NONE" if peg is None else PRICE_MATCH_NAMES[peg.price, peg.levels]


def client_id(p: Params, name: str) -> str:
    """A client order id, empty where none was sent."""
    text = p.text(name)
    if len(text) > CLIENT_ID_LENGTH_MAX:  # these words were seen on the test network, 2026-09-12
        refuse("INVALID_CL_ORD_ID_LEN", "Client order id length should be less than 36 chars")
    if text and not CLIENT_ID.match(text):
        illegal(name, CLIENT_ID_RANGE)
    return text


def named(p: Params, by_id: str = "orderId", by_name: str = "origClientOrderId") -> tuple[int, str]:
    """(id, client id) of a request about one order; of both, the id counts."""
    if by_id not in p and by_name not in p:
        refuse(
            "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            f"Param '{by_name}' or '{by_id}' must be sent, but both were empty/null!",
        )
    number, name = p.integer(by_id, 0), p.text(by_name)
    return (number, "") if number else (0, name)


def ticks_of(p: Params, name: str, market: Market) -> int:
    """A price in ticks, 0 where none was sent."""
    if name not in p:
        return 0
    most = price_places(market)
    ticks = _steps(p, name, market.price_step, most, Reason.INVALID_PRICE)
    if ticks < 0:
        refuse(*BELOW_ZERO.get(name, BELOW_ZERO["price"]), Reason.INVALID_PRICE)
    return ticks


BELOW_ZERO = {  # what is said of a price below zero, by its parameter
    "price": ("PRICE_LESS_THAN_ZERO", "Price less than 0."),
    "triggerPrice": ("STOP_PRICE_LESS_THAN_ZERO", "Stop price less than zero."),
    "activatePrice": ("INVALID_ACTIVATION_PRICE", "Invalid activation price"),
}


def lots_of(p: Params, name: str, market: Market) -> int:
    """An amount in lots, 0 where none was sent."""
    if name not in p:
        return 0
    most = places_of(market.amount_step)
    lots = _steps(p, name, market.amount_step, most, Reason.INVALID_AMOUNT)
    if lots <= 0:
        refuse("QTY_LESS_THAN_ZERO", "Quantity less than zero.", Reason.INVALID_AMOUNT)
    return lots


def _steps(p: Params, name: str, step: int, most: int, reason: Reason) -> int:
    """A decimal of at most `most` places in steps, -1 for a negative one."""
    text = p[name]
    if NEGATIVE.match(text):
        return -1
    found = DECIMAL.match(text)
    if found is None:
        illegal(name, DECIMAL_RANGE, reason)
    places = len((found[2] or "").rstrip("0"))
    if places > most:
        too_precise(reason)
    steps, rest = divmod(p.atoms(name, reason), step)
    if rest:
        raise Reject(reason)
    return steps


def too_precise(reason: Reason) -> NoReturn:
    """Raise `Reject` for a number with more places than the contract has."""
    refuse("BAD_PRECISION", "Precision is over the maximum defined for this asset.", reason)
