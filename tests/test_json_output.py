"""`--json`: what a program reads on stdout, as docs/json.md describes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.cli.main import main
from failing_exchange.cli.serve_texts import ended_document, listening_document
from failing_exchange.client.exchange import FailingExchange
from failing_exchange.explorer.search import Exploration, Options
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.world import World
from failing_exchange.judge.verdict import Verdict
from failing_exchange.runs.change_card import ChangeCard
from failing_exchange.runs.report_card import Card
from failing_exchange.testing.determinism import DeterminismReport
from failing_exchange.text.results import SCHEMA, document, write_results
from tests.pages import examples
from tests.sources import ROOT

PAGE = ROOT / "docs" / "json.md"
ALWAYS = {"schema", "kind", "exit_code"}
LOGGED = {"at", "level", "logger", "message"}
NOISY = """\
import os, subprocess, sys

print("a line of a module")

async def main(exchange):
    print("a line of the bot")
    os.write(1, b"bytes of the bot\\n")
    subprocess.run([sys.executable, "-c", "print('a line of a child')"], check=True)
    await exchange.create_order("BTC/USDT", "market", "buy", 0.01)
"""


def described() -> dict[str, set[str]]:
    """The fields of each kind, as the page's tables name them."""
    found: dict[str, set[str]] = {}
    for table in re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        head, _, *rows = table.splitlines()
        kind = re.match(r"\| `(\w+)` \| meaning", head)
        if kind is not None:
            cells = [row.split("|")[1] for row in rows]
            found[kind[1]] = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    return found


DESCRIBED = described()


def read(text: str) -> dict[str, Any]:
    """The one document of a command, with the fields that its page describes."""
    found: dict[str, Any] = json.loads(text)
    assert found["schema"] == SCHEMA
    check(found)
    return found


def check(found: Mapping[str, Any]) -> None:
    """A field that the page does not describe is as bad as one that it does and is not there."""
    optional = {"different"} if found["kind"] == "run" else {"key", "secret"}
    described_of = DESCRIBED[found["kind"]]
    assert found.keys() - ALWAYS - LOGGED <= described_of
    assert described_of - optional <= found.keys()
    verdict = found.get("verdict")
    if isinstance(verdict, dict):
        assert verdict.keys() - {"currency"} == DESCRIBED["verdict"]


def test_a_run_and_its_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code and the verdict of one document; the file has what a page needs besides."""
    file = tmp_path / "run.json"
    options = ["--bot", "naive", "--duration", "20m", "--seed", "5", "--output", str(file)]
    code = main(["run", *options, "--json"])
    told = capsys.readouterr()
    found = read(told.out)
    assert (found["kind"], found["exit_code"]) == ("run", code)
    assert found["verdict"]["sentence"] in told.err
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept.pop("recording")
    assert {**kept, "exit_code": code} == found
    assert main(["replay", str(file), "--json"]) == code
    again = read(capsys.readouterr().out)
    assert (again["different"], again["verdict"]) == ([], found["verdict"])


def test_a_number_that_json_lacks_is_null(tmp_path: Path) -> None:
    """`NaN` is not JSON: jq and JavaScript refuse the whole document."""
    file = tmp_path / "run.json"
    write_results(file, {"kind": "run", "money": [float("nan"), {"most": float("inf")}, 1.5]})
    found = json.loads(file.read_text("utf-8"), parse_constant=pytest.fail)
    assert found["money"] == [None, {"most": None}, 1.5]


def test_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that keeps tokens learns whether one still shows the bug."""
    token = Token(target="careful", world=World(seed=7, seconds=60.0))
    assert main(["replay", str(token), "--json"]) == 0
    assert read(capsys.readouterr().out)["kind"] == "replay"


@pytest.mark.parametrize("name", ["faults", "scenarios", "rules", "doctor"])
def test_a_list(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has its rows under its name, or `checks`."""
    assert main([name, "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["schema"], found["kind"], told.err) == (SCHEMA, name, "")
    row = next(
        line.split("|")[2] for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith(f"| `{name}` | `")
    )  # fmt: skip
    assert found.keys() - ALWAYS == set(re.findall(r"`(\w+)`", row))


def test_what_takes_long_is_described_too() -> None:
    """The documents of cards, explorations and servers, without the runs."""
    exchange = FailingExchange()
    options = type("Served", (), {"venue": "binance", "keys": None})
    verdict = Verdict(account="main", results=(), at=0)
    made: list[Mapping[str, Any]] = [
        Card(bot="careful").as_dict(),
        ChangeCard(bot="careful", venue="binance", seconds=1.0).as_dict(),
        Exploration(options=Options(target="careful")).as_dict(),
        {"kind": "determinism", **vars(DeterminismReport("bot.py", 0, 2, True, 1, ""))},
        listening_document(options, exchange, "http://h", ""),  # type: ignore[arg-type]
        ended_document(exchange, [verdict], "stopped"),
    ]
    for one in made:
        check(one)
    assert document(made[0])["schema"] == SCHEMA


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["run", "--bot", "nobody.py"], "nobody.py"),
        (["run", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["explore", "--json-lines"], "unrecognized arguments: --json-lines"),
        (["faults", "lose_answr"], "did you mean 'lose_answer'"),
    ],
)
def test_what_can_t_be_run_is_a_document(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program shows one line to its user, and people still read it on stderr."""
    try:
        code = main([*arguments, "--json"])
    except SystemExit as ended:
        code = int(str(ended.code))
    told = capsys.readouterr()
    found = read(told.out)
    assert (code, found["kind"], found["exit_code"]) == (2, "error", 2)
    assert why in found["error"]
    assert found["error"] in told.err


def test_a_program_s_own_option_is_left_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`simulate script.py --json` is an argument of the script, whose stdout is its own."""
    (tmp_path / "script.py").write_text("import sys; print(sys.argv[1])", encoding="utf-8")
    assert main(["simulate", str(tmp_path / "script.py"), "--json"]) == 0
    assert capsys.readouterr().out == "--json\n"


def test_results_of_another_version_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not half understood."""
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"schema": 99, "kind": "run"}), encoding="utf-8")
    for command in ("report", "replay"):
        assert main([command, str(file)]) == 2
        assert "has the schema 99; this version reads 1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["run", "--duration", "5m", "--bot"],
        ["explore", "--seeds", "2", "--hours", "1m", "--jobs", "1"],
        ["check-determinism"],
    ],
    ids=lambda command: command[0],
)
def test_nothing_else_is_on_stdout(command: list[str], tmp_path: Path) -> None:
    """Whatever a bot, its modules and its children print, also past Python, goes to stderr."""
    (tmp_path / "noisy.py").write_text(NOISY, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "failing_exchange", *command, "noisy.py:main", "--json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = read(ran.stdout)
    assert found["exit_code"] == ran.returncode, ran.stderr
    if command[0] == "run":
        for line in ("a line of a module", "a line of the bot", "bytes of", "a line of a child"):
            assert line in ran.stderr


@pytest.mark.slow
def test_the_page_s_example_starts_a_venue() -> None:
    """As a reader pastes it; from its start to its end each line of the venue is a document."""
    (example,) = [one for one in examples(PAGE) if one.language == "python"]
    ran = subprocess.run(
        [sys.executable, "-c", example.text],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert ran.stdout.startswith("http://127.0.0.1:")
