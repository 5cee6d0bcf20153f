"""Order lists: OCO, OTO, OTOCO, OPO, OPOCO; requests to commands, answers to JSON.

rest-api.md, "Order lists"; errors.md, -1158 to -1199; 2026-07-21.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.market import Market
from failing_exchange.core.order import (
    Contingency,
    ListStatus,
    OrderList,
    OrderListSnapshot,
    OrderSnapshot,
    Side,
)
from failing_exchange.core.queries import FetchOrderList, FetchOrderLists
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import DAY
from failing_exchange.venues.binance.codes import said
from failing_exchange.venues.binance.orders import write_canceled, write_placed
from failing_exchange.venues.binance.placing import (
    check_response,
    client_id,
    lots_of,
    named,
    read_leg,
    side_of,
)
from failing_exchange.venues.binance_common.call import Answered, Reading, Writing
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import missing, refuse
from failing_exchange.venues.binance_common.values import instant, venue_symbol

LIMITS = ("LIMIT_MAKER",)
PROFITS = ("TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
WORKING = ("LIMIT", "LIMIT_MAKER")
# (side, kind) -> (the place it must have, code, words)
PLACES = {
    ("BUY", LIMITS): ("below", "BUY_OCO_LIMIT_MUST_BE_BELOW",
                      "A limit order in a buy OCO must be below."),
    ("SELL", LIMITS): ("above", "SELL_OCO_LIMIT_MUST_BE_ABOVE",
                       "A limit order in a sell OCO must be above."),
    ("BUY", STOPS): ("above", "BUY_OCO_STOP_LOSS_MUST_BE_ABOVE",
                     "A stop loss order in a buy OCO must be above."),
    ("SELL", STOPS): ("below", "SELL_OCO_STOP_LOSS_MUST_BE_BELOW",
                      "A stop loss order in a sell OCO must be below."),
    ("BUY", PROFITS): ("below", "BUY_OCO_TAKE_PROFIT_MUST_BE_BELOW",
                       "A take profit order in a buy OCO must be below."),
    ("SELL", PROFITS): ("above", "SELL_OCO_TAKE_PROFIT_MUST_BE_ABOVE",
                        "A take profit order in a sell OCO must be above."),
}  # fmt: skip


# ---- requests


def read_oco(r: Reading) -> c.PlaceOrderList:
    """POST /api/v3/orderList/oco."""
    p, market = r.params, r.market()
    side = side_of(p, "side")
    check_response(p)
    legs = _pair(p, market, r.account, side, "quantity", "")
    return c.PlaceOrderList(r.account, legs, Contingency.OCO, client_id(p, "listClientOrderId"))


def read_old_oco(r: Reading) -> c.PlaceOrderList:
    """POST /api/v3/order/oco, the deprecated one: its parameters as those of the new one."""
    p = r.params
    r.market()
    for parameter in ("side", "quantity", "price", "stopPrice"):
        if not p.get(parameter):
            missing(parameter)
    sell = side_of(p, "side") is Side.SELL
    limit, stop = ("above", "below") if sell else ("below", "above")
    if "stopLimitPrice" in p and "stopLimitTimeInForce" not in p:
        missing("stopLimitTimeInForce")
    renamed = {
        f"{limit}Type": "LIMIT_MAKER",
        f"{stop}Type": "STOP_LOSS_LIMIT" if "stopLimitPrice" in p else "STOP_LOSS",
    }
    for new, old in _old_names(limit, stop).items():
        if old in p:
            renamed[new] = p[old]
    return read_oco(r._replace(params=Params(p | renamed)))


def _old_names(limit: str, stop: str) -> dict[str, str]:
    return {
        f"{limit}Price": "price",
        f"{limit}ClientOrderId": "limitClientOrderId",
        f"{limit}IcebergQty": "limitIcebergQty",
        f"{limit}StrategyId": "limitStrategyId",
        f"{limit}StrategyType": "limitStrategyType",
        f"{stop}StopPrice": "stopPrice",
        f"{stop}Price": "stopLimitPrice",
        f"{stop}TimeInForce": "stopLimitTimeInForce",
        f"{stop}TrailingDelta": "trailingDelta",
        f"{stop}ClientOrderId": "stopClientOrderId",
        f"{stop}IcebergQty": "stopIcebergQty",
        f"{stop}StrategyId": "stopStrategyId",
        f"{stop}StrategyType": "stopStrategyType",
    }


def read_oto(r: Reading) -> c.PlaceOrderList:
    """POST /api/v3/orderList/oto."""
    p, market = r.params, r.market()
    check_response(p)
    working = _working(p, market, r.account)
    pending = read_leg(
        p,
        market,
        r.account,
        side_of(p, "pendingSide"),
        lots=_needed_lots(p, "pendingQuantity", market),
        prefix="pending",
    )
    name = client_id(p, "listClientOrderId")
    return c.PlaceOrderList(r.account, (working, pending), Contingency.OTO, name)


def read_otoco(r: Reading) -> c.PlaceOrderList:
    """POST /api/v3/orderList/otoco."""
    p, market = r.params, r.market()
    check_response(p)
    working = _working(p, market, r.account)
    side = side_of(p, "pendingSide")
    pending = _pair(p, market, r.account, side, "pendingQuantity", "pending")
    name = client_id(p, "listClientOrderId")
    return c.PlaceOrderList(r.account, (working, *pending), Contingency.OTO, name)


def read_opo(r: Reading) -> c.PlaceOrderList:
    """POST /api/v3/orderList/opo: what the working order buys, the pending one sells."""
    p, market = r.params, r.market()
    check_response(p)
    working, side = _paying(p, market, r.account)
    pending = read_leg(p, market, r.account, side, lots=0, prefix="pending")
    name = client_id(p, "listClientOrderId")
    return _paid_list(r.account, market, (working, pending), name)


def read_opoco(r: Reading) -> c.PlaceOrderList:
    """POST /api/v3/orderList/opoco: the same with a pair."""
    p, market = r.params, r.market()
    check_response(p)
    working, side = _paying(p, market, r.account)
    pending = _pair(p, market, r.account, side, "", "pending")
    name = client_id(p, "listClientOrderId")
    return _paid_list(r.account, market, (working, *pending), name)


def _paid_list(
    account: str, market: Market, legs: tuple[c.PlaceOrder, ...], name: str
) -> c.PlaceOrderList:
    """A list whose fee, where BNB is bought, is always taken from it (faqs/opo.md, 2026-07-21)."""
    kept = market.base == "BNB"
    return c.PlaceOrderList(account, legs, Contingency.OTO, name, True, fee_from_proceeds=kept)


def _paying(p: Params, market: Market, account: str) -> tuple[c.PlaceOrder, Side]:
    """The working order, and the side of what it pays for."""
    working, side = _working(p, market, account), side_of(p, "pendingSide")
    if working.side is not Side.BUY:
        refuse("OPO_WORKING_MUST_BE_BUY", "Working order in an OPO list must be a bid.")
    if side is not Side.SELL:
        refuse("OPO_PENDING_MUST_BE_SELL", "Pending orders in an OPO list must be asks.")
    return working, side


def _working(p: Params, market: Market, account: str) -> c.PlaceOrder:
    if p.need("workingType") not in WORKING:
        refuse("INVALID_ORDER_TYPE", "Invalid orderType.")
    lots = _needed_lots(p, "workingQuantity", market)
    return read_leg(p, market, account, side_of(p, "workingSide"), lots=lots, prefix="working")


def _needed_lots(p: Params, name: str, market: Market) -> int:
    p.need(name)
    return lots_of(p, name, market)


def _pair(
    p: Params, market: Market, account: str, side: Side, quantity: str, prefix: str
) -> tuple[c.PlaceOrder, c.PlaceOrder]:
    """Both orders, the one that stops a loss first, as in all examples of the documents."""
    lots = _needed_lots(p, quantity, market) if quantity else 0
    prefixes = (f"{prefix}Above", f"{prefix}Below") if prefix else ("above", "below")
    kinds = [p.need(f"{one}Type") for one in prefixes]
    if all(kind in LIMITS for kind in kinds):
        refuse("BOTH_OCO_ORDERS_CANNOT_BE_LIMIT", "At least one OCO order must be contingent.")
    for kind, place in zip(kinds, ("above", "below"), strict=True):
        _check_place(side, kind, place)
    above, below = (read_leg(p, market, account, side, lots=lots, prefix=one) for one in prefixes)
    return (below, above) if side is Side.SELL else (above, below)


def _check_place(side: Side, kind: str, place: str) -> None:
    for (of_side, kinds), (wanted, code, text) in PLACES.items():
        if of_side == side.name and kind in kinds:
            if place != wanted:
                refuse(code, text)
            return
    refuse("OCO_ORDER_TYPE_REJECTED", "Order type not supported in OCO.")


def read_cancel_list(r: Reading) -> c.CancelOrderList:
    """DELETE /api/v3/orderList."""
    p, symbol = r.params, r.market().symbol
    list_id, name = named(p, "orderListId", "listClientOrderId")
    return c.CancelOrderList(r.account, symbol, list_id, name, client_id(p, "newClientOrderId"))


def read_list(r: Reading) -> FetchOrderList:
    """GET /api/v3/orderList."""
    return FetchOrderList(r.account, *named(r.params, "orderListId", "origClientOrderId"))


def read_lists(r: Reading) -> FetchOrderLists:
    """GET /api/v3/allOrderList."""
    p = r.params
    since, until = p.instant("startTime"), p.instant("endTime")
    if "fromId" in p and (since or until):
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")
    check_span(since, until)
    limit = p.integer("limit", 500, least=1, most=1_000)
    return FetchOrderLists(r.account, "all", since, until, p.integer("fromId", 0), limit)


def read_open_lists(r: Reading) -> FetchOrderLists:
    """GET /api/v3/openOrderList."""
    return FetchOrderLists(r.account, "open")


def check_span(since: int, until: int) -> None:
    """startTime and endTime may be a day apart at most."""
    if since and until and not 0 <= until - since <= DAY:
        refuse("MORE_THAN_XX_HOURS", "More than 24 hours between startTime and endTime.")


# ---- answers


def write_placed_list(w: Writing, placed: tuple[OrderSnapshot, ...]) -> dict[str, Any]:
    """A new list, with a report of each of its orders."""
    found = placed[0].order.order_list
    assert found is not None, "what was placed as a list is one"
    if "newOrderRespType" not in w.params:
        w = w._replace(params=Params({**w.params, "newOrderRespType": "RESULT"}))
    return _head(found, found.orders, w) | {
        "orderReports": [write_placed(w, snapshot) for snapshot in placed]
    }


def write_canceled_list(w: Writing, found: OrderListSnapshot) -> dict[str, Any]:
    """A canceled list, with a report of each of its orders."""
    orders = tuple(snapshot.order for snapshot in found.orders)
    return _head(found, orders, w) | {
        "orderReports": [write_canceled(w, snapshot) for snapshot in found.orders]
    }


def write_list(w: Writing, found: OrderListSnapshot) -> dict[str, Any]:
    """A list as queries show it."""
    return _head(found, tuple(snapshot.order for snapshot in found.orders), w)


def write_lists(w: Writing, answer: Any) -> list[dict[str, Any]]:
    """Several of them."""
    return [write_list(w, found) for found in answer.lists]


def write_all_canceled(w: Writing, ended: tuple[OrderSnapshot, ...]) -> Any:
    """DELETE /api/v3/openOrders: single orders, and each list once with its orders.

    Without any, the venue says that it knows no such order (as seen in production, 2021 to 2022).
    """
    if not ended:
        no = said(Reject(Reason.ORDER_NOT_FOUND, ""), "cancel_all_orders")
        return Answered(no.status, {"code": no.code, "msg": no.text})
    answer: list[dict[str, Any]] = []
    told: dict[int, None] = {}
    for snapshot in ended:
        found = snapshot.order.order_list
        if found is None or not found.announced:
            answer.append(write_canceled(w, snapshot))
        elif found.id not in told:
            told[found.id] = None
            reports = [write_canceled(w, order.snapshot()) for order in found.orders]
            answer.append(_head(found, found.orders, w) | {"orderReports": reports})
    return answer


def _head(found: OrderList | OrderListSnapshot, orders: Any, w: Writing) -> dict[str, Any]:
    symbol = venue_symbol(found.symbol)
    executing = found.status is ListStatus.EXECUTING
    return {
        "orderListId": found.id,
        "contingencyType": found.contingency.name,
        "listStatusType": "EXEC_STARTED" if executing else "ALL_DONE",
        "listOrderStatus": found.status.name,
        "listClientOrderId": found.client_id,
        "transactionTime": instant(found.updated_at, micro=w.micro),
        "symbol": symbol,
        "orders": [
            {"symbol": symbol, "orderId": order.id, "clientOrderId": order.client_id}
            for order in orders
        ],
    }
