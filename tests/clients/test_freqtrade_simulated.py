"""freqtrade as a whole program in virtual time, as docs/freqtrade.md says."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.clients.freqtrade.bot import PYTHON, installed
from tests.sources import ROOT

PAGE = (ROOT / "docs" / "freqtrade.md").read_text(encoding="utf-8")
HERE = PYTHON.parent / "failing-exchange"
PATIENCE = 200.0  # real seconds of one command

pytestmark = pytest.mark.skipif(
    not installed() or not HERE.exists(), reason=f"needs freqtrade at {PYTHON}: make clients"
)


def block(language: str) -> str:
    """The first example of a language on the page."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def command(name: str) -> list[str]:
    """A command of the page, for freqtrade's own environment."""
    lines = PAGE.replace("\\\n", " ").splitlines()
    line = next(one for one in lines if one.startswith(f"failing-exchange {name} "))
    return [str(HERE), *shlex.split(line)[1:]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that the page describes."""
    (tmp_path / "bot" / "user").mkdir(parents=True)
    (tmp_path / "bot" / "config.json").write_text(block("json"))
    (tmp_path / "bot" / "strategy.py").write_text(block("python"))
    return tmp_path


def ended(line: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        line, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def trades(folder: Path) -> int:
    """How many futures trades freqtrade's database has."""
    with closing(sqlite3.connect(folder / "kept" / "trades.sqlite")) as db:
        return int(db.execute("select count(*) from trades").fetchone()[0])


def test_freqtrade_trades_futures_in_virtual_time(folder: Path) -> None:
    """Half an hour in seconds, judged; its database is kept."""
    done = ended(command("run"), folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules that could be judged" in done.stdout
    assert trades(folder) >= 3


def test_freqtrade_is_explored(folder: Path) -> None:
    """Each world in a process of its own; all of them can be run."""
    line = command("explore")
    line[line.index("--seeds") + 1] = "2"
    line[line.index("--hours") + 1] = "10m"
    done = ended(line, folder)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "2 worlds" in done.stdout
    assert "could not run" not in done.stdout
