"""pybotters' example of an order book, on USD-M, with a check that it is not crossed."""

from __future__ import annotations

import asyncio

import pybotters

SYMBOL = "BTCUSDT"
UPDATES = 20  # for so many in a row a crossed book is no transition


async def main() -> None:
    """Watch the book; raise once it stays crossed."""
    async with pybotters.Client(base_url="https://fapi.binance.com") as client:
        store = pybotters.BinanceUSDSMDataStore()
        await client.ws_connect(
            "wss://fstream.binance.com/public/stream",
            send_json={"method": "SUBSCRIBE", "params": ["btcusdt@depth@500ms"], "id": 1},
            hdlr_json=store.onmessage,
        )
        await store.initialize(
            client.get("/fapi/v1/depth", params={"symbol": SYMBOL, "limit": "1000"})
        )
        crossed = 0
        while crossed < UPDATES:
            await store.orderbook.wait()
            await asyncio.sleep(0)
            best = store.orderbook.sorted(limit=1)
            bid, ask = float(best["b"][0]["p"]), float(best["a"][0]["p"])
            crossed = crossed + 1 if bid >= ask else 0
        raise RuntimeError(f"the book is crossed: a bid of {bid} and an ask of {ask}")
