"""A bot on pybotters' USD-M stores: one contract bought at the bid, sold at the ask, by turns.

As the library's own example bot does, it reads its orders, its position and the book from the
stores and sends an order when none is active. A failed call is looked up before the next one.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import pybotters

from failing_exchange import probe

SYMBOL = "BTCUSDT"
MARKET = "BTC/USDT:USDT"
LOT = "0.01"
REST = "https://fapi.binance.com"
STREAMS = "wss://fstream.binance.com"
ROUND_S = 30.0
UNKNOWN_ORDER = -2013
FAILURES = (aiohttp.ClientError, asyncio.TimeoutError, KeyError)


async def connected(client: pybotters.Client) -> pybotters.BinanceUSDSMDataStore:
    """The stores, fed by both streams and then filled by REST, as the documentation says."""
    store = pybotters.BinanceUSDSMDataStore()
    await client.ws_connect(
        f"{STREAMS}/public/stream",
        send_json={"method": "SUBSCRIBE", "params": [f"{SYMBOL.lower()}@depth@500ms"], "id": 1},
        hdlr_json=store.onmessage,
    )
    await store.initialize(client.post("/fapi/v1/listenKey"))
    await client.ws_connect(f"{STREAMS}/private/ws/{store.listenkey}", hdlr_json=store.onmessage)
    await store.initialize(
        client.get("/fapi/v1/depth", params={"symbol": SYMBOL, "limit": "1000"}, auth=None),
        client.get("/fapi/v1/openOrders", params={"symbol": SYMBOL}),
        client.get("/fapi/v2/positionRisk", params={"symbol": SYMBOL}),
    )
    return store


def position(store: pybotters.BinanceUSDSMDataStore) -> Decimal:
    """What the store says is held."""
    held = store.position.find({"s": SYMBOL})
    return sum((Decimal(one["pa"]) for one in held), Decimal(0))


async def place(client: pybotters.Client, store: pybotters.BinanceUSDSMDataStore, name: str) -> Any:
    """Send the next order; its side follows from the position, its price from the book."""
    held = position(store)
    best = store.orderbook.sorted({"s": SYMBOL}, limit=1)
    order = {"symbol": SYMBOL, "type": "LIMIT", "timeInForce": "GTC", "newClientOrderId": name}
    if held > 0:
        price = best["a"][0]["p"]
        order |= {"side": "SELL", "quantity": str(held), "price": price, "reduceOnly": "true"}
    else:
        order |= {"side": "BUY", "quantity": LOT, "price": best["b"][0]["p"]}
    return await client.fetch("POST", "/fapi/v1/order", data=order)


async def look(client: pybotters.Client, name: str) -> None:
    """Wait until it is known whether the order of a failed call exists."""
    asked = {"symbol": SYMBOL, "origClientOrderId": name}
    while True:
        try:
            found = await client.fetch("GET", "/fapi/v1/order", params=asked)
            if found.response.ok or found.data.get("code") == UNKNOWN_ORDER:
                return
        except (*FAILURES, AttributeError):
            pass
        await asyncio.sleep(5.0)


async def main() -> None:
    """Trade until the run ends."""
    timeout = aiohttp.ClientTimeout(total=30.0)
    keys = {"binance": ["any", "any"]}
    async with pybotters.Client(apis=keys, base_url=REST, timeout=timeout) as client:
        while True:
            try:
                store = await connected(client)
                break
            except FAILURES:
                await asyncio.sleep(10.0)
        probe(
            positions=lambda: {MARKET: float(position(store))},
            open_orders=lambda: [one["c"] for one in store.order.find({"s": SYMBOL})],
        )
        count = 0
        while True:
            await asyncio.sleep(ROUND_S)
            if store.order.find({"s": SYMBOL}):
                continue
            count += 1
            try:
                sent = await place(client, store, f"maker-{count}")
                if sent.response.ok:
                    continue
            except FAILURES:
                pass
            await look(client, f"maker-{count}")


main.symbols = (MARKET,)  # type: ignore[attr-defined]
