"""ccxt.pro, unmodified, on the WebSocket API: orders, trades and balances as they happen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from failing_exchange import FailingExchange, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET, Key, Keyring
from failing_exchange.venues.binance.venue import Binance
from failing_exchange.venues.binance_common.signing import KeyKind

ccxtpro = pytest.importorskip("ccxt.pro")
# spot alone: other hosts than this venue's answer for the rest
OPTIONS = {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}


def with_ccxt(
    story: Callable[[Any, Binance], Awaitable[None]],
    *,
    key: Key | None = None,
    secret: str = DEFAULT_SECRET,
    **options: Any,
) -> None:
    """Run a story with a ccxt.pro exchange against a venue, in virtual time."""

    async def main() -> None:
        exchange = FailingExchange(**{"latency": None} | options)
        venue = Binance(exchange, keys=Keyring([key]) if key is not None else None)
        await venue.listen_in_simulation()
        name = key.name if key is not None else DEFAULT_KEY
        client = ccxtpro.binance({"apiKey": name, "secret": secret, "options": OPTIONS})
        try:
            await story(client, venue)
        finally:
            await client.close()
            await venue.close()

    simulate(main())


def pair_of(kind: KeyKind) -> tuple[Key, str]:
    """A key with two halves: what the venue knows, and the client's half as PEM."""
    private: Any
    if kind is KeyKind.RSA:
        private = rsa.generate_private_key(65_537, 2_048)
    else:
        private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = Key(name="twoHalves", account="main", public_key=public.decode())
    return key, secret.decode()


async def collect(watch: Callable[[], Awaitable[Any]], into: list[Any]) -> None:
    """Watch for ever."""
    while True:
        into.append(await watch())


def test_orders_are_placed_and_canceled_over_the_websocket() -> None:
    """create_order_ws, cancel_order_ws, fetch_open_orders_ws, and ccxt's own error class."""

    async def story(client: Any, venue: Binance) -> None:
        order = await client.create_order_ws("BTC/USDT", "limit", "buy", 0.1, 40_000)
        assert (order["status"], order["amount"]) == ("open", 0.1)
        assert [one["id"] for one in await client.fetch_open_orders_ws("BTC/USDT")] == [order["id"]]
        gone = await client.cancel_order_ws(order["id"], "BTC/USDT")
        assert gone["status"] == "canceled"
        with pytest.raises(ccxtpro.OrderNotFound):
            await client.cancel_order_ws(order["id"], "BTC/USDT")

    with_ccxt(story)


@pytest.mark.parametrize("kind", [KeyKind.RSA, KeyKind.ED25519])
def test_keys_of_two_halves_sign_here_and_over_http(kind: KeyKind) -> None:
    """The same key signs sorted parameters here, and a query there."""

    async def story(client: Any, venue: Binance) -> None:
        order = await client.create_order_ws("BTC/USDT", "limit", "buy", 0.1, 40_000)
        shown = await client.fetch_order(order["id"], "BTC/USDT")
        assert shown["status"] == "open"
        client.secret = pair_of(KeyKind.RSA)[1]  # another one
        with pytest.raises(ccxtpro.AuthenticationError):
            await client.create_order_ws("BTC/USDT", "limit", "buy", 0.1, 40_000)

    key, secret = pair_of(kind)
    with_ccxt(story, key=key, secret=secret)


@pytest.mark.parametrize("latency", [None, "auto"])
def test_orders_trades_and_balances_are_watched(latency: object) -> None:
    """watch_orders, watch_my_trades and watch_balance over one subscription by signature."""

    async def story(client: Any, venue: Binance) -> None:
        orders: list[Any] = []
        trades: list[Any] = []
        balances: list[Any] = []
        tasks = [
            asyncio.ensure_future(collect(watch, into))
            for watch, into in (
                (client.watch_orders, orders),
                (client.watch_my_trades, trades),
                (client.watch_balance, balances),
            )
        ]
        await asyncio.sleep(5)
        order = await client.create_order_ws("BTC/USDT", "market", "buy", 0.1)
        await asyncio.sleep(5)
        for task in tasks:
            task.cancel()
        last = orders[-1][-1]
        assert (last["id"], last["status"], last["filled"]) == (order["id"], "closed", 0.1)
        assert sum(trade["amount"] for trade in trades[-1]) == pytest.approx(0.1)
        mine = await venue.exchange.fetch_balance()
        assert balances[-1]["BTC"]["free"] == mine["BTC"]["free"]

    with_ccxt(story, latency=latency)


def test_an_order_that_the_market_fills_is_watched() -> None:
    """ccxt only waits; the venue's own timer brings the fill."""

    async def story(client: Any, venue: Binance) -> None:
        price = (await venue.exchange.fetch_ticker("BTC/USDT"))["bid"]
        watching = asyncio.ensure_future(client.watch_my_trades())
        await asyncio.sleep(1)
        order = await client.create_order_ws("BTC/USDT", "limit", "buy", 0.1, price)
        trades = await asyncio.wait_for(watching, 3_600)
        assert trades[0]["order"] == order["id"]
        assert trades[0]["takerOrMaker"] == "maker"

    with_ccxt(story)
