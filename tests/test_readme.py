"""What the README shows is true."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

from failing_exchange.cli.main import parser, split
from failing_exchange.scenarios.scenario import load, read, shipped

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MANUALS = [
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in (
        "conduct.md",
        "dialects.md",
        "explore.md",
        "markets.md",
        "perpetuals.md",
        "pytest.md",
    )
]
LESSONS = [ROOT / "docs" / name for name in ("own_rules.md", "own_faults.md")]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = [block for text in (README, *MANUALS) for block in BLOCK.findall(text)]
SHELL = [
    line
    for text in (README, *(page.read_text(encoding="utf-8") for page in LESSONS))
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("failing-exchange")
]
SHELL += re.findall(r"`(failing-exchange [^`]+)`", README)


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.strip().splitlines()[-1][:40])
def test_each_example_runs(block: str) -> None:
    """A reader's first experience is to paste one of them."""
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_each_lesson_runs_from_top_to_bottom(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its later examples use what the first ones define."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert len(blocks) >= 2
    lesson = ModuleType("lesson")
    monkeypatch.setitem(sys.modules, "lesson", lesson)
    for block in blocks:
        exec(compile(block, page.name, "exec", dont_inherit=True), vars(lesson))


@pytest.mark.parametrize("line", SHELL)
def test_each_command_is_one(line: str) -> None:
    """Its arguments are those that the command line knows."""
    _, *arguments = shlex.split(line, comments=True)
    own, program = split(arguments)
    assert hasattr(parser().parse_args(own), "command")
    assert program is None or program


def test_the_scenario_is_one() -> None:
    """It is read like any other."""
    block = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(block) == 1
    assert read(block[0]).incidents


def test_the_files_it_names_are_there() -> None:
    """A dead link is a promise not kept."""
    for target in re.findall(r"\]\(([^)]+)\)", README):
        file, _, heading = target.partition("#")
        page = Path(__file__).parent.parent / file
        assert page.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)", page.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [title.lower().replace(" ", "-") for title in titles], target


def test_the_size_of_the_library_is_the_same_everywhere() -> None:
    """Three numbers for it stood in the documents."""
    names = shipped()
    incidents = [name for name in names if load(name).family[0] in "FP"]  # Spot; perpetuals
    assert f"{len(names)} scenarios ship: {len(incidents)} real incidents" in README
    others = re.findall(r"(\d+) (?:shipped )?scenarios", " ".join([README, *MANUALS]))
    assert {int(number) for number in others} <= {len(names)}


NAMED = re.compile(r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|md|txt))?)`")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_map_names_what_is_there(page: str) -> None:
    """A map of a tree that has moved on leads astray."""
    named = NAMED.findall((ROOT / page).read_text(encoding="utf-8"))
    roots = (ROOT, ROOT / "src" / "failing_exchange")
    assert named
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []


def test_the_map_names_each_package() -> None:
    """One that is left out is one that nobody finds."""
    drawing = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[3]
    folders = (ROOT / "src" / "failing_exchange").iterdir()
    packages = {folder.name for folder in folders if (folder / "__init__.py").exists()}
    assert packages - set(re.findall(r"[a-z_]+", drawing)) == set()
