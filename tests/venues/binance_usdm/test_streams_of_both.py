"""Spot and USD-M of one exchange at once: each stream tells its own product."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.server.venue_server import VenueServer
from failing_exchange.venues.binance_usdm.venue import BINANCE_USDM
from tests.venues.binance.streams import Socket


def servers_of(exchange: FailingExchange) -> tuple[VenueServer, ...]:
    """Both products of an exchange, on the hosts of their streams."""
    usdm: Any = BINANCE_USDM
    return (
        Binance(exchange, places=[("stream.binance.com", 443)]),
        VenueServer(exchange, usdm, places=[("fstream.binance.com", 443)]),
    )


def test_streams_of_equal_names_tell_their_own_market() -> None:
    """`btcusdt@trade` is a stream of both; `!miniTicker@arr` lists what its product has."""

    async def main() -> dict[str, Any]:
        exchange = FailingExchange(
            markets=["BTC/USDT", "BTC/USDT:USDT"], latency=None, background=False
        )
        servers = servers_of(exchange)
        maker, taker = exchange.client("maker"), exchange.client("taker")
        heard: dict[str, Any] = {}
        hosts = {"spot": "stream.binance.com/stream", "usdm": "fstream.binance.com/{}/stream"}
        for server in servers:
            await server.listen_in_simulation()
        async with aiohttp.ClientSession() as session:

            async def listen(product: str, route: str, name: str) -> None:
                url = f"wss://{hosts[product].format(route)}?streams={name}"
                async with session.ws_connect(url) as ws:
                    heard[f"{product} {name}"] = (await Socket(ws).next())["data"]

            listening = [
                asyncio.ensure_future(listen(product, route, name))
                for product in hosts
                for route, name in (("public", "btcusdt@trade"), ("market", "!miniTicker@arr"))
            ]
            await asyncio.sleep(1)
            for symbol, price in (("BTC/USDT", 50_000), ("BTC/USDT:USDT", 51_000)):
                await maker.create_order(symbol, "limit", "sell", 0.1, price)
                await taker.create_order(symbol, "market", "buy", 0.1)
            await asyncio.gather(*listening)
        for server in servers:
            await server.close()
        return heard

    heard = simulate(main())
    assert float(heard["spot btcusdt@trade"]["p"]) == 50_000
    assert float(heard["usdm btcusdt@trade"]["p"]) == 51_000
    for product, price in (("spot", 50_000), ("usdm", 51_000)):
        (only,) = heard[f"{product} !miniTicker@arr"]
        assert float(only["c"]) == price
