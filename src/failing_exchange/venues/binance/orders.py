"""Orders as JSON: what placing, canceling and querying them is answered.

rest-api.md, "Trading endpoints" and "Account Endpoints"; enums.md; 2026-07-21.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.generated_ids import Named, made_id
from failing_exchange.core.market import Market
from failing_exchange.core.order import (
    EXPIRED,
    OPEN,
    PENDING,
    TRIGGERED_TYPES,
    WAITING,
    Fill,
    Order,
    OrderSnapshot,
    OrderType,
    PreventedMatch,
    Side,
    TimeInForce,
    Why,
)
from failing_exchange.core.units import PPM
from failing_exchange.venues.binance.pegs import asked, fields
from failing_exchange.venues.binance_common.call import Writing
from failing_exchange.venues.binance_common.values import (
    amount,
    decimal,
    instant,
    price,
    venue_symbol,
)

TYPES = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_LOSS": OrderType.STOP_LOSS,
    "STOP_LOSS_LIMIT": OrderType.STOP_LOSS_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
SIDE_NAMES = {side: side.name for side in Side}
FORCE_NAMES = {force: force.value for force in TimeInForce}
TYPE_NAMES = {kind: name for name, kind in TYPES.items() if name != "LIMIT_MAKER"}
FULL_TYPES = ("MARKET", "LIMIT")  # the others are acknowledged only, unless asked otherwise
PEG_FIELDS = ("pegPriceType", "pegOffsetType", "pegOffsetValue", "peggedPrice")
# why an order expired -> its reason (user-data-stream.md, "Order Expiry Reason", 2026-07-21)
EXPIRY_REASONS: dict[str, str] = {
    Why.NOT_AT_ONCE: "UNFILLED_FOK_ORDER_EXPIRED",
    Why.OTHER_WENT_AHEAD: "OCO_TRIGGER",
    Why.OTHER_ENDED: "OCO_TRIGGER",
    Why.WORKING_ENDED: "OTO_PHASE_ONE_EXPIRED",
    Why.REFUSED: "REJECTED",
    Why.BY_VENUE: "EXCHANGE_CANCELED",
    Why.OUT_OF_RANGE: "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
}
# the same of an order that was not to stay, where nothing more was offered
FORCE_REASONS = {
    TimeInForce.IOC: "UNFILLED_IOC_QUANTITY_EXPIRED",
    TimeInForce.FOK: "UNFILLED_FOK_ORDER_EXPIRED",
}


def write_placed(w: Writing, placed: OrderSnapshot) -> dict[str, Any]:
    """What a new order is answered: ACK, RESULT or FULL."""
    order, market = placed.order, w.market(placed.order.symbol)
    wanted = w.params.get("newOrderRespType") or (
        "FULL" if type_name(order) in FULL_TYPES else "ACK"
    )
    answer = _head(order)
    answer["transactTime"] = instant(placed.updated_at, micro=w.micro)
    if wanted == "ACK":
        return answer
    add_state(answer, placed, market)
    if not placed.lots and placed.status is PENDING:
        del answer["origQty"]  # that of an order that another one pays for is not known yet
    add_rarities(answer, placed, market, micro=w.micro)
    _add_prevented(answer, placed, market)
    answer["workingTime"] = working_time(placed, micro=w.micro)
    answer["selfTradePreventionMode"] = prevention_name(order, market)
    if wanted == "FULL":
        fills = order.fills[: placed.fills]
        answer["fills"] = [_fill(fill, market) for fill in fills]
        met = [match for match in placed.prevented_matches if match.taker_id == order.id]
        if met:
            answer["preventedMatches"] = [_met(match, market) for match in met]
    return answer


def write_tested(w: Writing, placed: OrderSnapshot) -> dict[str, Any]:
    """A test order leaves no trace; its fees are told on request."""
    if not w.params.flag("computeCommissionRates"):
        return {}
    market = w.market(placed.order.symbol)
    return {
        "standardCommissionForOrder": maker_taker(market.maker_fee, market.taker_fee),
        "specialCommissionForOrder": maker_taker(0, 0),
        "taxCommissionForOrder": maker_taker(0, 0),
        "discount": discount(market),
    }


def maker_taker(maker: int, taker: int) -> dict[str, str]:
    """Fees (parts per million) as rates."""
    return {"maker": decimal(maker * 100), "taker": decimal(taker * 100)}


def discount(market: Market) -> dict[str, Any]:
    """What paying fees in BNB saves."""
    return {
        "enabledForAccount": True,
        "enabledForSymbol": True,
        "discountAsset": "BNB",
        "discount": decimal((PPM - market.fee_discount) * 100),
    }


def write_order(w: Writing, snapshot: OrderSnapshot) -> dict[str, Any]:
    """An order as queries show it."""
    order, market = snapshot.order, w.market(snapshot.order.symbol)
    answer = _head(order)
    add_state(answer, snapshot, market)
    answer["stopPrice"] = price(order.stop_ticks, market)
    answer["icebergQty"] = amount(order.iceberg_lots, market)
    answer["time"] = instant(order.created_at, micro=w.micro)
    answer["updateTime"] = instant(snapshot.updated_at, micro=w.micro)
    answer["isWorking"] = snapshot.working_at > 0
    answer["workingTime"] = working_time(snapshot, micro=w.micro)
    answer["origQuoteOrderQty"] = decimal(order.cost_wanted)
    answer["selfTradePreventionMode"] = prevention_name(order, market)
    expired = [m.id for m in snapshot.prevented_matches if m.lots_of(order.id)]
    if expired:
        answer["preventedMatchId"] = expired[-1]
        _add_prevented(answer, snapshot, market)
    add_rarities(answer, snapshot, market, micro=w.micro)
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
    add_state(answer, snapshot, market)
    add_rarities(answer, snapshot, market, micro=w.micro)
    _add_prevented(answer, snapshot, market)
    answer["selfTradePreventionMode"] = prevention_name(order, market)
    return answer


def cancel_name(order: Order) -> str:
    """The client id of the cancel that ended an order; where the client gave none, a made one."""
    return order.canceled_as or made_id(order.id, Named.CANCEL)


def _head(order: Order) -> dict[str, Any]:
    return {
        "symbol": venue_symbol(order.symbol),
        "orderId": order.id,
        "orderListId": order.list_id or -1,
        "clientOrderId": order.client_id,
    }


def add_state(answer: dict[str, Any], snapshot: OrderSnapshot, market: Market) -> None:
    """What every answer says of how an order stands."""
    order, step = snapshot.order, market.amount_step
    answer["price"] = decimal(asked(snapshot) * market.price_step)
    answer["origQty"] = decimal(snapshot.original_lots * step)
    answer["executedQty"] = decimal(snapshot.filled * step)
    answer["origQuoteOrderQty"] = decimal(order.cost_wanted)
    answer["cummulativeQuoteQty"] = decimal(snapshot.cost)
    answer["status"] = status_name(snapshot)
    answer["timeInForce"] = FORCE_NAMES[order.time_in_force]
    answer["type"] = type_name(order)
    answer["side"] = SIDE_NAMES[order.side]


def add_rarities(
    found: dict[str, Any], snapshot: OrderSnapshot, market: Market, *, micro: bool
) -> None:
    """The conditional fields ("Conditional fields in Order Responses") but those of prevention."""
    order = snapshot.order
    if order.kind in TRIGGERED_TYPES and order.stop_ticks:
        found["stopPrice"] = price(order.stop_ticks, market)
    if order.iceberg_lots:
        found["icebergQty"] = amount(order.iceberg_lots, market)
    if order.trail_bips:
        found["trailingDelta"] = order.trail_bips
        since = order.trailing_at
        found["trailingTime"] = instant(since, micro=micro) if since else -1
    if order.peg is not None:
        found |= fields(snapshot, market, PEG_FIELDS)
    if order.extra:  # strategyId, strategyType
        found |= order.extra
    if snapshot.status is EXPIRED and order.why != Why.SELF_TRADE:
        found["expiryReason"] = expiry_reason(order)


def expiry_reason(order: Order) -> str:
    """Why an order expired, in the venue's word."""
    reason = EXPIRY_REASONS.get(order.why)
    if reason is None and order.kind is not OrderType.MARKET:
        reason = FORCE_REASONS.get(order.time_in_force)
    return reason or "INSUFFICIENT_LIQUIDITY"


def _add_prevented(found: dict[str, Any], snapshot: OrderSnapshot, market: Market) -> None:
    """What of an order has expired for self-trade prevention, if anything has.

    Queries name the last match as well, the FULL answer to a new order has all of them
    (faqs/stp_faq.md; sbe/schemas/spot_3_4.xml, which lists the fields by message; 2026-07-21).
    """
    if snapshot.prevented_matches and snapshot.prevented:
        found["preventedQuantity"] = amount(snapshot.prevented, market)


def _met(match: PreventedMatch, market: Market) -> dict[str, Any]:
    """A prevented match in the answer to its taker (faqs/stp_faq.md, scenario H)."""
    found: dict[str, Any] = {
        "preventedMatchId": match.id,
        "makerSymbol": venue_symbol(match.symbol),
        "makerOrderId": match.maker_id,
        "price": price(match.ticks, market),
    }
    add_prevented_lots(found, match, market)
    return found


def add_prevented_lots(found: dict[str, Any], match: PreventedMatch, market: Market) -> None:
    """What of either order expired for a prevented match, if anything of it did."""
    if match.taker_lots:
        found["takerPreventedQuantity"] = amount(match.taker_lots, market)
    if match.maker_lots:
        found["makerPreventedQuantity"] = amount(match.maker_lots, market)


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
    if status is OPEN:
        return "PARTIALLY_FILLED" if snapshot.filled else "NEW"
    if status is WAITING:
        return "NEW"
    if status is PENDING:
        return "PENDING_NEW"
    if status is EXPIRED and snapshot.order.why == Why.SELF_TRADE:
        return "EXPIRED_IN_MATCH"
    return status.name


def prevention_name(order: Order, market: Market) -> str:
    """The self-trade prevention that holds for an order."""
    mode = order.prevention if order.prevention is not None else market.prevention
    return mode.upper()  # a call of C, where a member's name is one of Python


def working_time(snapshot: OrderSnapshot, *, micro: bool) -> int:
    """When an order began to work on the book; -1 for one that has not, or never has."""
    at = snapshot.working_at
    return instant(at, micro=micro) if at else -1
