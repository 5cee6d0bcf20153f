"""Same seed, same journal bytes in any process and Python; faults don't shift each other."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.faults.triggers import chance

ROOT = Path(__file__).parent.parent
SYMBOL = "BTC/USDT"
PROGRAM = """
import sys
from failing_exchange.runner import RunConfig, run
bot, seed, journal = sys.argv[1:]
modes = (("RANDOM", 0.1), ("MIXED", 0.1), ("STALE_DATA", 0.05), ("SLOW_RESPONSE", 0.05))
run(RunConfig(bot=bot, duration=1_800.0, seed=int(seed), modes=modes, journal=journal))
"""


def pythons() -> dict[str, str | None]:
    """Each supported Python that has what we need, by version; None where there is none."""
    found: dict[str, str | None] = {}
    for version in ("3.11", "3.12", "3.13"):
        own = f"{sys.version_info.major}.{sys.version_info.minor}" == version
        named = os.environ.get(f"PYTHON{version.replace('.', '')}")
        found[version] = sys.executable if own else named or shutil.which(f"python{version}")
    return found


def journal_of(
    tmp_path: Path, bot: str, seed: int, *, python: str = sys.executable, hash_seed: str = "1"
) -> str:
    """The digest of a run's journal, in a process of its own."""
    path = tmp_path / f"{bot}-{seed}-{hash_seed}-{Path(python).name}"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [python, "-c", PROGRAM, bot, str(seed), str(path)],
        env=environment, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = path.read_bytes()
    assert text.count(b"\n") > 50
    return hashlib.sha256(text).hexdigest()


@cache
def can_run(python: str) -> bool:
    """Whether a Python has the libraries that a run needs."""
    probe = [python, "-c", "import time_machine, tenacity"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("bot", ["naive", "careful"])
def test_a_run_is_the_same_in_every_process(tmp_path: Path, bot: str) -> None:
    """Whatever order sets and dicts of strings have there."""
    first = journal_of(tmp_path, bot, 7, hash_seed="1")
    assert journal_of(tmp_path, bot, 7, hash_seed="4242") == first
    assert journal_of(tmp_path, bot, 8, hash_seed="1") != first


@pytest.mark.parametrize("version", [v for v, own in pythons().items() if own != sys.executable])
def test_a_run_is_the_same_in_every_python(tmp_path: Path, version: str) -> None:
    """A failure found on one version can be replayed on another."""
    python = pythons()[version]
    if python is None or not can_run(python):
        pytest.skip(f"no Python {version} with our libraries: set PYTHON{version.replace('.', '')}")
    first = journal_of(tmp_path, "careful", 7)
    assert journal_of(tmp_path, "careful", 7, python=python) == first


# ---- what is armed beside changes nobody else's numbers


def trade(*beside: str, seed: int = 3) -> list[Any]:
    """Which of 300 calls one rule strikes, and how long each takes, with other rules beside it."""

    async def story() -> list[Any]:
        x = FailingExchange(seed=seed, connection_timeout=1)
        for name in beside:
            x.arm(name, chance(0.5), operations=("fetch_balance", "watch_ticker"))
        rule = x.arm("reject_request", chance(0.2), name="watched", operations="fetch_ticker")
        for _ in range(150):
            for call in (x.fetch_ticker(SYMBOL), x.fetch_balance()):
                try:
                    await call
                except FailingExchangeError:
                    continue
        assert rule.struck
        return [
            ([d.rule for d in t.struck], t.ended_at - t.born_at)
            for t in x.journal.trips
            if t.operation == "fetch_ticker"
        ]

    return simulate(story())


def test_one_more_rule_shifts_nobody_elses_numbers() -> None:
    """Neither the draws of the other rules nor any latency: a plan can be shrunk."""
    alone = trade()
    assert trade("lose_answer") == alone
    assert trade("delay_answer", "repeat_request", "lose_request") == alone
    assert trade(seed=4) != alone


def test_one_more_request_elsewhere_shifts_nobody_elses_numbers() -> None:
    """A retry, a feed or another client draws numbers of its own."""

    def run(noisy: bool) -> list[Any]:
        async def story() -> list[Any]:
            x = FailingExchange(seed=3)
            bob = x.client("bob")
            whom = {"operations": "fetch_ticker", "symbols": SYMBOL}
            x.arm("reject_request", chance(0.3), name="watched", **whom)
            for n in range(100):
                if noisy:
                    await bob.fetch_time()
                    await (x.fetch_ticker if n % 3 else x.watch_ticker)("ETH/USDT")
                try:
                    await x.fetch_ticker(SYMBOL)
                except FailingExchangeError:
                    continue
            return [
                (bool(t.struck), t.ended_at - t.born_at)
                for t in x.journal.trips
                if (t.account, t.operation, t.symbol) == ("main", "fetch_ticker", SYMBOL)
            ]

        return simulate(story())

    assert run(noisy=True) == run(noisy=False)


def test_a_recorded_plan_replays_without_dice() -> None:
    """What struck in one run strikes again in another seed's."""

    async def story(x: FailingExchange) -> str:
        outcome = ""
        for _ in range(100):
            try:
                await x.fetch_ticker(SYMBOL)
                outcome += "."
            except FailingExchangeError:
                outcome += "x"
        return outcome

    first = FailingExchange(seed=1, base_failure_rate=0.2)
    told = simulate(lambda: story(first))
    again = FailingExchange(seed=2)
    plan = again.replay(first.recorded())
    assert simulate(lambda: story(again)) == told
    assert "x" in told
    assert plan.unused() == []
