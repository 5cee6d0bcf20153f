"""Runs of docs/found: a program of other people, driven by ours, in a scenario."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.sources import ROOT

FOUND = ROOT / "docs" / "found"
PATIENCE = 200.0  # real seconds of one run


def python_of(program: str) -> Path | None:
    """The Python that has it: that of NAME_PYTHON, else this one if it is installed here."""
    named = os.environ.get(f"{program.upper()}_PYTHON", "")
    if named:
        return Path(named)
    return Path(sys.executable) if importlib.util.find_spec(program) else None


def told(python: Path | None, driver: str, scenario: str, folder: Path, whole: bool = False) -> str:
    """What `failing-exchange run` prints for a driver and a scenario of docs/found."""
    assert python is not None
    arguments = ["--scenario", str(FOUND / "scenarios" / scenario)] if scenario else (
        ["--mode", "NONE", "--duration", "10m"]
    )  # fmt: skip
    bot = ["--bot", f"{FOUND / 'programs' / driver}{'' if whole else ':main'}"]
    done = subprocess.run(
        [str(python), "-m", "failing_exchange", "run", *bot, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False,
        env={**os.environ, "COLUMNS": "400"},
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr  # a rule was broken
    return done.stdout
