"""Result files come from elsewhere: a damaged one is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from failing_exchange.cli.main import main

EXPLORED = '{"kind": "explore", "target": "x", "findings": %s}'
RUN = '{"kind": "run", "config": {"bot": "x", "seed": 1}, %s}'
CARD = '{"kind": "card", "bot": "x", "baseline": {}, "wanted": 1, "grades": %s}'


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "[" * 100_000, "\udcff", '{"kind": 5}', '{"kind": "run", "config": {}}',
        '{"kind": "run", "config": 1}', RUN % '"seconds": 1, "recording": 5',
        RUN % '"seconds": "long"', RUN % '"seconds": 1, "headline": {"money": "much"}',
        CARD % "5", CARD % '[{"passed": false}]', '{"kind": "card"}',
        EXPLORED % "5", EXPLORED % "[1]", EXPLORED % "[{}]", EXPLORED % '[{"rule": []}]',
    ],
)  # fmt: skip
def test_a_file_that_is_no_result_is_a_sentence(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, no empty page, and it is not a finding."""
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert main(["report", str(path), "-o", str(tmp_path / "page.html")]) == 2
    told = capsys.readouterr().err
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"trip": 1}\n{"trip": 2}\n', "a journal"),
        ("SQLite format 3\0", "a database"),
        ("<?xml version='1.0'?><testsuite/>", "JUnit"),
        ("<!doctype html>", "a page already"),
        ('{"kind": "run", "con', "not JSON, or is cut off"),
        ("# A page of ours", "not JSON, or is cut off"),
    ],
)
def test_what_another_file_is_instead_is_said(
    text: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever gives the wrong one of several files is told which one to give."""
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    assert main(["report", str(path), "-o", str(tmp_path / "page.html")]) == 2
    told = capsys.readouterr().err
    assert what in told
    assert "--output" in told
