"""The demo, which is the first thing that a new user sees, and its table in the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from failing_exchange import exit_codes, terminal
from failing_exchange.cli import main
from failing_exchange.runner import Report, RunConfig

README = Path(__file__).parent.parent / "README.md"


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who lost money and why, with the numbers that the README promises."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["demo"]) == 0
    printed = lines(capsys.readouterr().out)
    verdict = " ".join(" ".join(printed).split("The naive bot breaks ")[1].split())
    assert "once " in verdict
    assert "USDT lost or at risk; at the end it is wrong about" in verdict
    assert "The careful bot keeps all" in verdict
    assert "and knows what it owns, to the cent" in verdict
    shown = re.search(r"takes seconds:\n\n```\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert shown is not None
    wanted = lines(shown[1])
    start = printed.index(wanted[0])
    assert printed[start : start + len(wanted)] == wanted, (
        "paste what `COLUMNS=80 failing-exchange demo` prints into the README, "
        "down to the first row of the two columns"
    )


def test_ctrl_c_ends_both_bots(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who stops the first does not want to wait for the second."""
    began = []

    def interrupted(config: RunConfig) -> Report:
        began.append(config.bot)
        return Report(config=config, interrupted=True, statistics={"total": 0, "rate": 0.0})

    monkeypatch.setattr(terminal, "run_with_progress", interrupted)
    assert main(["demo"]) == exit_codes.INTERRUPTED
    assert began == ["naive"]
    assert "Interrupted" in capsys.readouterr().out
