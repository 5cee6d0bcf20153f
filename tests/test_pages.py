"""Every example of README.md and docs/ does what its page says."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from failing_exchange.cli.main import parser, split
from failing_exchange.scenarios.scenario import KEYS, read
from tests.pages import Example, Walk, commands, examples, pages
from tests.sources import ROOT

# Pages whose Python needs more than a process: the test that runs it.
ELSEWHERE = {
    "docs/exchange_failures.md": "tests/test_seed.py",
    "docs/freqtrade.md": "tests/clients/test_freqtrade_simulated.py",
    "docs/control.md": "tests/server/test_control_server.py",
    "docs/json.md": "tests/test_json_output.py",
    "docs/metrics.md": "tests/observe/test_manual.py",
    "docs/howto/agents.md": "tests/agents/test_mcp.py",
}
TRADE = " -m freqtrade -- trade"  # what docs/found/freqtrade.md calls so
CONTINUED = {"docs/own_rules.md", "docs/own_faults.md"}  # later examples use what the first define


def name_of(page: Path) -> str:
    """A page as it is called in the tree."""
    return page.relative_to(ROOT).as_posix()


PAGES = {name_of(page): examples(page) for page in pages()}
ALONE = [
    pytest.param(name, example, id=f"{name}:{example.line}")
    for name, found in PAGES.items()
    for example in found
    if example.language == "python" and not example.title and name not in {*ELSEWHERE, *CONTINUED}
]
WALKS = [name for name, found in PAGES.items() if any(example.title for example in found)]
SHELL = [
    pytest.param(command, id=f"{name}: {command}"[:100])
    for name, found in PAGES.items()
    for example in found
    if example.language in ("", "sh", "console")
    for line in commands(example.text)
    if (command := re.sub(r"^(?:[A-Z_]+=\S+ +)+", "", line)).startswith("failing-exchange ")
]
SHELL += [
    pytest.param(command, id=f"{name}: {command}"[:100])
    for name in PAGES
    for command in re.findall(r"`(failing-exchange [^`]+)`", (ROOT / name).read_text("utf-8"))
    if not re.search(r"\b[A-Z]{2,}\b|…", command)  # the name of what is to be put there
]


@pytest.mark.parametrize(("name", "example"), ALONE)
def test_each_example_runs_alone(
    name: str, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader's first experience is to paste one of them."""
    module = ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)
    code = compile(example.text, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:  # a cell of a notebook, which has a loop of its own
        asyncio.run(eval(code, vars(module)))
    else:
        exec(code, vars(module))


@pytest.mark.parametrize("name", sorted(CONTINUED))
def test_each_lesson_runs_from_top_to_bottom(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its later examples use what the first ones define."""
    blocks = [example.text for example in PAGES[name] if example.language == "python"]
    assert len(blocks) >= 2
    lesson = ModuleType("lesson")
    monkeypatch.setitem(sys.modules, "lesson", lesson)
    for block in blocks:
        exec(compile(block, name, "exec", dont_inherit=True), vars(lesson))


@pytest.mark.slow
@pytest.mark.parametrize("name", WALKS)
def test_a_reader_who_does_what_the_page_says_sees_what_it_shows(name: str, tmp_path: Path) -> None:
    """Its files are written, its commands run, and what it shows is what they print."""
    if any("node " in e.text for e in PAGES[name] if e.language == "sh") and not shutil.which(
        "node"
    ):
        pytest.skip("no node here")
    with Walk(tmp_path) as walk:
        for example in PAGES[name]:
            walk.take(example)


@pytest.mark.parametrize("command", SHELL)
def test_each_command_is_one(command: str) -> None:
    """Its arguments are those that the command line knows."""
    command = command.replace(" TRADE", TRADE)
    _, *arguments = shlex.split(re.split(r" [>|] ", command)[0], comments=True)
    own, program = split(arguments)
    if "--help" not in own:
        assert hasattr(parser().parse_args(own), "command")
    assert program is None or program


def test_each_file_in_a_format_can_be_read() -> None:
    """A typing error in TOML, JSON or YAML is found by the first reader, or here."""
    for found in PAGES.values():
        for example in found:
            if example.language == "json":
                json.loads(example.text)
            if example.language == "toml":
                tomllib.loads(example.text)
            if example.language == "yaml":
                yaml.safe_load(example.text)


SCENARIOS = [
    pytest.param(example.text, id=f"{name}:{example.line}")
    for name, found in PAGES.items()
    for example in found
    if example.language == "toml" and set(tomllib.loads(example.text)) <= set(KEYS) - {"recordings"}
]


@pytest.mark.parametrize("text", SCENARIOS)
def test_each_scenario_is_one(text: str) -> None:
    """It is read like any other."""
    read(text)


def test_the_overview_of_findings_links_each_of_their_pages() -> None:
    """A program that is not in the table is not read about."""
    folder = ROOT / "docs" / "found"
    linked = re.findall(
        r"^\| \[[^\]]+\]\(([^)]+)\)", (folder / "index.md").read_text("utf-8"), re.M
    )
    assert sorted([*linked, "index.md"]) == sorted(page.name for page in folder.glob("*.md"))


def test_each_page_with_examples_of_its_own_names_its_test() -> None:
    """An exception that nobody runs would be a hole."""
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")


def test_what_was_not_printed_is_told(tmp_path: Path) -> None:
    """A walk that accepts anything would prove nothing."""
    walk = Walk(tmp_path)
    walk.take(Example("sh", "", "python -S -c 'print(\"one  two\\nthree\")'\n", 1))
    assert walk.missing("one two\nth…\n") == []
    assert walk.missing("three\none") == ["one"]
    with pytest.raises(AssertionError, match="not printed"):
        walk.take(Example("text", "", "four\n", 2))
    with pytest.raises(AssertionError, match="exit"):
        walk.take(Example("sh", "", "python -S -c 'exit(3)'\n", 3))
