"""What somebody meets who has just installed it: `init`, `doctor` and shell completion."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.cli import doctor
from failing_exchange.cli.main import GROUPS, main, parser

BOT = """\
async def main(exchange):
    await exchange.fetch_ticker("BTC/USDT")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_test(path: Path) -> None:
    scope: dict[str, Any] = {"__file__": str(path.absolute())}
    exec(compile(path.read_text(encoding="utf-8"), path.name, "exec", dont_inherit=True), scope)
    scope["test_the_bot_survives_a_bad_hour"]()


def test_the_first_test_finds_the_bug_of_the_example(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two commands after installing, somebody sees what this is for."""
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert "wrote bot.py" in said and "pytest tests/test_bad_hour.py" in said
    with pytest.raises(AssertionError, match="converges: it never learned that it bought 0.01 BTC"):
        run_test(folder / "tests/test_bad_hour.py")


def test_the_first_test_of_a_good_bot_passes_from_any_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blanks in paths, and a suite that is run from elsewhere, are usual."""
    there = folder / "my bots"
    there.mkdir()
    (there / "bot.py").write_text(BOT, encoding="utf-8")
    assert main(["init", "my bots/bot.py:main", "--folder", "my tests"]) == 0
    assert "FOLDER.parent / 'my bots/bot.py'" in Path("my tests/test_bad_hour.py").read_text()
    monkeypatch.chdir("/")
    run_test(folder / "my tests/test_bad_hour.py")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere.py:main"], "no file 'nowhere.py'"),
        (["bot.py:mian"], "did you mean 'main'"),
        (["bot.py:main", "--folder", "bot.py"], "that is a file"),
        ([], "already there, and nothing is overwritten"),
    ],
)
def test_nothing_is_written_after_a_mistake(
    folder: Path, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name with a slip, or a file that is there, is told before anything is written."""
    (folder / "bot.py").write_text(BOT, encoding="utf-8")
    assert main(["init", *arguments]) == 2
    assert why in capsys.readouterr().err
    assert os.listdir(folder) == ["bot.py"]
    assert (folder / "bot.py").read_text(encoding="utf-8") == BOT


def test_doctor_finds_this_machine_well(capsys: pytest.CaptureFixture[str]) -> None:
    """The tests run here, so nothing is to be mended; programs read the same as JSON."""
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "MEND" not in said
    assert main(["doctor", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [line.split()[1] for line in said.replace("port ", "port_").splitlines()] == [
        check["name"].replace(" ", "_") for check in checks
    ]


def test_doctor_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check that fails names the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = doctor.port_check(taken.getsockname()[1], "serve")
    assert (port.state, port.to_do != "") == (doctor.NOTE, True)
    clock = doctor.clock_check(datetime(1970, 1, 2, tzinfo=UTC))
    assert (clock.state, clock.to_do[:13]) == (doctor.BAD, "set the clock")
    files = doctor.folder_check("/nowhere/at/all")
    assert (files.state, files.to_do) == (doctor.BAD, "set TMPDIR")
    monkeypatch.setattr(doctor, "_version_of", lambda package: None)
    missing = [check for check in doctor.all_checks() if "not installed" in check.found]
    assert {"aiohttp", "ccxt", "pytest"} <= {check.name for check in missing}
    assert all("pip install" in check.to_do for check in missing)
    monkeypatch.setattr("sys.argv", ["failing-exchange"])
    assert main(["doctor"]) == 2


def test_every_extra_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """`doctor` says of each optional package that is missing what it is good for."""
    monkeypatch.setattr(doctor, "_version_of", lambda package: None)
    for check in doctor.all_checks():
        assert "the extra" not in check.found, f"{check.name}: name it in doctor.EXTRAS"


def test_a_shell_completes_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The script is made from the parser, and bash reads it."""
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    commands = [command for group in GROUPS.values() for command in group]
    names = [command.__name__.rpartition(".")[2].replace("_", "-") for command in commands]
    listed = script.partition("_shtab_failing_exchange_subparsers=(")[2].partition(")")[0]
    assert listed.split() == names
    assert parser().prog == "failing-exchange"
    bash = shutil.which("bash")
    assert bash is not None
    asked = f"{script}\nCOMP_WORDS=(failing-exchange expl); COMP_CWORD=1\n" + (
        '_shtab_failing_exchange; echo "${COMPREPLY[*]}"'
    )
    said = subprocess.run([bash, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "explore"
