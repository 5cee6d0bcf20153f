"""ccxt's structures of orders and trades, complete to the key and type."""

from __future__ import annotations

from typing import Any

from failing_exchange.core.market import ATOMS, Market
from failing_exchange.core.order import (
    Fill,
    Order,
    OrderSnapshot,
    OrderType,
    Side,
    Status,
    TimeInForce,
)
from failing_exchange.core.tape import Trade
from failing_exchange.core.triggers import stop_of
from failing_exchange.dialects.unified.instants import iso

# Tables instead of `.value`, which is dear on an enum; our enums' hashes are those of their texts.
STATUSES = {
    Status.OPEN: "open",
    Status.WAITING: "open",
    Status.PENDING: "open",
    Status.FILLED: "closed",
    Status.CANCELED: "canceled",
    Status.EXPIRED: "expired",
}
OWN_STATUSES = {status: status.value for status in Status}
SIDES = {side: side.value for side in Side}
FORCES = {force: force.value for force in TimeInForce}
UNIFIED_TYPES = dict.fromkeys(OrderType, "market") | {
    OrderType.LIMIT: "limit",
    OrderType.STOP_LOSS_LIMIT: "limit",
    OrderType.TAKE_PROFIT_LIMIT: "limit",
}


def order(snapshot: OrderSnapshot, market: Market) -> dict[str, Any]:
    """ccxt's order structure."""
    o, status, ticks, lots, filled, cost, fills, updated_at = snapshot
    placed, updated = o.created_at // 1_000_000, updated_at // 1_000_000
    step, order_id, client_id = market.amount_step, str(o.id), o.client_id
    amount = lots * step / ATOMS
    fields = {
        "info": {
            "orderId": order_id, "clientOrderId": client_id, "status": OWN_STATUSES[status],
            "ticks": ticks, "lots": lots, "filled": filled,
        },
        "id": order_id,
        "clientOrderId": client_id,
        "timestamp": placed,
        "datetime": iso(placed),
        "lastTradeTimestamp": None,
        "lastUpdateTimestamp": updated,
        "status": STATUSES[status],
        "symbol": o.symbol,
        "type": UNIFIED_TYPES[o.kind],
        "timeInForce": "PO" if o.post_only else FORCES[o.time_in_force],
        "postOnly": o.post_only,
        "reduceOnly": None,
        "side": SIDES[o.side],
        "price": ticks * market.price_step / ATOMS if ticks else None,
        "stopPrice": None,
        "triggerPrice": None,
        "takeProfitPrice": None,
        "stopLossPrice": None,
        "average": None,
        "amount": amount,
        "filled": filled * step / ATOMS if filled else 0.0,
        "remaining": (lots - filled) * step / ATOMS if filled else amount,
        "cost": cost / ATOMS if cost else 0.0,
        "trades": [],
        "fee": {"currency": None, "cost": None},
        "fees": [],
    }  # fmt: skip
    if fills or o.stop_ticks or o.extreme:
        _add_rarer(fields, snapshot, market)
    return fields


def _add_rarer(fields: dict[str, Any], snapshot: OrderSnapshot, market: Market) -> None:
    """The fields that most open orders leave empty: fills, and what triggers it."""
    o = snapshot.order
    if o.stop_ticks or o.extreme:
        stop = stop_of(o) * market.price_step / ATOMS
        fields["stopPrice"] = fields["triggerPrice"] = stop
    if snapshot.fills:
        fills = o.fills[: snapshot.fills]
        average = snapshot.cost / (snapshot.filled * market.amount_step)
        fees = _fees(fills)
        fields["trades"] = trades = [trade(fill, market, o) for fill in fills]
        fields["lastTradeTimestamp"] = trades[-1]["timestamp"]
        fields["average"] = average
        fields["fees"] = fees
        if not snapshot.ticks:
            fields["price"] = average
        if len(fees) == 1:
            fields["fee"] = dict(fees[0])


def _fees(fills: list[Fill]) -> list[dict[str, Any]]:
    by_asset: dict[str, int] = {}
    for fill in fills:
        by_asset[fill.fee_asset] = by_asset.get(fill.fee_asset, 0) + fill.fee
    return [{"currency": asset, "cost": atoms / ATOMS} for asset, atoms in by_asset.items()]


def trade(fill: Fill, market: Market, o: Order | None = None) -> dict[str, Any]:
    """ccxt's trade structure of an own fill."""
    ms = fill.at // 1_000_000
    fee = {"currency": fill.fee_asset, "cost": fill.fee / ATOMS}
    return {
        "info": {"tradeId": fill.trade_id, "ticks": fill.ticks, "lots": fill.lots,
                 "operator": fill.operator},
        "id": str(fill.trade_id),
        "order": str(fill.order_id),
        "timestamp": ms,
        "datetime": iso(ms),
        "symbol": fill.symbol,
        "type": UNIFIED_TYPES[o.kind] if o is not None else None,
        "side": SIDES[fill.side],
        "takerOrMaker": "maker" if fill.maker else "taker",
        "price": fill.ticks * market.price_step / ATOMS,
        "amount": fill.lots * market.amount_step / ATOMS,
        "cost": fill.cost / ATOMS,
        "fee": fee,
        "fees": [dict(fee)],
    }  # fmt: skip


def public_trade(t: Trade, market: Market) -> dict[str, Any]:
    """ccxt's trade structure of a public print."""
    ms = t.at // 1_000_000
    return {
        "info": {"tradeId": t.id, "ticks": t.ticks, "lots": t.lots, "operator": t.operator},
        "id": str(t.id),
        "order": None,
        "timestamp": ms,
        "datetime": iso(ms),
        "symbol": market.symbol,
        "type": None,
        "side": str(t.side),
        "takerOrMaker": None,
        "price": t.ticks * market.price_step / ATOMS,
        "amount": t.lots * market.amount_step / ATOMS,
        "cost": market.cost(t.ticks, t.lots) / ATOMS,
        "fee": {"currency": None, "cost": None},
        "fees": [],
    }
