"""Explore, shrink, replay: from a seed to the smallest world that breaks the bot."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentTypeError
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from failing_exchange.cli.main import main
from failing_exchange.cli.options import shard
from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer import Token, explore, replay, worker_pool
from failing_exchange.explorer.findings import FailureCause
from failing_exchange.explorer.regression_test import test_file as file_of
from failing_exchange.explorer.search import Exploration, Options
from failing_exchange.explorer.shrink import shrink
from failing_exchange.explorer.trial import BrokenRule, RunRequest, TrialSummary, run, summary_of
from failing_exchange.explorer.world import FaultSpec, World, draw, mutate
from failing_exchange.runs.bot_loader import find_bot

BOT = '''
import asyncio
from failing_exchange.judge.intents import intend

async def main(exchange):
    """Sends again when an answer is lost."""
    side = "buy"
    while True:
        with intend("BTC/USDT", side, 0.1):
            for _ in range(3):
                try:
                    ticker = await exchange.fetch_ticker("BTC/USDT")
                    price = ticker["ask"] * 1.001 if side == "buy" else ticker["bid"] * 0.999
                    await exchange.create_order("BTC/USDT", "limit", side, 0.1, price)
                    break
                except Exception:
                    await asyncio.sleep(1)
        side = "sell" if side == "buy" else "buy"
        await asyncio.sleep(60)
'''


@pytest.fixture
def bot(tmp_path: Path) -> str:
    """A bot as a user has it: a function in a file."""
    path = tmp_path / "mybot.py"
    path.write_text(BOT, encoding="utf-8")
    return f"{path}:main"


@pytest.mark.parametrize("seed", range(20))
def test_a_world_is_a_function_of_its_seed_and_goes_through_json(seed: int) -> None:
    """A token must hold all of it."""
    world = draw(seed, seconds=3_600.0, venue="binance", intents=bool(seed % 2))
    assert world == draw(seed, seconds=3_600.0, venue="binance", intents=bool(seed % 2))
    assert World.of(json.loads(json.dumps(world.as_dict()))) == world
    other = mutate(world, seed + 1)
    assert World.of(json.loads(json.dumps(other.as_dict()))) == other


def test_a_trial_is_a_function_of_bot_and_world(bot: str) -> None:
    """The same messages, to the byte, and what it showed goes through JSON."""
    world = draw(32, seconds=900.0)
    first, again = (run(find_bot(bot), RunRequest(world=world, digest=True)) for _ in range(2))
    assert first.digest == again.digest
    shown = summary_of(first)
    assert TrialSummary.of(json.loads(json.dumps(shown.as_dict()))) == shown


def test_the_smallest_world_is_found(bot: str) -> None:
    """One lost answer among many faults is all that it takes."""
    world = World(
        seed=1, seconds=3_600.0, calm=600.0, restarts=(500.0,), rate_limit=300,
        faults=(FaultSpec("lose_answer", "chance(0.1)", ("create_order",)),
                FaultSpec("stale_read", "chance(0.3)", ("fetch_balance",)),
                FaultSpec("delay_answer", "chance(0.2)", ("fetch_ticker",))),
    )  # fmt: skip
    found = find_bot(bot)
    first = summary_of(run(found, world))
    assert first.breaks_of("once") is not None
    small = shrink(world, first, "once", lambda one: summary_of(run(found, one)))
    assert small.complete
    assert small.faults == 1
    assert [rule["fault"] for rule in small.world.plan] == ["lose_answer"]
    assert small.world.seconds < world.seconds
    assert not small.world.restarts
    assert small.world.rate_limit is None


def test_shrinking_is_exact_on_a_made_up_bot() -> None:
    """Two of forty faults are needed together: just these are left."""
    strikes = [["main", "create_order", "", n, str(n)] for n in range(40)]
    rule = {"name": "x", "label": "x", "fault": "lose_answer", "fields": {}, "strikes": strikes}
    tried = 0

    def attempt(world: World) -> TrialSummary:
        nonlocal tried
        tried += 1
        left = {strike[3] for one in world.plan for strike in one["strikes"]}
        broken = {7, 31} <= left
        one = BrokenRule("once", "breaks", (), (), "create_order", 0.0, 1.0, ())
        return TrialSummary(breaks=(one,) if broken else (), plan=world.plan)

    world = World(seed=1, seconds=60.0, plan=(rule,))
    small = shrink(world, attempt(world), "once", attempt)
    assert [strike[3] for strike in small.world.plan[0]["strikes"]] == [7, 31]
    assert tried < 100


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Exploration, Path, str]:
    """One exploration that several stories look at."""
    folder = tmp_path_factory.mktemp("explored")
    path = folder / "mybot.py"
    path.write_text(BOT, encoding="utf-8")
    target = f"{path}:main"
    options = Options(target=target, seeds=4, first_seed=30, seconds=600.0,
                      corpus=folder / "corpus")  # fmt: skip
    return explore(options), folder, target


def test_an_exploration_says_what_breaks_the_bot(found: tuple[Exploration, Path, str]) -> None:
    """In a sentence, with the smallest number of faults, grouped by cause."""
    exploration, _, _ = found
    causes = [finding.cause for finding in exploration.findings]
    assert exploration.trials == 4
    assert not exploration.errors
    assert len(causes) == len(set(causes))
    once = [f for f in exploration.findings if f.cause.rule == "once"]
    assert once
    assert "bought 0.2 BTC" in once[0].sentence or "sold 0.2" in once[0].sentence
    assert "instead of 0.1" in once[0].sentence
    assert "1 fault suffices" in once[0].sentence


def test_a_token_replays_the_same_messages(found: tuple[Exploration, Path, str]) -> None:
    """On the next day, and stopped before any trip."""
    exploration, _, _ = found
    finding = next(iter(exploration.findings))
    again = replay(str(finding.token))
    assert again.same
    assert again.broken
    assert not again.differences
    early = replay(str(finding.token), until=3)
    assert [trip.number for trip in early.result.trips if trip.number < 3] == [1, 2]
    assert all(trip.number <= 3 for trip in early.result.trips)


def test_a_changed_bot_is_told(found: tuple[Exploration, Path, str], tmp_path: Path) -> None:
    """A replay that differs says what is not as it was."""
    exploration, _, target = found
    finding = next(iter(exploration.findings))
    path = Path(target.rpartition(":")[0])
    path.write_text(BOT + "\n# mended\n", encoding="utf-8")
    try:
        assert any("the bot's file" in line for line in replay(str(finding.token)).differences)
    finally:
        path.write_text(BOT, encoding="utf-8")


def test_findings_do_not_depend_on_how_many_work_on_them(
    found: tuple[Exploration, Path, str],
) -> None:
    """Any executor of any size finds the same, and no process of it is left."""
    exploration, _, target = found
    options = Options(target=target, seeds=4, first_seed=30, seconds=600.0)
    with ThreadPoolExecutor(3) as threads:
        other = explore(options, executor=threads)
        assert not worker_pool.running()
    as_found = sorted(str(finding.token) for finding in exploration.findings)
    assert len(as_found) > 1
    assert sorted(str(finding.token) for finding in other.findings) == as_found


@pytest.mark.slow
def test_many_findings_do_not_depend_on_how_many_work_on_them(
    found: tuple[Exploration, Path, str],
) -> None:
    """Where several are made small side by side, in one process or in three."""
    options = Options(target=found[2], seeds=24, first_seed=16, seconds=1_200.0)
    with ThreadPoolExecutor(3) as threads:
        three = explore(options, executor=threads)
    one = explore(replace(options, jobs=1))
    tokens = [sorted(str(finding.token) for finding in each.findings) for each in (three, one)]
    assert len(tokens[0]) > 5
    assert tokens[0] == tokens[1]


def test_known_failures_are_tried_first(found: tuple[Exploration, Path, str]) -> None:
    """A folder of tokens is a regression suite."""
    _, folder, target = found
    options = Options(target=target, seeds=1, first_seed=10_000, seconds=60.0,
                      corpus=folder / "corpus")  # fmt: skip
    again = explore(options)
    assert again.trials > 1
    assert len(again.findings)


def test_a_finding_becomes_a_test(found: tuple[Exploration, Path, str], tmp_path: Path) -> None:
    """One that fails until the bot is mended."""
    exploration, _, _ = found
    finding = next(f for f in exploration.findings if f.cause.rule == "once")
    name, text = file_of(finding, tmp_path)
    assert name.startswith("test_once")
    assert max(map(len, text.splitlines())) <= 100
    scope: dict[str, Any] = {"__file__": str(tmp_path / name)}
    exec(compile(text, name, "exec"), scope)
    test = next(value for key, value in scope.items() if key.startswith("test_"))
    with pytest.raises(AssertionError, match="instead of 0.1"):
        test()


def test_a_seed_that_kills_its_process_is_reported(tmp_path: Path) -> None:
    """And the others go on."""
    path = tmp_path / "deadly.py"
    path.write_text(
        "import os\n\nasync def main(exchange):\n"
        "    if exchange.seed == 3:\n        os._exit(7)\n"
        "    await exchange.fetch_ticker('BTC/USDT')\n",
        encoding="utf-8",
    )
    found = explore(Options(target=f"{path}:main", seeds=5, seconds=60.0))
    assert found.trials == 5
    assert found.errors == ["seed 3: the trial's process died (exit code 7)"]


@pytest.mark.slow
def test_a_seed_that_kills_what_runs_it_is_left_out_after_two_tries(tmp_path: Path) -> None:
    """And the seeds that were to run beside it have their results."""
    path, marks = tmp_path / "poison.py", tmp_path / "marks"
    path.write_text(
        "import os, signal\n\nasync def main(exchange):\n"
        "    await exchange.fetch_ticker('BTC/USDT')\n"
        "    if exchange.seed == 3:\n"
        f"        open({str(marks)!r}, 'a').write('x')\n"
        "        os.kill(os.getppid(), signal.SIGKILL)\n        os._exit(7)\n",
        encoding="utf-8",
    )
    found = explore(Options(target=f"{path}:main", seeds=8, seconds=60.0, jobs=1))
    assert found.trials == 8
    assert len(found.errors) == 1
    assert found.errors[0].startswith("seed 3: the process of the trial died twice")
    assert found.requests == 7


def test_the_command_line_tells_and_writes(
    bot: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people, for a build server, and for the suite; the exit code says which."""
    command = ["explore", bot, "--seeds", "4", "--first-seed", "31", "--hours", "0.4",
               "--tests", str(tmp_path / "tests"), "--output", str(tmp_path / "run.json"),
               "--junit", str(tmp_path / "run.xml")]  # fmt: skip
    assert main(command) == 1
    said = capsys.readouterr().out
    assert "failing-exchange replay fx1." in said
    token = said.split("failing-exchange replay ")[1].split()[0]
    assert json.loads((tmp_path / "run.json").read_text())["findings"]
    assert ElementTree.parse(tmp_path / "run.xml").getroot().get("failures") != "0"
    assert list((tmp_path / "tests").glob("test_*.py"))
    assert main(["replay", token]) == 1
    assert "Every message is as it was" in capsys.readouterr().out
    assert main(["replay", token, "--until", "3"]) in (0, 1)
    results, page = str(tmp_path / "replay.json"), tmp_path / "page.html"
    assert main(["replay", token, "--output", results]) == 1
    assert "Every message is as it was" in capsys.readouterr().out  # recording changes none
    assert main(["report", results, "-o", str(page)]) == 0
    assert f'"again":"failing-exchange replay {token}"' in page.read_text()
    assert '"samples":[[' in page.read_text()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["explore", "nobody.py:main"], "nobody.py"),
        (["explore", "careful", "--seeds", "0"], "expected a whole number from 1"),
        (["explore", "careful", "--jobs", "0"], "expected a whole number from 1"),
        (["explore", "careful", "--tests", "/proc/none"], "/proc/none"),
        (["explore", "careful", "--hours", "9000"], "a year"),
        (["explore", "careful", "--shard", "3/2"], "1/n"),
        (["explore", "careful", "--venue", "binance"], "client of ours"),
        (["explore", "careful", "--output", "/nowhere/x.json"], "another"),
        (["replay", "fx1.nonsense"], "can't be read"),
    ],
)
def test_a_mistake_is_one_line(
    command: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything runs, with the way out."""
    try:
        code = main(command)
    except SystemExit as left:
        code = left.code  # type: ignore[assignment]
    told = capsys.readouterr().err
    assert code == 2
    assert says in told
    assert len(told.strip().splitlines()) == 1


def test_shares_make_up_the_whole() -> None:
    """So that several machines may explore one bot."""
    assert shard("2/3") == (2, 3)
    with pytest.raises(ArgumentTypeError):
        shard("0/3")


def test_tokens_that_are_none_are_refused() -> None:
    """A line of another tool, one cut off, one too long."""
    token = str(Token(target="careful", world=World(seed=1, seconds=60.0)))
    for text in ("", "x", token[:-9], "fx1." + "A" * 2_000_000):
        with pytest.raises(ConfigurationError):
            Token.parse(text)
    assert str(FailureCause("once", (), "")) == "once · no fault · the run"


@pytest.mark.slow
def test_a_test_can_be_explored(tmp_path: Path) -> None:
    """A pytest test with our fixture, its asserts being one more rule."""
    path = tmp_path / "test_mine.py"
    path.write_text(
        "async def test_buys_once(failing_exchange):\n"
        "    for _ in range(30):\n"
        "        try:\n"
        "            await failing_exchange.create_order('BTC/USDT', 'limit', 'buy', 0.1, 60000)\n"
        "        except TimeoutError:\n"
        "            await failing_exchange.create_order('BTC/USDT', 'limit', 'buy', 0.1, 60000)\n"
        "    balance = await failing_exchange.fetch_balance()\n"
        "    assert balance['BTC']['total'] < 103.05, 'bought twice'\n",
        encoding="utf-8",
    )
    found = explore(Options(target=f"{path}::test_buys_once", seeds=100, seconds=60.0))
    assert any("bought twice" in finding.sentence for finding in found.findings), found.errors


def test_a_bot_that_swallows_a_cancel_is_ended_all_the_same() -> None:
    """`asyncio.wait_for` swallows one that comes as its wait ends; a run must not hang on it."""

    async def deaf(exchange: Any) -> None:
        for _ in range(3):
            try:
                await asyncio.sleep(100_000)
            except asyncio.CancelledError:
                continue

    outcome = run(deaf, World(seed=1, seconds=60.0))
    assert outcome.verdict is not None
    assert outcome.verdict.crashed is None


def test_a_bot_that_survives_every_cancel_is_told_so() -> None:
    """Where it is to be started again, and would live beside itself."""

    async def immortal(exchange: Any) -> None:
        while True:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                continue

    with pytest.raises(ConfigurationError, match="let CancelledError pass"):
        run(immortal, World(seed=1, seconds=60.0, restarts=(30.0,)))
