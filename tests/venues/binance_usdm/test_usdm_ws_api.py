"""The WebSocket API of USD-M: every method answers what its endpoint of REST does."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import aiohttp
import pytest

from failing_exchange import simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.venues.binance_common.ws_envelope import payload
from failing_exchange.venues.binance_usdm.usdm_ws_api import SAME_AS
from tests.venues.binance.streams import Socket
from tests.venues.binance_usdm.contracts import BTC, usdm

ccxtpro = pytest.importorskip("ccxt.pro")
URL = "wss://ws-fapi.binance.com/ws-fapi/v1"
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
         "quantity": "0.1", "price": "48000"}  # fmt: skip
STOP = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "BUY", "type": "STOP_MARKET",
        "quantity": "0.1", "triggerPrice": "60000", "clientAlgoId": "stop"}  # fmt: skip
Story = Callable[["Api"], Awaitable[None]]


class Api:
    """A connection that signs what needs a signature."""

    def __init__(self, socket: Socket, venue: Any) -> None:
        self.socket = socket
        self.venue = venue

    async def ask(self, method: str, **params: Any) -> Any:
        """An unsigned request and its reply."""
        return await self.socket.ask(method, params)

    async def signed(self, method: str, **params: Any) -> Any:
        """The same with key, timestamp and signature."""
        params |= {"apiKey": DEFAULT_KEY, "timestamp": str(int(time.time() * 1_000))}
        text = payload(params).encode()
        params["signature"] = hmac.new(DEFAULT_SECRET.encode(), text, sha256).hexdigest()
        return await self.ask(method, **params)


def on_the_api(story: Story) -> None:
    """Run a story against a venue where bob offers 1 BTC at 50,000 and bids at 49,000."""

    async def main() -> None:
        venue = usdm()
        await venue.listen_in_simulation()
        bob = venue.exchange.client("bob")
        await bob.create_order(BTC, "limit", "sell", 1, 50_000)
        await bob.create_order(BTC, "limit", "buy", 1, 49_000)
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(URL) as ws:
                await story(Api(Socket(ws), venue))
        finally:
            await venue.close()

    simulate(main(), seed=1)


def test_an_order_lives_on_the_connection() -> None:
    """Placed, changed, looked up and canceled; each reply has what is used of the limits."""

    async def story(api: Api) -> None:
        placed = await api.signed("order.place", **ORDER)
        assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
        kinds = [row["rateLimitType"] for row in placed["rateLimits"]]
        assert kinds == ["REQUEST_WEIGHT", "ORDERS", "ORDERS"]
        named = {"symbol": "BTCUSDT", "orderId": placed["result"]["orderId"]}
        changed = await api.signed("order.modify", side="BUY", quantity="0.2", price="47000",
                                   **named)  # fmt: skip
        assert (changed["result"]["price"], changed["result"]["origQty"]) == ("47000.00", "0.200")
        found = await api.signed("order.status", **named)
        assert found["result"]["status"] == "NEW"
        gone = await api.signed("order.cancel", **named)
        assert gone["result"]["status"] == "CANCELED"
        again = await api.signed("order.cancel", **named)
        assert (again["status"], again["error"]["code"]) == (400, -2011)

    on_the_api(story)


def test_every_method_is_there() -> None:
    """Account and positions in both versions, market data, and a conditional order."""

    async def story(api: Api) -> None:
        asked: dict[str, dict[str, str]] = {
            name: {} for name in SAME_AS if name.split("/")[-1].startswith("account")
        }
        asked |= {"algoOrder.place": STOP, "algoOrder.cancel": {"clientAlgoId": "stop"}}
        for name, params in asked.items():
            reply = await api.signed(name, **params)
            assert reply["status"] == 200, reply
        for name in ("depth", "ticker.price", "ticker.book"):
            reply = await api.ask(name, symbol="BTCUSDT")
            assert reply["status"] == 200, reply
        assert (await api.ask("order.everything"))["error"]["code"] == -1020
        status = await api.ask("session.status")
        assert list(status["result"]) == [
            "apiKey", "authorizedSince", "connectedSince", "returnRateLimits", "serverTime",
        ]  # fmt: skip

    on_the_api(story)


def test_a_session_needs_a_key_of_ed25519() -> None:
    """With the others each request is signed by itself, as in production."""

    async def story(api: Api) -> None:
        refused = await api.signed("session.logon")
        assert refused["error"]["code"] == -4056
        assert (await api.ask("session.logout"))["result"]["apiKey"] is None

    on_the_api(story)


def test_a_listen_key_comes_and_goes_here_too() -> None:
    """With the API key alone; it is the key that REST gives."""

    async def story(api: Api) -> None:
        started = await api.ask("userDataStream.start", apiKey=DEFAULT_KEY)
        key = started["result"]["listenKey"]
        assert (await api.ask("userDataStream.ping", apiKey=DEFAULT_KEY))["result"] == {
            "listenKey": key
        }
        assert (await api.ask("userDataStream.stop", apiKey=DEFAULT_KEY))["result"] == {}
        gone = await api.ask("userDataStream.ping", apiKey=DEFAULT_KEY)
        assert gone["error"]["code"] == -1125

    on_the_api(story)


def test_ccxt_trades_over_the_connection() -> None:
    """create_order_ws, edit_order_ws, cancel_order_ws, fetch_positions_ws, fetch_balance_ws."""

    async def main() -> None:
        venue = usdm()
        venue.accept_any_key()
        await venue.listen_in_simulation()
        bob = venue.exchange.client("bob")
        await bob.create_order(BTC, "limit", "sell", 1, 50_000)
        client = ccxtpro.binanceusdm({"apiKey": "any", "secret": "any"})
        try:
            order = await client.create_order_ws(BTC, "limit", "buy", 0.1, 48_000)
            assert order["status"] == "open"
            gone = await client.cancel_order_ws(order["id"], BTC)
            assert gone["status"] == "canceled"
            await client.create_order_ws(BTC, "market", "buy", 0.1)
            (position,) = await client.fetch_positions_ws([BTC])
            assert (position["side"], position["contracts"]) == ("long", 0.1)
            balance = await client.fetch_balance_ws()
            assert balance["USDT"]["total"] == 9_999_997.5
            book = await client.fetch_order_book_ws(BTC, 5)  # signed, although nothing asks for it
            assert book["asks"] == [[50_000, 0.9]]
            assert (await client.fetch_ticker_ws(BTC))["ask"] == 50_000
        finally:
            await client.close()
            await venue.close()

    simulate(main(), seed=1)
