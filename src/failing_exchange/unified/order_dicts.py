"""ccxt's structures of orders and trades, complete to the key and type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from failing_exchange.core.market import Market
from failing_exchange.core.order import (
    Fill,
    Order,
    OrderSnapshot,
    OrderType,
    PositionSide,
    Side,
    Status,
    TimeInForce,
)
from failing_exchange.core.public_trade import Trade
from failing_exchange.core.stop_triggers import stop_of
from failing_exchange.core.units import ATOMS, MILLISECOND, atoms_text
from failing_exchange.unified.instants import iso

# Tables instead of `.value`, which is slow on an enum; our enums' hashes are those of their texts.
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
POSITION_SIDES = {side: side.value.upper() for side in PositionSide}
FORCES = {force: force.value for force in TimeInForce}
UNIFIED_TYPES = dict.fromkeys(OrderType, "market") | {
    OrderType.LIMIT: "limit",
    OrderType.STOP_LOSS_LIMIT: "limit",
    OrderType.TAKE_PROFIT_LIMIT: "limit",
}


FIELDS = (
    "info", "id", "clientOrderId", "timestamp", "datetime", "lastTradeTimestamp",
    "lastUpdateTimestamp", "status", "symbol", "type", "timeInForce", "postOnly", "reduceOnly",
    "side", "price", "stopPrice", "triggerPrice", "takeProfitPrice", "stopLossPrice", "average",
    "amount", "filled", "remaining", "cost", "trades", "fee", "fees",
)  # fmt: skip
BLANKS_KEPT_MAX = 1_024  # of all markets; then all are made anew when they are asked for
Looks: TypeAlias = tuple[str, OrderType, Side, TimeInForce, bool, Status]


class Blanks(dict[Looks, dict[str, Any]]):
    """Order structures with every field in its place, and filled in what few words say.

    To copy one and write over the other fields is quicker than to make it from nothing.
    """

    def __missing__(self, looks: Looks) -> dict[str, Any]:
        if len(self) >= BLANKS_KEPT_MAX:
            self.clear()
        symbol, kind, side, force, post_only, status = looks
        self[looks] = blank = dict.fromkeys(FIELDS) | {
            "symbol": symbol, "type": UNIFIED_TYPES[kind], "side": SIDES[side],
            "timeInForce": "PO" if post_only else FORCES[force], "postOnly": post_only,
            "status": STATUSES[status], "filled": 0.0, "cost": 0.0,
        }  # fmt: skip
        return blank


BLANKS = Blanks()


def order(snapshot: OrderSnapshot, market: Market) -> dict[str, Any]:
    """ccxt's order structure."""
    o, status, ticks, lots, filled, cost, fills, updated_at, _ = snapshot
    placed_at, step = o.created_at, market.amount_step
    placed = placed_at // MILLISECOND
    order_id, client_id = str(o.id), o.client_id
    fields = BLANKS[o.symbol, o.kind, o.side, o.time_in_force, o.post_only, status].copy()
    fields["info"] = {
        "orderId": order_id, "clientOrderId": client_id, "status": OWN_STATUSES[status],
        "ticks": ticks, "lots": lots, "filled": filled,
    }  # fmt: skip
    fields["id"] = order_id
    fields["clientOrderId"] = client_id
    fields["timestamp"] = placed
    fields["datetime"] = iso(placed)
    unchanged = updated_at == placed_at
    fields["lastUpdateTimestamp"] = placed if unchanged else updated_at // MILLISECOND
    if ticks:
        fields["price"] = ticks * market.price_step / ATOMS
    fields["amount"] = fields["remaining"] = lots * step / ATOMS
    fields["trades"] = []
    fields["fee"] = {"currency": None, "cost": None}
    fields["fees"] = []
    if filled:
        fields["filled"] = filled * step / ATOMS
        fields["remaining"] = (lots - filled) * step / ATOMS
    if cost:
        fields["cost"] = cost / ATOMS
    if market.contract is not None:
        fields["reduceOnly"] = o.reduce_only
        fields["info"]["positionSide"] = POSITION_SIDES[o.position_side]
    if fills or o.stop_ticks or o.extreme:
        _add_rarer(fields, snapshot, market)
    return fields


def refused_order(text: str, symbol: str | None = None) -> dict[str, Any]:
    """ccxt's order structure of one that was refused, with the reason in its `info`."""
    return dict.fromkeys(FIELDS) | {
        "info": {"error": text}, "status": "rejected", "symbol": symbol, "trades": [],
        "fee": {"currency": None, "cost": None}, "fees": [],
    }  # fmt: skip


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


def _fees(fills: Sequence[Fill]) -> list[dict[str, Any]]:
    by_asset: dict[str, int] = {}
    for fill in fills:
        by_asset[fill.fee_asset] = by_asset.get(fill.fee_asset, 0) + fill.fee
    return [{"currency": asset, "cost": atoms / ATOMS} for asset, atoms in by_asset.items()]


def trade(fill: Fill, market: Market, o: Order | None = None) -> dict[str, Any]:
    """ccxt's trade structure of an own fill."""
    ms = fill.at // MILLISECOND
    fee = {"currency": fill.fee_asset, "cost": fill.fee / ATOMS}
    return {
        "info": {"tradeId": fill.trade_id, "ticks": fill.ticks, "lots": fill.lots,
                 "operator": fill.operator}
        | ({} if market.contract is None else _of_contract(fill)),
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


def _of_contract(fill: Fill) -> dict[str, str]:
    return {
        "realizedPnl": atoms_text(fill.profit), "positionSide": POSITION_SIDES[fill.position_side]
    }  # fmt: skip


def public_trade(t: Trade, market: Market) -> dict[str, Any]:
    """ccxt's trade structure of a public print."""
    ms = t.at // MILLISECOND
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
