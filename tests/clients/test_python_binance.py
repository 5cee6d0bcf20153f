"""python-binance, unmodified, with production URLs: a day of it would take seconds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.faults.triggers import nth
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

binance = pytest.importorskip("binance")


def test_orders_and_sockets_of_python_binance() -> None:
    """Its client and both of its sockets: what the second most used library of the venue needs."""

    async def main() -> None:
        client = await binance.AsyncClient.create(DEFAULT_KEY, DEFAULT_SECRET)
        order = await buy(client)
        assert order["status"] == "NEW"
        assert (await client.get_account())["canTrade"]
        sockets = binance.BinanceSocketManager(client)
        async with sockets.trade_socket("BTCUSDT") as trades:
            assert (await trades.recv())["e"] == "trade"
        async with sockets.user_socket() as user:
            await asyncio.sleep(1)
            await client.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
            report = await user.recv()
            assert (report["e"], report["x"]) == ("executionReport", "CANCELED")
        await client.close_connection()

    simulate(main(), venue="binance")


def test_python_binance_meets_a_gateways_page() -> None:
    """The order is live, and the library raises on the HTML that came back."""
    exchange = FailingExchange(seed=3)

    async def main() -> None:
        client = await binance.AsyncClient.create(DEFAULT_KEY, DEFAULT_SECRET)
        exchange.arm("html_page", nth(1), operations="create_order", status="502")
        with pytest.raises(binance.exceptions.BinanceAPIException):
            await buy(client)
        assert len(await client.get_open_orders(symbol="BTCUSDT")) == 1
        await client.close_connection()

    simulate(main(), venue=Binance(exchange))


async def buy(client: Any) -> Any:
    """A limit order far below the price."""
    return await client.create_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01",
        price="40000",
    )  # fmt: skip
