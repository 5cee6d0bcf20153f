"""Orders as JSON: what placing, changing, canceling and querying them is answered.

"New Order", "Query Order", "Current All Open Orders" and "All Orders", 2026-08-19; as production
answered on 2026-09-19: acknowledgements have no average price, and allOrders, which reads another
store, leaves out the zeros that the others pad with.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.commands import BatchDone, BatchOrders, CancelOrder, ChangeOrder
from failing_exchange.core.market import Market
from failing_exchange.core.order import (
    EXPIRED,
    OPEN,
    Amendment,
    Order,
    OrderSnapshot,
    OrderType,
    TimeInForce,
    Why,
)
from failing_exchange.core.queries import Amendments, Countdown, Orders
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import MILLISECOND
from failing_exchange.core.wanted_orders import parts_of
from failing_exchange.journal.trip import Edited
from failing_exchange.venues.binance_common.call import Writing
from failing_exchange.venues.binance_common.edits import edit
from failing_exchange.venues.binance_common.values import venue_symbol
from failing_exchange.venues.binance_usdm.codes import said
from failing_exchange.venues.binance_usdm.number_formats import amount, average, cost, price
from failing_exchange.venues.binance_usdm.order_terms import match_name

TYPE_NAMES = {OrderType.LIMIT: "LIMIT", OrderType.MARKET: "MARKET"}
FORCE_NAMES = {force: force.value for force in TimeInForce}


def write_placed(w: Writing, placed: OrderSnapshot) -> dict[str, Any]:
    """What a new order is answered; ACK tells it as it came in, whatever was filled at once."""
    market = w.market(placed.order.symbol)
    if w.params.get("newOrderRespType", "ACK") == "RESULT":
        return acknowledged(placed, market)
    order = placed.order
    at = order.created_at // MILLISECOND
    return acknowledged(placed, market) | {
        "status": "NEW",
        "executedQty": amount(0, market),
        "cumQty": amount(0, market),
        "updateTime": at,
    }


def write_changed(w: Writing, changed: OrderSnapshot) -> dict[str, Any]:
    """What a cancel is answered: the order as it stands then."""
    return acknowledged(changed, w.market(changed.order.symbol))


def write_amended(w: Writing, changed: OrderSnapshot) -> dict[str, Any]:
    """What a change is answered: the order with its pair, and the client's id of the change."""
    market, change_id = w.market(changed.order.symbol), w.command.change_id
    return _amended(changed, market, change_id)


def _amended(changed: OrderSnapshot, market: Market, change_id: str) -> dict[str, Any]:
    found = acknowledged(changed, market)
    answer: dict[str, Any] = {}
    for name, value in found.items():
        answer[name] = value
        if name == "symbol":
            answer["pair"] = value
        elif name == "clientOrderId" and change_id:
            answer["modifyId"] = int(change_id)
    return answer


def write_batch(w: Writing, done: BatchDone) -> list[dict[str, Any]]:
    """Several orders: each as its own answer, or code and words of its refusal."""
    operation = "cancel_order" if _is_cancel(w.command) else "create_order"
    return [
        _of_batch(w, command, result, operation)
        for command, result in zip(parts_of(w.command), done.results, strict=True)
    ]


def _is_cancel(batch: BatchOrders) -> bool:
    return any(command.__class__ is CancelOrder for command in parts_of(batch))


def _of_batch(w: Writing, command: Any, result: Any, op: str) -> Any:
    if isinstance(result, Edited):
        return edit(_of_batch(w, command, result.answer, op), result.edits)
    if isinstance(result, Reject):
        no = said(result, "edit_order" if command.__class__ is ChangeOrder else op)
        return {"code": no.code, "msg": no.text}
    market = w.market(result.order.symbol)
    if command.__class__ is ChangeOrder:
        return _amended(result, market, command.change_id)
    return acknowledged(result, market)


def write_countdown(w: Writing, answer: Countdown) -> dict[str, Any]:
    """The symbol, and the time as a string."""
    milliseconds = w.command.nanoseconds // MILLISECOND
    return {"symbol": venue_symbol(answer.symbol), "countdownTime": str(milliseconds)}


def write_changes(w: Writing, answer: Amendments) -> list[dict[str, Any]]:
    """GET /fapi/v1/orderAmendment: the changes that the client made, newest first."""
    since, until = w.params.instant("startTime"), w.params.instant("endTime")
    found = [
        _change(one, w.market(one.symbol))
        for one in reversed(answer.amendments)
        if one.nth and since <= one.at and (not until or one.at < until + MILLISECOND)
    ]
    return found[: w.params.integer("limit", 50)]


def _change(one: Amendment, market: Market) -> dict[str, Any]:
    name = venue_symbol(one.symbol)
    amendment: dict[str, Any] = {
        "price": {"before": price(one.old_ticks, market), "after": price(one.new_ticks, market)},
        "origQty": {"before": amount(one.old_lots, market), "after": amount(one.new_lots, market)},
        "count": one.nth,
    }
    if one.change_id:
        amendment["modifyId"] = int(one.change_id)
    return {
        "amendmentId": one.execution_id,
        "symbol": name,
        "pair": name,
        "orderId": one.order_id,
        "clientOrderId": one.new_client_id,
        "time": one.at // MILLISECOND,
        "amendment": amendment,
    }


def acknowledged(snapshot: OrderSnapshot, market: Market) -> dict[str, Any]:
    """An order as answers to commands show it."""
    order = snapshot.order
    filled = amount(snapshot.filled, market)
    return {
        "orderId": order.id,
        "symbol": venue_symbol(order.symbol),
        "status": status_name(snapshot),
        "clientOrderId": order.client_id,
        "price": price(snapshot.ticks, market),
        "origQty": amount(snapshot.original_lots, market),
        "executedQty": filled,
        "cumQty": filled,
        **_terms(order, market),
        "updateTime": snapshot.updated_at // MILLISECOND,
    }


def _terms(order: Order, market: Market) -> dict[str, Any]:
    """What an order was placed with."""
    name = TYPE_NAMES[order.kind]
    return {
        "timeInForce": force_name(order),
        "type": name,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side.name,
        "positionSide": order.position_side.name,
        "stopPrice": price(0, market),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": name,
        "priceMatch": match_name(order.peg),
        "selfTradePreventionMode": (order.prevention or market.prevention).upper(),
        "goodTillDate": order.expires_at // MILLISECOND,
    }


def write_order(w: Writing, snapshot: OrderSnapshot) -> dict[str, Any]:
    """GET /fapi/v1/order and /openOrder."""
    return queried(snapshot, w.market(snapshot.order.symbol))


def write_orders(w: Writing, answer: Orders) -> list[dict[str, Any]]:
    """GET /fapi/v1/openOrders."""
    return [write_order(w, snapshot) for snapshot in answer.orders]


def queried(snapshot: OrderSnapshot, market: Market) -> dict[str, Any]:
    """An order as it is found."""
    found = acknowledged(snapshot, market)
    updated = found.pop("updateTime")
    del found["cumQty"]
    return with_costs(found, snapshot.cost, snapshot.filled, market) | {
        "time": snapshot.order.created_at // MILLISECOND,
        "updateTime": updated,
    }


def with_costs(found: dict[str, Any], spent: int, filled: int, market: Market) -> dict[str, Any]:
    """The same with average price and cost in their places."""
    placed: dict[str, Any] = {}
    for name, value in found.items():
        placed[name] = value
        if name == "price":
            placed["avgPrice"] = average(spent, filled, market)
        elif name == "executedQty":
            placed["cumQuote"] = cost(spent, market)
    return placed


def write_history(w: Writing, answer: Orders) -> list[dict[str, Any]]:
    """GET /fapi/v1/allOrders."""
    return [stored(snapshot, w.market(snapshot.order.symbol)) for snapshot in answer.orders]


def stored(snapshot: OrderSnapshot, market: Market) -> dict[str, Any]:
    """An order as the store of finished ones has it: nothing is "0", without places."""
    found = queried(snapshot, market)
    found["cumBase"] = "0"
    for name, value in (
        ("price", snapshot.ticks), ("executedQty", snapshot.filled), ("cumQuote", snapshot.cost),
        ("stopPrice", 0),
    ):  # fmt: skip
        if not value:
            found[name] = "0"
    return found | {"pair": found["symbol"]}


def write_tested(w: Writing, placed: OrderSnapshot) -> dict[str, Any]:
    """A test order leaves no trace; it is shown as it would have come in."""
    market = w.market(placed.order.symbol)
    return with_costs(acknowledged(placed, market), placed.cost, placed.filled, market)


def write_all_canceled(w: Writing, answer: Any) -> dict[str, Any]:
    """DELETE /fapi/v1/allOpenOrders: not which ones."""
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def force_name(order: Order) -> str:
    """Time in force: GTX for an order that may only rest, GTD for one that the venue ends."""
    if order.post_only:
        return "GTX"
    if order.expires_at:
        return "GTD"
    return FORCE_NAMES[order.time_in_force]


def status_name(snapshot: OrderSnapshot) -> str:
    """An order's status in the venue's words ("Common Definition", 2026-08-19)."""
    status = snapshot.status
    if status is OPEN:
        return "PARTIALLY_FILLED" if snapshot.filled else "NEW"
    if status is EXPIRED and snapshot.order.why == Why.SELF_TRADE:
        return "EXPIRED_IN_MATCH"
    return status.name
