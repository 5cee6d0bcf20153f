"""Every scenario that ships: its symptom reaches the client, the careful bot survives it."""

from __future__ import annotations

import pytest

from failing_exchange.bots import STRATEGIES
from failing_exchange.conduct.rules import RULES
from failing_exchange.faults.rows import ROWS
from failing_exchange.report_card import grade
from failing_exchange.runner import RunConfig, run
from failing_exchange.scenario import describe, load, shipped
from tests.scenarios.observer import seen_in_process, seen_on_binance

NAMES = shipped()
FAMILIES = {f"F{n}" for n in range(1, 12)}


def test_the_library_is_large_and_covers_all_families() -> None:
    """At least 80 of the 118 kinds of failure that were seen, of every family."""
    known = {name for row in ROWS for name in row.name.split(" / ")}
    incidents = [name for name in NAMES if name in known]
    assert len(incidents) >= 80
    assert {load(name).family for name in incidents} == FAMILIES


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_says_what_it_is(name: str) -> None:
    """What happened to whom, what it looks like, what to do, and by which rules it is judged."""
    scenario = load(name)
    assert scenario.description
    assert f"{name} " in describe() and scenario.description in describe()
    if scenario.family in FAMILIES:  # a real incident: its symptom is seen at a door
        assert scenario.expect.keys() == {"naive_breaks", "in_process", "binance"}
        assert scenario.expect["in_process"] or scenario.expect["binance"]
    assert scenario.evidence or scenario.family == "weather"  # which is made of others
    assert scenario.symptom
    assert scenario.behaviour
    assert scenario.bot in STRATEGIES
    assert set(scenario.rules) <= set(RULES)


@pytest.mark.parametrize("name", NAMES)
def test_the_careful_bot_keeps_every_rule(name: str) -> None:
    """What it shows is that the rules can be kept."""
    found = grade(name, "careful")
    assert found.passed, found.broken


@pytest.mark.parametrize("name", [n for n in NAMES if load(n).expect.get("naive_breaks")])
def test_the_naive_bot_breaks_the_rules_that_the_scenario_names(name: str) -> None:
    """A scenario that harms nobody tests nothing."""
    found = grade(name, "naive")
    assert set(found.broken) == set(load(name).expect["naive_breaks"])


def test_the_naive_bots_fail_in_many_scenarios_and_by_most_rules() -> None:
    """At least a dozen: a library in which nobody stumbles warns of nothing."""
    broken = {name: load(name).expect.get("naive_breaks", []) for name in NAMES}
    assert sum(map(bool, broken.values())) >= 12
    assert len({rule for rules in broken.values() for rule in rules}) >= 10


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_faults_even_the_naive_bots_keep_every_rule(strategy: str) -> None:
    """What they break elsewhere is the failure's doing."""
    config = RunConfig(bot=f"{strategy}-naive", duration=2_400, modes=(), rate_limit=None)
    verdict = run(config).verdict
    assert verdict is not None
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("name", [n for n in NAMES if load(n).expect.get("in_process")])
def test_the_symptom_is_seen_in_process(name: str) -> None:
    """As the incident says, in the errors and answers of a call."""
    assert set(load(name).expect["in_process"]) <= set(seen_in_process(name))


@pytest.mark.parametrize("name", [n for n in NAMES if load(n).expect.get("binance")])
def test_the_symptom_is_seen_on_the_wire(name: str) -> None:
    """As the incident says: status and code, the body's kind, the code of a close."""
    assert set(load(name).expect["binance"]) <= set(seen_on_binance(name))
