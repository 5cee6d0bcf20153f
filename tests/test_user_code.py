"""`--rule path.py:Name` and `--fault path.py:Name`: a user's own, on every command."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from failing_exchange.cli import main as cli
from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.findings import FailureCause, Finding
from failing_exchange.explorer.regression_test import test_file as file_of
from failing_exchange.explorer.replay_token import replay
from failing_exchange.explorer.search import Options, explore
from failing_exchange.explorer.shrink import Example
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.trial import TrialSummary
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.faults.catalogue import OWN as OWN_FAULTS
from failing_exchange.judge.catalogue import make
from failing_exchange.runs import user_code
from failing_exchange.runs.user_code import rules_of
from tests.explorer.test_groups import broken

BOT = """
import asyncio

async def main(exchange):
    while True:
        try:
            await exchange.fetch_ticker("BTC/USDT")
        except Exception:
            pass
        await asyncio.sleep(5)

async def own_clients():
    await asyncio.sleep(5)
    raise RuntimeError("its own")
"""
RULES = """
from failing_exchange.judge.rule import Rule

class NeverTold(Rule):
    name = "never_told"
    sentence = "The venue never says please."

    def __init__(self, *, word="please"):
        super().__init__()
        self.word = word

    def told(self, trip):
        if self.word in getattr(trip.told, "text", ""):
            self.breach(f"was told {self.word} (trip {trip.number})", trip)

class Buggy(NeverTold):
    name = "buggy"

    def sent(self, trip):
        raise KeyError("mine")

class NoRule:
    pass
"""
FAULTS = """
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.fields import fault, text
from failing_exchange.journal.trip import Stage

@fault
class Polite:
    "The venue refuses, and says please."

    says: str = text("please wait", "what the client reads")
    stages = (Stage.REQUEST,)

    def strike(self, stage, match):
        return Reject(Reason.UNAVAILABLE, self.says)

class NoFault:
    pass
"""


LIMIT = """
from failing_exchange.judge.rule import Rule

class Limit(Rule):
    name = "limit"
    sentence = "Nothing is sent in vain."

    def __init__(self, *, most=9):
        super().__init__()
        self.most = most
"""


@pytest.mark.parametrize("named", ["limit", "limits.py:Limit"])
def test_a_parameter_of_a_rule_reaches_it(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the rule's name, as --set takes it: it was dropped without a word."""
    monkeypatch.chdir(tmp_path)
    Path("limits.py").write_text(LIMIT, encoding="utf-8")
    rules = rules_of({"limits.py:Limit": {}} | {named: {"most": 5}})
    (made,) = [rule for rule in make(*rules) if rule.name == "limit"]
    assert made.most == 5  # type: ignore[attr-defined]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a bot, rules and faults, that is worked in."""
    for name, text in (("bot", BOT), ("rules", RULES), ("faults", FAULTS)):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    user_code._rules.clear()
    OWN_FAULTS.clear()


OWN = ["--rule", "rules.py:NeverTold", "--fault", "faults.py:Polite"]


def test_a_run_has_own_rules_and_faults(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And its results say how to run it again: with them."""
    assert cli.main(["run", "--bot", "bot.py:main", "--duration", "30m", *OWN]) == 1
    assert "was told please" in capsys.readouterr().out
    found = json.loads((place / "exchange_test.json").read_text())
    assert {one["rule"]: one["outcome"] for one in found["verdict"]["results"]}["never_told"] == (
        "fail"
    )
    assert found["again"].endswith(
        "--rule rules.py:NeverTold --fault faults.py:Polite --probability 0.1"
    )
    assert found["statistics"]["by_type"].keys() == {"faults.py:Polite"}
    assert cli.main(["replay", "exchange_test.json"]) in (0, 1)
    assert "the same as recorded" in capsys.readouterr().out


@pytest.mark.slow
def test_an_exploration_finds_shrinks_and_replays_with_them(place: Path) -> None:
    """In processes of their own; a token names the files, so that it can be run again."""
    found = explore(
        Options(target="bot.py:main", seeds=16, seconds=900.0, jobs=1,
                rules={"rules.py:NeverTold": {"word": "wait"}}, faults=("faults.py:Polite",))
    )  # fmt: skip
    assert not found.errors, found.errors
    finding = next(f for f in found.findings if f.cause.rule == "never_told")
    assert finding.cause.kinds == ("faults.py:Polite",)
    assert "was told wait" in finding.sentence
    assert found.judged["never_told"] == found.trials
    token = Token.parse(str(finding.token))
    again = replay(token)
    assert again.broken
    assert again.same


VENUE = """
from tests.venues.small_venue import SMALL as MINE
"""


def test_a_written_test_finds_all_code_from_anywhere(
    place: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite is not always run from the folder in which its tests were made."""
    (place / "venue.py").write_text(VENUE)
    token = Token(
        target="bot.py:own_clients",
        world=World(seed=1, seconds=60.0, faults=(FaultSpec("faults.py:Polite", ""),),
                    venue="venue.py:MINE"),
        rule="alive",
        options={"rules.py:NeverTold": {}},
    )  # fmt: skip
    finding = Finding(
        cause=FailureCause("alive", (), ""),
        example=Example(token.world, TrialSummary(breaks=(broken(rule="alive"),))),
        seed=1,
        token=token,
    )
    (place / "suite").mkdir()
    name, text = file_of(finding, Path("suite"))
    (place / "suite" / name).write_text(text)
    user_code._rules.clear()
    OWN_FAULTS.clear()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for file in ("faults", "rules"):  # of the same names, and with nothing in them
        (elsewhere / f"{file}.py").write_text("")
    monkeypatch.chdir(elsewhere)
    found = runpy.run_path(str(place / "suite" / name))
    with pytest.raises(AssertionError, match="RuntimeError: its own"):
        next(test for key, test in found.items() if key.startswith("test_"))()
    assert Path.cwd() == elsewhere


def test_a_name_leads_to_the_file_of_this_folder(
    place: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two projects have a faults.py each, and one process may replay tokens of both."""
    user_code.load_faults(["faults.py:Polite"])
    first = OWN_FAULTS["faults.py:Polite"].kind
    user_code.load_faults(["faults.py:Polite"])
    assert OWN_FAULTS["faults.py:Polite"].kind is first
    other = tmp_path_factory.mktemp("other")
    (other / "faults.py").write_text(FAULTS)
    (other / "rules.py").write_text(RULES)
    rule = user_code.load_rule("rules.py:NeverTold")
    monkeypatch.chdir(other)
    user_code.load_faults(["faults.py:Polite"])
    assert OWN_FAULTS["faults.py:Polite"].kind is not first
    assert user_code.load_rule("rules.py:NeverTold") is not rule


def test_a_token_names_all_code_that_it_runs(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Who was sent it should see which files; nothing of them is loaded before."""
    token = Token(
        target=f"{place}/bot.py:main",
        world=World(seed=1, seconds=60.0, faults=(FaultSpec(f"{place}/faults.py:Polite", ""),)),
        options={f"{place}/rules.py:NeverTold": {}},
    )
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    found = Token.parse(str(token))
    assert not user_code._rules
    assert not OWN_FAULTS
    for name in ("bot", "rules", "faults"):
        assert str(place / f"{name}.py") in found.outside()


def test_a_served_venue_has_them(place: Path) -> None:
    """The rule judges each client, the fault strikes with the rate of `--rate`."""
    from failing_exchange.cli import serve as server
    from failing_exchange.runs.user_code import rules_of

    options = cli.parser().parse_args(["serve", "--rate", "1", *OWN])
    venue = server._venue(options)
    rule = venue.exchange.armed[0]
    assert (rule.name, repr(rule.when)) == ("faults.py:Polite", "chance(1)")
    wanted = rules_of({name: {} for name in options.rule}).rules
    assert wanted is not None
    assert wanted[-1].name == "never_told"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--rule", "rules.py:NoRule"], "--rule rules.py:NoRule: NoRule is not a rule; expected a"),
        (["--rule", "rules.py:Nevertold"], "there is no such class; did you mean 'NeverTold'?"),
        (["--rule", "rules.py"], "--rule rules.py: expected path.py:Name"),
        (["--rule", "none.py:X"], "no file 'none.py'"),
        (["--fault", "faults.py:NoFault"], "NoFault is not a fault; expected a class with"),
        (["--fault", "lose_anser"], "no fault 'lose_anser' in the catalogue; did you mean"),
        (["--rule", "rules.py:Buggy"], "sent() at rules.py:20 raised KeyError: 'mine'"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(
    place: Path,
    options: list[str],
    text: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the name that was given, and what is expected; exit code 2. It is not logged besides."""
    assert cli.main(["run", "--bot", "bot.py:main", "--duration", "5m", *options]) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1
    assert not caplog.records


def test_a_bug_in_a_rule_ends_an_exploration(place: Path) -> None:
    """As theirs, with its line, at once: no world can be judged with it."""
    options = Options(target="bot.py:main", seeds=1, seconds=60.0, jobs=1,
                      rules={"rules.py:Buggy": {}})  # fmt: skip
    with pytest.raises(
        ConfigurationError, match=r"sent\(\) at rules.py:20 raised KeyError: 'mine'"
    ):
        explore(options)
