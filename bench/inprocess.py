"""What a call costs in process, beside a bare `unittest.mock.AsyncMock` in the same run.

python bench/inprocess.py
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from failing_exchange import FailingExchange, simulate
from failing_exchange.faults.triggers import nth
from failing_exchange.virtual.wallclock import REAL

ROUNDS = 9  # interleaved; the median of each case counts, since the machine may be busy
CALLS = 2_000
ORDER = ("BTC/USDT", "limit", "buy", 0.01, 30_000.0)
TARGETS = {"plain": 0.65, "armed": 0.9, "latency": 0.3}

Case = Callable[..., Awaitable[Any]]


async def per_second(call: Case) -> float:
    gc.collect()
    began = time.process_time()
    for _ in range(CALLS):
        await call(*ORDER)
    return CALLS / (time.process_time() - began)


async def in_real_time() -> dict[str, float]:
    mock = AsyncMock(return_value={"id": "1"})
    plain, armed = FailingExchange(latency=None), FailingExchange(latency=None)
    armed.arm("lose_answer", operations="cancel_order", name="another call")
    armed.arm("lose_answer", symbols="ETH/USDT", operations="create_order", name="another market")
    armed.arm("lose_answer", nth(10**9), operations="create_order", name="another time")
    cases: dict[str, Case] = {
        "AsyncMock": mock,
        "plain": plain.create_order,
        "armed": armed.create_order,
    }
    speeds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, call in cases.items():
            speeds[name].append(await per_second(call))
            mock.reset_mock()
            await plain.cancel_all_orders()
            await armed.cancel_all_orders()
    return {name: statistics.median(found) for name, found in speeds.items()}


async def with_latency() -> float:
    exchange = FailingExchange()
    speeds: list[float] = []
    for _ in range(ROUNDS):
        gc.collect()
        began = REAL["perf_counter"]()
        for _ in range(CALLS):
            await exchange.create_order(*ORDER)
        speeds.append(CALLS / (REAL["perf_counter"]() - began))
        await exchange.cancel_all_orders()
    return statistics.median(speeds)


async def poll(hours: float) -> None:
    """A bot at one request a second, an order each ten seconds; the background market runs."""
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


def cpu(program: Callable[[float], Any], hours: float) -> float:
    simulate(program(0.1))
    began = REAL["perf_counter"]()
    simulate(program(hours))
    return float(REAL["perf_counter"]() - began)


def main() -> None:
    speeds = asyncio.run(in_real_time())
    speeds["latency"] = simulate(with_latency())
    mock = speeds["AsyncMock"]
    for name, speed in speeds.items():
        print(f"{name:>10}: {speed:>9,.0f} calls/s, {speed / mock:.2f} x AsyncMock")
    ratios = {
        "plain": speeds["plain"] / mock,
        "armed": speeds["armed"] / speeds["plain"],
        "latency": speeds["latency"] / mock,
    }
    for name, ratio in ratios.items():
        verdict = "met" if ratio >= TARGETS[name] else "MISSED"
        print(f"target {name:>8}: {ratio:.2f} (at least {TARGETS[name]}) {verdict}")
    hours = 2 / cpu(poll, 2)
    print(f"poller at 1 Hz: {hours:.1f} simulated hours a second (at least 10)")
    print(f"an order a minute: {cpu(order_a_minute, 1) * 1e3:.1f} ms an hour (at most 20)")


if __name__ == "__main__":
    main()
