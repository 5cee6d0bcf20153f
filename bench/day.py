"""A day, and a year, of an unmodified ccxt bot in a simulation.

Beside the day the same bot at a toy: an aiohttp handler in the same virtual loop that answers each
order with a fixed body. That is what ccxt and aiohttp themselves cost, and no venue can be faster.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.harness import IDLE_CORE, Pair, Size, bench, pace, per_cpu_second
from failing_exchange import FailingExchange, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

PLACED = (
    b'{"symbol":"BTCUSDT","orderId":%d,"orderListId":-1,"clientOrderId":"x","transactTime":1,'
    b'"price":"20000.00000000","origQty":"0.00100000","executedQty":"0.00000000",'
    b'"origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW",'
    b'"timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1,"fills":[],'
    b'"selfTradePreventionMode":"EXPIRE_MAKER"}'
)


def client(name: str = "binance") -> Any:
    """ccxt as it comes."""
    import ccxt.async_support as ccxt  # takes a second: only where it is measured

    return getattr(ccxt, name)({"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET})


async def bot(
    exchange: Any,
    orders: int,
    pause: float,
    after: Callable[[int], None],
    symbol: str = "BTC/USDT",
) -> None:
    """Buy and sell by turns; call `after` with the number of each order."""
    try:
        for n in range(orders):
            await exchange.create_order(symbol, "market", "sell" if n % 2 else "buy", 0.01)
            await asyncio.sleep(pause)
            after(n)
    finally:
        await exchange.close()


def at_the_venue(hours: int) -> None:
    """An order a minute against ours."""
    simulate(lambda: bot(client(), hours * 60, 60, lambda n: None), venue="binance", seed=7)


def at_the_usdm_venue(hours: int) -> None:
    """The same with a perpetual."""
    simulate(
        lambda: bot(client("binanceusdm"), hours * 60, 60, lambda n: None, "BTC/USDT:USDT"),
        venue="binance-usdm", seed=7,
    )  # fmt: skip


def at_the_toy(hours: int, markets: Any) -> None:
    """The same against a handler that does nothing."""
    count = 0

    async def place(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        await request.read()
        return web.Response(body=PLACED % count, content_type="application/json")

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/api/v3/order", place)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "api.binance.com", 443).start()
        exchange = client()
        exchange.set_markets(markets)
        try:
            await bot(exchange, hours * 60, 60, lambda n: None)
        finally:
            await runner.cleanup()

    simulate(main, seed=7)


async def loaded_markets() -> Any:
    """The markets as ccxt reads them from ours."""
    exchange = client()
    try:
        return await exchange.load_markets()
    finally:
        await exchange.close()


@bench("days/CPU s", IDLE_CORE, at_least=0.5, rounds=5)
def ccxt_day(size: Size) -> Iterator[Pair]:
    """A day of a ccxt bot with an order a minute: at most 2 s."""
    hours = size(24, 1)
    yield lambda: per_cpu_second(hours / 24, lambda: at_the_venue(hours)), pace


@bench("days/CPU s", IDLE_CORE, at_least=0.4, rounds=5)
def ccxt_usdm_day(size: Size) -> Iterator[Pair]:
    """The same with a perpetual on USD-M: at most 2.5 s."""
    hours = size(24, 1)
    yield lambda: per_cpu_second(hours / 24, lambda: at_the_usdm_venue(hours)), pace


@bench("days/CPU s", "toy handler", rounds=5)
def ccxt_day_floor(size: Size) -> Iterator[Pair]:
    """That of Spot; the floor is ccxt and aiohttp at a toy in the same loop."""
    hours, markets = size(24, 1), simulate(loaded_markets, venue="binance")
    yield (
        lambda: per_cpu_second(hours / 24, lambda: at_the_venue(hours)),
        lambda: per_cpu_second(hours / 24, lambda: at_the_toy(hours, markets)),
    )


# ---- memory

ORDERS_A_DAY = 144


def megabytes() -> float:
    """What this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _year(size: Size, make: Callable[[], Any], **options: Any) -> Iterator[Pair]:
    days, told = size(365, 3), list[float]()

    def after(n: int) -> None:
        if (n + 1) % ORDERS_A_DAY == 0:
            told.append(megabytes())

    def last() -> float:
        told.clear()
        story = lambda: bot(make(), days * ORDERS_A_DAY, 86_400 / ORDERS_A_DAY, after)  # noqa: E731
        simulate(story, virtual_seconds_max=(days + 1) * 86_400, **options)
        return told[-1]

    yield last, lambda: told[len(told) * 2 // 3]


@bench("MB", "after 2/3 of it", at_most=1.05, rounds=1)
def year_in_process(size: Size) -> Iterator[Pair]:
    """The memory after a year with an order each ten minutes, in process."""
    yield from _year(size, FailingExchange)


@bench("MB", "after 2/3 of it", at_most=1.05, rounds=1)
def year_on_the_wire(size: Size) -> Iterator[Pair]:
    """The same by ccxt on the wire."""
    yield from _year(size, client, venue="binance")
