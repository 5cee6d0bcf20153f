"""The action, the workflows and the checklist name what is there."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from failing_exchange import __version__
from failing_exchange.cli.main import main
from tests.sources import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
BOT = """\
async def main(exchange):
    await exchange.fetch_ticker("BTC/USDT")
"""


def steps_of(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_what_is_there(path: Path) -> None:
    """A target or file that was renamed would be noticed on the day of a release."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for step in steps_of(path):
        for line in step.get("run", "").splitlines():
            for target in re.findall(r"\bmake (\w+)", line):
                assert f"\n{target}:" in makefile, line
            for file in re.findall(r"(?<![\w-])((?:tests|\.ci)/[\w/.]+)", line):
                assert (ROOT / file).exists(), line


@pytest.mark.parametrize("steps", [ACTION["runs"]["steps"], *map(steps_of, WORKFLOWS)])
def test_no_input_becomes_a_part_of_a_script(steps: list[dict[str, Any]]) -> None:
    """`${{ … }}` in `run` would let a branch's name or an input execute anything."""
    assert not [step["run"] for step in steps if "${{" in step.get("run", "")]


@pytest.mark.parametrize("path", [ROOT / "action.yml", *WORKFLOWS], ids=lambda path: path.stem)
def test_an_action_of_others_is_pinned_to_a_commit(path: Path) -> None:
    """A tag can be moved by whoever holds the account; the version behind it is for people."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if "uses:" in line:
            assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_no_more_rights_than_it_needs(path: Path) -> None:
    """It reads the code, only `publish` may prove who it is, and nothing waits for hours."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        wanted = {"id-token": "write"} if name == "publish" else None
        assert job.get("permissions") == wanted, name
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("target", ["bot.py:main", "tests/test_bot.py::test_a[x,y]", "-m my bot"])
def test_the_corpus_has_a_name_that_a_cache_takes(target: str, tmp_path: Path) -> None:
    """A comma is refused, and the job would fail for it; the same target finds its corpus."""
    (step,) = [one for one in ACTION["runs"]["steps"] if one.get("id") == "corpus"]
    keys = [named(step, target, tmp_path / str(n)) for n in range(2)]
    assert re.fullmatch(r"key=failing-exchange-\d+-\n", keys[0])
    assert keys[0] == keys[1] != named(step, f"{target}x", tmp_path / "other")


def named(step: dict[str, Any], target: str, output: Path) -> str:
    """What a step writes to its output file for a target."""
    environment = {**os.environ, "TARGET": target, "GITHUB_OUTPUT": str(output)}
    subprocess.run(["bash", "-e", "-c", step["run"]], env=environment, check=True, timeout=60)
    return output.read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere() -> None:
    """The wheel, `--version` and the changelog say one thing."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{__version__}"\n' in project
    newest = re.findall(r"^## (\S+) \((.*)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest[0][0] == __version__
    assert all(re.match(r"unreleased|\d{4}-\d\d-\d\d", when) for _, when in newest)


def test_the_action_explores_and_tells_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its script is run as the runner runs it, with our command in place of the installed one."""
    (tmp_path / "bot.py").write_text(BOT, encoding="utf-8")
    (step,) = [one for one in ACTION["runs"]["steps"] if one.get("id") == "explore"]
    given = {"target": "bot.py:main", "seeds": "2", "hours": "1m", "options": "--jobs 1\n--first\n",
             "time": "10m", "arguments": "", "corpus": "corpus"}  # fmt: skip
    assert set(given) <= set(ACTION["inputs"])
    environment = {
        name: given.get(re.sub(r".*inputs\.(\w+).*", r"\1", text), "results.json")
        for name, text in step["env"].items()
    }
    command = tmp_path / "failing-exchange"
    command.write_text('#!/bin/sh\nfor a in "$@"; do echo "$a" >>called; done\n', encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]], cwd=tmp_path, check=True, timeout=60,
        env={**os.environ, **environment, "GITHUB_OUTPUT": "outputs",
             "GITHUB_STEP_SUMMARY": "summary.md", "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    called = (tmp_path / "called").read_text(encoding="utf-8").splitlines()
    assert called[-3:] == ["--jobs", "1", "--first"]
    assert (tmp_path / "outputs").read_text(encoding="utf-8") == "results=results.json\n"
    monkeypatch.chdir(tmp_path)
    assert main(called) == 0
    assert "None of" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert (tmp_path / "results.json").exists()


def test_the_checklist_names_what_is_there() -> None:
    """Whoever releases follows it word for word."""
    text = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (\w+)`", text):
        assert f"\n{target}:" in makefile
    for name in re.findall(r"`([\w./]+\.(?:toml|md|py|yml))`", text):
        assert (ROOT / name).exists() or (ROOT / ".github/workflows" / name).exists(), name
