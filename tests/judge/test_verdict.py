"""What a verdict says of a run, from the results of its rules."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.judge.catalogue import RULES
from failing_exchange.judge.holdings import Holding
from failing_exchange.judge.rule import Breach, Outcome, Result, Severity
from failing_exchange.judge.verdict import Verdict

PASS, FAIL, NOT_JUDGED = Outcome.PASS, Outcome.FAIL, Outcome.NOT_JUDGED


def result(
    rule: str,
    outcome: Outcome = PASS,
    severity: Severity = Severity.DANGER,
    *,
    times: int = 0,
    money: float = 0.0,
    why: str = "why",
) -> Result:
    breach = Breach(rule, 0, f"breaks {rule}", (), "", None, "", "")
    breaches = (breach,) if outcome is FAIL else ()
    return Result(rule, outcome, why, severity, times, breaches, money)


def verdict(*results: Result, **more: Any) -> Verdict:
    return Verdict(account="main", results=results, at=0, **more)


MONEY = result("once", FAIL, Severity.MONEY, times=1, money=5.0)
MORE_MONEY = result("converges", FAIL, Severity.MONEY, times=3, money=7.0)
MANNERS = result("no_hot_loop", FAIL, Severity.MANNERS, times=1, money=99.0)
DANGER = result("resolves", FAIL, Severity.DANGER, times=1)
HELD = {"BTC": Holding(0.0, 0.5, 0.5), "USDT": Holding(1.0, 1.0, 0.0)}


def test_the_gravest_rule_is_told_first_and_of_equals_the_dearest() -> None:
    """Who reads one line must read the one that costs money."""
    found = verdict(MANNERS, DANGER, MONEY, result("alive"), MORE_MONEY)
    assert [one.rule for one in found.failures] == ["converges", "once", "resolves", "no_hot_loop"]
    assert found.first is not None
    assert found.first.rule == "converges"


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (verdict(MONEY), "The bot breaks once."),
        (verdict(MONEY, money=5.0), "The bot breaks once; 5.00 USDT are lost or at risk."),
        (verdict(MONEY, money=5.0, wrong=3.0, holdings=HELD),
         "The bot breaks once; 5.00 USDT are lost or at risk; at the end it is wrong about 3.00 "
         "USDT."),
        (verdict(MORE_MONEY, money=7.0, wrong=3.0, holdings=HELD),
         "The bot breaks converges (and 2 more like it); 7.00 USDT are lost or at risk."),
        (verdict(result("once"), wrong=3.0, holdings=HELD),
         "At the end the bot is wrong about 3.00 USDT: it believes +0 BTC and has +0.5."),
        (verdict(result("converges", NOT_JUDGED, why="too short"), wrong=3.0, holdings=HELD),
         "At the end the bot is wrong about 3.00 USDT: it believes +0 BTC and has +0.5 "
         "(`converges` could not judge it: too short)."),
        (verdict(result("once", NOT_JUDGED)), "Nothing could be judged."),
        (verdict(result("once"), result("alive"), result("fresh", NOT_JUDGED)),
         "The bot keeps 2 of 2 rules that could be judged."),
        (verdict(result("once"), untold=500.0, money=500.0),
         "The bot keeps 1 of 1 rules that could be judged; its orders traded 500.00 USDT that it "
         "was never told of."),
    ],
)  # fmt: skip
def test_the_sentence_says_what_matters_most(found: Verdict, sentence: str) -> None:
    """A bot that is wrong at the end is never called clean."""
    assert found.sentence == sentence


def test_the_outcome_is_that_of_the_worst_rule() -> None:
    """Not to have been judged is neither good nor bad."""
    assert verdict(result("alive"), MANNERS).outcome is FAIL
    assert verdict(result("alive"), result("once", NOT_JUDGED)).outcome is PASS
    nothing = verdict(result("once", NOT_JUDGED))
    assert (nothing.outcome, nothing.passed, nothing.clean) == (NOT_JUDGED, True, True)
    assert not verdict(result("alive"), wrong=3.0).clean
    assert verdict(result("alive"), wrong=3.0).passed
    assert not verdict(MANNERS).clean


def test_how_many_intents_were_executed_twice() -> None:
    """None where that could not be judged, or was not asked."""
    assert verdict(MONEY).duplicated == 1
    assert verdict(result("once")).duplicated == 0
    assert verdict(result("once", NOT_JUDGED)).duplicated is None
    assert verdict(result("alive")).duplicated is None
    with pytest.raises(KeyError, match="once"):
        verdict(result("alive")).result("once")


def test_a_verdict_prints_its_sentence_the_death_and_each_rule() -> None:
    """How often a rule was broken stands beside it, where it was more than once."""
    found = verdict(MORE_MONEY, MONEY, traceback="File bot.py, line 7\nKeyError: 'x'")
    width = max(map(len, RULES))
    assert str(found).splitlines() == [
        found.sentence, "File bot.py, line 7", "KeyError: 'x'",
        f"  fail        {'converges':<{width}}  why (3x)",
        f"  fail        {'once':<{width}}  why",
    ]  # fmt: skip
