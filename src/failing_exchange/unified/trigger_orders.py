"""Conditional orders of contracts in ccxt's words: they wait beside the book for a price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failing_exchange.core.commands import PlaceConditional
from failing_exchange.core.conditional_order import (
    LARGEST_TRAIL,
    LEAST_TRAIL,
    ConditionalSnapshot,
    ConditionalStatus,
)
from failing_exchange.core.market import Market
from failing_exchange.core.order import LIMIT_TYPES, OrderType, Side, TimeInForce, TriggerBy
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS, MILLISECOND
from failing_exchange.unified.instants import iso
from failing_exchange.unified.numbers import atoms_of, hashable, lots_of
from failing_exchange.unified.order_dicts import FIELDS, FORCES, SIDES, UNIFIED_TYPES, order
from failing_exchange.unified.order_params import (
    client_id_of,
    expiry_of,
    force_of,
    invalid,
    is_post_only,
    one_of,
    position_of,
    prevention_of,
    price_match_of,
    ticks_at,
    time_in_force_of,
)

WORKING = {"CONTRACT_PRICE": TriggerBy.LAST, "MARK_PRICE": TriggerBy.MARK}
WORKING_NAMES = {by: name for name, by in WORKING.items()}
TAKE_PROFITS = (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
WITH_POSITION = "GTE_GTC"  # a time in force: it ends with the position
BIP = ATOMS // 100  # a hundredth of a percent, in atoms of a percent
STATUSES = {
    ConditionalStatus.NEW: "open",
    ConditionalStatus.TRIGGERING: "open",
    ConditionalStatus.TRIGGERED: "closed",
    ConditionalStatus.FINISHED: "closed",
    ConditionalStatus.CANCELED: "canceled",
    ConditionalStatus.EXPIRED: "expired",
    ConditionalStatus.REJECTED: "rejected",
}


def place_of(
    account: str, market: Market, kind: OrderType, stop: object, side: Side, amount: object,
    price: object, params: Mapping[str, Any],
) -> PlaceConditional:  # fmt: skip
    """The command that places a conditional order; raises `Reject` for what can't be read."""
    if params.get("test"):
        raise Reject(Reason.BAD_REQUEST, "Invalid test: a conditional order can't be tested")
    reduce_only, position_side = position_of(market, side, params)
    peg, closes = price_match_of(kind, params), bool(params.get("closePosition"))
    priced = kind in LIMIT_TYPES and peg is None
    if priced and price is None:
        raise invalid(f"Invalid price: a {kind} order needs one, not None", Reason.INVALID_PRICE)
    force = force_of(params)
    return PlaceConditional(
        account=account,
        symbol=market.symbol,
        side=side,
        kind=kind,
        lots=0 if closes else lots_of(hashable(amount), market.amount_step),
        stop_ticks=ticks_at(market, stop) if stop is not None else 0,
        ticks=ticks_at(market, price) if priced else 0,
        by=_working_type(params),
        trail_bips=_trail_of(params) if kind is OrderType.TRAILING_STOP else 0,
        client_id=client_id_of(params),
        time_in_force=TimeInForce.GTC if force == WITH_POSITION else time_in_force_of(params),
        post_only=force != WITH_POSITION and is_post_only(kind, priced, params),
        reduce_only=reduce_only,
        close_position=closes,
        ends_with_position=closes or force == WITH_POSITION,
        protected=bool(params.get("priceProtect")),
        position_side=position_side,
        expires_at=expiry_of(params),
        prevention=prevention_of(params),
        peg=peg,
    )


def _working_type(params: Mapping[str, Any]) -> TriggerBy:
    name = str(params.get("workingType", "CONTRACT_PRICE")).upper()
    if name not in WORKING:
        raise invalid(
            f"Invalid workingType: {params['workingType']!r} is none of {', '.join(WORKING)}"
        )
    return WORKING[name]


def _trail_of(params: Mapping[str, Any]) -> int:
    percent = one_of(params, "trailingPercent", "callbackRate")
    if percent is None:
        raise invalid("Invalid order: a trailing stop of a contract needs params trailingPercent")
    trail, rest = divmod(atoms_of(hashable(percent), "trailingPercent"), BIP)
    if not LEAST_TRAIL <= trail <= LARGEST_TRAIL or (rest and trail == LARGEST_TRAIL):
        raise invalid(
            f"Invalid trailingPercent: {percent!r} is outside {LEAST_TRAIL / 100:g} to "
            f"{LARGEST_TRAIL / 100:g} percent"
        )
    return trail


def trigger_order(told: ConditionalSnapshot, market: Market) -> dict[str, Any]:
    """ccxt's order structure of a conditional order.

    `filled`, `average`, `cost` and the like are those of the order that it has placed, whose id is
    in `info`. Of an order that closes the position, `amount` is 0 until it has placed one.
    """
    c, placed, step = told.command, told.created_at // MILLISECOND, market.price_step
    fields: dict[str, Any] = dict.fromkeys(FIELDS)
    if told.order is not None:
        fields |= order(told.order, market)
    stop = c.stop_ticks * step / ATOMS if c.stop_ticks else None
    amount = told.order.lots if told.order is not None else c.lots
    fields |= {
        "id": str(told.id), "clientOrderId": told.client_id, "timestamp": placed,
        "datetime": iso(placed), "lastUpdateTimestamp": told.updated_at // MILLISECOND,
        "status": STATUSES[told.status], "symbol": c.symbol, "type": UNIFIED_TYPES[c.kind],
        "timeInForce": "PO" if c.post_only else FORCES[c.time_in_force],
        "postOnly": c.post_only, "reduceOnly": c.reduce_only, "side": SIDES[c.side],
        "price": c.ticks * step / ATOMS if c.ticks else fields["price"],
        "stopPrice": stop, "triggerPrice": stop,
        "takeProfitPrice": stop if c.kind in TAKE_PROFITS else None,
        "stopLossPrice": stop if c.kind in STOPS else None,
        "amount": amount * market.amount_step / ATOMS,
        "info": {
            "algoId": str(told.id), "clientAlgoId": told.client_id, "algoStatus": told.status.value,
            "actualOrderId": str(told.order.order.id) if told.order is not None else "",
            "workingType": WORKING_NAMES[c.by], "closePosition": c.close_position,
            "priceProtect": c.protected, "positionSide": c.position_side.value.upper(),
            "callbackRate": c.trail_bips / 100 if c.trail_bips else None,
            "activated": told.activated, "why": told.why,
        },
    }  # fmt: skip
    if told.order is None:
        fields |= {"filled": 0.0, "remaining": fields["amount"], "cost": 0.0, "trades": [],
                   "fee": {"currency": None, "cost": None}, "fees": []}  # fmt: skip
    return fields
