"""httpx, unmodified, with production URLs: it does TLS by itself, above the transport."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.faults.triggers import nth
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from tests.clients.venue import ROOT

httpx = pytest.importorskip("httpx")

Story = Callable[[Any, FailingExchange], Awaitable[None]]


def test_httpx_keeps_its_connection() -> None:
    """A minute of polling over one connection, as at the real venue."""

    async def story(client: Any, exchange: FailingExchange) -> None:
        for _ in range(60):
            answer = await client.get("/api/v3/ping")
            assert (answer.status_code, answer.json()) == (200, {})
            await asyncio.sleep(1)
        loop: Any = asyncio.get_running_loop()
        assert loop.network.connections == 1

    played(story)


def test_httpx_places_a_signed_order() -> None:
    """Signed as any bot signs; and a refusal comes with the venue's code."""

    async def story(client: Any, exchange: FailingExchange) -> None:
        placed = (await signed(client, "POST", "order", **ORDER)).json()
        assert placed["status"] == "NEW"
        refused = await signed(client, "POST", "order", **{**ORDER, "quantity": "1000"})
        assert (refused.status_code, refused.json()["code"]) == (400, -2010)
        (found,) = (await signed(client, "GET", "openOrders", symbol="BTCUSDT")).json()
        assert found["orderId"] == placed["orderId"]

    played(story)


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("lose_answer", "ReadTimeout"),
        ("reset_connection", "ReadError"),
        ("close_connection", "RemoteProtocolError"),
        ("cut_body", "RemoteProtocolError"),
    ],
)
def test_httpx_does_not_hear_of_an_order(fault: str, raised: str) -> None:
    """Its own exception for each way to lose an answer; the order is live all the same."""

    async def story(client: Any, exchange: FailingExchange) -> None:
        exchange.arm(fault, nth(1), operations="create_order")
        with pytest.raises(getattr(httpx, raised)):
            await signed(client, "POST", "order", **ORDER)
        assert len(await exchange.fetch_open_orders("BTC/USDT")) == 1

    played(story)


def test_httpx_meets_a_failing_handshake() -> None:
    """A certificate that nobody should trust: an error of connecting, and nothing was sent."""

    async def story(client: Any, exchange: FailingExchange) -> None:
        loop: Any = asyncio.get_running_loop()
        loop.network.on_connect = lambda host, port: ssl.SSLError("certificate verify failed")
        with pytest.raises(httpx.ConnectError):
            await client.get("/api/v3/ping")

    played(story)


def test_httpx_reaches_no_other_host() -> None:
    """A name that nobody serves is an error of connecting."""

    async def story(client: Any, exchange: FailingExchange) -> None:
        with pytest.raises(
            Exception, match="can't be reached: Binance Spot and USD-M futures are simulated"
        ):
            await client.get("https://api.bybit.com/v5/market/time")

    played(story)


def test_the_same_seed_gives_the_same_journal() -> None:
    """To the byte, in another process: nothing of OpenSSL's chance is in it."""
    command = [sys.executable, "-c", "from tests.clients.test_httpx import day; print(day())"]
    others = [
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    ]
    assert others == [day()] * 2


def day() -> str:
    """The digest of the journal of an hour with faults."""
    digests = []

    async def story(client: Any, exchange: FailingExchange) -> None:
        exchange.arm("lose_answer", nth(3), operations="create_order")
        for _ in range(60):
            try:
                await signed(client, "POST", "order", **ORDER)
            except httpx.TransportError:
                await signed(client, "DELETE", "openOrders", symbol="BTCUSDT")
            await asyncio.sleep(60)
        digests.append(hashlib.sha256(exchange.journal.dump().encode()).hexdigest())

    played(story)
    return digests[0]


ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
    "price": "40000",
}  # fmt: skip


def played(story: Story) -> None:
    """Run a story with a client at Binance's production address."""
    exchange = FailingExchange(seed=3)

    async def main() -> None:
        options = {"base_url": "https://api.binance.com", "timeout": 10}
        async with httpx.AsyncClient(headers={"X-MBX-APIKEY": DEFAULT_KEY}, **options) as client:
            await story(client, exchange)

    simulate(main(), venue=Binance(exchange))


async def signed(client: Any, method: str, path: str, **params: Any) -> Any:
    """A signed request, as the venue's documents say."""
    text = urlencode({**params, "timestamp": int(time.time() * 1000)})
    sign = hmac.new(DEFAULT_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return await client.request(method, f"/api/v3/{path}?{text}&signature={sign}")
