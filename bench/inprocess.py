"""What a call costs in process, beside a bare `unittest.mock.AsyncMock` in the same run.

python bench/inprocess.py
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import pace

from failing_exchange import FailingExchange, simulate
from failing_exchange.faults.triggers import nth
from failing_exchange.virtual.wallclock import REAL

ROUNDS = 60  # the cases take turns in each; ratios are those within a round, and the median counts
CALLS = 300
ORDER = ("BTC/USDT", "limit", "buy", 0.01, 30_000.0)
TARGETS = {"plain": ("AsyncMock", 0.65), "armed": ("plain", 0.9), "latency": ("AsyncMock", 0.3)}

Case = Callable[..., Awaitable[Any]]
Spent = dict[str, list[float]]


async def seconds(call: Case) -> float:
    gc.collect()
    began = REAL["perf_counter"]()
    for _ in range(CALLS):
        await call(*ORDER)
    return float(REAL["perf_counter"]() - began)


async def rounds(exchanges: dict[str, FailingExchange]) -> Spent:
    """The seconds of each case in each round, beside a bare mock."""
    mock = AsyncMock(return_value={"id": "1"})
    spent: Spent = {"AsyncMock": [], **{name: [] for name in exchanges}}
    for _ in range(ROUNDS):
        spent["AsyncMock"].append(await seconds(mock))
        mock.reset_mock()
        for name, exchange in exchanges.items():
            spent[name].append(await seconds(exchange.create_order))
            await exchange.cancel_all_orders()
    return spent


async def in_real_time() -> Spent:
    armed = FailingExchange(latency=None)
    for n in range(1, 4):
        armed.arm("lose_answer", nth(10**9), operations="create_order", name=f"never {n}")
    return await rounds({"plain": FailingExchange(latency=None), "armed": armed})


def with_latency() -> Spent:
    """In virtual time; the mock beside it runs in an ordinary loop, as in a bot's tests."""
    mock = AsyncMock(return_value={"id": "1"})
    spent: Spent = {"AsyncMock": [], "latency": []}
    for _ in range(ROUNDS // 2):
        spent["AsyncMock"].append(asyncio.run(seconds(mock)))
        mock.reset_mock()
        spent["latency"].append(simulate(delayed))
    return spent


async def delayed() -> float:
    exchange = FailingExchange()
    await exchange.create_order(*ORDER)
    return await seconds(exchange.create_order)


def show(spent: Spent) -> None:
    """Calls a second of each case, and its ratio to what it is measured against."""
    for name, found in spent.items():
        print(f"{name:>10}: {CALLS / statistics.median(found):>9,.0f} calls/s")
    for name, (beside, least) in TARGETS.items():
        if name in spent:
            pairs = zip(spent[beside], spent[name], strict=True)
            ratio = statistics.median(one / other for one, other in pairs)
            verdict = "met" if ratio >= least else "MISSED"
            print(f"{name:>10}: {ratio:.2f} x {beside} (at least {least}) {verdict}")


async def watcher(hours: float) -> None:
    """A bot at one request a second; the background market runs."""
    exchange = FailingExchange()
    for _ in range(int(hours * 3_600)):
        await exchange.fetch_ticker("BTC/USDT")
        await asyncio.sleep(1)


async def bidder(hours: float) -> None:
    """The same, every tenth request an order that comes to rest."""
    exchange = FailingExchange()
    for n in range(int(hours * 3_600)):
        if n % 10 == 9:
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.001, 40_000)
        else:
            await exchange.fetch_ticker("BTC/USDT")
        await asyncio.sleep(1)


async def trader(hours: float) -> None:
    """A ticker a second, an order at the bid each ten seconds, all canceled each twenty."""
    exchange = FailingExchange()
    for n in range(int(hours * 3_600)):
        ticker = await exchange.fetch_ticker("BTC/USDT")
        if n % 10 == 0:
            order = await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, ticker["bid"])
            if n % 20 == 0 and order["status"] == "open":
                await exchange.cancel_all_orders()
        await asyncio.sleep(1)


async def order_a_minute(hours: float) -> None:
    exchange = FailingExchange()
    for _ in range(int(hours * 60)):
        await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000)
        await asyncio.sleep(60)


def cpu(program: Callable[[float], Any], hours: float) -> pace.Measured:
    """What some hours take; the median of three rounds."""
    simulate(program(0.1))
    return sorted(pace.spent_by(lambda: simulate(program(hours))) for _ in range(3))[1]


def main() -> None:
    show(asyncio.run(in_real_time()))
    show(with_latency())
    for bot in (watcher, bidder, trader):
        spent = cpu(bot, 2)
        here, idle = 2 / spent.seconds, 2 / spent.idle_seconds
        verdict = f"(at least 10) {pace.verdict(idle >= 10)}" if bot is not trader else ""
        print(f"{bot.__name__:>10}: {here:.1f} simulated hours a second here, {idle:.1f} on an "
              f"idle core {verdict}")  # fmt: skip
    minute = cpu(order_a_minute, 4)
    here, idle = minute.seconds * 250, minute.idle_seconds * 250
    print(f"an order a minute: {here:.1f} ms an hour here, {idle:.1f} on an idle core "
          f"(at most 20) {pace.verdict(idle <= 20)}")  # fmt: skip


if __name__ == "__main__":
    main()
