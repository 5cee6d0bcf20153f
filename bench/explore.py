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
SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
TRADE = """
import asyncio
{more}

async def trade(client):
    side = "buy"
    while True:
        try:
            await client.create_order("{symbol}", "market", side, {amount})
        except Exception:
            pass
        side = "sell" if side == "buy" else "buy"
        await asyncio.sleep(60)

async def main({parameter}):
"""


def in_process_bot(symbol: str) -> str:
    """The text of a bot with an order a minute."""
    text = TRADE.format(symbol=symbol, amount=0.1, more="", parameter="exchange")
    return f"""{text}
    await trade(exchange)

main.symbols = {[symbol] if ":" in symbol else []}
"""


def ccxt_bot(kind: str, symbol: str) -> str:
    """The same with a client of ccxt's."""
    more = "import ccxt.async_support as ccxt"
    return f"""{TRADE.format(symbol=symbol, amount=0.01, more=more, parameter="")}
    client = ccxt.{kind}({{"apiKey": "{DEFAULT_KEY}", "secret": "{DEFAULT_SECRET}"}})
    try:
        await trade(client)
    finally:
        await client.close()
"""


def _worlds(text: str, count: int, jobs: int, venue: str = "") -> Iterator[Pair]:
    """So many worlds a round, each round others; nothing is made small here."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as threads:
        path = Path(folder) / "bot.py"
        path.write_text(text, encoding="utf-8")
        target = targets.load(f"{path}:main")
        venue, symbols = target.venue and (venue or target.venue), target.symbols
        size = min(HOURS_TOGETHER_ON_THE_WIRE if venue else HOURS_TOGETHER, count)
        seed = 0

        def run() -> float:
            nonlocal seed
            worlds = [
                draw(seed + n, seconds=3_600.0, venue=venue, symbols=symbols).as_dict()
                for n in range(count)
            ]
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
    yield from _worlds(in_process_bot(SPOT), size(128, 2), 2)


@bench("hours/s", IDLE_CORES, at_least=50, rounds=5)
def one_process(size: Size) -> Iterator[Pair]:
    """The same on one process."""
    yield from _worlds(in_process_bot(SPOT), size(64, 2), 1)


@bench("hours/s", IDLE_CORES, at_least=12, rounds=5)
def ccxt(size: Size) -> Iterator[Pair]:
    """The same of a ccxt bot, on two processes."""
    yield from _worlds(ccxt_bot("binance", SPOT), size(32, 2), 2)


BLOCKING = f"""
import time
import ccxt

def main():
    client = ccxt.binance({{"apiKey": "{DEFAULT_KEY}", "secret": "{DEFAULT_SECRET}"}})
    side = "buy"
    while True:
        try:
            client.create_order("{SPOT}", "market", side, 0.01)
        except Exception:
            pass
        side = "sell" if side == "buy" else "buy"
        time.sleep(60)
"""


@bench("hours/s", IDLE_CORES, at_least=8, rounds=5)
def blocking(size: Size) -> Iterator[Pair]:
    """The same of a bot with ccxt's synchronous class."""
    yield from _worlds(BLOCKING, size(32, 2), 2)


@bench("hours/s", IDLE_CORES, at_least=80, rounds=5)
def perpetual(size: Size) -> Iterator[Pair]:
    """Worlds of an hour of a bot in process that trades a perpetual, on two processes."""
    yield from _worlds(in_process_bot(PERPETUAL), size(128, 2), 2)


@bench("hours/s", IDLE_CORES, at_least=10, rounds=5)
def ccxt_usdm(size: Size) -> Iterator[Pair]:
    """The same of a ccxt bot on USD-M."""
    yield from _worlds(ccxt_bot("binanceusdm", PERPETUAL), size(32, 2), 2, "binance-usdm")


@bench("s a finding", at_most=5, rounds=1)
def shrinking(size: Size) -> Iterator[Pair]:
    """How long 64 worlds are explored and their findings made small, for each finding."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bot.py"
        path.write_text(in_process_bot(SPOT), encoding="utf-8")

        def seconds() -> float:
            began = time.perf_counter()
            options = Options(target=f"{path}:main", seeds=size(64, 4), jobs=2, quick=size.quick)
            found = explore(options)
            settled = sum(one.is_settled for one in found.findings)
            return (time.perf_counter() - began) / max(1, settled)

        yield seconds, None
