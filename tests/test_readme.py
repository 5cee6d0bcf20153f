"""What README.md says of the project is true; tests/test_pages.py runs its examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from failing_exchange.scenarios.scenario import load, shipped
from tests.pages import pages
from tests.sources import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


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
    texts = " ".join(page.read_text(encoding="utf-8") for page in pages())
    others = re.findall(r"(\d+) (?:shipped )?scenarios", texts)
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


def test_the_two_commands_that_set_everything_up_come_first() -> None:
    """Whoever has a fresh checkout needs no other; CI runs the second one."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)[0]
    assert [line.partition("#")[0].split() for line in first.splitlines()] == [
        ["make", "demo"], ["make", "test"],
    ]  # fmt: skip
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
