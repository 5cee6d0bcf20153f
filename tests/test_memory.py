"""A process that simulates again and again does not grow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KIB_A_RUN_MAX = 16  # libraries keep some addresses and numbers, up to limits of their own
IN_PROCESS = """
async def bot(seed):
    x = FailingExchange(seed=seed)
    for symbol in x.symbols:
        for _ in range(3):
            await x.fetch_ticker(symbol)
            await x.create_order(symbol, "market", "buy", 0.1)
            await x.fetch_ohlcv(symbol, "1m", limit=20)

def run(seed):
    simulate(bot(seed), seed=seed)
"""
ON_THE_WIRE = """
import ccxt.async_support as ccxt
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

async def bot():
    client = ccxt.binance({"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET})
    await client.load_markets()
    for _ in range(3):
        await client.fetch_ticker("BTC/USDT")
        await client.create_order("BTC/USDT", "market", "buy", 0.01)
    await client.close()

def run(seed):
    simulate(bot(), venue="binance", seed=seed)
"""
MEASURE = """
import gc, tracemalloc
from failing_exchange import FailingExchange, simulate
from failing_exchange.background.candle_splitting import PATTERNS, pattern
from failing_exchange.background.profiles import PROFILES
for activity in [0, *(one.activity * 256 // 1_000 for one in PROFILES.values())]:
    for n in range(PATTERNS):
        pattern(activity, n)  # the same in all markets

for seed in range(WARM):
    run(seed)
tracemalloc.start()
run(WARM)
gc.collect()
before, _ = tracemalloc.get_traced_memory()
for seed in range(WARM + 1, WARM + 1 + RUNS):
    run(seed)
gc.collect()
after, _ = tracemalloc.get_traced_memory()
print((after - before) / 1_024 / RUNS)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("program", "runs"), [(IN_PROCESS, 30), (ON_THE_WIRE, 12)])
def test_what_a_run_leaves_behind_is_next_to_nothing(program: str, runs: int) -> None:
    """A suite of a thousand tests, each with a seed of its own, must fit into the memory.

    In process a run left 20 KiB: the keys of its seed stayed in a cache of 65,536.
    """
    head, body = MEASURE.split("\n\n")
    text = f"WARM, RUNS = 12, {runs}\n{head}\n{program}\n{body}"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < KIB_A_RUN_MAX
