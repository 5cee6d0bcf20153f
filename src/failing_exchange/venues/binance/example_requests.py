"""Binance Spot's examples for `check_venue`: a right request for each endpoint."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from failing_exchange.core.units import MILLISECOND
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance.endpoints import BY_HTTP, ENDPOINTS
from failing_exchange.venues.binance.parameters import TAKES
from failing_exchange.venues.example_world import ExampleWorld
from failing_exchange.venues.examples import ExampleRequest, Examples, ToldRefusal

if TYPE_CHECKING:
    from failing_exchange.server.messages import Reply
    from failing_exchange.venues.examples import Pairs

ONE = {"symbol": "BTCUSDT"}
ORDER = ONE | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
               "price": "40000"}  # fmt: skip
CANDLES = ONE | {"interval": "1m"}
OCO = ONE | {"side": "SELL", "quantity": "0.1", "aboveType": "LIMIT_MAKER", "abovePrice": "60000",
             "belowType": "STOP_LOSS", "belowStopPrice": "30000"}  # fmt: skip
WORKING = ONE | {"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "40000",
                 "workingQuantity": "0.1", "workingTimeInForce": "GTC",
                 "pendingSide": "SELL"}  # fmt: skip
PENDING = {"pendingType": "LIMIT_MAKER", "pendingPrice": "60000"}
PENDING_PAIR = {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "60000",
                "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "30000"}  # fmt: skip
EXAMPLES: dict[str, dict[str, str]] = {
    "GET /api/v3/depth": ONE,
    "GET /api/v3/trades": ONE,
    "GET /api/v3/historicalTrades": ONE,
    "GET /api/v3/historicalBlockTrades": ONE | {"fromId": "0"},
    "GET /api/v3/referencePrice": ONE,
    "GET /api/v3/referencePrice/calculation": ONE,
    "GET /api/v3/aggTrades": ONE,
    "GET /api/v3/klines": CANDLES,
    "GET /api/v3/uiKlines": CANDLES,
    "GET /api/v3/avgPrice": ONE,
    "GET /api/v3/ticker/tradingDay": ONE,
    "GET /api/v3/ticker": {"symbols": '["BTCUSDT","ETHBTC"]'},
    "POST /api/v3/order": ORDER,
    "POST /api/v3/order/test": ORDER,
    "GET /api/v3/order": ONE | {"origClientOrderId": ExampleWorld.open_name},
    "DELETE /api/v3/order": ONE | {"origClientOrderId": ExampleWorld.open_name},
    "DELETE /api/v3/openOrders": ONE,
    "POST /api/v3/order/cancelReplace": ORDER | {
        "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": ExampleWorld.open_name,
    },
    "PUT /api/v3/order/amend/keepPriority": ONE | {
        "origClientOrderId": ExampleWorld.open_name, "newQty": "0.05",
    },
    "POST /api/v3/order/oco": ONE | {
        "side": "SELL", "quantity": "0.1", "price": "60000", "stopPrice": "30000",
        "stopLimitPrice": "29000", "stopLimitTimeInForce": "GTC",
    },
    "POST /api/v3/orderList/oco": OCO,
    "POST /api/v3/orderList/oto": WORKING | PENDING | {"pendingQuantity": "0.1"},
    "POST /api/v3/orderList/otoco": WORKING | PENDING_PAIR | {"pendingQuantity": "0.1"},
    "POST /api/v3/orderList/opo": WORKING | PENDING,
    "POST /api/v3/orderList/opoco": WORKING | PENDING_PAIR,
    "DELETE /api/v3/orderList": ONE | {"listClientOrderId": ExampleWorld.pair_name},
    "GET /api/v3/orderList": {"origClientOrderId": ExampleWorld.pair_name},
    "POST /api/v3/sor/order": ORDER,
    "POST /api/v3/sor/order/test": ORDER,
    "GET /api/v3/allOrders": ONE,
    "GET /api/v3/myTrades": ONE,
    "GET /api/v3/account/commission": ONE,
    "GET /api/v3/myPreventedMatches": ONE | {"orderId": "1"},
    "GET /api/v3/myAllocations": ONE,
    "GET /api/v3/myFilters": ONE,
}  # fmt: skip
REFUSED = ("/sor/", "/referencePrice")  # what no market of this venue has


class BinanceExamples(Examples):
    """All of REST, and what to look at when writing those of another venue."""

    @property
    def endpoints(self) -> Mapping[str, Sequence[str] | None]:
        """All of REST; None for those that rest-api.md does not name, such as /sapi."""
        return {
            endpoint.http: sorted(TAKES[endpoint.http].names) if endpoint.http in TAKES else None
            for endpoint in ENDPOINTS
        }

    def needs(self, endpoint: str) -> Sequence[str]:
        """The mandatory ones."""
        return TAKES[endpoint].needed if endpoint in TAKES else ()

    def examples(self, world: ExampleWorld) -> Sequence[ExampleRequest]:
        """One each, and for lists of orders one more that names it by id."""
        found = [
            ExampleRequest(http, EXAMPLES.get(http, {}), any(part in http for part in REFUSED))
            for http in self.endpoints
        ]
        by_id = {"symbol": "BTCUSDT", "orderId": str(world.open.order.id)}
        found.append(ExampleRequest("GET /api/v3/order/amendments", by_id))
        return [one for one in found if "amendments" not in one.endpoint or one.parameters]

    def request(self, endpoint: str, sent: Pairs, at: int) -> Request:
        """All in the query, signed by HMAC."""
        method, _, path = endpoint.partition(" ")
        query = urlencode(sent, errors="surrogateescape")
        headers = {"host": "api.binance.com"}
        if BY_HTTP[endpoint].signed:
            headers["x-mbx-apikey"] = DEFAULT_KEY
            query += ("&" if query else "") + f"timestamp={at // MILLISECOND}"
            signature = hmac.new(DEFAULT_SECRET.encode(), query.encode(), sha256).hexdigest()
            query += f"&signature={signature}"
        return Request(method, path, query, headers, b"", "127.0.0.1")

    def refusal(self, reply: Reply) -> ToldRefusal | None:
        """Statuses from 400 on, with code and msg."""
        if reply.status < 400:
            return None
        body = json.loads(reply.body)
        return ToldRefusal(body["code"], body["msg"])

    def order(self, price: str, amount: str) -> ExampleRequest:
        """Good till canceled."""
        changes = {"price": price, "quantity": amount, "newOrderRespType": "RESULT"}
        return ExampleRequest("POST /api/v3/order", ORDER | changes)

    def numbers(self, reply: Reply) -> tuple[str, str, str]:
        """Of RESULT."""
        body = json.loads(reply.body)
        return str(body["orderId"]), body["price"], body["origQty"]
