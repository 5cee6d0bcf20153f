"""A bot's process: what a restart ends, how it may die, and what it was asked to do."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.core.events import OrderAccepted
from failing_exchange.explorer import targets
from failing_exchange.explorer.replay_token import replay
from failing_exchange.explorer.search import Options, explore
from failing_exchange.explorer.token import HASH_SEED
from failing_exchange.explorer.trial import TrialResult
from failing_exchange.explorer.world import FaultSpec, World

WORKER = """
import asyncio

async def worker(exchange):
    while True:
        await exchange.fetch_ticker("BTC/USDT")
        await asyncio.sleep(10)

async def main(exchange):
    for _ in range(2):
        asyncio.create_task(worker(exchange))
    await asyncio.Event().wait()
"""
REMEMBERS = """
import asyncio
bought = []

async def main(exchange):
    if not bought:
        bought.append(await exchange.create_order("BTC/USDT", "market", "buy", 0.1))
    while True:
        await asyncio.sleep(30)
        await exchange.fetch_balance()
"""
CANCELS = """
import asyncio

async def main(exchange):
    async def loop():
        while True:
            try:
                await exchange.fetch_ticker("BTC/USDT")
            except Exception:
                task.cancel()
            await asyncio.sleep(30)
    task = asyncio.create_task(loop())
    await task
"""
DOES = """
import asyncio

async def main(exchange, intents):
    for one in intents:
        for _ in range({times}):
            await exchange.create_order(one["symbol"], "market", one["side"], one["amount"])
        await asyncio.sleep(60)
    await asyncio.Event().wait()
"""
ON_THE_WIRE = """
import asyncio
import aiohttp

async def main():
    session = aiohttp.ClientSession()
    async with session.ws_connect("wss://stream.binance.com:9443/ws/btcusdt@trade") as stream:
        async for _ in stream:
            pass
"""
TEST = """
import pytest
from failing_exchange import intend, probe

@pytest.mark.asyncio
async def test_buys(failing_exchange):
    probe(positions=lambda: {"BTC/USDT": 0.0})
    with intend("BTC/USDT", "buy", 0.01):
        for _ in range(2):
            await failing_exchange.create_order("BTC/USDT", "market", "buy", 0.01)
    await failing_exchange.fetch_balance()
"""


def play(folder: Path, text: str, **world: Any) -> TrialResult:
    """A bot of that text in a world of half an hour."""
    path = folder / "bot.py"
    path.write_text(text)
    return targets.load(f"{path}:main").run(World(seed=1, **{"seconds": 1_800.0, **world}))


def outcomes(found: TrialResult) -> Mapping[str, str]:
    """What became of each rule."""
    assert found.verdict is not None, found.error
    return {result.rule: str(result.outcome) for result in found.verdict.results}


def test_a_restart_ends_all_tasks_of_the_bot(tmp_path: Path) -> None:
    once = play(tmp_path, WORKER)
    killed = play(tmp_path, WORKER, restarts=(400.0, 900.0))
    assert len(once.trips) == pytest.approx(2 * 180, abs=4)
    assert len(killed.trips) == pytest.approx(2 * 180, abs=10)


SWALLOWS = """
import asyncio

async def main(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    for _ in range(3):
        try:
            await asyncio.sleep(100_000)
        except asyncio.CancelledError:
            continue
"""


def test_a_bot_that_swallows_some_cancels_is_started_again(tmp_path: Path) -> None:
    """`asyncio.wait_for` swallows one that comes as its wait ends: one cancel is not enough."""
    found = play(tmp_path, SWALLOWS, restarts=(400.0, 900.0))
    assert sum(trip.operation == "fetch_ticker" for trip in found.trips) == 3


def test_a_restarted_bot_remembers_nothing(tmp_path: Path) -> None:
    found = play(tmp_path, REMEMBERS, restarts=(400.0, 900.0))
    placed = [e for t in found.trips for e in t.happened if isinstance(e, OrderAccepted)]
    assert len(placed) == 3


def test_a_restart_breaks_the_connections_of_the_bot(tmp_path: Path) -> None:
    found = play(tmp_path, ON_THE_WIRE, restarts=(100.0, 200.0, 300.0))
    assert found.error == ""
    assert found.exchange is not None
    watching = found.exchange.venue.gateway.listeners
    alone = play(tmp_path, ON_THE_WIRE)
    assert alone.exchange is not None
    assert len(watching) == len(alone.exchange.venue.gateway.listeners)


def test_a_bot_that_dies_of_a_cancel_has_died(tmp_path: Path) -> None:
    lost = FaultSpec("lose_answer", "nth(3)", ("fetch_ticker",), {})
    found = play(tmp_path, CANCELS, faults=(lost,))
    assert found.verdict is not None
    assert "alive" in found.broken
    assert "CancelledError" in found.verdict.sentence


LEAVES = """
import sys

async def main(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    sys.exit(3)
"""


def test_a_bot_that_leaves_its_process_leaves_nothing_unheard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = play(tmp_path, LEAVES)
    assert found.verdict is not None
    assert "ended by itself with exit code 3" in found.verdict.sentence
    gc.collect()
    assert caplog.text == ""


@pytest.mark.parametrize(("times", "outcome"), [(1, "pass"), (2, "fail")])
def test_what_a_bot_is_given_to_do_is_what_it_means(
    tmp_path: Path, times: int, outcome: str
) -> None:
    one = {"at": 60.0, "symbol": "BTC/USDT", "side": "buy", "amount": 0.1}
    intents = (one, {**one, "at": 61.0}, {**one, "side": "sell", "amount": 0.2})
    found = play(tmp_path, DOES.format(times=times), intents=intents)
    assert outcomes(found)["once"] == outcome


def test_a_package_that_is_a_bot_is_made_anew_with_all_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "ownbot"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "state.py").write_text("seen = []\n")
    (package / "bot.py").write_text(
        "import asyncio\nfrom ownbot.state import seen\n\n"
        "async def main(exchange):\n"
        "    seen.append(1)\n"
        "    for _ in seen:\n"
        "        await exchange.fetch_ticker('BTC/USDT')\n"
        "    await asyncio.Event().wait()\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    asked = []
    for _ in range(3):
        target = targets.load("ownbot.bot:main")
        trips = target.run(World(seed=1, seconds=60.0)).trips
        asked.append(sum(trip.operation == "fetch_ticker" for trip in trips))
    assert asked == [1, 1, 1]


SHOW = """
import json, sys
from failing_exchange.explorer.pytest_target import run_test
from failing_exchange.explorer.trial import RunRequest
from failing_exchange.explorer.world import World

found = run_test(
    sys.argv[1], RunRequest(world=World(seed=1, seconds=60.0), until=int(sys.argv[2]))
)
made = [t.operation for t in found.trips if t.operation != "(market)"]
made = made[: (int(sys.argv[2]) or 99) - 1]
became = {r.rule: str(r.outcome) for r in found.verdict.results}
print(json.dumps([made, became]))
"""


def of_test(folder: Path, until: int) -> Any:
    """(requests, what became of each rule) of the test."""
    path = folder / "test_buys.py"
    path.write_text(TEST)
    done = subprocess.run(
        [sys.executable, "-c", SHOW, f"{path}::test_buys", str(until)],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_what_a_test_declares_before_its_first_request_counts(tmp_path: Path) -> None:
    made, became = of_test(tmp_path, 0)
    assert made == ["create_order", "create_order", "fetch_balance"]
    assert became["once"] == "fail"
    assert became["converges"] != "not judged"  # the probe was heard


@pytest.mark.slow
def test_a_test_can_be_stopped_before_a_trip(tmp_path: Path) -> None:
    made, became = of_test(tmp_path, 3)
    assert made == ["create_order", "create_order"]
    assert became["test"] == "pass"  # it was stopped, and has not failed


SETS = """
import asyncio

async def main(exchange):
    while True:
        for symbol in {"BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT", "ETH/BTC"}:
            await exchange.create_order(symbol, "market", "buy", 1.0)
            await asyncio.sleep(60)
"""


@pytest.mark.slow
def test_a_token_says_with_which_hash_seed_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(HASH_SEED, raising=False)
    path = tmp_path / "bot.py"
    path.write_text(SETS)
    found = explore(Options(target=f"{path}:main", seeds=32, seconds=900.0, jobs=1))
    token = str(next(iter(found.findings)).token)
    other = replay(token)
    if other.same:  # this process happens to have the same order
        return
    assert any(f"{HASH_SEED}=0" in text for text in other.differences)
    done = subprocess.run(
        [sys.executable, "-m", "failing_exchange", "replay", token],
        env={**os.environ, HASH_SEED: "0"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Every message is as it was" in done.stdout
