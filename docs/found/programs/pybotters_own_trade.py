"""An order that the venue ends as EXPIRED_IN_MATCH, in pybotters' store of active orders."""

from __future__ import annotations

import asyncio

import pybotters

from failing_exchange import probe

SYMBOL, MARKET = "BTCUSDT", "BTC/USDT:USDT"
REST, STREAMS = "https://fapi.binance.com", "wss://fstream.binance.com"


async def main() -> None:
    """Offer at the best ask, then buy through the own offer: the venue takes it away."""
    async with pybotters.Client(apis={"binance": ["any", "any"]}, base_url=REST) as client:
        store = pybotters.BinanceUSDSMDataStore()
        await store.initialize(client.post("/fapi/v1/listenKey"))
        url = f"{STREAMS}/private/ws/{store.listenkey}"
        await client.ws_connect(url, hdlr_json=store.onmessage)
        probe(open_orders=lambda: [one["c"] for one in store.order.find()])
        asked = {"symbol": SYMBOL, "limit": "5"}
        book = (await client.fetch("GET", "/fapi/v1/depth", params=asked, auth=None)).data
        ask, size = book["asks"][0]
        offer = {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": ask}
        for order in (
            {"side": "SELL", "newClientOrderId": "offer", **offer},
            {"side": "BUY", "type": "MARKET", "quantity": str(float(size) + 1.0)},
        ):
            await client.fetch("POST", "/fapi/v1/order", data={"symbol": SYMBOL, **order})
        await asyncio.sleep(3_600.0)


main.symbols = (MARKET,)  # type: ignore[attr-defined]
