"""What the README shows is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from failing_exchange.cli import parser
from failing_exchange.scenario import read

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MANUALS = [
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("conduct.md", "dialects.md", "explore.md", "markets.md", "pytest.md")
]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = [block for text in (README, *MANUALS) for block in BLOCK.findall(text)]
SHELL = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("failing-exchange")
]


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.strip().splitlines()[-1][:40])
def test_each_example_runs(block: str) -> None:
    """A reader's first experience is to paste one of them."""
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("line", SHELL)
def test_each_command_is_one(line: str) -> None:
    """Its arguments are those that the command line knows."""
    _, *arguments = shlex.split(line, comments=True)
    assert hasattr(parser().parse_args(arguments), "command")


def test_the_scenario_is_one() -> None:
    """It is read like any other."""
    block = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(block) == 1
    assert read(block[0]).incidents


def test_the_files_it_names_are_there() -> None:
    """A dead link is a promise not kept."""
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (Path(__file__).parent.parent / target).exists(), target
