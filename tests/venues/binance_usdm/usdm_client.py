"""A bare signed client for the stories: it asks the venue, without a socket."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from failing_exchange import simulate
from failing_exchange.core.units import MILLISECOND
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET, Key, Keyring
from failing_exchange.server.messages import Request
from failing_exchange.server.venue_server import VenueServer
from tests.venues.binance_usdm.contracts import BTC, usdm

T = TypeVar("T")


class Got(NamedTuple):
    """A response: status, decoded JSON, headers."""

    status: int
    body: Any
    headers: dict[str, str]


class UsdmClient:
    """Requests of the account `main`; bob is a client of the same venue in process."""

    def __init__(self, venue: VenueServer) -> None:
        self.venue = venue
        self.exchange = venue.exchange
        self.bob = venue.exchange.client("bob")

    @property
    def now(self) -> int:
        """The venue's clock, in milliseconds."""
        found: int = self.exchange.venue.clock.now() // MILLISECOND
        return found

    async def public(self, method: str, path: str, **params: Any) -> Got:
        """An unsigned request."""
        return await self.ask(method, path, urlencode(params), {})

    async def signed(self, method: str, path: str, **params: Any) -> Got:
        """A signed request, all of it in the query."""
        query = urlencode({**params, "timestamp": params.get("timestamp", self.now)})
        signature = hmac.new(DEFAULT_SECRET.encode(), query.encode(), sha256).hexdigest()
        headers = {"x-mbx-apikey": DEFAULT_KEY}
        return await self.ask(method, path, f"{query}&signature={signature}", headers)

    async def ask(self, method: str, path: str, query: str, headers: dict[str, str]) -> Got:
        """Anything."""
        path = path if path.startswith("/") else f"/fapi/{path}"
        asked = Request(method, path, query, {"host": "fapi.binance.com", **headers}, b"", "::1")
        reply = await self.venue.ask(asked)
        assert reply is not None
        return Got(reply.status, json.loads(reply.body), dict(reply.headers))

    async def order(self, **changes: Any) -> Got:
        """A limit buy of 0.1 BTC at 40,000, with changes; None takes a parameter away."""
        params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                  "quantity": "0.1", "price": "40000"} | changes  # fmt: skip
        sent = {name: value for name, value in params.items() if value is not None}
        return await self.signed("POST", "v1/order", **sent)

    async def stop(self, **changes: Any) -> Got:
        """A stop that sells 0.1 BTC at 45,000, with changes; None takes a parameter away."""
        params = {
            "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
            "quantity": "0.1", "triggerPrice": "45000",
        } | changes  # fmt: skip
        sent = {name: value for name, value in params.items() if value is not None}
        return await self.signed("POST", "v1/algoOrder", **sent)

    async def market(self, side: str = "BUY", quantity: str = "0.1", **more: Any) -> Got:
        """A market order, with its result."""
        wanted = {"price": None, "timeInForce": None, "newOrderRespType": "RESULT", **more}
        return await self.order(type="MARKET", side=side, quantity=quantity, **wanted)

    async def trade_at(self, price: float) -> None:
        """Let bob trade 0.01 BTC with carol at a price, so that it is the last one."""
        carol = self.exchange.client("carol")
        await carol.create_order(BTC, "limit", "buy", 0.01, price)
        await self.bob.create_order(BTC, "limit", "sell", 0.01, price)


def on_usdm(story: Callable[[UsdmClient], Awaitable[T]], **options: Any) -> T:
    """Run a story against a venue where bob offers 1 BTC at 50,000 and bids at 49,000."""

    async def main() -> T:
        keys = Keyring([Key(name=DEFAULT_KEY, account="main", secret=DEFAULT_SECRET)])
        client = UsdmClient(usdm(keys=keys, **options))
        try:
            await client.bob.create_order(BTC, "limit", "sell", 1, 50_000)
            await client.bob.create_order(BTC, "limit", "buy", 1, 49_000)
            return await story(client)
        finally:
            await client.venue.close()

    return simulate(main(), seed=1)
