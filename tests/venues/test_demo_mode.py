"""A client in Binance's demo mode reaches the simulated venue: its hosts are the venue's, too."""

from __future__ import annotations

import asyncio
from typing import Any

import ccxt.pro as ccxt
import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.venues.base import serve

BOTH = ("BTC/USDT", "BTC/USDT:USDT")


@pytest.mark.parametrize("symbol", BOTH)
def test_ccxt_trades_in_demo_mode(symbol: str) -> None:
    """`enable_demo_trading` is how a bot is tried before it trades with money."""

    async def main() -> tuple[str, bool, Any]:
        made = ccxt.binance if symbol == BOTH[0] else ccxt.binanceusdm
        client = made({"apiKey": "any", "secret": "any"})
        client.enable_demo_trading(True)
        try:
            ticker = await client.watch_ticker(symbol)
            pushed = asyncio.create_task(client.watch_orders(symbol))
            await asyncio.sleep(5)
            order = await client.create_order(symbol, "limit", "buy", 0.01, 40_000)
            same = (await pushed)[0]["id"] == order["id"]
            return ticker["symbol"], same, client.urls["api"]["public"]
        finally:
            await client.close()

    seen = simulate(main(), venue=serve("binance", FailingExchange(markets=BOTH)))
    assert seen == (symbol, True, "https://demo-api.binance.com/api/v3")
