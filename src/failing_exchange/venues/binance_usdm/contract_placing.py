"""Requests that place, change, cancel and look up orders, one or several at a time.

"New Order", "Modify Order", "Place Multiple Orders", "Auto-Cancel All Open Orders" and their like,
2026-08-19. Conditional orders have left these endpoints on 2025-12-09 (-4120): see `algo_orders`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from failing_exchange.core import commands as c
from failing_exchange.core.order import OrderType
from failing_exchange.core.queries import FetchAmendments, FetchOrder, FetchOrders
from failing_exchange.core.reject import Reason, Refusal, Reject
from failing_exchange.core.units import MILLISECOND
from failing_exchange.venues.binance_common.call import Reading
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import missing, refuse
from failing_exchange.venues.binance_usdm.order_terms import (
    CHANGE,
    CONDITIONS,
    FORCES,
    ORDER,
    check_response,
    client_id,
    force_of,
    good_till,
    lots_of,
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

TYPES = {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET}
CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
PLACED_MAX = 5  # orders that one request places or changes; more are refused
CANCELED_MAX = 10  # orders that one request cancels; likewise
ID_LISTS = ("orderIdList", "orderidlist")  # the second as clients send it, seen on 2024-06-25
CHANGES_SHOWN_MAX = 100  # of one answer; a larger limit is refused
ORDER_NAMES, CHANGE_NAMES = (
    frozenset(word.rstrip("!") for word in words.split()) for words in (ORDER, CHANGE)
)
Command = TypeVar("Command", bound=c.InBatch)


def read_place(r: Reading) -> c.PlaceOrder:
    """POST /fapi/v1/order."""
    p, market = r.params, r.market()
    side, name = side_of(p), p.need("type")
    if name in CONDITIONAL:
        refuse(
            "STOP_ORDER_SWITCH_ALGO",
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
            "instead.",
            Reason.NOT_SUPPORTED,
        )
    if name not in TYPES:
        refuse("INVALID_ORDER_TYPE", "Invalid orderType.")
    peg = price_match(p, name)
    needed(p, *(("timeInForce", "quantity") if name == "LIMIT" else ("quantity",)))
    if name == "LIMIT" and peg is None:
        needed(p, "price")
    if name == "MARKET":
        unwanted(p, "price", "timeInForce")
    unwanted(p, *CONDITIONS.split())
    check_response(p)
    force = force_of(p)
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
        prevention=prevention_of(p, force),
        peg=peg,
        reduce_only=reduce_only(p),
        position_side=position_side(p),
        expires_at=good_till(r, force),
    )


def read_test(r: Reading) -> c.PlaceOrder:
    """POST /fapi/v1/order/test."""
    return read_place(r)._replace(test=True)


def read_change(r: Reading) -> c.ChangeOrder:
    """PUT /fapi/v1/order."""
    p, market = r.params, r.market()
    side, peg = side_of(p), price_match(p, "LIMIT")
    if peg is None:
        needed(p, "price")
    order_id, name = named(p)
    change_id = str(p.integer("modifyId")) if "modifyId" in p else ""
    return c.ChangeOrder(
        r.account,
        market.symbol,
        order_id,
        name,
        lots_of(p, "quantity", market),
        ticks_of(p, "price", market),
        peg,
        change_id,
        side,
    )


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


def read_countdown(r: Reading) -> c.SetCountdown:
    """POST /fapi/v1/countdownCancelAll."""
    milliseconds = r.params.integer("countdownTime")
    return c.SetCountdown(r.account, r.market().symbol, milliseconds * MILLISECOND)


def read_changes(r: Reading) -> FetchAmendments:
    """GET /fapi/v1/orderAmendment. Its `startTime` and `endTime` are applied to the answer."""
    p = r.params
    if "orderId" not in p and "origClientOrderId" not in p:
        named(p)
    order_id, name = p.integer("orderId", 0), p.text("origClientOrderId")
    p.instant("startTime"), p.instant("endTime")
    if p.integer("limit", 50, least=1) > CHANGES_SHOWN_MAX:
        refuse("INVALID_PARAMETER", "Data sent for parameter 'limit' is not valid.")
    return FetchAmendments(r.account, r.market().symbol, order_id, client_id=name)


# ---- several orders


def read_places(r: Reading) -> c.BatchOrders:
    """POST /fapi/v1/batchOrders."""
    return c.BatchOrders(r.account, each(r, read_place, ORDER_NAMES))


def read_batch_of_changes(r: Reading) -> c.BatchOrders:
    """PUT /fapi/v1/batchOrders."""
    return c.BatchOrders(r.account, each(r, read_change, CHANGE_NAMES))


def modified_without(r: Reading) -> c.BatchOrders:
    """PUT /fapi/v1/batchOrders, before changes had ids of the client."""
    return c.BatchOrders(r.account, each(r, read_change, CHANGE_NAMES - {"modifyId"}))


def each(
    r: Reading, read: Callable[[Reading], Command], known: frozenset[str]
) -> tuple[Command | Refusal, ...]:
    """The commands of a list of orders; what is wrong with one refuses that one alone."""
    return tuple(_one(r, entry, read, known) for entry in entries_of(r.params))


def entries_of(p: Params) -> list[Params]:
    """The orders of a request, which are sent as JSON."""
    found = _json(p, "batchOrders")
    if not all(isinstance(entry, dict) for entry in found):
        missing("batchOrders")
    if not 1 <= len(found) <= PLACED_MAX:
        refuse(
            "INVALID_BATCH_PLACE_ORDER_SIZE",
            f"Invalid number of batch place orders: {len(found)}",
        )
    return [Params({str(n): _text(v) for n, v in entry.items()}) for entry in found]


def _json(p: Params, name: str) -> list[Any]:
    """A list in JSON; numbers keep the form in which they were sent."""
    try:
        found = json.loads(p.need(name), parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        missing(name)
    if not isinstance(found, list):
        missing(name)
    return found


def _text(value: Any) -> str:
    """A value of JSON as a parameter is sent."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else json.dumps(value)


def _one(
    r: Reading, entry: Params, read: Callable[[Reading], Command], known: frozenset[str]
) -> Command | Refusal:
    try:
        read_ones = Params({name: value for name, value in entry.items() if name in known})
        return read(r._replace(params=read_ones))
    except Reject as no:
        return Refusal(no.reason, no.text, no.code, no.until)


def read_cancels(r: Reading) -> c.BatchOrders:
    """DELETE /fapi/v1/batchOrders: by ids or by client ids."""
    p, symbol = r.params, r.market().symbol
    listed = next((name for name in ID_LISTS if name in p), None)
    if listed is None and "origClientOrderIdList" not in p:
        refuse(
            "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            "Param 'origClientOrderIdList' or 'orderIdList' must be sent, but both were "
            "empty/null!",
        )
    ids = [str(one) for one in _json(p, listed)] if listed else []
    names = _json(p, "origClientOrderIdList") if "origClientOrderIdList" in p else []
    if not all(one.isdecimal() and len(one) <= 20 for one in ids):
        missing("orderIdList")
    if not all(isinstance(one, str) and one for one in names):
        missing("origClientOrderIdList")
    count = len(ids) or len(names)
    if not 1 <= count <= CANCELED_MAX:
        refuse("EXCEED_MAX_CANCEL_ORDER_SIZE", "Exceed maximum cancel order size.")
    if ids:
        return c.BatchOrders(
            r.account, tuple(c.CancelOrder(r.account, symbol, int(one)) for one in ids)
        )
    return c.BatchOrders(
        r.account, tuple(c.CancelOrder(r.account, symbol, 0, one) for one in names)
    )
