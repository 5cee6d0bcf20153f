"""What the author of a bot reads first: one place to mend after the other, the gravest first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.cli.explore import _doing, _show, _show_group
from failing_exchange.cli.main import main as command
from failing_exchange.explorer.findings import FailureCause, Finding, Findings, Group, grouped
from failing_exchange.explorer.search import Exploration, Options, explore
from failing_exchange.explorer.shrink import Example
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.trial import BrokenRule, TrialSummary
from failing_exchange.explorer.world import World

LOSES = """
import asyncio
from failing_exchange import intend, probe

async def main(exchange):
    held = 0.0
    probe(positions=lambda: {"BTC/USDT": held})
    while True:
        with intend("BTC/USDT", "buy", 0.1):
            for _ in range(2):
                try:
                    await exchange.create_order("BTC/USDT", "market", "buy", 0.1)
                    break
                except Exception:
                    await asyncio.sleep(1)
        await asyncio.sleep(15)
        await exchange.fetch_balance()
"""


def broken(
    rule: str = "once", place: str = "bot.py:1", *kinds: str, money: float = 0.0, op: str = "ask"
) -> BrokenRule:
    """A breach."""
    return BrokenRule(rule, "breaks", (), (), op, money, 1.0, kinds, place=place)


def settled(findings: Findings, one: BrokenRule, worlds: int, strikes: int) -> None:
    """A finding that is made small, so many strikes being left of it."""
    seen, world = TrialSummary(breaks=(one,)), World(seed=1, seconds=60.0)
    finding = findings.add(one, worlds, world, seen)
    assert finding is not None
    plan = tuple({"fault": kind, "strikes": [["main", one.operation]] * strikes}
                 for kind in one.kinds)  # fmt: skip
    small = Example(World(seed=1, seconds=60.0, plan=plan), seen, 9, complete=True)
    findings.settle(finding, small, Token(target="careful", world=world, rule=one.rule))


def spots(groups: list[Group]) -> list[str]:
    """The places, in their order."""
    return [group.spot.place for group in groups]


def test_what_needs_no_fault_comes_first_then_worlds_times_money() -> None:
    """A million at risk in one world of a thousand is not the first thing to mend."""
    findings = Findings()
    settled(findings, broken("once", "rare.py:1", "lose_answer", money=900.0), 0b1, 1)
    settled(findings, broken("once", "often.py:1", "late", money=100.0), 0b1111111111, 1)
    settled(findings, broken("alive", "manners.py:1", "null"), 0b111111111111, 1)
    settled(findings, broken("alive", "calm.py:1"), 0b1, 0)
    assert spots(grouped(findings)) == ["calm.py:1", "often.py:1", "rare.py:1", "manners.py:1"]


def test_money_has_the_currency_of_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a market that settles in another asset than USDT."""
    findings = Findings()
    settled(findings, broken("once", "bot.py:1", "late", money=0.5), 0b1, 1)
    (finding,) = findings
    finding.example = finding.example._replace(
        summary=finding.example.summary._replace(currency="BTC")
    )
    (group,) = grouped(findings)
    assert group.as_dict()["currency"] == "BTC"
    _show_group(group, "1 of 1 worlds")
    assert "; 0.50 BTC at risk" in capsys.readouterr().out


def test_a_group_shows_the_cause_that_needs_the_fewest_faults() -> None:
    """The others are folded below it, however early they were found."""
    findings = Findings()
    settled(findings, broken("once", "bot.py:1", "late"), 0b0111, 30)
    settled(findings, broken("once", "bot.py:1", "lose_answer"), 0b1100, 1)
    (group,) = grouped(findings)
    assert [one.cause.kinds for one in group.causes] == [("lose_answer",), ("late",)]
    assert group.times == 4  # worlds, of which one has seen both


def test_a_breach_that_a_known_cause_explains_is_only_counted() -> None:
    """Its faults are among those that struck: to make it small again would show the same."""
    findings = Findings()
    settled(findings, broken("once", "bot.py:1", "lose_answer"), 0b01, 1)
    assert findings.note(broken("once", "bot.py:1", "late", "lose_answer"), 0b10)
    assert not findings.note(broken("once", "bot.py:1", "late"), 0b10)
    assert not findings.note(broken("once", "bot.py:2", "lose_answer"), 0b10)
    (group,) = grouped(findings)
    assert group.times == 2


def test_what_a_cause_has_turned_out_to_be_is_remembered() -> None:
    """It looked as one rule, and was the doing of another: the next such breach is counted."""
    findings = Findings()
    settled(findings, broken("once", "bot.py:1", "lose_answer"), 0b01, 1)
    settled(findings, broken("converges", "bot.py:9", "lose_answer"), 0b10, 1)
    assert [one.cause for one in findings] == [
        FailureCause("once", ("lose_answer",), "ask", "bot.py:1")
    ]
    assert findings.note(broken("converges", "bot.py:9", "lose_answer"), 0b100)
    assert findings.note(broken("converges", "bot.py:9", "late", "lose_answer"), 0b100)
    assert next(iter(findings)).times == 3


def test_a_group_is_not_made_small_for_ever() -> None:
    """After six of its causes the smallest stands for what else breaks the rule at that line."""
    findings = Findings()
    for number in range(6):
        settled(findings, broken("once", "bot.py:1", f"fault_{number}"), 1 << number, 1)
    assert findings.note(broken("once", "bot.py:1", "a_seventh"), 1 << 6)
    assert len(findings) == 6


class Counting(ThreadPoolExecutor):
    """Counts the runs that are made alone: those in which something is made small."""

    alone = 0

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.alone += len(args[0]["worlds"]) == 1
        return super().submit(call, *args, **kwargs)


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One that buys twice, and never books anything."""
    path = tmp_path_factory.mktemp("groups") / "mybot.py"
    path.write_text(LOSES)
    return f"{path}:main"


def test_what_fails_on_a_calm_day_is_told_once(
    bot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In 12 worlds it fails 12 times, and every one has some fault in it that is not to blame."""
    with Counting(2) as executor:
        found = explore(Options(target=bot, seeds=12, seconds=600.0), executor=executor)
    groups = grouped(found.findings)
    assert found.calm_failed == 3
    assert [one.spot.rule for one in groups if one.is_baseline] == ["converges"]
    assert [one.spot.rule for one in groups].count("converges") == 1
    twice = next(one for one in groups if one.spot.rule == "once")
    assert twice.spot.place == "mybot.py:12"
    assert executor.alone < 200
    _show(found, verbose=False)
    said = capsys.readouterr().out
    assert said.index("Without any fault") < said.index("your bot believes to hold 0 BTC")
    assert said.count("your bot believes") == 1
    assert "where: mybot.py:12" in said


DIES = """
async def price(exchange):
    return (await exchange.fetch_ticker("BTC/USDT"))["nothing"]

async def main(exchange):
    await price(exchange)
"""


def test_a_bot_that_dies_is_told_with_the_line_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the terminal, in the results, and in the replay: its own frames, none of ours."""
    (tmp_path / "mybot.py").write_text(DIES)
    found = explore(Options(target=f"{tmp_path}/mybot.py:main", seeds=1, seconds=60.0))
    (finding,) = found.as_dict()["findings"]
    assert finding["place"] == "mybot.py:3"
    assert finding["traceback"].count("File ") == 2
    assert 'mybot.py", line 3, in price' in finding["traceback"]
    _show(found, verbose=False)
    said = capsys.readouterr().out
    assert said.count("Traceback") == 1
    assert "where: mybot.py:3; 2 of 2 worlds, 1 of them without faults\n" in said
    assert command(["replay", finding["token"]]) == 1
    said = capsys.readouterr().out
    assert said.count("Traceback") == 1
    assert 'mybot.py", line 3, in price' in said


class FailingInFaults(ThreadPoolExecutor):
    """A rule of the user's raises in every world with a fault, and in no other."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not any(world.get("faults") for world in args[0]["worlds"]):
            return super().submit(call, *args, **kwargs)
        failed: Future[Any] = Future()
        error = "ConfigurationError: rule mine: told() at rules.py:3 raised KeyError: 'x'"
        failed.set_result([TrialSummary(error=error).as_dict()] * len(args[0]["worlds"]))
        return failed


def test_what_was_found_before_a_rule_failed_is_kept(tmp_path: Path) -> None:
    """An hour of findings is not thrown away for a rule that fails late."""
    (tmp_path / "mybot.py").write_text(DIES)
    with FailingInFaults(1) as executor:
        found = explore(
            Options(target=f"{tmp_path}/mybot.py:main", seeds=4, seconds=60.0), executor=executor
        )
    assert [one.spot.rule for one in grouped(found.findings)] == ["alive"]
    assert found.errors == ["rule mine: told() at rules.py:3 raised KeyError: 'x'"]
    assert found.ended == "your code failed"


def test_a_quick_exploration_makes_only_the_worst_small(bot: str) -> None:
    """A minute instead of ten, and still what to mend first."""
    with Counting(2) as executor:
        found = explore(Options(target=bot, seeds=8, seconds=300.0, quick=True),
                        executor=executor)  # fmt: skip
    groups = grouped(found.findings)
    assert len(groups) > 1
    made_small = [one.example.runs > 0 for one in found.findings if one.is_settled]
    assert made_small.count(True) == 1
    assert all(one.first.token is not None for one in groups)
    assert any("not made small" in one.first.sentence for one in groups)
    assert executor.alone < 30


def test_the_progress_line_says_what_is_made_small() -> None:
    """A bar that stands still for a minute looks like a hang."""
    found = Exploration(options=Options(target="careful"))
    assert _doing(found) == "0 causes, 0 worlds failed"
    found.making_small = {"once · lose_answer · create_order": 12, "alive · no fault · ask": 3}
    assert _doing(found) == "making small: once · lose_answer · create_order (12 runs) and 1 more"


def test_a_finding_that_was_not_made_small_says_so() -> None:
    """ "5 faults suffice" would be a claim that nobody has tried."""
    summary = TrialSummary(breaks=(broken(),))
    world = World(seed=1, seconds=60.0)
    finding = Finding(
        cause=FailureCause("once", (), "ask", "bot.py:1"), example=Example(world, summary), seed=1,
        token=Token(target="careful", world=world),
    )  # fmt: skip
    assert finding.sentence.endswith("breaks; not made small")


def test_of_two_examples_of_one_cause_the_smaller_is_kept() -> None:
    """Two rules see the same mistake, and one of them needs ten times the time to see it."""
    findings = Findings()
    strikes = ({"fault": "lose_answer", "fields": {}, "strikes": [["main", "ask", "", 1]]},)
    both = TrialSummary(breaks=(broken(rule="once"), broken(rule="resolves")))
    for one, seconds in zip(both.breaks, (720.0, 71.0), strict=True):
        world = World(seed=1, seconds=seconds, plan=strikes)
        finding = findings.add(one, 1, world, both)
        assert finding is not None
        token = Token(target="careful", world=world, rule="once")
        settled = findings.settle(finding, Example(world, both, 9, complete=True), token)
        assert settled is not None, "a smaller example is written to the corpus, too"
    (only,) = findings
    assert (only.cause.rule, [*only.also]) == ("once", ["resolves"])
    assert only.example.world.seconds == 71.0
    assert only.token == token
