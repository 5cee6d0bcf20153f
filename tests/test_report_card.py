"""`run --all`: one bot in every scenario."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from failing_exchange.cli import exit_codes
from failing_exchange.cli.main import main
from failing_exchange.runs import report_card
from failing_exchange.runs.bot_run import RunConfig, run
from failing_exchange.runs.report_card import Card, Grade, grade, make
from failing_exchange.scenarios.scenario import shipped

RUDE = """\
import asyncio

async def main(exchange):
    held = False
    while True:
        try:
            await exchange.create_order("BTC/USDT", "limit", "buy", 1e9, 50_000)
        except Exception:
            pass
        await asyncio.sleep(60)

async def leaves(exchange):
    import os
    await exchange.fetch_time()
    os._exit(3)
"""
TWO = ["order_timeout_after_accept", "calm"]


@pytest.fixture
def rude(tmp_path: Path) -> str:
    (tmp_path / "rude.py").write_text(RUDE, encoding="utf-8")
    return str(tmp_path / "rude.py")


def test_what_fails_without_any_fault_is_told_once(
    rude: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """122 failing rows would say nothing about the failures, and hide what they add."""
    card = make(f"{rude}:main", TWO, jobs=1)
    assert "obeys_filters" in card.baseline
    assert [one.scenario for one in card.grades if "obeys_filters" in one.broken] == []
    assert not card.clean
    report_card.show(card)
    assert capsys.readouterr().out.count("obeys_filters") == 1


def test_a_grade_is_what_run_says_of_the_same_scenario() -> None:
    """The same seed, limits, timeout and strategy: else no failure of it can be looked at."""
    name = "order_timeout_after_accept"
    found = grade(name, "naive")
    report = run(RunConfig(bot="naive", scenario=name))
    assert report.verdict is not None
    assert list(found.broken) == [result.rule for result in report.verdict.failures]
    assert found.money == report.verdict.money > 0
    assert found.again == report.config.again()


def test_ctrl_c_keeps_the_grades_that_are_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are shown and written, and the exit code says that it was interrupted."""

    def interrupted(card: Card, *_: object) -> None:
        card.grades.append(Grade("calm", "weather", True, {}, 0.0))
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report_card, "_fill", interrupted)
    assert main(["run", "--all"]) == exit_codes.INTERRUPTED
    assert f"Interrupted: {len(shipped()) - 1} scenarios were not run" in capsys.readouterr().out
    found = json.loads((tmp_path / "exchange_test.json").read_text("utf-8"))
    assert found["interrupted"]
    assert [one["scenario"] for one in found["grades"]] == ["calm"]


def test_a_bot_that_ends_its_process_ends_the_card_with_a_sentence(rude: str) -> None:
    """It says where, and keeps what there is."""
    card = make(f"{rude}:leaves", TWO, jobs=1)
    assert "ended its process" in card.broken_off
    assert card.grades == []


@pytest.mark.parametrize("columns", ["60", None])
def test_names_are_never_cut(
    columns: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two scenarios must not look the same; a pipe gets all of a line."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    rules = dict.fromkeys(("once", "converges", "alive", "resolves", "no_hot_loop"), "why")
    names = shipped()
    report_card.show(Card(
        bot="naive", wanted=len(names),
        grades=[Grade(name, "F1", False, rules, 1_234_567.89) for name in names],
    ))  # fmt: skip
    out = capsys.readouterr().out
    words = out.split()
    assert set(names) <= set(words)
    assert " ".join(words).count(", 1,234,567.89 USDT at risk: it why.") == 1  # the worst
    assert "…" not in out
    if columns is None:
        assert out.count("once, converges, alive, resolves, no_hot_loop") == len(names)


def test_sums_are_shown_with_their_currency(capsys: pytest.CaptureFixture[str]) -> None:
    """Scenarios may have markets that settle in different assets; one name stands at the top."""
    grades = [Grade("calm", "F1", False, {"once": "why"}, 0.5, currency="BTC")]
    report_card.show(Card(bot="naive", wanted=1, grades=grades))
    out = capsys.readouterr().out
    assert "BTC at risk" in out
    assert "USDT" not in out
    grades.append(Grade("busy_hour", "F1", False, {"once": "why"}, 7.0))
    report_card.show(Card(bot="naive", wanted=2, grades=grades))
    out = capsys.readouterr().out
    assert "0.50 BTC" in out
    assert "7.00 USDT" in out


def test_a_venue_that_is_not_there_is_refused_before_anything_runs() -> None:
    """By `run` and by `run --all`, whether the bot would have reached it or not."""
    for options in ([], ["--all"]):
        assert main(["run", "--bot", "careful", "--venue", "nope", *options]) == 2


def test_a_program_is_not_run_where_its_venue_has_not_got_the_market(tmp_path: Path) -> None:
    """Binance Spot lists no contracts: their scenarios would be errors, and not grades."""
    program = tmp_path / "program.py"
    program.write_text("async def main() -> None:\n    pass\n")
    found = report_card.scenarios_of(f"{program}:main")
    assert "order_timeout_after_accept" in found
    assert "liquidated_before_the_stop" not in found
    assert "liquidated_before_the_stop" in report_card.scenarios_of("careful")
