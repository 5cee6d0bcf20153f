"""Bots that are programs: a plain main() that parses arguments and calls asyncio.run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from failing_exchange import ConfigurationError
from failing_exchange.cli.main import main, split
from failing_exchange.runs.bot_loader import Spec, find_bot, read_spec, with_arguments
from failing_exchange.runs.bot_run import RunConfig, run
from failing_exchange.simulation import run_script

PROGRAM = """
import argparse, asyncio
from asyncio import run

import aiohttp

async def trade(pair):
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            url = f"https://api.binance.com/api/v3/ticker/price?symbol={pair}"
            async with session.get(url) as got:
                print(pair, (await got.json())["symbol"])
            await asyncio.sleep(60)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pair", default="BTCUSDT")
    run(trade(parser.parse_args().pair))

def blocks():
    import time
    time.sleep(3600)
    raise LookupError("an hour later")

def takes(exchange):
    pass

async def task(exchange):
    import sys
    assert sys.argv[1:] == ["--pair", "ETHUSDT"]
    await exchange.fetch_ticker("ETH/USDT")

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def bot(tmp_path: Path) -> str:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return str(path)


POLLER = """
import asyncio

async def main():
    while True:
        await asyncio.sleep(0.001)
"""


def crash(name: str, seconds: float = 600) -> str:
    """How a bot died in a run without faults; empty where it lived."""
    verdict = run(RunConfig(bot=name, duration=seconds, modes=())).verdict
    assert verdict is not None
    return verdict.crashed or ""


def test_a_program_s_main_is_a_bot(bot: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is what most bots have; asyncio.run may have been imported by its name."""
    before = sys.argv
    assert crash(f"{bot}:main") == ""
    assert capsys.readouterr().out.splitlines() == ["BTCUSDT BTCUSDT"] * 3
    assert sys.argv is before


@pytest.mark.parametrize("function", ["main", "task"])
def test_a_bot_finds_its_arguments(
    bot: str, function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it is a program or an async function; they go with its name into files and tokens."""
    assert crash(with_arguments(f"{bot}:{function}", ["--pair", "ETHUSDT"])) == ""
    assert function == "task" or "ETHUSDT ETHUSDT" in capsys.readouterr().out


def test_arguments_behind_two_dashes_are_the_bot_s(
    bot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the results file, which `replay` reads, holds them."""
    monkeypatch.chdir(tmp_path)
    code = main(["run", "--duration", "600", "--mode", "NONE", "--bot", f"{bot}:main",
                 "--output", "r.json", "--", "--pair", "ETHUSDT"])  # fmt: skip
    assert code == 0
    assert "ETHUSDT ETHUSDT" in capsys.readouterr().out
    assert json.loads(Path("r.json").read_text())["config"]["bot"].endswith(":main --pair ETHUSDT")
    assert main(["replay", "r.json"]) == 0
    assert "the same as recorded" in capsys.readouterr().out


def test_a_program_may_block(bot: str) -> None:
    """It needs no event loop: `time.sleep` takes no time, and its error is the bot's."""
    assert crash(f"{bot}:blocks", 600) == ""
    assert crash(f"{bot}:blocks", 7_200) == "LookupError: an hour later"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("argparse.ArgumentParser(prog='b').parse_args(['-x'])", 2, "b: error: unrecognized"),
        ("print('no config', file=sys.stderr); sys.exit(3)", 3, "no config"),
        ("sys.exit('no config')", 1, "no config"),
        ("os._exit(4)", 4, ""),
    ],
)
def test_a_script_that_ends_itself_is_told_with_its_last_words(
    tmp_path: Path, line: str, code: int, said: str
) -> None:
    """Not a crash: it says why on stderr, which nobody sees in an exploration."""
    path = tmp_path / "ends.py"
    path.write_text(f"import argparse, os, sys\n{line}\n", encoding="utf-8")
    verdict = run(RunConfig(bot=str(path), duration=60, modes=())).verdict
    assert verdict is not None
    ended = verdict.result("alive").why
    assert ended.startswith(f"died: it ended by itself with exit code {code}")
    assert said in ended
    assert said in verdict.traceback
    assert ("It printed last:" in verdict.traceback) == bool(said)
    if said:
        assert verdict.traceback.index('ends.py", line 2') > verdict.traceback.index(said)


def test_a_blocking_function_with_parameters_is_told_what_it_can_be(bot: str) -> None:
    """The client that a bot is given is asynchronous."""
    with pytest.raises(ConfigurationError, match="failing-exchange serve binance -- python"):
        find_bot(f"{bot}:takes")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("careful", Spec("careful")),
        ("my bot.py:main", Spec("my bot.py:main")),
        ("my bot.py:main --a 'b c'", Spec("my bot.py:main", ("--a", "b c"))),
        ("pkg.bot:main --url http://x:1", Spec("pkg.bot:main", ("--url", "http://x:1"))),
    ],
)
def test_a_name_with_arguments_is_read_back(text: str, spec: Spec) -> None:
    """Paths may hold spaces, arguments colons."""
    assert read_spec(text) == spec
    assert read_spec(with_arguments(*spec)) == spec


def test_unbalanced_quotes_are_refused() -> None:
    """Before anything is loaded."""
    with pytest.raises(ConfigurationError, match="No closing quotation"):
        read_spec("bot.py:main --a 'b")


def test_dashes_are_left_to_scripts_that_are_simulated() -> None:
    """`simulate` hands on all that stands behind the script."""
    assert split(["run", "--bot", "b.py:main", "--", "x"]) == (["run", "--bot", "b.py:main"], ["x"])
    assert split(["simulate", "x.py", "--", "b"]) == (["simulate", "x.py", "--", "b"], None)


def test_a_script_reaches_a_venue_in_each_of_its_loops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`simulate --venue binance script.py`: orders outlive asyncio.run, as on a real venue."""
    path = tmp_path / "script.py"
    path.write_text(PROGRAM.replace("    main()\n", "    main()\n    main()\n"), encoding="utf-8")
    assert main(["simulate", "--venue", "binance", str(path), "--pair", "ETHUSDT"]) == 0
    assert capsys.readouterr().out.splitlines() == ["ETHUSDT ETHUSDT"] * 6
    with pytest.raises(Exception, match="can't be reached"):
        run_script(path)


def test_a_run_that_takes_too_long_says_so_and_blames_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that polls each millisecond is slow to simulate: that is no death of the bot."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "poller.py"
    path.write_text(POLLER)
    report = run(RunConfig(bot=f"{path}:main", modes=(), duration=3_600, wall_seconds=0.05))
    assert "its limit is 0.05" in report.stopped
    assert "give it more with --time" in report.stopped
    assert report.verdict is None or not report.verdict.crashed
    main(["run", "--bot", f"{path}:main", "--mode", "NONE", "--duration", "1h", "--time", "0.05"])
    assert "its limit is 0.05" in capsys.readouterr().out
