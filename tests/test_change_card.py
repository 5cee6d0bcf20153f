"""`run --changes`: a bot across each dated change of a venue's API."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from failing_exchange.cli import exit_codes
from failing_exchange.cli.main import main
from failing_exchange.errors import ConfigurationError
from failing_exchange.runs import change_card
from failing_exchange.runs.bot_run import RunConfig
from failing_exchange.runs.change_card import ApiRun, ChangeCard, Crossing, make, run_side
from failing_exchange.venue.api_changes import ApiTable
from failing_exchange.venues.binance.spot_changes import CHANGES
from failing_exchange.venues.binance.venue import BINANCE

BOT = """
    import asyncio
    import aiohttp

    async def main():
        headers = {"X-MBX-APIKEY": "key"}
        async with aiohttp.ClientSession("https://api.binance.com", headers=headers) as session:
            while True:
                async with session.post("/api/v3/userDataStream") as answer:
                    answer.raise_for_status()
                await asyncio.sleep(10)
"""


@pytest.fixture
def legacy(tmp_path: Path) -> str:
    """A bot that lives by listen keys."""
    (tmp_path / "legacy.py").write_text(textwrap.dedent(BOT), encoding="utf-8")
    return f"{tmp_path / 'legacy.py'}:main"


def test_a_bot_is_judged_before_a_change_when_it_comes_and_after(legacy: str) -> None:
    """The three sides of one change, each with the line that makes its run again."""
    config = RunConfig(bot=legacy, duration=60.0)
    before = run_side(config, "2026-02-19", "")
    at = run_side(config, "2026-02-19", "listen_keys")
    after = run_side(config, "2026-02-20", "")
    assert (before.broken, before.error) == ({}, "")
    assert "410" in at.broken["alive"]
    assert "410" in after.broken["alive"]
    assert (before.requests, at.requests, after.requests) == (6, 3, 0)
    assert "--as-of 2026-02-19 --change listen_keys" in at.again


def test_the_card_names_what_breaks_the_bot(
    legacy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each change, in words and as JSON; the exit code says whether there is one."""
    few = tuple(one for one in CHANGES.changes if one.name in ("percent_encoding", "listen_keys"))
    monkeypatch.setattr(type(BINANCE), "changes", ApiTable("binance", CHANGES.since, few))
    output = tmp_path / "card.json"
    options = ["--changes", "--duration", "60", "--output", str(output)]
    assert main(["run", "--bot", legacy, *options]) == exit_codes.FINDINGS
    said = capsys.readouterr().out
    assert "1 of 2 changes break" in said
    assert "\nlisten_keys, from 2026-02-20\n" in said
    assert "  with it:    410 for /api/v3/userDataStream, -1020" in said
    assert f"  again:      failing-exchange run --bot {legacy}" in said
    rows = json.loads(output.read_text())["changes"]
    assert [(one["change"], one["breaks"]) for one in rows] == [
        ("percent_encoding", False), ("listen_keys", True),
    ]  # fmt: skip
    assert rows[0]["verdict"].startswith("not judged: a simulated venue takes any key")
    assert rows[1]["verdict"].startswith("breaks when it comes and after it: alive (died: ")


GOOD = ApiRun(placed=5)
BAD = ApiRun({"alive": "died"}, placed=5)
NONE = ApiRun()


@pytest.mark.parametrize(
    ("before", "at", "after", "words", "breaks"),
    [
        (GOOD, GOOD, GOOD, "passes", False),
        (GOOD, BAD, GOOD, "breaks when it comes: alive (died)", True),
        (GOOD, GOOD, BAD, "breaks after it: alive (died)", True),
        (GOOD, NONE, NONE, "breaks when it comes and after it: it places no orders (5 before)",
         True),
        (BAD, BAD, BAD, "fails with and without it", False),
        (BAD, BAD, GOOD, "needs it: without it alive is broken (died)", False),
        (GOOD, ApiRun(error="no time"), GOOD, "no time", False),
    ],
)  # fmt: skip
def test_the_verdict_is_what_the_change_adds(
    before: ApiRun, at: ApiRun, after: ApiRun, words: str, breaks: bool
) -> None:
    """What was broken before is not the change's doing."""
    crossing = Crossing("x", "2026-01-01", before, at, after)
    assert (crossing.words, crossing.breaks) == (words, breaks)


def test_a_change_is_judged_where_an_older_one_has_broken_the_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It meets the last API with which the bot kept all rules: one break hides no other."""
    both = BOT.replace("/api/v3/userDataStream", "/api/v1/userDataStream")
    (tmp_path / "both.py").write_text(textwrap.dedent(both), encoding="utf-8")
    wanted = ("listen_keys", "api_v1", "expiry_reason")
    few = tuple(one for one in CHANGES.changes if one.name in wanted)
    monkeypatch.setattr(type(BINANCE), "changes", ApiTable("binance", CHANGES.since, few))
    card = make(f"{tmp_path / 'both.py'}:main", seconds=60.0)
    assert [(one.change, one.breaks) for one in card.crossings] == [
        ("listen_keys", True), ("api_v1", True), ("expiry_reason", False),
    ]  # fmt: skip
    assert card.crossings[2].words == "passes"


def test_a_bot_of_contracts_crosses_the_day_on_which_stops_moved(tmp_path: Path) -> None:
    """The venue lists its own markets, and -4120 is what ends the bot."""
    (tmp_path / "stopper.py").write_text(textwrap.dedent(STOPPER), encoding="utf-8")
    bot = f"{tmp_path / 'stopper.py'}:main"
    config = RunConfig(bot=bot, venue="binance-usdm", duration=40.0)
    before = run_side(config, "2025-12-08", "")
    at = run_side(config, "2025-12-08", "algo_orders")
    assert (before.broken.get("alive"), before.requests) == (None, 4)
    assert "-4120" in at.broken["alive"]


STOPPER = """
    import asyncio, time
    import aiohttp

    async def main():
        host, headers = "https://fapi.binance.com", {"X-MBX-APIKEY": "key"}
        async with aiohttp.ClientSession(host, headers=headers) as session:
            while True:
                order = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
                         "quantity": "0.01", "stopPrice": "20000", "signature": "any",
                         "timestamp": str(int(time.time() * 1000))}
                async with session.post("/fapi/v1/order", params=order) as answer:
                    assert answer.status == 200, await answer.text()
                await asyncio.sleep(10)
"""


def test_a_change_may_come_at_a_time(legacy: str, capfd: pytest.CaptureFixture[str]) -> None:
    """As NAME@TIME; what is no time is refused."""
    config = RunConfig(bot=legacy, duration=60.0)
    assert run_side(config, "2026-02-19", "listen_keys@15s").requests == 2
    assert main(["run", "--bot", legacy, "--change", "listen_keys@soon"]) == 2
    assert "expected NAME, or NAME@TIME" in capfd.readouterr().err


def test_a_bot_that_ends_its_process_leaves_what_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As the report card of scenarios does."""
    card = ChangeCard(bot="b", venue="binance", seconds=60.0, wanted=2, broken_off="it ended")
    card.crossings.append(Crossing("x", "2026-01-01", GOOD, GOOD, GOOD))
    change_card.show(card)
    said = capsys.readouterr().out
    assert "b: it ended, after 1 of 2 changes of binance." in said
    assert (card.clean, card.judged) == (True, True)


def test_a_bot_that_was_written_for_a_change_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    """That it fails with the API of before is no fault of the change, and good to know."""
    card = ChangeCard(bot="b", venue="binance-usdm", seconds=60.0, wanted=1)
    name = "a_change_with_a_name_that_is_long_enough_to_be_cut"
    card.crossings.append(Crossing(name, "2025-12-09", BAD, BAD, GOOD, "", "old", "new"))
    change_card.show(card)
    said = capsys.readouterr().out
    assert said.count(name) == 3
    assert "  without it: old\n  with it:    new\n" in said
    assert f"It needs {name}: it can't run with an older API." in said
    assert card.clean


def test_what_cannot_cross_a_change_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    """A bot in process speaks no protocol; options of a single run say nothing here."""
    with pytest.raises(ConfigurationError, match="careful takes a client of ours"):
        make("careful")
    assert main(["run", "--bot", "careful", "--change", "listen_keys"]) == 2
    assert "--change listen_keys: careful takes a client of ours" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "--changes", "--seed", "7"])
    assert "--seed is for a single run; with --changes" in capfd.readouterr().err


def test_an_unknown_change_is_refused(legacy: str, capfd: pytest.CaptureFixture[str]) -> None:
    """With the name that was meant."""
    assert main(["run", "--bot", legacy, "--change", "listen_key"]) == 2
    assert "'listen_key'; did you mean 'listen_keys'" in capfd.readouterr().err
