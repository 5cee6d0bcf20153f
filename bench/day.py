"""A day of an unmodified ccxt bot with an order a minute, in a simulation.

python bench/day.py [HOURS]

Beside it the same bot at a toy: an aiohttp handler in the same virtual loop that answers each order
with a fixed body. That is what ccxt and aiohttp themselves cost, and no venue can be faster.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import ccxt.async_support as ccxt
import pace
from aiohttp import web

from failing_exchange import simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

HOURS = 24
ROUNDS = 5
SECONDS_MAX = 2.0  # of CPU, on an idle core
PLACED = (
    b'{"symbol":"BTCUSDT","orderId":%d,"orderListId":-1,"clientOrderId":"x","transactTime":1,'
    b'"price":"20000.00000000","origQty":"0.00100000","executedQty":"0.00000000",'
    b'"origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW",'
    b'"timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1,"fills":[],'
    b'"selfTradePreventionMode":"EXPIRE_MAKER"}'
)


def client() -> Any:
    """ccxt as it comes."""
    return ccxt.binance({"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET})


async def bot(exchange: Any, hours: int) -> int:
    """An order a minute, bought and sold by turns."""
    placed = 0
    try:
        for _ in range(hours * 60):
            await exchange.create_order("BTC/USDT", "market", "buy" if placed % 2 else "sell", 0.01)
            placed += 1
            await asyncio.sleep(60)
    finally:
        await exchange.close()
    return placed


def at_the_venue(hours: int) -> int:
    """Against ours."""
    return simulate(lambda: bot(client(), hours), venue="binance", seed=7)


def at_the_toy(hours: int, markets: Any) -> int:
    """Against a handler that does nothing."""
    count = 0

    async def place(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        await request.read()
        return web.Response(body=PLACED % count, content_type="application/json")

    async def main() -> int:
        app = web.Application()
        app.router.add_post("/api/v3/order", place)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "api.binance.com", 443).start()
        exchange = client()
        exchange.set_markets(markets)
        try:
            return await bot(exchange, hours)
        finally:
            await runner.cleanup()

    return simulate(main, seed=7)


def loaded_markets() -> Any:
    """The markets as ccxt reads them from ours."""

    async def main() -> Any:
        exchange = client()
        try:
            return await exchange.load_markets()
        finally:
            await exchange.close()

    return simulate(main, venue="binance")


def main() -> None:
    """Both by turns, the median of some rounds, and the ratio."""
    hours = int(sys.argv[1]) if len(sys.argv) > 1 else HOURS
    markets = loaded_markets()
    ours, floor = [], []
    for _ in range(ROUNDS):
        ours.append(pace.spent_by(lambda: at_the_venue(hours)))
        floor.append(pace.spent_by(lambda: at_the_toy(hours, markets)))
    raw, idle = (statistics.median(column) for column in zip(*ours, strict=True))
    toy, idle_toy = (statistics.median(column) for column in zip(*floor, strict=True))
    print(f"{hours} h with {hours * 60:,} orders: {raw:.2f} s of CPU here, {idle:.2f} s on an idle "
          f"core (at most {SECONDS_MAX:g} s for 24 h) "
          f"{pace.verdict(idle <= SECONDS_MAX * hours / 24)}")  # fmt: skip
    print(f"ccxt and aiohttp against a toy: {toy:.2f} s here, {idle_toy:.2f} s on an idle core; "
          f"ours is {raw / toy:.2f} times that")  # fmt: skip


if __name__ == "__main__":
    main()
