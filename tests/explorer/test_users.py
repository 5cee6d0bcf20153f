"""What users do to an exploration: bots that misbehave, wrong names, Ctrl-C, other folders."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.cli.main import main
from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer import replay
from failing_exchange.explorer.regression_test import test_file as file_of
from failing_exchange.explorer.search import Exploration, Options, explore
from failing_exchange.explorer.trial import run
from failing_exchange.explorer.world import World
from failing_exchange.report.page import page
from failing_exchange.runs.bot_loader import find_bot
from failing_exchange.runs.bot_run import RunConfig, run as run_as_configured
from tests.explorer.test_explorer import BOT

RETRIES = BOT
ASKS = '''
import asyncio
from failing_exchange import intend

async def main(exchange):
    """Names its order, and asks for it by that name."""
    side, n = "buy", 0
    while True:
        n += 1
        with intend("BTC/USDT", side, 0.1):
            try:
                await exchange.create_order(
                    "BTC/USDT", "market", side, 0.1, None, {"clientOrderId": f"mine-{n}"}
                )
            except Exception:
                await asyncio.sleep(10)
                await exchange.fetch_order("", "BTC/USDT", {"clientOrderId": f"mine-{n}"})
        side = "sell" if side == "buy" else "buy"
        await asyncio.sleep(60)
'''
BAD = """
import asyncio, os, sys

async def leaves(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    sys.exit(3)

async def reads(exchange):
    sys.stdin.read()
    await exchange.fetch_ticker("BTC/USDT")

async def prints(exchange):
    os.write(1, b"{}\\n")
    print("{}")
    await exchange.fetch_ticker("BTC/USDT")

async def says_a_page(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    raise RuntimeError("first line\\nsecond line")

async def waits(exchange):
    await asyncio.Event().wait()

async def needs_more(exchange, database):
    pass

async def has_defaults(symbol="BTC/USDT"):
    pass

def is_no_coroutine(exchange):
    pass
"""


@pytest.fixture
def bad(tmp_path: Path) -> str:
    """A file of bots that misbehave."""
    path = tmp_path / "bad.py"
    path.write_text(BAD, encoding="utf-8")
    return str(path)


def explored(target: str) -> Any:
    return explore(Options(target=target, seeds=3, seconds=300.0))


def test_a_bot_that_leaves_its_process_has_died(bad: str) -> None:
    """`sys.exit` in a library is a death like any other, and no reason to give up."""
    found = explored(f"{bad}:leaves")
    assert not found.errors
    assert [f.cause.rule for f in found.findings] == ["alive"]
    assert "ended by itself with exit code 3" in next(iter(found.findings)).sentence


@pytest.mark.slow
def test_a_bot_that_reads_or_prints_disturbs_nobody(bad: str) -> None:
    """Jobs come and results go by the pipes that once were its input and output."""
    for name in ("reads", "prints"):
        found = explored(f"{bad}:{name}")
        assert found.trials == 3
        assert not found.errors, found.errors


def test_what_a_bot_died_of_is_one_line(bad: str) -> None:
    """Sentences are read in terminals, and in names of test cases."""
    found = explored(f"{bad}:says_a_page")
    sentence = next(iter(found.findings)).sentence
    assert sentence.endswith("died: RuntimeError: first line; no fault is needed for it")


@pytest.mark.parametrize("name", ["waits", "has_defaults"])
def test_a_bot_that_asks_nothing_is_not_called_good(
    name: str, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was judged, and the exit code says so."""
    assert main(["explore", f"{bad}:{name}", "--seeds", "2", "--hours", "0.1"]) == 2
    assert "sent no request in any world" in capsys.readouterr().out


def test_what_was_not_judged_is_said(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, for most bots lack something; with what the user can do about it on demand."""
    wanted = ["explore", f"{bad}:prints", "--seeds", "2", "--hours", "0.1"]
    assert main(wanted) == 0
    said = capsys.readouterr().out
    assert "rules that could be judged was broken in 2 worlds" in said
    (line,) = [line for line in said.splitlines() if "not judged" in line]
    assert "rules: once, " in line
    assert line.endswith("(why: --verbose)")
    assert main([*wanted, "--verbose"]) == 0
    said = capsys.readouterr().out
    assert "not judged: once: what the bot intends is not known: declare it" in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("{folder}/bad.py:", "names no function"),
        ("{folder}/bad.py:nobody", "there is no such function"),
        ("{folder}/bad.py:is_no_coroutine", "not a coroutine function"),
        ("{folder}/bad.py:needs_more", "has a parameter 'database'"),
        ("{folder}/broken.py:main", "can't be loaded: SyntaxError"),
        ("{folder}/lacking.py:main", "No module named 'nowhere_to_be_found'"),
        ("nowhere_to_be_found:main", "cannot import"),
        ("{folder}/test_no.py::test_x", "no test"),
        ("", "name naive or careful"),
    ],
)
def test_a_wrong_name_is_one_line(
    name: str, says: str, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the file itself is broken: exit code 1 is for findings."""
    folder = Path(bad).parent
    (folder / "broken.py").write_text("async def main(exchange)\n    pass\n")
    (folder / "lacking.py").write_text("import nowhere_to_be_found\n")
    assert main(["explore", name.format(folder=folder), "--seeds", "1"]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert len(told.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "wrong",
    [["--junit", "/proc/x.xml"], ["--output", "/proc/x"], ["--corpus", "/proc/x"],
     ["--corpus", "/proc/version"], ["--tests", "/proc/x"]],
)  # fmt: skip
def test_a_place_that_cannot_be_written_is_found_before(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour of exploring is not to be lost for it."""
    assert main(["explore", "careful", "--seeds", "1", *wrong]) == 2
    assert wrong[0] in capsys.readouterr().err


def test_a_time_that_is_no_number_is_found_before(capsys: pytest.CaptureFixture[str]) -> None:
    """It would be compared with the clock in vain, and the run would never end."""
    with pytest.raises(SystemExit) as left:
        main(["explore", "careful", "--seeds", "1", "--time", "nan"])
    assert left.value.code == 2
    assert "--time: 'nan': expected a number of seconds" in capsys.readouterr().err


def test_a_bot_finds_what_lies_beside_it(tmp_path: Path) -> None:
    """As a script does; and what it keeps in there is made anew for each world."""
    (tmp_path / "memory_of_mine.py").write_text("seen = []\n")
    (tmp_path / "bot.py").write_text(
        "import memory_of_mine\n\nasync def main(exchange):\n"
        "    await exchange.fetch_ticker('BTC/USDT')\n"
        "    memory_of_mine.seen.append(1)\n    assert memory_of_mine.seen == [1]\n"
    )
    found = explore(Options(target=f"{tmp_path}/bot.py:main", seeds=4, seconds=60.0))
    assert not found.errors
    assert not len(found.findings), [f.sentence for f in found.findings]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exploration]:
    """An exploration that several stories look at; its bot lies in the working directory."""
    folder = tmp_path_factory.mktemp("explored")
    (folder / "mybot.py").write_text(RETRIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield explore(Options(target="mybot.py:main", seeds=1, first_seed=32, seconds=1_800.0))


def test_the_plainest_rule_tells_of_a_finding(found: Exploration) -> None:
    """What it bought, and why: not what it failed to look up."""
    finding = next(f for f in found.findings if f.cause.kinds == ("lose_answer",))
    assert finding.sentence == (
        "seed 32: your bot bought 0.2 BTC (trips 3 and 5) instead of 0.1, because the answer to "
        "its first order (trip 3) was lost and it sent the order again without asking; "
        "1 fault suffices"
    )
    assert "resolves" in finding.also
    assert finding.example.world.seconds < 120


@pytest.mark.slow
def test_a_test_is_found_again_from_another_folder(
    found: Exploration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails for the bot that retries, and passes for the one that asks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mybot.py").write_text(RETRIES)
    (tmp_path / "tests").mkdir()
    finding = next(f for f in found.findings if f.cause.kinds == ("lose_answer",))
    name, text = file_of(finding, Path("tests"))
    (tmp_path / "tests" / name).write_text(text)
    monkeypatch.chdir("/")
    assert _pytest(tmp_path / "tests" / name) == 1
    (tmp_path / "mybot.py").write_text(ASKS)
    assert _pytest(tmp_path / "tests" / name) == 0
    assert replay(str(finding.token), f"{tmp_path}/mybot.py:main").differences


def _pytest(path: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_the_first_failure_is_the_only_one(tmp_path: Path) -> None:
    """Whoever asks for one does not wait for sixteen to be made small."""
    path = tmp_path / "mybot.py"
    path.write_text(RETRIES)
    options = Options(target=f"{path}:main", seeds=24, seconds=1_200.0, stop_at_first=True)
    found = explore(options)
    assert {finding.seed for finding in found.findings} == {min(f.seed for f in found.findings)}
    assert found.ended == "the first failure was found"


def test_ctrl_c_keeps_what_was_found_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Within a moment, though a bot spins for ever; the findings are told and written."""
    path = tmp_path / "mybot.py"
    path.write_text(RETRIES)
    output = tmp_path / "run.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "failing_exchange", "explore", f"{path}:main",
         "--seeds", "100000", "--hours", "0.2", "--jobs", "2", "--output", str(output)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()  # a finding, as it comes
    assert first.startswith("found: seed ")
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "it was interrupted" in said
    assert json.loads(output.read_text())["findings"]


def test_nothing_is_left_of_a_search_that_was_killed(tmp_path: Path) -> None:
    """Its trials see that nobody waits for them, and end, even one that spins for ever."""
    path = tmp_path / "spins.py"
    mark = tmp_path / "pid"
    path.write_text(
        "import os\n\nasync def main(exchange):\n"
        f"    open({str(mark)!r}, 'w').write(str(os.getpid()))\n    while True:\n        pass\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "failing_exchange", "explore", f"{path}:main", "--jobs", "1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    trial = _wait_for(lambda: int(mark.read_text() or 0) if mark.exists() else 0)
    process.kill()
    process.wait()
    assert _wait_for(lambda: not _lives(trial))


def _wait_for(look: Any) -> Any:
    """Look until there is something, for a minute of real time at most."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.05)  # another process is waited for: there is no clock of ours in it
    raise AssertionError("it never came")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_bot_that_survives_every_cancel_is_judged_all_the_same() -> None:
    """A bare `except:` in a loop is common; the run ends without it."""

    async def immortal(exchange: Any) -> None:
        while True:
            try:
                await exchange.fetch_ticker("BTC/USDT")
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                continue

    outcome = run(immortal, World(seed=1, seconds=60.0))
    assert outcome.verdict is not None
    assert outcome.verdict.passed


CCXT = """
import asyncio
import ccxt.async_support as ccxt

async def main():
    client = ccxt.binance({"apiKey": "myKey", "secret": "mine"})
    try:
        while True:
            try:
                await client.create_order("BTC/USDT", "market", "buy", 0.01)
            except ccxt.NetworkError:
                pass
            await asyncio.sleep(60)
    finally:
        await client.close()
"""


def test_a_bot_with_clients_of_its_own_plays_the_scenarios(tmp_path: Path) -> None:
    """By the production names, with whatever key it has, as when it is explored."""
    pytest.importorskip("ccxt")
    path = tmp_path / "own.py"
    path.write_text(CCXT)
    config = RunConfig(
        bot=f"{path}:main", scenario="order_timeout_after_accept", duration=1_800.0, modes=(),
        rate_limit=None,
    )  # fmt: skip
    verdict = run_as_configured(config).verdict
    assert verdict is not None
    assert verdict.requests > 20
    assert not verdict.crashed
    assert "the answer to its third order" in verdict.result("converges").why
    with pytest.raises(ConfigurationError, match="--real-time"):
        run_as_configured(replace(config, real_time=True))


def test_a_run_ends_well_though_its_bot_leaves(bad: str) -> None:
    """`sys.exit` in a bot must not end the command that judges it."""
    report = run_as_configured(RunConfig(bot=f"{bad}:leaves", duration=60.0, modes=()))
    assert report.verdict is not None
    assert report.verdict.crashed == "it ended by itself with exit code 3"


def test_a_finding_shows_both_columns(found: Exploration) -> None:
    """In the results, and so on the page: what happened, what was told, and the fault."""
    finding = next(f for f in found.as_dict()["findings"] if f["kinds"] == ["lose_answer"])
    struck = next(row for row in finding["columns"] if row["faults"])
    assert struck["faults"] == ["lose_answer"]
    assert "accepted" in struck["happened"]
    assert struck["told"] == "nothing"
    assert '"HAPPENED"' in page(found.as_dict())


def test_the_nearest_name_is_taken_for_the_client(tmp_path: Path) -> None:
    """A bot may call its client as it likes, and have parameters with defaults besides."""
    path = tmp_path / "named.py"
    path.write_text(
        "async def main(client, symbol='BTC/USDT'):\n    await client.fetch_ticker(symbol)\n"
    )
    outcome = run(find_bot(f"{path}:main"), World(seed=1, seconds=60.0))
    assert outcome.verdict is not None
    assert outcome.verdict.requests == 1
