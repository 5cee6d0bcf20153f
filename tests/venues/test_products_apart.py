"""What is traded in one product of an exchange changes no byte of what the other one says."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core import commands as c
from failing_exchange.core.order import OrderType, Side
from failing_exchange.core.positions import MarginMode
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET, Key, Keyring
from failing_exchange.server.messages import Request
from failing_exchange.server.venue_server import VenueServer
from failing_exchange.venues.base import serve, venue_of
from failing_exchange.venues.example_world import (
    BIRTH,
    CONTRACTS,
    MARKETS,
    RICH,
    ContractWorld,
    ExampleWorld,
)

STREAMS = {
    "binance": [
        "wss://stream.binance.com/stream?streams=!miniTicker@arr/!ticker_1h@arr/btcusdt@trade/"
        "btcusdt@aggTrade/btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@kline_1m/ethbtc@depth5"
    ],
    "binance-usdm": [
        "wss://fstream.binance.com/market/stream?streams=!miniTicker@arr/!ticker@arr/"
        "!markPrice@arr@1s/!forceOrder@arr/!contractInfo/btcusdt@aggTrade/btcusdt@kline_1m",
        "wss://fstream.binance.com/public/stream?streams=!bookTicker/btcusdt@depth@100ms/"
        "btcusdt@trade/ethusdt@depth5@100ms",
    ],
}  # fmt: skip


class Live:
    """A world of examples that is played through a running venue, whose clients hear of it."""

    opens = True
    gateway: Any

    def execute(self: Any, command: Any) -> Any:
        self.at += 1_000_000
        at = self.at
        self.gateway.clock.now = lambda: at
        return self.gateway.operate(command)


class Spot(Live, ExampleWorld):
    def _open_account(self, name: str) -> None:
        if self.opens:
            self.execute(c.OpenAccount(name, RICH, None, RICH[:1]))


class Contracts(Live, ContractWorld):
    def _open_account(self, name: str) -> None:
        if self.opens:
            self.execute(c.OpenAccount(name, RICH, None, RICH[:1]))
        self.execute(c.SetMarginMode(name, self.symbol, MarginMode.ISOLATED))


WORLDS: dict[str, tuple[Any, Any]] = {
    "binance": (Spot, Contracts), "binance-usdm": (Contracts, Spot),
}  # fmt: skip


def play(product: str, other: bool, server: VenueServer) -> ExampleWorld:
    """Trade in a product and, where that is wanted, in the other one."""
    own, others = WORLDS[product]
    gateway = server.exchange.venue.gateway
    made = type("Own", (own,), {"gateway": gateway})(gateway.engine, BIRTH)
    if other:
        type("Other", (others,), {"gateway": gateway, "opens": False})(gateway.engine, made.at)
    later = made.at + 10**9
    gateway.clock.now = lambda: later
    found: ExampleWorld = made
    return found


async def on_both(story: Callable[[VenueServer], Awaitable[Any]]) -> Any:
    """Run a story on an exchange with both products, at their production hosts."""
    exchange = FailingExchange(markets=[*MARKETS, *CONTRACTS], background=False, latency=None)
    keys = Keyring([Key(name=DEFAULT_KEY, account="alice", secret=DEFAULT_SECRET)])
    server = serve("binance", exchange, keys=keys)
    exchange.venue.accounts.clear()
    await server.listen_in_simulation()
    try:
        return await story(server)
    finally:
        await server.close()


async def told(product: str, other: bool) -> dict[str, Any]:
    """All that a client reads of a product by REST."""

    async def story(server: VenueServer) -> dict[str, Any]:
        world = play(product, other, server)
        examples, found = venue_of(product).examples(), {}
        for one in examples.examples(world):
            if one.endpoint.startswith("GET "):
                sent = list(one.parameters.items())
                at = server.exchange.venue.clock.now()
                reply = await server.ask(examples.request(one.endpoint, sent, at))
                assert reply is not None
                found[one.endpoint] = reply
        return found

    result: dict[str, Any] = await on_both(story)
    return result


@pytest.mark.parametrize("product", WORLDS)
def test_what_one_product_trades_the_other_never_says(product: str) -> None:
    """Not in a list over all symbols, not in a balance, not in what is used of limits."""
    alone, beside = (simulate(told(product, other)) for other in (False, True))
    assert len(alone) > 40
    for endpoint, reply in alone.items():
        assert beside[endpoint] == reply, endpoint


async def heard(product: str, other: bool) -> list[tuple[str, bytes]]:
    """All that a client hears of a product's streams, of the market and of its account."""

    async def story(server: VenueServer) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        async with aiohttp.ClientSession() as session:
            gateway = server.exchange.venue.gateway
            for name in ("alice", "bob"):
                gateway.operate(c.OpenAccount(name, RICH, None, RICH[:1]))
            listening = [
                asyncio.ensure_future(listen(session, url, found))
                for url in [*STREAMS[product], await user_stream(session, product)]
            ]
            await asyncio.sleep(1)
            first, second = MARKETS[0].symbol, CONTRACTS[0].symbol
            if product == "binance-usdm":
                first, second = second, first
            await trade(gateway, first)
            if other:
                await trade(gateway, second)
            ends = BIRTH // 10**9 + 4.5
            await asyncio.sleep(ends - time.time())
            for task in listening:
                task.cancel()
        return found

    result: list[tuple[str, bytes]] = await on_both(story)
    return result


async def trade(gateway: Any, symbol: str) -> None:
    """Alice buys from bob, and leaves an order: all of it is heard."""
    orders = (("bob", Side.SELL, 5_000_000), ("alice", Side.BUY, 5_000_000),
              ("alice", Side.BUY, 4_000_000))  # fmt: skip
    for name, side, ticks in orders:
        gateway.operate(c.PlaceOrder(name, symbol, side, OrderType.LIMIT, 1_000, ticks))
        await asyncio.sleep(0.2)


async def listen(session: Any, url: str, found: list[tuple[str, bytes]]) -> None:
    async with session.ws_connect(url) as ws:
        if "ws-api" in url:
            await ws.send_str(orjson.dumps(subscription()).decode())
        async for message in ws:
            found.append((url, message.data))


def subscription() -> dict[str, Any]:
    """A signed subscription to the user stream of Spot."""
    params = {"apiKey": DEFAULT_KEY, "timestamp": "1767225600000"}
    text = urlencode(sorted(params.items())).encode()
    signature = hmac.new(DEFAULT_SECRET.encode(), text, sha256).hexdigest()
    method = "userDataStream.subscribe.signature"
    return {"id": 1, "method": method, "params": {**params, "signature": signature}}


async def user_stream(session: Any, product: str) -> str:
    if product == "binance":
        return "wss://ws-api.binance.com/ws-api/v3"
    headers = {"X-MBX-APIKEY": DEFAULT_KEY}
    async with session.post(
        "https://fapi.binance.com/fapi/v1/listenKey", headers=headers
    ) as response:
        return f"wss://fstream.binance.com/private/ws/{(await response.json())['listenKey']}"


@pytest.mark.parametrize("product", WORLDS)
def test_what_one_product_trades_the_other_never_pushes(product: str) -> None:
    """No stream over all symbols names a market of the other product, and no user event does."""
    alone, beside = (sorted(simulate(heard(product, other))) for other in (False, True))
    assert len({url for url, _ in alone}) == len(STREAMS[product]) + 1
    assert beside == alone


@pytest.mark.parametrize(
    ("host", "path", "product"),
    [
        ("api.binance.com", "/api/v3/order", "binance"),
        ("fapi.binance.com", "/fapi/v1/order", "binance-usdm"),
        ("api.binance.com", "/fapi/v1/order", "binance"),  # where production has nothing
        ("stream.binance.com:9443", "/ws/btcusdt@trade", "binance"),
        ("fstream.binance.com", "/ws/btcusdt@trade", "binance-usdm"),
        ("dapi.binance.com", "/dapi/v1/exchangeInfo", "binance"),
        ("127.0.0.1:8080", "/fapi/v1/order", "binance-usdm"),
        ("127.0.0.1:8080", "/market/stream", "binance-usdm"),
        ("127.0.0.1:8080", "/ws-fapi/v1", "binance-usdm"),
        ("127.0.0.1:8080", "/ws-api/v3", "binance"),
        ("127.0.0.1:8080", "/ws/btcusdt@trade", "binance"),
        ("", "/sapi/v1/asset/transfer", "binance"),
    ],
)
def test_host_and_path_tell_which_product_is_meant(host: str, path: str, product: str) -> None:
    """On one port of this machine the path does it, except for paths that both have."""
    server = serve("binance", FailingExchange())
    found = server.products.of(Request("GET", path, "", {"host": host}))
    assert found.speaker.name == product
