"""A bot that can't begin is no finding, and one that spins is one at once."""

from __future__ import annotations

import sys
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.cli.main import main
from failing_exchange.explorer import worker
from failing_exchange.explorer.search import Options, explore
from failing_exchange.explorer.targets import load
from failing_exchange.explorer.trial import BrokenRule, TrialSummary
from failing_exchange.explorer.world import World

BOTS = """
import asyncio, time

async def lacks(exchange):
    import nowhere.to_be_found

def program_lacks():
    import nowhere_else

async def misconfigured(exchange):
    raise ValueError("no API key in the environment")

async def dies_later(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    import nowhere

async def spins(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    while True:
        pass
"""


@pytest.fixture
def bots(tmp_path: Path) -> str:
    """A file of bots without a future."""
    path = tmp_path / "hopeless.py"
    path.write_text(BOTS, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lacks", "No module named 'nowhere'"),
        ("program_lacks", "No module named 'nowhere_else'"),
        ("misconfigured", "ValueError: no API key in the environment"),
    ],
)
@pytest.mark.parametrize("command", ["explore", "run"])
def test_a_bot_that_dies_before_its_first_request_could_not_run(
    command: str, name: str, says: str, bots: str, tmp_path: Path, capsys: Any
) -> None:
    """Nothing of the exchange was involved, and an hour of exploring would say the same."""
    target = ["--bot", f"{bots}:{name}", "--mode", "NONE"]
    if command == "explore":
        target = [f"{bots}:{name}", "--seeds", "500", "--hours", "0.1"]
    assert main([command, *target, "--output", str(tmp_path / "found.json")]) == 2
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "could not run" in one]
    assert "your bot died before its first request" in line
    assert says in line
    missing = says.partition("'")[2].rstrip("'")
    assert line.endswith(f"{sys.executable} -m pip install {missing}") or not missing


def test_a_module_that_is_missing_at_load_says_how_to_get_it(tmp_path: Path, capsys: Any) -> None:
    """The Python that runs a bot is often another one than where its libraries are."""
    path = tmp_path / "lacking.py"
    path.write_text("import nowhere\nasync def main(exchange): ...\n", encoding="utf-8")
    assert main(["explore", f"{path}:main"]) == 2
    assert f"{sys.executable} -m pip install nowhere" in capsys.readouterr().err


def test_a_bot_that_dies_after_a_request_is_a_finding(bots: str) -> None:
    """It has begun: that it dies is its own conduct."""
    found = explore(Options(target=f"{bots}:dies_later", seeds=2, seconds=300.0))
    assert [one.cause.rule for one in found.findings] == ["alive"]
    assert not found.errors


SPUN = TrialSummary(
    breaks=(BrokenRule("alive", "died: Spins: it never waits", (), (), "", 0.0, 1.0, ()),),
    spins=True,
)


class Spinning(Executor):
    """Runs no bot: in each world it spins. It counts the worlds."""

    def __init__(self) -> None:
        self.worlds = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.worlds += len(args[0]["worlds"])
        future: Future[Any] = Future()
        future.set_result([SPUN.as_dict() for _ in args[0]["worlds"]])
        return future


def test_a_bot_that_spins_without_faults_is_not_explored_further(bots: str) -> None:
    """Each world would take the processor for as long, and say the same."""
    worlds = Spinning()
    found = explore(Options(target=f"{bots}:spins", seeds=500), executor=worlds)
    assert [one.cause.rule for one in found.findings] == ["alive"]
    assert found.ended == "your bot never waits, even without faults"
    assert worlds.worlds == 3


def test_a_bot_that_was_seen_to_spin_is_given_less_time(
    bots: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty seconds of each trial would be hours of an exploration and of its shrinking."""
    monkeypatch.setattr(worker, "SPIN_S", 0.2)
    monkeypatch.setattr(worker, "SPIN_AGAIN_S", 0.05)
    monkeypatch.setattr(worker, "_jobs_fd", [])
    target = f"{bots}:spins"
    monkeypatch.setattr(worker, "_loaded", {target: load(target)})
    monkeypatch.setattr(worker, "_spun", {})
    world = World(seed=1, seconds=60.0).as_dict()
    seen = [
        TrialSummary.of(one)
        for worlds in ([world, world], [world])
        for one in worker._results({"target": target, "worlds": worlds})
    ]
    assert [one.spins for one in seen] == [True] * 3
    assert [one.breaks[0].text.split(" s of")[0].split()[-1] for one in seen] == [
        "0.2", "0.05", "0.05",
    ]  # fmt: skip
