"""A bot that buys a little once an hour, on pybotters' USD-M stores of orders and positions."""

from __future__ import annotations

import asyncio

import pybotters

from failing_exchange import probe

SYMBOL, MARKET = "BTCUSDT", "BTC/USDT:USDT"
REST, STREAMS = "https://fapi.binance.com", "wss://fstream.binance.com"
ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.01"}


async def main() -> None:
    """Keep the stores up to date by the user stream, as the library does by itself."""
    async with pybotters.Client(apis={"binance": ["any", "any"]}, base_url=REST) as client:
        store = pybotters.BinanceUSDSMDataStore()
        await store.initialize(
            client.post("/fapi/v1/listenKey"), client.get("/fapi/v2/positionRisk")
        )
        url = f"{STREAMS}/private/ws/{store.listenkey}"
        await client.ws_connect(url, hdlr_json=store.onmessage)
        probe(
            positions=lambda: {
                MARKET: sum(float(one["pa"]) for one in store.position.find({"s": SYMBOL}))
            }
        )
        while True:
            await client.fetch("POST", "/fapi/v1/order", data=ORDER)
            await asyncio.sleep(3_600.0)


main.symbols = (MARKET,)  # type: ignore[attr-defined]
