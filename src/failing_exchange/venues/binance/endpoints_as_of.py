"""The endpoints of Spot with the features that are on: which there are, and what they take and say.

The dates are in spot_changes.py; that of each feature is a row there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from failing_exchange.venues.binance.endpoints import ENDPOINTS
from failing_exchange.venues.binance_common.call import Endpoint
from failing_exchange.venues.binance_common.hidden_fields import without

if TYPE_CHECKING:
    from failing_exchange.venue.api_changes import Features

# Features of endpoints that there are only with them.
NEEDS = {
    "PUT /api/v3/order/amend/keepPriority": "amend",
    "GET /api/v3/order/amendments": "amend",
    "GET /api/v3/myFilters": "my_filters",
    "POST /api/v3/orderList/opo": "opo",
    "POST /api/v3/orderList/opoco": "opo",
    "GET /api/v3/executionRules": "reference_prices",
    "GET /api/v3/referencePrice": "reference_prices",
    "GET /api/v3/referencePrice/calculation": "reference_prices",
    "GET /api/v3/historicalBlockTrades": "block_trades",
}
SESSION_NEEDS = {
    "userDataStream.subscribe.signature": "signed_subscriptions",
    "session.subscriptions": "signed_subscriptions",
}
# Of the first version, as CHANGELOG.md, 2026-03-09, lists them; each answers as its successor does.
FIRST_VERSION = (
    "ping", "time", "ticker/bookTicker", "ticker/price", "klines", "historicalTrades", "depth",
    "aggTrades", "ticker/24hr", "trades",
)  # fmt: skip
INFO = "GET /api/v3/exchangeInfo"
INFO_FIELDS = {
    "amend": "amendAllowed", "opo": "opoAllowed", "pegged_orders": "pegInstructionsAllowed",
}  # fmt: skip


def endpoints_as_of(features: Features, more: Iterable[Endpoint] = ()) -> dict[str, Endpoint]:
    """By method and path; `more` are those of listen keys."""
    found = {}
    for endpoint in ENDPOINTS:
        needs = NEEDS.get(endpoint.http)
        if needs is None or features.has(needs):
            found[endpoint.http] = _as_of(endpoint, features)
    if features.has("listen_keys"):
        found.update((one.http, one) for one in more)
    if features.has("api_v1"):
        found.update(list(_first_version(found)))
    return found


def _first_version(table: dict[str, Endpoint]) -> Iterator[tuple[str, Endpoint]]:
    wanted = [f"GET /api/v3/{path}" for path in FIRST_VERSION]
    for http in (*wanted, "POST /api/v3/userDataStream", "PUT /api/v3/userDataStream"):
        if http in table:
            yield http.replace("/v3/", "/v1/"), table[http]


def _as_of(endpoint: Endpoint, features: Features) -> Endpoint:
    """An endpoint as it was; the same object where nothing has changed since."""
    changed: dict[str, Any] = {}
    takes = [one for one in (endpoint.takes or "").split() if _takes(one, endpoint, features)]
    if endpoint.takes is not None and " ".join(takes) != " ".join(endpoint.takes.split()):
        changed["takes"] = " ".join(takes)
    if endpoint.free and not features.has("free_orders"):
        changed["free"] = False
    hidden = _hidden(endpoint, features)
    if hidden:
        changed["write"] = without(endpoint.write, hidden)
    return replace(endpoint, **changed) if changed else endpoint


def _takes(parameter: str, endpoint: Endpoint, features: Features) -> bool:
    if "peg" in parameter.lower():
        return features.has("pegged_orders")
    if parameter == "symbolStatus" and endpoint.http != INFO:
        return features.has("symbol_status")
    return True


def _hidden(endpoint: Endpoint, features: Features) -> list[str]:
    """Fields that an answer did not have."""
    if endpoint.http == INFO:
        return [field for name, field in INFO_FIELDS.items() if not features.has(name)]
    if endpoint.orders:
        return [] if features.has("expiry_reason") else ["expiryReason"]
    asked = endpoint.operation in ("fetch_order", "fetch_orders")
    return ["expiryReason"] if asked and not features.has("expiry_reason_in_queries") else []
