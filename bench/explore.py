"""How many worlds of an hour are drawn, run and judged a second; and how long shrinking takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.harness import Pair, Size, bench, pace_of
from failing_exchange.explorer import targets, worker_pool
from failing_exchange.explorer.search import (
    HOURS_TOGETHER,
    HOURS_TOGETHER_ON_THE_WIRE,
    Options,
    explore,
)
from failing_exchange.explorer.world import draw
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

IDLE_CORES = "the pace of these cores"
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


def _worlds(text: str, count: int, jobs: int) -> Iterator[Pair]:
    """So many worlds a round, each round others; nothing is made small here."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as threads:
        path = Path(folder) / "bot.py"
        path.write_text(text, encoding="utf-8")
        venue = targets.load(f"{path}:main").venue
        size = min(HOURS_TOGETHER_ON_THE_WIRE if venue else HOURS_TOGETHER, count)
        seed = 0

        def run() -> float:
            nonlocal seed
            worlds = [draw(seed + n, seconds=3_600.0, venue=venue).as_dict() for n in range(count)]
            seed += count
            parts = [worlds[start : start + size] for start in range(0, count, size)]
            tasks = [{"target": f"{path}:main", "worlds": part} for part in parts]
            began = time.perf_counter()
            list(threads.map(worker_pool.execute, tasks))
            return count / (time.perf_counter() - began)

        run()  # each process has loaded everything
        yield run, partial(pace_of, jobs)
    worker_pool.end_all()


@bench("hours/s", IDLE_CORES, at_least=100, rounds=5)
def in_process(size: Size) -> Iterator[Pair]:
    """Worlds of an hour of a bot in process, on two processes."""
    yield from _worlds(IN_PROCESS, size(128, 2), 2)


@bench("hours/s", IDLE_CORES, at_least=50, rounds=5)
def one_process(size: Size) -> Iterator[Pair]:
    """The same on one process."""
    yield from _worlds(IN_PROCESS, size(64, 2), 1)


@bench("hours/s", IDLE_CORES, at_least=12, rounds=5)
def ccxt(size: Size) -> Iterator[Pair]:
    """The same of a ccxt bot, on two processes."""
    yield from _worlds(CCXT, size(32, 2), 2)


@bench("s a finding", at_most=5, rounds=1)
def shrinking(size: Size) -> Iterator[Pair]:
    """How long 64 worlds are explored and their findings made small, for each finding."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bot.py"
        path.write_text(IN_PROCESS, encoding="utf-8")

        def seconds() -> float:
            began = time.perf_counter()
            options = Options(target=f"{path}:main", seeds=size(64, 4), jobs=2, quick=size.quick)
            found = explore(options)
            settled = sum(one.is_settled for one in found.findings)
            return (time.perf_counter() - began) / max(1, settled)

        yield seconds, None
