"""The demo, which is the first thing that a new user sees, and its table in the README.

`COLUMNS=80 python -m tests.test_demo` writes what the demo prints into the README.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from failing_exchange.cli import demo as cli_demo, exit_codes
from failing_exchange.cli.main import main
from failing_exchange.runs.bot_run import RunConfig, RunReport

README = Path(__file__).parent.parent / "README.md"
SHOWN = re.compile(r"(?<=takes seconds:\n\n```\n)(.*?)(?=```)", re.DOTALL)


def demo(folder: Path) -> list[str]:
    """The lines that the demo prints, without blanks at their ends."""
    out, before = io.StringIO(), Path.cwd()
    os.chdir(folder)
    try:
        with redirect_stdout(out):
            assert main(["demo"]) == exit_codes.CLEAN
    finally:
        os.chdir(before)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return lines[next(n for n, line in enumerate(lines) if line) :]


def top(printed: list[str]) -> str:
    """What the README shows: the table, and the first trip in both columns."""
    columns = next(n for n, line in enumerate(printed) if line.startswith(" trip "))
    trips = [n for n, line in enumerate(printed) if n > columns and re.match(r" \d+ ", line)]
    return "\n".join([*printed[: trips[1]], ""])


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who lost money and why, with the numbers that the README promises."""
    monkeypatch.setenv("COLUMNS", "80")
    printed = demo(tmp_path)
    verdict = " ".join(" ".join(printed).split("The naive bot breaks ")[1].split())
    assert "once " in verdict
    assert "USDT lost or at risk; at the end it is wrong about" in verdict
    assert "The careful bot keeps all" in verdict
    assert "and knows what it owns, to the cent" in verdict
    shown = SHOWN.search(README.read_text("utf-8"))
    assert shown is not None
    assert shown[1] == top(printed), "run: COLUMNS=80 python -m tests.test_demo"


def test_ctrl_c_ends_both_bots(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who stops the first does not want to wait for the second."""
    began = []

    def interrupted(config: RunConfig) -> RunReport:
        began.append(config.bot)
        return RunReport(config=config, interrupted=True, statistics={"total": 0, "rate": 0.0})

    monkeypatch.setattr(cli_demo, "run_with_progress", interrupted)
    assert main(["demo"]) == exit_codes.INTERRUPTED
    assert began == ["naive"]
    assert "Interrupted" in capsys.readouterr().out


def write() -> None:
    """Put what the demo prints into the README."""
    with TemporaryDirectory() as folder:
        shown = top(demo(Path(folder)))
    README.write_text(SHOWN.sub(lambda _: shown, README.read_text("utf-8"), count=1), "utf-8")


if __name__ == "__main__":
    write()
