"""Runs of docs/found: a program of others, a scenario, and what the judge says first."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.sources import ROOT

FOUND = ROOT / "docs" / "found"
PROGRAMS = FOUND / "programs"
PATIENCE_S = 240.0  # of one run, in real seconds


def headline(python: Path, folder: Path, options: list[str], program: list[str]) -> str:
    """What `failing-exchange run` puts at the top, run in `folder` by another environment."""
    return sentences(python, folder, options, program)[0]


def sentences(python: Path, folder: Path, options: list[str], program: list[str]) -> list[str]:
    """The same, and behind it what each broken rule says, as the terminal shows it."""
    results = folder / "found.json"
    command = [str(python), "-m", "failing_exchange", "run", "--output", str(results)]
    done = subprocess.run(
        [*command, *options, *program],
        cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert results.exists(), done.stdout + done.stderr
    found = json.loads(results.read_text())
    rules = [one for one in found["verdict"]["results"] if one["outcome"] == "fail"]
    more = [f"{one['why']} ({one['times']}x)" if one["times"] > 1 else one["why"] for one in rules]
    return [found["headline"]["sentence"], *more]


def scenario(name: str) -> str:
    """A scenario of docs/found, or a shipped one."""
    place = PROGRAMS / f"{name}.toml"
    return str(place) if place.exists() else name


def told(page: str) -> str:
    """A page of docs/found as one line, without the marks of quotations."""
    text = (FOUND / page).read_text(encoding="utf-8")
    return " ".join(text.replace("\n> ", " ").split())
