"""Cancel-and-replace, and amending in place.

rest-api.md, "Cancel an Existing Order and Send a New Order" and "Order Amend Keep Priority";
faqs/order_amend_keep_priority.md; 2026-07-21.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.commands import Replaced
from failing_exchange.core.order import Amendment, OrderSnapshot
from failing_exchange.core.queries import FetchAmendments
from failing_exchange.core.reject import Reject
from failing_exchange.venues.binance.codes import CODES, said
from failing_exchange.venues.binance.order_lists import write_list
from failing_exchange.venues.binance.orders import (
    add_rarities,
    add_state,
    prevention_name,
    write_canceled,
    write_placed,
)
from failing_exchange.venues.binance.placing import (
    client_id,
    lots_of,
    named,
    read_place,
    restriction,
)
from failing_exchange.venues.binance_common.call import Answered, Reading, Writing
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import amount, decimal, instant, venue_symbol

MODES = {"STOP_ON_FAILURE": True, "ALLOW_FAILURE": False}
WHEN_LIMITED = ("DO_NOTHING", "CANCEL_ONLY")


def read_replace(r: Reading) -> c.ReplaceOrder:
    """POST /api/v3/order/cancelReplace. Filters are evaluated before anything is canceled."""
    p = r.params
    symbol = r.market().symbol
    stop = p.one_of("cancelReplaceMode", MODES)
    if p.get("orderRateLimitExceededMode", "DO_NOTHING") not in WHEN_LIMITED:
        refuse(
            "INVALID_PARAMETER",
            "Data sent for parameter 'orderRateLimitExceededMode' is not valid.",
        )
    order_id, name = named(p, "cancelOrderId", "cancelOrigClientOrderId")
    cancel = c.CancelOrder(
        r.account, symbol, order_id, name, restriction(p), client_id(p, "cancelNewClientOrderId")
    )
    return c.ReplaceOrder(cancel, read_place(r), only_if_canceled=stop, check_first=True)


def write_replaced(w: Writing, answer: Replaced) -> Any:
    """Both halves; where one has failed, inside an error."""
    canceled, placed = answer.canceled, answer.placed
    body = {
        "cancelResult": _result(canceled),
        "newOrderResult": _result(placed),
        "cancelResponse": _half(w, canceled, cancel=True),
        "newOrderResponse": _half(w, placed, cancel=False),
    }
    failed = [isinstance(canceled, Reject), placed is None or isinstance(placed, Reject)]
    if not any(failed):
        return body
    command: c.ReplaceOrder = w.command
    name, status = "CANCEL_REPLACE_PARTIALLY_FAILED", 409
    text = "Order cancel-replace partially failed."
    if all(failed):
        name, status, text = "CANCEL_REPLACE_FAILED", 400, "Order cancel-replace failed."
    found = Answered(status, {"code": CODES[name], "msg": text, "data": body})
    refused = command.refused
    if refused is None or not refused.until or not command.only_if_canceled:
        return found
    return found._replace(status=429, until=refused.until)


def _result(half: object) -> str:
    if half is None:
        return "NOT_ATTEMPTED"
    return "FAILURE" if isinstance(half, Reject) else "SUCCESS"


def _half(w: Writing, half: OrderSnapshot | Reject | None, *, cancel: bool) -> Any:
    if half is None:
        return None
    if isinstance(half, Reject):
        no = said(half, "cancel_order" if cancel else "create_order")
        return {"code": no.code, "msg": no.text}
    return write_canceled(w, half) if cancel else write_placed(w, half)


# ---- amending


def read_amend(r: Reading) -> c.AmendOrder:
    """PUT /api/v3/order/amend/keepPriority."""
    p, market = r.params, r.market()
    order_id, name = named(p)
    p.need("newQty")
    lots = lots_of(p, "newQty", market)
    return c.AmendOrder(
        r.account, market.symbol, order_id, lots, name, client_id(p, "newClientOrderId")
    )


def write_amended(w: Writing, snapshot: OrderSnapshot) -> dict[str, Any]:
    """The amended order, and the list it belongs to."""
    order, market = snapshot.order, w.market(snapshot.order.symbol)
    record = order.amendments[-1]
    shown: dict[str, Any] = {}
    add_state(shown, snapshot, market)
    amended = {
        "symbol": venue_symbol(order.symbol),
        "orderId": order.id,
        "orderListId": order.list_id or -1,
        "origClientOrderId": record.old_client_id,
        "clientOrderId": record.new_client_id,
        "price": shown["price"],
        "qty": shown["origQty"],
        "executedQty": shown["executedQty"],
        "preventedQty": amount(snapshot.prevented, market),
        "quoteOrderQty": decimal(order.cost_wanted),
        "cumulativeQuoteQty": shown["cummulativeQuoteQty"],
        "status": shown["status"],
        "timeInForce": shown["timeInForce"],
        "type": shown["type"],
        "side": shown["side"],
    }
    if snapshot.working_at:
        amended["workingTime"] = instant(snapshot.working_at, micro=w.micro)
    amended["selfTradePreventionMode"] = prevention_name(order, market)
    add_rarities(amended, snapshot, market, micro=w.micro)
    answer = {
        "transactTime": instant(snapshot.updated_at, micro=w.micro),
        "executionId": record.execution_id,
        "amendedOrder": amended,
    }
    found = order.order_list
    if found is not None and found.announced and (seen := found.as_of(w.at)) is not None:
        listed = write_list(w, seen)
        answer["listStatus"] = {
            name: value
            for name, value in listed.items()
            if name not in ("listStatusType", "transactionTime")
        }
    return answer


def read_amendments(r: Reading) -> FetchAmendments:
    """GET /api/v3/order/amendments."""
    p, symbol = r.params, r.market().symbol
    limit = p.integer("limit", 500, least=1, most=1_000)
    first = p.integer("fromExecutionId", 0)
    return FetchAmendments(r.account, symbol, p.integer("orderId"), first, limit)


def write_amendments(w: Writing, answer: Any) -> list[dict[str, Any]]:
    """What was amended, oldest first."""
    return [_amendment(one, w) for one in answer.amendments]


def _amendment(one: Amendment, w: Writing) -> dict[str, Any]:
    market = w.market(one.symbol)
    return {
        "symbol": venue_symbol(one.symbol),
        "orderId": one.order_id,
        "executionId": one.execution_id,
        "origClientOrderId": one.old_client_id,
        "newClientOrderId": one.new_client_id,
        "origQty": amount(one.old_lots, market),
        "newQty": amount(one.new_lots, market),
        "time": instant(one.at, micro=w.micro),
    }
