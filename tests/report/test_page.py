"""The report: one file that needs nothing else, and says what the verdict says."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.cli import main
from failing_exchange.conduct.rules import RULES
from failing_exchange.errors import ConfigurationError
from failing_exchange.report.page import CARE, page
from failing_exchange.runner import RunConfig, run


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What `run --output` writes of a naive bot's bad hour."""
    config = RunConfig(bot="naive", scenario="order_timeout_after_accept", duration=2_400, modes=(),
                       rate_limit=None)  # fmt: skip
    found: dict[str, Any] = json.loads(json.dumps(run(config).as_dict()))
    return found


class Page(HTMLParser):
    """The tags of a page, and the texts of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts.append(data)
            self._script = False


def test_a_recording_holds_both_columns_around_each_failure(results: dict[str, Any]) -> None:
    """What was asked, what happened, what was told; bounded in size."""
    recording = results["recording"]
    once = next(one for one in recording["findings"] if one["rule"] == "once")
    lost = next(row for row in once["columns"] if row["faults"])
    assert lost["told"] == "nothing"
    assert "accepted" in lost["happened"]
    assert lost["named"]
    assert len(recording["trips"]) == 6
    assert recording["candles"]
    assert recording["samples"][-1][1] != recording["samples"][-1][2]  # believed, and true


def test_the_page_needs_nothing_else(results: dict[str, Any]) -> None:
    """No address is fetched: neither by a tag nor by what the browser may do."""
    found = Page(page(results))
    fetching = [(tag, attrs) for tag, attrs in found.tags if "src" in attrs or tag == "link"]
    assert not fetching
    policy = next(a for t, a in found.tags if t == "meta" and a.get("http-equiv"))
    assert "default-src 'none'" in str(policy["content"])


def test_the_page_says_what_the_verdict_says(results: dict[str, Any]) -> None:
    """The same sentence, rules and money."""
    data = json.loads(Page(page(results)).scripts[0])
    assert data["sentence"] == results["verdict"]["sentence"]
    assert [r["rule"] for r in data["verdict"]["results"]] == list(RULES)
    assert all(one["care"] for one in data["findings"])


def test_every_rule_has_its_advice() -> None:
    """A finding without a way out only frightens."""
    assert set(CARE) == set(RULES)


def test_nothing_breaks_out_of_the_data(results: dict[str, Any]) -> None:
    """An order id may be anything, even the end of a script."""
    nasty = json.loads(json.dumps(results))
    nasty["recording"]["findings"][0]["text"] = "</script><script>alert(1)</script>"
    nasty["config"]["bot"] = '"><img onerror=alert(1)>'
    found = Page(page(nasty))
    assert [tag for tag, _ in found.tags].count("script") == 3
    assert not any(tag == "img" for tag, _ in found.tags)


def test_what_is_no_result_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, before anything is written."""
    with pytest.raises(ConfigurationError, match="no result"):
        page({"a": 1})
    (tmp_path / "x.json").write_text("[1]")
    output = tmp_path / "out.html"
    assert main(["report", str(tmp_path / "x.json"), "-o", str(output)]) == 2
    assert main(["report", str(tmp_path / "nothing.json"), "-o", str(output)]) == 2
    assert not output.exists()
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


def test_an_exploration_has_a_page_too() -> None:
    """Findings by cause, with the replay line."""
    finding = {"rule": "once", "text": "bought twice", "money": 5.0, "times": 3, "token": "fx1.x",
               "kinds": ["lose_answer"], "faults": 1, "also": []}  # fmt: skip
    text = page({"kind": "explore", "target": "bot.py:main", "trials": 10, "findings": [finding]})
    data = json.loads(Page(text).scripts[0])
    assert "bought twice" in data["sentence"]
    assert re.search(r"replay fx1\.x", data["findings"][0]["replay"])


def test_the_page_shows_the_headline_and_the_line_that_runs_it_again(
    results: dict[str, Any],
) -> None:
    """The numbers of the terminal and the file, and every option of the run."""
    text = page(results)
    assert f'["USDT lost or at risk","{results["headline"]["money"]:,.2f}"]' in text
    assert f'"replay":"{results["again"]}"' in text
    assert "--timeout 5" in results["again"]
    dead = {**results, "verdict": {**results["verdict"], "traceback": "File mybot.py, line 7"}}
    assert "File mybot.py, line 7" in page(dead)
