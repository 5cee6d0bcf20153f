"""The WebSocket API of USD-M: "WebSocket API General Info" and its methods, 2026-08-19."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from failing_exchange.venues.binance_common.ws_api import ApiConversation
from failing_exchange.venues.binance_common.ws_session import SESSION, ApiSession
from failing_exchange.venues.binance_usdm.futures_events import event_of

if TYPE_CHECKING:
    from failing_exchange.feeds.account_feeds import Write
    from failing_exchange.venues.binance_common.call import Endpoint

# Each method does what an endpoint of the REST API does; those of orders weigh the same as there.
# Of market data ccxt signs the requests as well; the venue ignores that.
SAME_AS = {
    "order.place": "POST /fapi/v1/order",
    "order.modify": "PUT /fapi/v1/order",
    "order.cancel": "DELETE /fapi/v1/order",
    "order.status": "GET /fapi/v1/order",
    "algoOrder.place": "POST /fapi/v1/algoOrder",
    "algoOrder.cancel": "DELETE /fapi/v1/algoOrder",
    "account.position": "GET /fapi/v2/positionRisk",
    "v2/account.position": "GET /fapi/v3/positionRisk",
    "account.balance": "GET /fapi/v2/balance",
    "v2/account.balance": "GET /fapi/v3/balance",
    "account.status": "GET /fapi/v2/account",
    "v2/account.status": "GET /fapi/v3/account",
    "depth": "GET /fapi/v1/depth",
    "ticker.price": "GET /fapi/v2/ticker/price",
    "ticker.book": "GET /fapi/v1/ticker/bookTicker",
    "userDataStream.start": "POST /fapi/v1/listenKey",
    "userDataStream.ping": "PUT /fapi/v1/listenKey",
    "userDataStream.stop": "DELETE /fapi/v1/listenKey",
}
LOG_ON = {name: SESSION[name] for name in ("session.logon", "session.status", "session.logout")}


def methods_of(endpoints: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
    """The methods by name, of those endpoints that there are."""
    return {
        name: replace(endpoints[http], socket=name)
        for name, http in SAME_AS.items()
        if http in endpoints
    }


class UsdmSession(ApiSession):
    """What the venue knows of one connection: user streams are not on it."""

    def _streams_open(self) -> dict[str, Any]:
        return {}


class UsdmApi(ApiConversation):
    """What is said on one connection."""

    sessions = UsdmSession
    version = "v1/"
    connect_weight = 5
    weight_first = True

    def writer(self) -> Write:
        """Nothing is pushed here: listen keys open streams elsewhere."""
        return event_of
