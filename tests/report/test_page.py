"""The report: one file that needs nothing else, and says what the verdict says."""

from __future__ import annotations

import dataclasses
import json
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.cli import run as cli
from failing_exchange.cli.main import main, parser
from failing_exchange.errors import ConfigurationError
from failing_exchange.judge.catalogue import RULES
from failing_exchange.report.key_figures import SECTIONS, KeyFigure
from failing_exchange.report.page import FINDINGS_MAX, page
from failing_exchange.report.text import show
from failing_exchange.runs import report_card, user_code
from failing_exchange.runs.bot_run import RunConfig, RunReport, run
from failing_exchange.runs.report_card import Card, Grade
from failing_exchange.scenarios.scenario import load

CONFIG = RunConfig(
    bot="naive", scenario="order_timeout_after_accept", duration=2_400, modes=(), rate_limit=None
)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What `run --output` writes of a naive bot's bad hour."""
    found: dict[str, Any] = json.loads(json.dumps(run(CONFIG).as_dict()))
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


def data_of(text: str) -> dict[str, Any]:
    """What a page shows."""
    found: dict[str, Any] = json.loads(Page(text).scripts[0])
    return found


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
    """The same sentence, rules and sums."""
    data = data_of(page(results))
    assert data["sentence"] == results["headline"]["sentence"]
    assert [r["rule"] for r in data["results"]] == list(RULES)
    assert all(one["care"] for one in data["findings"])
    sums = {r["rule"]: r["money"] for r in results["verdict"]["results"]}
    assert [one["sum"] for one in data["findings"]] == [sums[f["rule"]] for f in data["findings"]]


def test_there_is_one_headline_of_money(
    results: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The number and the definition of the terminal and the file; others stand below, with theirs.

    Several sums of one run that nobody explains are believed by nobody.
    """
    data, money = data_of(page(results)), results["headline"]["money"]
    show([run(CONFIG).shown()])
    assert data["money"]["value"] == f"{money:,.2f}"
    assert f"{money:,.2f} USDT" in capsys.readouterr().out
    assert results["headline"]["means"] == f"{data['money']['name']}: {data['money']['means']}"
    assert money == results["verdict"]["money"] > 0
    [numbers] = data["sections"]
    assert all(one["means"] for one in numbers["figures"])
    assert data["money"]["name"] not in [one["name"] for one in numbers["figures"]]


def test_a_new_section_is_a_row_of_a_table(
    results: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page draws every section of figures alike, and leaves out those without any."""
    more = {"Fees": lambda found: [KeyFigure("paid", found["kind"], "all")], "None": lambda _: []}
    monkeypatch.setitem(SECTIONS, "run", {**SECTIONS["run"], **more})
    numbers, fees = data_of(page(results))["sections"]
    assert (numbers["id"], numbers["title"]) == ("in-numbers", "In numbers")
    figure = {"name": "paid", "value": "run", "means": "all"}
    assert fees == {"id": "fees", "title": "Fees", "figures": [figure]}
    script = Page(page(results)).scripts[-1]
    assert "of D.sections" in script


def test_every_rule_has_its_advice() -> None:
    """A finding without a way out only frightens."""
    assert all(rule.care.endswith(".") for rule in RULES.values())


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
    with pytest.raises(ConfigurationError, match="not results"):
        page({"kind": "x"})
    (tmp_path / "x.json").write_text("[1]")
    output = tmp_path / "out.html"
    assert main(["report", str(tmp_path / "x.json"), "-o", str(output)]) == 2
    assert main(["report", str(tmp_path / "nothing.json"), "-o", str(output)]) == 2
    assert not output.exists()
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


def test_an_exploration_has_a_page_too() -> None:
    """Findings by cause, with the replay line; without charts it goes without their library."""
    finding = {"rule": "once", "text": "bought twice", "money": 5.0, "times": 3, "token": "fx1.x",
               "kinds": ["lose_answer"], "faults": 1, "also": ["stops"]}  # fmt: skip
    text = page({"kind": "explore", "target": "bot.py:main", "trials": 10, "findings": [finding],
                 "judged": {"once": 9, "stops": 9, "alive": 8, "covered": 0},
                 "unjudged": {"covered": "no intent asks for a stop"}})  # fmt: skip
    data = data_of(text)
    assert "bought twice" in data["sentence"]
    assert data["findings"][0]["replay"] == "failing-exchange replay fx1.x"
    assert data["money"]["value"] == "5.00"
    assert [(one["rule"], one["outcome"], one["why"]) for one in data["results"]][1:] == [
        ("stops", "fail", "broken beside another rule"),
        ("alive", "pass", "judged in 8 worlds"),
        ("covered", "not judged", "no intent asks for a stop"),
    ]
    assert data["results"][0]["outcome"] == "fail"
    assert "TradingView Lightweight Charts" not in text


def test_sums_are_in_the_currency_of_the_verdict() -> None:
    """A market that settles in another asset has no USDT at all."""
    finding = {"rule": "once", "text": "sold twice", "money": 0.5, "times": 3, "token": "fx1.x",
               "kinds": [], "faults": 0, "also": [], "currency": "BTC"}  # fmt: skip
    data = data_of(page({"kind": "explore", "target": "b.py:main", "findings": [finding]}))
    assert (data["currency"], data["money"]["name"]) == ("BTC", "BTC lost or at risk")
    card = Card(bot="b.py:main", wanted=1)
    card.grades.append(Grade("calm", "F1", False, {"once": "why"}, 0.5, currency="BTC"))
    data = data_of(page(json.loads(json.dumps(card.as_dict()))))
    assert (data["currency"], data["money"]["name"]) == ("BTC", "BTC lost or at risk")


def test_of_very_many_findings_the_page_counts_the_rest() -> None:
    """A page of thousands opens nowhere; who is not told believes that these are all."""
    finding = {"rule": "once", "text": "bought twice", "money": 5.0, "times": 3, "token": "fx1.x",
               "kinds": ["lose_answer"], "faults": 1, "also": []}  # fmt: skip
    found = {"kind": "explore", "target": "bot.py:main", "trials": 10,
             "findings": [finding] * (FINDINGS_MAX + 3), "judged": {}, "unjudged": {}}  # fmt: skip
    data = data_of(page(found))
    assert (len(data["findings"]), data["findings_left"]) == (FINDINGS_MAX, 3)


def test_the_costliest_scenario_of_a_card_comes_first() -> None:
    """Scenarios are run by family, and the page shows first what to mend first."""
    card = json.loads(json.dumps(report_card.make("naive", ["calm"], jobs=1).as_dict()))
    [calm] = card["grades"]
    card["grades"] = [{**calm, "passed": False, "scenario": f"s{n}", "money": n} for n in (1, 3, 2)]
    data = data_of(page(card))
    assert [one["scenario"] for one in data["failed"]] == ["s3", "s2", "s1"]
    assert data["money"]["value"] == "3.00"


def test_a_report_card_has_a_page_too() -> None:
    """What fails comes first, the costliest at its head, each with the command that runs it."""
    card = report_card.make("naive", ["calm", "hidden_transport_retry"], jobs=1)
    data = data_of(page(json.loads(json.dumps(card.as_dict()))))
    assert [one["scenario"] for one in data["passed"]] == ["calm"]
    failed = data["failed"][0]
    assert "--scenario hidden_transport_retry" in failed["again"]
    assert failed["family"] == "outcome of a request unknown"
    assert data["money"]["value"] == f"{failed['money']:,.2f}"
    assert failed["scenario"] in data["sentence"]
    assert data["headline"] == "naive passes 1 of 2 scenarios"


OPTIONS: dict[str, Any] = {
    "bot": "naive",
    "duration": 1_800.5,
    "seed": 7,
    "modes": (("TIMEOUT", 0.2), ("RATE_LIMIT", 0.25)),
    "rate_limit": 90,
    "timeout": 2.5,
    "wall_seconds": 90.0,
    "calm": 0.0,
    "maintenance_start": "03:30",
    "scenario": "order_timeout_after_accept",
    "real_time": True,
    "venue": "binance",
    "rules": {"mine.py:Rule": {}, "mine.py:Other": {}, "fresh": None, "stops": {"orders": 5}},
    "client_ids": "(.*)-[0-9]+",
    "env": {"MODE": "live trading"},
    "files": "config",
    "faults": (("mine.py:Fault", 0.3),),
    "as_of": "2026-01-15",
    "change": "percent_encoding",
}


def options_of(line: str) -> RunConfig:
    """What the command line reads from a line of a page."""
    return cli._config(parser().parse_args(shlex.split(line)[1:]))


@pytest.mark.parametrize("name", [*OPTIONS, "maintenance_minutes"])
def test_the_line_on_the_page_has_every_option(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who runs it again without the scenario, or one option of it, sees another run."""
    monkeypatch.setattr(user_code, "rules_of", lambda chosen: None)  # the files are not there
    given = {name: OPTIONS[name]} if name in OPTIONS else {}
    if name == "maintenance_minutes":
        given = {"maintenance_start": "02:00", "maintenance_minutes": 12.5}
    wanted = RunConfig(**{"bot": "careful", **given})
    scenario = load(wanted.scenario) if wanted.scenario else None
    config = wanted.resolved(scenario)
    data = data_of(page(json.loads(json.dumps(RunReport(config=config).as_dict()))))
    assert options_of(data["again"]).resolved(scenario) == config


def test_every_option_of_a_run_is_on_the_page() -> None:
    """A new one must be in the line, too. Journal and kept files are not: the first run's stay."""
    names = {one.name for one in dataclasses.fields(RunConfig)}
    assert names - {"journal", "keep_files", "maintenance_minutes"} == set(OPTIONS)


def test_the_traceback_of_a_bot_that_died_is_there_once(tmp_path: Path) -> None:
    """With the file and the line of the bot; twice would hide what else is on the page."""
    bot = tmp_path / "mybot.py"
    bot.write_text("async def main(exchange):\n    raise ValueError('no average price')\n")
    text = page(json.loads(json.dumps(run(RunConfig(bot=f"{bot}:main", modes=())).as_dict())))
    data = data_of(text)
    assert data["outcome"] == "the bot died"
    assert "mybot.py" in data["traceback"]
    assert "line 2, in main" in data["traceback"]
    assert text.count("line 2, in main") == 1


def test_the_last_sample_is_of_the_end(tmp_path: Path) -> None:
    """A bot that died has traded since the sample before."""
    bot = tmp_path / "mybot.py"
    bot.write_text(
        "async def main(exchange, notebook):\n"
        "    await exchange.create_order('BTC/USDT', 'market', 'buy', 0.01)\n"
        "    raise ValueError('no average price')\n"
    )
    found = run(RunConfig(bot=f"{bot}:main", modes=())).as_dict()
    held = found["verdict"]["holdings"]["BTC"]
    assert found["recording"]["samples"][-1][1:3] == (held["believed"], held["true"])
    assert held["true"] > 0


def test_the_market_that_is_shown_is_the_one_that_the_bot_trades(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bot that trades a contract only has its position in the table, charts and fills."""
    bot = tmp_path / "mybot.py"
    bot.write_text(
        "import asyncio\n"
        "async def main(exchange, notebook):\n"
        "    await asyncio.sleep(90)\n"
        "    order = await exchange.create_order('BTC/USDT:USDT', 'market', 'sell', 0.1)\n"
        "    notebook.book(order)\n"
        "    await asyncio.sleep(900)\n"
    )
    report = run(RunConfig(bot=f"{bot}:main", modes=(), duration=900, calm=0))
    show([report.shown()])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["BTC/USDT:USDT,", "believed", "-0.10000"] in rows
    assert ["BTC/USDT:USDT,", "in", "truth", "-0.10000"] in rows
    assert "BTC," not in [row[0] for row in rows if row]
    recording = report.as_dict()["recording"]
    assert recording["symbol"] == "BTC/USDT:USDT"
    assert recording["samples"][0][1:3] == (0.0, 0.0)
    assert recording["samples"][-1][1:3] == (-0.1, -0.1)
    assert len(recording["fills"]) >= 1


def test_limits_of_the_venue_are_no_faults() -> None:
    """A bot that is refused because it asks too often was struck by nothing."""
    config = RunConfig(bot="naive", modes=(), rate_limit=2, duration=1_200)
    recording = run(config).as_dict()["recording"]
    assert recording["waits"]
    assert recording["faults"] == []
    assert set(recording["trips"][5]) == {-1}
    assert not any(row["faults"] for one in recording["findings"] for row in one["columns"])
