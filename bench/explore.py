"""How many runs of one simulated hour a second: an in-process bot, and a bot of ccxt's.

Targets, on two idle cores: 100 in process, 12 for ccxt; and a finding made small in 5 s. The pace
of the cores is measured between stretches of worlds, with as many processes as run them.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pace

from failing_exchange.explorer import targets, worker_pool
from failing_exchange.explorer.search import (
    HOURS_TOGETHER,
    HOURS_TOGETHER_ON_THE_WIRE,
    Options,
    explore,
)
from failing_exchange.explorer.world import draw
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

STRETCHES = 5
IN_PROCESS = """
import asyncio

async def main(exchange):
    side = "buy"
    while True:
        try:
            await exchange.create_order("BTC/USDT", "market", side, 0.1)
        except Exception:
            pass
        side = "sell" if side == "buy" else "buy"
        await asyncio.sleep(60)
"""
CCXT = f"""
import asyncio
import ccxt.async_support as ccxt

async def main():
    client = ccxt.binance({{"apiKey": "{DEFAULT_KEY}", "secret": "{DEFAULT_SECRET}"}})
    side = "buy"
    try:
        while True:
            try:
                await client.create_order("BTC/USDT", "market", side, 0.01)
            except Exception:
                pass
            side = "sell" if side == "buy" else "buy"
            await asyncio.sleep(60)
    finally:
        await client.close()
"""


def measure(name: str, text: str, seeds: int, target: float, jobs: int = 2) -> None:
    """Print how many worlds a second are drawn, run and judged; nothing is made small here."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as threads:
        path = Path(folder) / f"bot_{name}.py"
        path.write_text(text, encoding="utf-8")
        venue = targets.load(f"{path}:main").venue
        worlds = [draw(seed, seconds=3_600.0, venue=venue).as_dict() for seed in range(seeds)]
        size = HOURS_TOGETHER_ON_THE_WIRE if venue else HOURS_TOGETHER
        parts = [worlds[start : start + size] for start in range(0, seeds, size)]
        tasks = [{"target": f"{path}:main", "worlds": part} for part in parts]
        list(threads.map(worker_pool.execute, tasks[:jobs]))  # each process has loaded everything
        rates, paces = [], [pace.together(jobs)]
        share = len(tasks) // STRETCHES
        for start in range(0, share * STRETCHES, share):
            part = tasks[start : start + share]
            began = time.perf_counter()
            list(threads.map(worker_pool.execute, part))
            spent = time.perf_counter() - began
            rates.append(sum(len(task["worlds"]) for task in part) / spent)
            paces.append(pace.together(jobs))
    worker_pool.end_all()
    idle = statistics.median(
        rate * 2 / (before + after)
        for rate, before, after in zip(rates, paces[:-1], paces[1:], strict=True)
    )
    print(f"{name:<12} {statistics.median(rates):6.1f} runs of an hour a second on {jobs} "
          f"processes here, {idle:.1f} on idle cores (target {target:g}) "
          f"{pace.verdict(idle >= target)}")  # fmt: skip


def shrinking() -> None:
    """Print how long the first findings took to be made small."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bot.py"
        path.write_text(IN_PROCESS, encoding="utf-8")
        began = time.perf_counter()
        found = explore(Options(target=f"{path}:main", seeds=64, jobs=2))
        spent = time.perf_counter() - began
    runs = [f.example.runs for f in found.findings if f.is_settled]
    print(
        f"64 worlds with {len(runs)} causes made small: {spent:.1f} s, "
        f"{sum(runs) / max(1, len(runs)):.0f} runs a finding (target 5 s each)"
    )


def main() -> None:
    """Both bots, the curve from one process to two, and how long it takes to make small."""
    measure("in_process", IN_PROCESS, 640, 100)
    measure("in_process", IN_PROCESS, 320, 50, jobs=1)
    measure("ccxt", CCXT, 160, 12)
    shrinking()


if __name__ == "__main__":
    main()
