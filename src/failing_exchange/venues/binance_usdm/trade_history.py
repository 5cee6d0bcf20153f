"""What an account has done: orders, trades, liquidations, and what it may still order.

"All Orders", "Account Trade List", "User's Force Orders" and "Query User Rate Limit", 2026-08-19;
of more than `limit`, trades are the oldest and orders the newest (seen on 2026-09-19).
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.order import OPEN, Fill, OrderSnapshot, Side
from failing_exchange.core.queries import FetchBalance, FetchFills, FetchOrders, Fills, Orders
from failing_exchange.core.units import DAY, MILLISECOND
from failing_exchange.venues.binance_common.call import Answered, Reading, Writing
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import decimal, venue_symbol
from failing_exchange.venues.binance_usdm.codes import CODES
from failing_exchange.venues.binance_usdm.contract_orders import queried, stored
from failing_exchange.venues.binance_usdm.number_formats import amount, cost, money, price

LIMIT_MAX = 1_000  # orders or trades of one answer; a larger limit is refused
FORCED_MAX = 100  # liquidations of one answer; likewise
SPAN = 7 * DAY  # the longest time of one request, and what is told where none is asked for
PRUNED = 3 * DAY  # after which an order that ended without a fill is not found any more
KEPT = 90 * DAY  # after which no order is found
UNKNOWN = Answered(400, {"code": CODES["NO_SUCH_ORDER"], "msg": "Order does not exist."})


def read_span(r: Reading) -> tuple[int, int]:
    """(since, until) of a request in nanoseconds; without both, the last seven days."""
    p = r.params
    since, until = p.instant("startTime"), p.instant("endTime")
    if since and until and since > until:
        refuse("START_TIME_GREATER_THAN_END_TIME", "Start time is greater than end time.")
    if since and until and until - since > SPAN:
        refuse("INVALID_TIME_INTERVAL", "Maximum time interval is 7 days.")
    if until:
        return since or max(1, until - SPAN), until + MILLISECOND - 1
    if since:
        return since, since + SPAN
    return max(1, r.at - SPAN), 0


def limit_of(p: Params, default: int, most: int) -> int:
    """How many rows are asked for."""
    limit = p.integer("limit", default, least=1)
    if limit > most:
        refuse("INVALID_PARAMETER", "Data sent for parameter 'limit' is not valid.")
    return limit


def read_orders(r: Reading) -> FetchOrders:
    """GET /fapi/v1/allOrders: from an order on, else the newest of a time."""
    p, symbol = r.params, r.market().symbol
    limit = limit_of(p, 500, LIMIT_MAX)
    first = p.integer("orderId", 0)
    since, until = read_span(r)
    if first:
        return FetchOrders(r.account, symbol, "all", limit=limit, until=until, from_id=first)
    return FetchOrders(r.account, symbol, "all", since=since, until=until)


def write_orders(w: Writing, answer: Orders) -> list[dict[str, Any]]:
    """Orders that are still kept, oldest first."""
    found = [one for one in answer.orders if _is_kept(one, w.at)]
    limit = int(w.params.get("limit", "500"))
    return [stored(one, w.market(one.order.symbol)) for one in found[-limit:]]


def _is_kept(one: OrderSnapshot, at: int) -> bool:
    """Whether an order is found: those that ended without a fill are forgotten early."""
    age = at - one.order.created_at
    ended_unfilled = one.status is not OPEN and not one.filled
    return age <= (PRUNED if ended_unfilled else KEPT)


def write_order(w: Writing, one: OrderSnapshot) -> Any:
    """GET /fapi/v1/order: one that is still kept."""
    return queried(one, w.market(one.order.symbol)) if _is_kept(one, w.at) else UNKNOWN


def write_open_order(w: Writing, one: OrderSnapshot) -> Any:
    """GET /fapi/v1/openOrder: one that is open."""
    return queried(one, w.market(one.order.symbol)) if one.status is OPEN else UNKNOWN


def read_fills(r: Reading) -> FetchFills:
    """GET /fapi/v1/userTrades."""
    p, symbol = r.params, r.market().symbol
    if "fromId" in p and ("startTime" in p or "endTime" in p):
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")
    limit, order_id = limit_of(p, 500, LIMIT_MAX), p.integer("orderId", 0)
    if "fromId" in p:
        first = max(1, p.integer("fromId"))
        return FetchFills(r.account, symbol, order_id, limit=limit, from_id=first)
    since, until = read_span(r)
    return FetchFills(r.account, symbol, order_id, since=since, limit=limit, until=until)


def write_fills(w: Writing, answer: Fills) -> list[dict[str, Any]]:
    """Own trades, oldest first."""
    return [_fill(fill, w) for fill in answer.fills]


def _fill(fill: Fill, w: Writing) -> dict[str, Any]:
    market, name = w.market(fill.symbol), venue_symbol(fill.symbol)
    return {
        "symbol": name,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "pair": name,
        "side": fill.side.name,
        "price": price(fill.ticks, market),
        "qty": amount(fill.lots, market),
        "realizedPnl": money(fill.profit),
        "quoteQty": cost(fill.cost, market),
        "commission": decimal(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at // MILLISECOND,
        "buyer": fill.side is Side.BUY,
        "maker": fill.maker,
        "positionSide": fill.position_side.name,
        "baseQty": "0",
        "marginAsset": market.settle,
    }


def read_forced(r: Reading) -> FetchOrders:
    """GET /fapi/v1/forceOrders."""
    p, market = r.params, r.maybe_market()
    limit_of(p, 50, FORCED_MAX)
    if p.get("autoCloseType", "LIQUIDATION") not in ("LIQUIDATION", "ADL"):
        refuse("INVALID_PARAMETER", "Data sent for parameter 'autoCloseType' is not valid.")
    since, until = read_span(r)
    symbol = market.symbol if market else ""
    return FetchOrders(r.account, symbol, "all", since=since, until=until)


def write_forced(w: Writing, answer: Orders) -> list[dict[str, Any]]:
    """Orders that the venue placed to close positions, newest ones where there are too many."""
    kind, limit = w.params.get("autoCloseType"), int(w.params.get("limit", "50"))
    found = [one for one in answer.orders if one.order.forced and kind in (None, _kind(one))]
    return [_forced(one, w) for one in found[-limit:]]


def _kind(one: OrderSnapshot) -> str:
    return "ADL" if one.order.client_id.startswith("adl") else "LIQUIDATION"


FORCED_LACK = ("priceMatch", "selfTradePreventionMode", "goodTillDate", "priceProtect")


def _forced(one: OrderSnapshot, w: Writing) -> dict[str, Any]:
    market = w.market(one.order.symbol)
    found = stored(one, market)
    found["cumBase"] = amount(one.filled, market)
    return {name: value for name, value in found.items() if name not in FORCED_LACK}


def read_counts(r: Reading) -> FetchBalance:
    """GET /fapi/v1/rateLimit/order."""
    return FetchBalance(r.account)


def write_counts(w: Writing, answer: Any) -> list[dict[str, Any]]:
    """The limits of new orders."""
    rows = [] if w.meter is None else w.meter.rows()
    return [row for row in rows if row["rateLimitType"] == "ORDERS"]
