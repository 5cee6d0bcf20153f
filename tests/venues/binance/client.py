"""A bare signed client for the stories: it sends what it is told, and hands back what it gets."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import aiohttp

from failing_exchange import FailingExchange, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET, Keyring
from failing_exchange.venues.binance.venue import Binance
from failing_exchange.venues.binance_common.metering import VenueLimits

HOST = "https://api.binance.com"
T = TypeVar("T")


class Got(NamedTuple):
    """A response: status, decoded JSON, headers."""

    status: int
    body: Any
    headers: Any


class Client:
    """Requests with production URLs; `signed` adds timestamp and signature."""

    def __init__(self, session: aiohttp.ClientSession, venue: Binance) -> None:
        self.session = session
        self.venue = venue

    async def public(self, method: str, path: str, **params: Any) -> Got:
        """An unsigned request."""
        return await self.send(method, f"{path}?{urlencode(params)}" if params else path)

    async def signed(self, method: str, path: str, **params: Any) -> Got:
        """A signed request, all of it in the query."""
        params.setdefault("timestamp", int(time.time() * 1000))
        query = urlencode(params)
        signature = hmac.new(DEFAULT_SECRET.encode(), query.encode(), sha256).hexdigest()
        headers = {"X-MBX-APIKEY": DEFAULT_KEY}
        return await self.send(method, f"{path}?{query}&signature={signature}", headers=headers)

    async def send(self, method: str, path: str, **options: Any) -> Got:
        """Anything."""
        async with self.session.request(method, HOST + path, **options) as response:
            body = await response.json(content_type=None)
            return Got(response.status, body, response.headers)

    async def order(self, **changes: Any) -> Got:
        """A limit buy of 0.1 BTC at 40,000, with changes; None takes a parameter away."""
        params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                  "quantity": "0.1", "price": "40000"} | changes  # fmt: skip
        sent = {name: value for name, value in params.items() if value is not None}
        return await self.signed("POST", "/api/v3/order", **sent)


def on_the_wire(
    story: Callable[[Client], Awaitable[T]], *, limits: VenueLimits | None = None, **options: Any
) -> T:
    """Run a story against a venue in virtual time, under its production names."""
    options.setdefault("latency", None)

    async def main() -> T:
        venue = Binance(FailingExchange(**options), limits=limits, keys=Keyring.default())
        await venue.listen_in_simulation()
        try:
            async with aiohttp.ClientSession() as session:
                return await story(Client(session, venue))
        finally:
            await venue.close()

    return simulate(main(), seed=int(options.get("seed", 0)))
