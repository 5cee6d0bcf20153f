"""Conditional orders: the service beside the book that took them over on 2025-12-09.

"New Algo Order" and its like, 2026-08-19; the three forms of an answer as production gave them on
2026-09-19: a new order has no result yet, open ones are not padded, and past ones tell the order
that they have placed.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.conditional_order import (
    LARGEST_TRAIL,
    LEAST_TRAIL,
    Conditionals,
    ConditionalSnapshot,
    ConditionalStatus,
)
from failing_exchange.core.market import Market
from failing_exchange.core.order import LIMIT, OrderType, TimeInForce, TriggerBy
from failing_exchange.core.queries import FetchConditional, FetchConditionals
from failing_exchange.core.reject import Reason
from failing_exchange.core.units import ATOMS, MILLISECOND, atoms_text
from failing_exchange.venues.binance_common.call import Answered, Reading, Writing
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import venue_symbol
from failing_exchange.venues.binance_usdm.number_formats import amount, average, price
from failing_exchange.venues.binance_usdm.order_terms import (
    FORCES,
    PRICED,
    check_response,
    client_id,
    force_of,
    good_till,
    lots_of,
    match_name,
    named,
    needed,
    position_side,
    prevention_of,
    price_match,
    reduce_only,
    side_of,
    ticks_of,
    unwanted,
)
from failing_exchange.venues.binance_usdm.trade_history import (
    KEPT,
    PRUNED,
    UNKNOWN,
    limit_of,
    read_span,
)

TYPES = {
    "STOP": OrderType.STOP_LOSS_LIMIT,
    "STOP_MARKET": OrderType.STOP_LOSS,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT_LIMIT,
    "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT,
    "TRAILING_STOP_MARKET": OrderType.TRAILING_STOP,
}
TYPE_NAMES = {kind: name for name, kind in TYPES.items()}
CLOSERS = ("STOP_MARKET", "TAKE_PROFIT_MARKET")  # types that can close a whole position
TRAILS = "TRAILING_STOP_MARKET"
WITH_POSITION = "GTE_GTC"  # it ends with the position
WORKING = {"CONTRACT_PRICE": TriggerBy.LAST, "MARK_PRICE": TriggerBy.MARK}
WORKING_NAMES = {by: name for name, by in WORKING.items()}
BIP = ATOMS // 100  # of a callbackRate, which is in percent
LEAST_RATE, LARGEST_RATE = LEAST_TRAIL * BIP, LARGEST_TRAIL * BIP
ENDED = (ConditionalStatus.CANCELED, ConditionalStatus.EXPIRED, ConditionalStatus.REJECTED)


# ---- requests


def read_place(r: Reading) -> c.PlaceConditional:
    """POST /fapi/v1/algoOrder."""
    p, market = r.params, r.market()
    if p.need("algoType") != "CONDITIONAL":
        refuse("INVALID_PARAMETER", "Data sent for parameter 'algoType' is not valid.")
    side, name = side_of(p), p.need("type")
    if name not in TYPES:
        refuse("INVALID_ORDER_TYPE", "Invalid orderType.")
    closes = p.flag("closePosition")
    peg = price_match(p, name)
    _check_parameters(p, name, closes, peg is not None)
    force = force_of(p, (*FORCES, WITH_POSITION))
    return c.PlaceConditional(
        account=r.account,
        symbol=market.symbol,
        side=side,
        kind=TYPES[name],
        lots=lots_of(p, "quantity", market),
        stop_ticks=ticks_of(p, "activatePrice" if name == TRAILS else "triggerPrice", market),
        ticks=ticks_of(p, "price", market),
        by=_working_type(p),
        trail_bips=_trail(p) if name == TRAILS else 0,
        client_id=client_id(p, "clientAlgoId"),
        time_in_force=FORCES.get(force, TimeInForce.GTC),
        post_only=force == "GTX",
        reduce_only=reduce_only(p),
        close_position=closes,
        ends_with_position=closes or force == WITH_POSITION,
        protected=p.flag("priceProtect"),
        position_side=position_side(p),
        expires_at=good_till(r, force),
        peg=peg,
        prevention=prevention_of(p, force),
    )


def _check_parameters(p: Params, name: str, closes: bool, matched: bool) -> None:
    """Raise `Reject` for what a type needs and has not, and for what it has and may not."""
    check_response(p)
    if closes:
        if "quantity" in p:
            refuse(
                "QUANTITY_EXISTS_WITH_CLOSE_POSITION",
                "Quantity must be zero with closePosition equals true",
            )
        unwanted(p, "reduceOnly")
        if name not in CLOSERS:
            unwanted(p, "closePosition")
    else:
        needed(p, "quantity")
    if name in PRICED:
        needed(p, *(("triggerPrice",) if matched else ("triggerPrice", "price")))
    else:
        unwanted(p, "price")
    if name == TRAILS:
        needed(p, "callbackRate")
        unwanted(p, "triggerPrice")
    else:
        needed(p, "triggerPrice")
        unwanted(p, "callbackRate", "activatePrice")


def _working_type(p: Params) -> TriggerBy:
    by = WORKING.get(p.text("workingType", "CONTRACT_PRICE"))
    if by is None:
        refuse("INVALID_WORKING_TYPE", "Invalid parameter working type")
    return by


def _trail(p: Params) -> int:
    """A callbackRate as basis points."""
    return trail_within(p, LARGEST_RATE) // BIP


def trail_within(p: Params, most: int) -> int:
    """A callbackRate up to `most`; 0 where none was sent."""
    if "callbackRate" not in p:
        return 0
    rate = p.atoms("callbackRate", Reason.BAD_REQUEST)
    if not LEAST_RATE <= rate <= most or rate % BIP:
        refuse("INVALID_PARAMETER", "Data sent for parameter 'callbackRate' is not valid.")
    return rate


def _named(p: Params) -> tuple[int, str]:
    """(id, client id) of a request about one order."""
    return named(p, "algoId", "clientAlgoId")


def read_cancel(r: Reading) -> c.CancelConditional:
    """DELETE /fapi/v1/algoOrder."""
    r.maybe_market()  # a symbol is not needed, and may be given
    return c.CancelConditional(r.account, "", *_named(r.params))


def read_cancel_all(r: Reading) -> c.CancelAllConditionals:
    """DELETE /fapi/v1/algoOpenOrders."""
    return c.CancelAllConditionals(r.account, r.market().symbol)


def read_query(r: Reading) -> FetchConditional:
    """GET /fapi/v1/algoOrder."""
    r.maybe_market()  # a symbol is not needed, and may be given
    return FetchConditional(r.account, "", *_named(r.params))


def read_open(r: Reading) -> FetchConditionals:
    """GET /fapi/v1/openAlgoOrders."""
    p, market = r.params, r.maybe_market()
    p.integer("algoId", 0)
    if p.text("algoType", "CONDITIONAL") != "CONDITIONAL":
        refuse("INVALID_PARAMETER", "Data sent for parameter 'algoType' is not valid.")
    return FetchConditionals(r.account, market.symbol if market else "", "open")


def read_all(r: Reading) -> FetchConditionals:
    """GET /fapi/v1/allAlgoOrders: from an order on, else the newest of a time."""
    p, symbol = r.params, r.market().symbol
    limit, first = limit_of(p, 500, 1_000), p.integer("algoId", 0)
    since, until = read_span(r)
    if first:
        return FetchConditionals(r.account, symbol, "all", from_id=first, limit=limit)
    return FetchConditionals(r.account, symbol, "all", since=since, until=until)


# ---- answers


def write_placed(w: Writing, one: ConditionalSnapshot) -> dict[str, Any]:
    """What a new order is answered."""
    return _shown(one, w.market(one.command.symbol), {})


def write_canceled(w: Writing, one: ConditionalSnapshot) -> dict[str, Any]:
    """Only which order it was; the code is a string."""
    return {
        "algoId": one.id,
        "clientAlgoId": one.client_id,
        "code": "200",
        "msg": "success",
    }


def write_all_canceled(w: Writing, answer: Any) -> dict[str, Any]:
    """Not which ones."""
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def write_open(w: Writing, answer: Conditionals) -> list[dict[str, Any]]:
    """Those that wait."""
    wanted = w.params.get("algoId")
    return [
        _open(one, w.market(one.command.symbol))
        for one in answer.conditionals
        if wanted is None or int(wanted) == one.id
    ]


def _open(one: ConditionalSnapshot, market: Market) -> dict[str, Any]:
    shown = _shown(one, market, {"actualOrderId": "", "actualQty": "0.0"})
    for name, ticks in (("triggerPrice", one.command.stop_ticks), ("price", one.command.ticks)):
        if name in shown:
            shown[name] = atoms_text(ticks * market.price_step) if ticks else "0.0"
    return shown | {"isActivated": one.activated}


def write_one(w: Writing, one: ConditionalSnapshot) -> dict[str, Any] | Answered:
    """One, whether or not it is over."""
    return _past(one, w.market(one.command.symbol)) if _is_kept(one, w.at) else UNKNOWN


def write_all(w: Writing, answer: Conditionals) -> list[dict[str, Any]]:
    """Those that are still kept, oldest first."""
    found = [one for one in answer.conditionals if _is_kept(one, w.at)]
    limit = int(w.params.get("limit", "500"))
    return [_past(one, w.market(one.command.symbol)) for one in found[-limit:]]


def _is_kept(one: ConditionalSnapshot, at: int) -> bool:
    """Whether an order is found; like other orders, those without a fill are forgotten early."""
    return at - one.created_at <= (PRUNED if one.status in ENDED else KEPT)


def _past(one: ConditionalSnapshot, market: Market) -> dict[str, Any]:
    order = one.order
    if order is None:
        result = {"actualOrderId": "", "actualPrice": average(0, 0, market)}
    else:
        result = {
            "actualOrderId": str(order.order.id),
            "actualPrice": average(order.cost, order.filled, market),
            "actualQty": amount(order.filled, market),
            "actualType": "LIMIT" if order.order.kind is LIMIT else "MARKET",
        }
    return _shown(one, market, result, {"tpOrderType": ""}) | {"isActivated": one.activated}


def _shown(
    one: ConditionalSnapshot,
    market: Market,
    result: dict[str, Any],
    kind: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An order with its result after the status, and what else there is after the prices."""
    command = one.command
    shown: dict[str, Any] = {
        "algoId": one.id,
        "clientAlgoId": one.client_id,
        "algoType": "CONDITIONAL",
        "orderType": TYPE_NAMES[command.kind],
        "symbol": venue_symbol(command.symbol),
        "side": command.side.name,
        "positionSide": command.position_side.name,
        "timeInForce": force_name(command),
        "quantity": amount(command.lots, market) if command.lots else "0",
        "algoStatus": one.status.name,
        **result,
        "triggerPrice": price(0 if command.trail_bips else command.stop_ticks, market),
        "price": price(command.ticks, market),
        "icebergQuantity": None,
        **(kind or {}),
        "selfTradePreventionMode": (command.prevention or market.prevention).upper(),
        "workingType": WORKING_NAMES[command.by],
        "priceMatch": match_name(command.peg),
        "closePosition": command.close_position,
        "priceProtect": command.protected,
        "reduceOnly": command.reduce_only or command.close_position,
    }
    if command.trail_bips:
        shown["activatePrice"] = price(command.stop_ticks, market)
        shown["callbackRate"] = atoms_text(command.trail_bips * BIP)
    return shown | {
        "createTime": one.created_at // MILLISECOND,
        "updateTime": one.updated_at // MILLISECOND,
        "triggerTime": one.triggered_at // MILLISECOND,
        "goodTillDate": command.expires_at // MILLISECOND,
    }


def force_name(command: c.PlaceConditional) -> str:
    """Time in force of a conditional order."""
    if command.ends_with_position:
        return WITH_POSITION
    if command.post_only:
        return "GTX"
    return "GTD" if command.expires_at else command.time_in_force.value
