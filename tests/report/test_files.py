"""Result files come from elsewhere: a damaged one is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from failing_exchange.cli import main

EXPLORED = '{"kind": "explore", "target": "x", "findings": %s}'


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "[" * 100_000, "\udcff", '{"kind": 5}', '{"config": {}}', '{"config": 1}',
        '{"config": {"bot": "x", "seed": 1}, "seconds": 1, "recording": 5}',
        '{"config": {"bot": "x", "seed": 1}, "seconds": "long"}',
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
