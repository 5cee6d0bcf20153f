"""Orders: requests to commands, answers to JSON.

rest-api.md, "Trading endpoints" and "Account Endpoints"; enums.md; 2026-07-21.
"""

from __future__ import annotations

import re
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.market import Market, Prevention
from failing_exchange.core.order import Fill, Order, OrderSnapshot, OrderType, Side, Status, Why
from failing_exchange.core.order import TimeInForce as Force
from failing_exchange.core.reject import Reason
from failing_exchange.dialects.binance.call import Reading, Writing
from failing_exchange.dialects.binance.codes import missing, refuse
from failing_exchange.dialects.binance.params import Params
from failing_exchange.dialects.binance.values import amount, decimal, instant, price, venue_symbol

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
TYPES = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_LOSS": OrderType.STOP_LOSS,
    "STOP_LOSS_LIMIT": OrderType.STOP_LOSS_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
TYPE_NAMES = {kind: name for name, kind in TYPES.items() if name != "LIMIT_MAKER"}
FORCES = {"GTC": Force.GTC, "IOC": Force.IOC, "FOK": Force.FOK}
PREVENTIONS = {mode.name: mode for mode in Prevention}
CLIENT_ID = re.compile(r"^[a-zA-Z0-9-_]{1,36}$")
# "Additional mandatory parameters based on order type"
NEEDED = {
    "LIMIT": ("timeInForce", "quantity", "price"),
    "MARKET": (),
    "STOP_LOSS": ("quantity", "stopPrice"),
    "STOP_LOSS_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
    "TAKE_PROFIT": ("quantity", "stopPrice"),
    "TAKE_PROFIT_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
    "LIMIT_MAKER": ("quantity", "price"),
}
RESPONSES = ("ACK", "RESULT", "FULL")
FULL_TYPES = ("MARKET", "LIMIT")  # the others are acknowledged only, unless asked otherwise


# ---- requests


def read_place(r: Reading) -> c.PlaceOrder:
    """POST /api/v3/order."""
    p, market = r.params, r.market()
    side, name = _side(p), p.need("type")
    kind = TYPES.get(name)
    if kind is None:
        refuse("INVALID_ORDER_TYPE", "Invalid orderType.")
    _check_combination(p, name)
    return c.PlaceOrder(
        account=r.account,
        symbol=market.symbol,
        side=side,
        kind=kind,
        lots=_lots(p, "quantity", market),
        ticks=_ticks(p, "price", market),
        cost=p.atoms("quoteOrderQty"),
        time_in_force=_force(p),
        post_only=name == "LIMIT_MAKER",
        client_id=client_id(p, "newClientOrderId"),
        stop_ticks=_ticks(p, "stopPrice", market),
        prevention=p.one_of("selfTradePreventionMode", PREVENTIONS, Prevention.NONE)
        if "selfTradePreventionMode" in p
        else None,
    )


def read_test(r: Reading) -> c.PlaceOrder:
    """POST /api/v3/order/test."""
    return read_place(r)._replace(test=True)


def read_query(r: Reading) -> c.FetchOrder:
    """GET /api/v3/order."""
    return c.FetchOrder(r.account, r.market().symbol, *_named(r.params))


def read_cancel(r: Reading) -> c.CancelOrder:
    """DELETE /api/v3/order."""
    cancel = c.CancelOrder(r.account, r.market().symbol, *_named(r.params))
    return cancel._replace(cancel_id=client_id(r.params, "newClientOrderId"))


def read_open(r: Reading) -> c.FetchOrders:
    """GET /api/v3/openOrders."""
    market = r.maybe_market()
    return c.FetchOrders(r.account, market.symbol if market else "", "open")


def _check_combination(p: Params, name: str) -> None:
    for parameter in NEEDED[name]:
        if not p.get(parameter):
            missing(parameter)
    if name == "MARKET":
        if not p.get("quantity") and not p.get("quoteOrderQty"):
            missing("quantity")
        if "quantity" in p and "quoteOrderQty" in p:
            _not_required("quoteOrderQty")
        for parameter in ("price", "timeInForce", "stopPrice"):
            if parameter in p:
                _not_required(parameter)
    if name in ("LIMIT", "LIMIT_MAKER") and "stopPrice" in p:
        _not_required("stopPrice")


def _not_required(parameter: str) -> None:
    refuse("PARAM_NOT_REQUIRED", f"Parameter '{parameter}' sent when not required.")


def _side(p: Params) -> Side:
    side = SIDES.get(p.need("side"))
    if side is None:
        refuse("INVALID_SIDE", "Invalid side.")
    return side


def _force(p: Params) -> Force:
    text = p.get("timeInForce")
    if text is None:
        return Force.GTC
    force = FORCES.get(text)
    if force is None:
        refuse("INVALID_TIF", "Invalid timeInForce.")
    return force


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


def _named(p: Params) -> tuple[int, str]:
    """(order id, client order id) of a request about one order."""
    if "orderId" not in p and "origClientOrderId" not in p:
        refuse(
            "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    return p.integer("orderId", 0), p.text("origClientOrderId")


def _ticks(p: Params, name: str, market: Market) -> int:
    """A price in ticks; one between two ticks breaks the PRICE_FILTER."""
    if name not in p:
        return 0
    ticks, rest = divmod(p.atoms(name), market.price_step)
    if rest or not ticks:
        refuse("INVALID_MESSAGE", "Filter failure: PRICE_FILTER", Reason.INVALID_PRICE)
    return ticks


def _lots(p: Params, name: str, market: Market) -> int:
    """An amount in lots; one between two steps breaks LOT_SIZE."""
    if name not in p:
        return 0
    lots, rest = divmod(p.atoms(name), market.amount_step)
    if rest or not lots:
        refuse("INVALID_MESSAGE", "Filter failure: LOT_SIZE", Reason.INVALID_AMOUNT)
    return lots


# ---- answers


def write_placed(w: Writing, placed: OrderSnapshot) -> dict[str, Any]:
    """What a new order is answered: ACK, RESULT or FULL."""
    order, market = placed.order, w.market(placed.order.symbol)
    name = type_name(order)
    wanted = w.params.get("newOrderRespType") or ("FULL" if name in FULL_TYPES else "ACK")
    answer = _head(order) | {"transactTime": instant(placed.updated_at, micro=w.micro)}
    if wanted == "ACK":
        return answer
    answer |= _state(placed, market)
    answer["workingTime"] = working_time(placed, micro=w.micro)
    answer["selfTradePreventionMode"] = prevention_name(order, market)
    if wanted == "FULL":
        fills = order.fills[: placed.fills]
        answer["fills"] = [_fill(fill, market) for fill in fills]
    return answer


def write_tested(w: Writing, placed: OrderSnapshot) -> dict[str, Any]:
    """A test order leaves no trace."""
    return {}


def write_order(w: Writing, snapshot: OrderSnapshot) -> dict[str, Any]:
    """An order as queries show it."""
    order, market = snapshot.order, w.market(snapshot.order.symbol)
    answer = _head(order) | _state(snapshot, market)
    answer["stopPrice"] = price(order.stop_ticks, market)
    answer["icebergQty"] = decimal(0)
    answer["time"] = instant(order.created_at, micro=w.micro)
    answer["updateTime"] = instant(snapshot.updated_at, micro=w.micro)
    answer["isWorking"] = snapshot.status is not Status.WAITING
    answer["workingTime"] = working_time(snapshot, micro=w.micro)
    answer["origQuoteOrderQty"] = decimal(order.cost_wanted)
    answer["selfTradePreventionMode"] = prevention_name(order, market)
    return answer


def write_orders(w: Writing, answer: Any) -> list[dict[str, Any]]:
    """Several of them."""
    return [write_order(w, snapshot) for snapshot in answer.orders]


def write_canceled(w: Writing, snapshot: OrderSnapshot) -> dict[str, Any]:
    """What a cancel is answered. The cancel has an id of its own, `clientOrderId`."""
    order, market = snapshot.order, w.market(snapshot.order.symbol)
    answer = {
        "symbol": venue_symbol(order.symbol),
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": order.list_id or -1,
        "clientOrderId": cancel_name(order),
        "transactTime": instant(snapshot.updated_at, micro=w.micro),
    }
    answer |= _state(snapshot, market)
    answer["selfTradePreventionMode"] = prevention_name(order, market)
    return answer


def cancel_name(order: Order) -> str:
    """The client id of the cancel that ended an order; where the client gave none, a made one."""
    return order.canceled_as or f"cancel-{order.id}"


def _head(order: Order) -> dict[str, Any]:
    return {
        "symbol": venue_symbol(order.symbol),
        "orderId": order.id,
        "orderListId": order.list_id or -1,
        "clientOrderId": order.client_id,
    }


def _state(snapshot: OrderSnapshot, market: Market) -> dict[str, Any]:
    order = snapshot.order
    return {
        "price": price(snapshot.ticks, market),
        "origQty": amount(snapshot.lots, market),
        "executedQty": amount(snapshot.filled, market),
        "origQuoteOrderQty": decimal(order.cost_wanted),
        "cummulativeQuoteQty": decimal(snapshot.cost),
        "status": status_name(snapshot),
        "timeInForce": order.time_in_force.value,
        "type": type_name(order),
        "side": order.side.name,
    }


def _fill(fill: Fill, market: Market) -> dict[str, Any]:
    return {
        "price": price(fill.ticks, market),
        "qty": amount(fill.lots, market),
        "commission": decimal(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.trade_id,
    }


def type_name(order: Order) -> str:
    """An order's type in the venue's words."""
    return "LIMIT_MAKER" if order.post_only else TYPE_NAMES.get(order.kind, "STOP_LOSS")


def status_name(snapshot: OrderSnapshot) -> str:
    """An order's status in the venue's words (enums.md, "Order status")."""
    status = snapshot.status
    if status is Status.OPEN:
        return "PARTIALLY_FILLED" if snapshot.filled else "NEW"
    if status is Status.PENDING:
        return "PENDING_NEW"
    if status is Status.WAITING:
        return "NEW"
    if status is Status.EXPIRED and snapshot.order.why == Why.SELF_TRADE:
        return "EXPIRED_IN_MATCH"
    return status.name


def prevention_name(order: Order, market: Market) -> str:
    """The self-trade prevention that holds for an order."""
    mode = order.prevention if order.prevention is not None else market.prevention
    return mode.name


def working_time(snapshot: OrderSnapshot, *, micro: bool) -> int:
    """When an order began to work on the book; -1 before."""
    order = snapshot.order
    if snapshot.status is Status.WAITING:
        return -1
    return instant(order.triggered_at or order.created_at, micro=micro)
