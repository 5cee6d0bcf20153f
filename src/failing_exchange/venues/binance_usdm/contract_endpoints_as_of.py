"""The endpoints of USD-M with the features that are on: which there are, what they take and say.

The dates are in usdm_changes.py; that of each feature is a row there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from failing_exchange.core.commands import BatchDone
from failing_exchange.core.order import OrderSnapshot
from failing_exchange.core.units import ATOMS, DAY, MILLISECOND
from failing_exchange.venues.binance_common.call import Endpoint, Reading, Writing
from failing_exchange.venues.binance_common.hidden_fields import Write, without
from failing_exchange.venues.binance_usdm.algo_orders import trail_within
from failing_exchange.venues.binance_usdm.contract_market_data import read_aggregates
from failing_exchange.venues.binance_usdm.contract_orders import with_costs
from failing_exchange.venues.binance_usdm.contract_placing import modified_without

if TYPE_CHECKING:
    from failing_exchange.venue.api_changes import Features

ALGO = "algo"  # in all paths of the service of conditional orders, and in no other
ACKNOWLEDGED = (
    "POST /fapi/v1/order", "PUT /fapi/v1/order", "DELETE /fapi/v1/order",
    "POST /fapi/v1/batchOrders", "PUT /fapi/v1/batchOrders", "DELETE /fapi/v1/batchOrders",
)  # fmt: skip
HISTORY = {
    "GET /fapi/v1/allOrders": ("pair", "cumBase"),
    "GET /fapi/v1/forceOrders": ("pair", "cumBase"),
    "GET /fapi/v1/userTrades": ("pair", "baseQty", "marginAsset"),
}
TRADES = "GET /fapi/v1/userTrades"
THREE_MONTHS, SIX_MONTHS = 90 * DAY, 180 * DAY
NARROW = 10 * ATOMS  # the largest callbackRate of old, in per cent


def endpoints_as_of(
    table: Mapping[str, Endpoint], old: Mapping[str, Endpoint], features: Features
) -> dict[str, Endpoint]:
    """By method and path; `old` are those that take conditional orders like any other."""
    if not features.has("algo_orders"):
        table = {http: one for http, one in {**table, **old}.items() if ALGO not in http.lower()}
    return {http: _as_of(one, features) for http, one in table.items()}


def _as_of(one: Endpoint, features: Features) -> Endpoint:
    """An endpoint as it was; the same object where nothing has changed since."""
    changed: dict[str, Any] = {}
    for name, change in CHANGED.items():
        if not features.has(name):
            changed |= change(replace(one, **changed) if changed else one)
    if one.http == TRADES:
        kept = THREE_MONTHS if features.has("shorter_trade_history") else SIX_MONTHS
        changed["write"] = _kept(changed.get("write", one.write), kept)
    return replace(one, **changed) if changed else one


def _takes(one: Endpoint, hidden: str) -> dict[str, Any]:
    words = (one.takes or "").split()
    return {"takes": " ".join(word for word in words if word.rstrip("!") != hidden)}


def _without_rpi(one: Endpoint) -> dict[str, Any]:
    is_it = one.http == "GET /fapi/v1/aggTrades"
    return {"write": without(one.write, ("nq",))} if is_it else {}


def _without_responses(one: Endpoint) -> dict[str, Any]:
    return _takes(one, "newOrderRespType") if one.http == "POST /fapi/v1/algoOrder" else {}


def _with_prices(one: Endpoint) -> dict[str, Any]:
    return {"write": priced(one.write)} if one.http in ACKNOWLEDGED else {}


def _light(one: Endpoint) -> dict[str, Any]:
    return {"weight": 20} if one.http == "GET /fapi/v1/historicalTrades" else {}


def _without_modify_ids(one: Endpoint) -> dict[str, Any]:
    if one.http == "PUT /fapi/v1/order":
        return _takes(one, "modifyId")
    return {"read": modified_without} if one.http == "PUT /fapi/v1/batchOrders" else {}


def _without_pairs(one: Endpoint) -> dict[str, Any]:
    fields = HISTORY.get(one.http)
    return {} if fields is None else {"write": without(one.write, fields)}


def _of_a_day(one: Endpoint) -> dict[str, Any]:
    if one.http != "GET /fapi/v1/aggTrades":
        return {}
    return {"read": partial(read_aggregates, kept=DAY)}


def _narrow(one: Endpoint) -> dict[str, Any]:
    """Of what places conditional orders, wherever that is."""
    if one.http not in ("POST /fapi/v1/algoOrder", "POST /fapi/v1/order"):
        return {}
    read = one.read

    def narrow(r: Reading) -> Any:
        trail_within(r.params, NARROW)
        return read(r)

    return {"read": narrow}


# What an endpoint was before a feature came.
CHANGED: dict[str, Callable[[Endpoint], dict[str, Any]]] = {
    "rpi_quantities": _without_rpi,
    "algo_responses": _without_responses,
    "bare_acknowledgements": _with_prices,
    "heavy_old_trades": _light,
    "modify_ids": _without_modify_ids,
    "pairs_in_history": _without_pairs,
    "longer_aggregates": _of_a_day,
    "wider_trails": _narrow,
}


def priced(write: Write) -> Write:
    """What writes an acknowledgement with average price and cost, as until 2026."""

    def wrote(w: Writing, told: Any) -> Any:
        found = write(w, told)
        if isinstance(told, BatchDone):
            rows = zip(found, told.results, strict=True)
            return [_priced(row, one, w) for row, one in rows]
        return _priced(found, told, w)

    return wrote


def _priced(row: dict[str, Any], told: Any, w: Writing) -> dict[str, Any]:
    """An ACK tells an order as it came in: nothing of it is filled."""
    if not isinstance(told, OrderSnapshot):
        return row
    came_in = row["status"] == "NEW"
    spent, filled = (0, 0) if came_in else (told.cost, told.filled)
    return with_costs(row, spent, filled, w.market(told.order.symbol))


def _kept(write: Write, span: int) -> Write:
    """What writes trades that are not older than a span."""

    def wrote(w: Writing, told: Any) -> Any:
        since = (w.at - span) // MILLISECOND
        return [row for row in write(w, told) if row["time"] >= since]

    return wrote
