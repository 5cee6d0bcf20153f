"""A bare client of the WebSocket API for the stories: it signs, sends, and sorts what it hears."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, TypeVar

import aiohttp

from failing_exchange import FailingExchange, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET, Keyring
from failing_exchange.venues.binance.venue import Binance

URL = "wss://ws-api.binance.com:443/ws-api/v3"
T = TypeVar("T")
Sign = Callable[[bytes], str]


def hmac_sign(payload: bytes) -> str:
    """With the secret of the default key."""
    return hmac.new(DEFAULT_SECRET.encode(), payload, sha256).hexdigest()


class SocketClient:
    """A connection. `replies` and `events` keep all that was heard, in order."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, venue: Binance) -> None:
        self.ws = ws
        self.venue = venue
        self.heard: list[Any] = []
        self.asked = 0

    @property
    def exchange(self) -> FailingExchange:
        """The venue's in-process door."""
        return self.venue.exchange

    @property
    def events(self) -> list[Any]:
        """The events that were heard."""
        return [message["event"] for message in self.heard if "event" in message]

    async def send(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a request; its id."""
        self.asked += 1
        message = {"id": self.asked, "method": method, "params": params or {}}
        await self.ws.send_str(json.dumps(message))
        return self.asked

    async def reply(self, wanted: object) -> Any:
        """Hear until the reply to a request is there."""
        while True:
            message = await self.hear()
            if "event" not in message and message["id"] == wanted:
                return message

    async def hear(self) -> Any:
        """The next message."""
        message = json.loads(await self.ws.receive_str())
        self.heard.append(message)
        return message

    async def event(self) -> Any:
        """The next event."""
        while "event" not in (message := await self.hear()):
            pass
        return message["event"]

    async def ask(self, method: str, **params: Any) -> Any:
        """A request and its reply."""
        return await self.reply(await self.send(method, params))

    async def signed(
        self, method: str, *, key: str = DEFAULT_KEY, sign: Sign = hmac_sign, **params: Any
    ) -> Any:
        """A signed request and its reply."""
        return await self.reply(await self.send(method, self.sign(params, key, sign)))

    def sign(
        self, params: dict[str, Any], key: str = DEFAULT_KEY, sign: Sign = hmac_sign
    ) -> dict[str, Any]:
        """Parameters with key, timestamp and signature."""
        params = {"apiKey": key, "timestamp": int(time.time() * 1000)} | params
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return params | {"signature": sign(text.encode())}

    async def order(self, **changes: Any) -> Any:
        """A limit buy of 0.1 BTC at 40,000, with changes; None takes a parameter away."""
        params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                  "quantity": "0.1", "price": "40000"} | changes  # fmt: skip
        wanted = {name: value for name, value in params.items() if value is not None}
        return await self.signed("order.place", **wanted)

    async def subscribe(self) -> int:
        """Listen to the account of the default key; the subscription's number."""
        got = await self.signed("userDataStream.subscribe.signature")
        number: int = got["result"]["subscriptionId"]
        return number


def with_the_default_key(exchange: FailingExchange) -> Binance:
    """A venue that refuses any other key."""
    return Binance(exchange, keys=Keyring.default())


def on_a_socket(
    story: Callable[[SocketClient], Awaitable[T]],
    *,
    query: str = "",
    venue: Callable[[FailingExchange], Binance] = with_the_default_key,
    **options: Any,
) -> T:
    """Run a story on one connection to a venue, in virtual time, under its production name."""
    options.setdefault("latency", None)

    async def main() -> T:
        binance = venue(FailingExchange(**options))
        await binance.listen_in_simulation()
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(URL + query) as ws:
                return await story(SocketClient(ws, binance))
        finally:
            await binance.close()

    return simulate(main(), seed=int(options.get("seed", 0)))
