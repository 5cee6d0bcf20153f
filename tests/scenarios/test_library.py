"""Every scenario that ships: its symptom reaches the client, the careful bot survives it.

And it harms a bot that has the bug which it is about. `make test` runs those of FAST; the others
are run by `make slow`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from failing_exchange.faults.known_incidents import KNOWN_INCIDENTS
from failing_exchange.judge.catalogue import RULES
from failing_exchange.runs.bot_run import RunConfig, run
from failing_exchange.runs.bots import STRATEGIES
from failing_exchange.runs.bots.flawed import CAREFUL, FLAWED, TWINS
from failing_exchange.runs.bots.flawed.kinds import KINDS
from failing_exchange.runs.report_card import Grade, baseline, calm, grade
from failing_exchange.scenarios.scenario import describe, load, shipped
from tests.scenarios.observer import OBSERVERS, seen_in_process, seen_on_the_wire

NAMES = shipped()
SCENARIOS = {name: load(name) for name in NAMES}
FAMILIES = {f"F{n}" for n in range(1, 12)}
OF_CONTRACTS = {f"P{n}" for n in range(1, 7)}  # families of futures_incidents, A to F
HARMS = [name for name in NAMES if "harms" in SCENARIOS[name].expect]
FAST = {  # at least one of each family, and of each strategy
    "order_timeout_after_accept", "reply_without_order_id", "weight_429_to_418", "order_count_1015",
    "clock_ahead_1021", "signature_rule_changed", "lot_size", "min_notional_remainder",
    "fill_beats_cancel", "order_listed_twice", "event_duplicated", "ticker_null",
    "silent_stall", "fills_during_outage", "html_5xx", "error_in_200", "symbol_halted",
    "expired_by_exchange", "external_lock", "unknown_enum", "endpoint_removed_410", "calm",
    "tc_e75_ambiguous_cancel",
    "triggered_stop_has_new_id", "overloaded_but_accepted", "leverage_refusal_ignored",
    "liquidated_before_the_stop", "funding_counted_twice", "resting_exit_blocks_close",
    "reduce_only_fill_thrown_away", "panic_from_rebuilt_history",
}  # fmt: skip


def each(names: Iterable[str]) -> list[Any]:
    """Parameters of a test; those that are not in FAST are slow."""
    return [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in names]


def expecting(key: str) -> list[Any]:
    """The scenarios whose [expect] has something under a key."""
    return each(name for name in NAMES if SCENARIOS[name].expect.get(key))


def test_the_library_is_large_and_covers_all_families() -> None:
    """At least 80 of the 118 kinds of failure that were seen, of every family."""
    known = {name for row in KNOWN_INCIDENTS for name in row.name.split(" / ")}
    incidents = [name for name in NAMES if name in known]
    assert len(incidents) >= 80
    assert {SCENARIOS[name].family for name in incidents} == FAMILIES


def test_the_library_has_all_48_failures_of_contracts() -> None:
    """Of each kind that was seen, with all of the ten to stage first."""
    found = [name for name in NAMES if SCENARIOS[name].family in OF_CONTRACTS]
    assert len(found) == 48
    assert set(found) >= {
        "triggered_stop_has_new_id", "retired_path_says_yes", "overloaded_but_accepted",
        "resting_exit_blocks_close", "cross_loss_beyond_the_stake", "stop_accepted_then_not_found",
        "leverage_refusal_ignored", "liquidated_before_the_stop", "funding_interval_changes",
        "venue_shrinks_reduce_only",
    }  # fmt: skip
    assert {SCENARIOS[name].family for name in found} == OF_CONTRACTS


def test_the_fast_ones_are_of_each_family_and_strategy() -> None:
    """What `make test` leaves to `make slow` is more of the same."""
    fast = [SCENARIOS[name] for name in FAST]
    assert {one.family for one in fast} >= FAMILIES | OF_CONTRACTS
    assert {one.bot for one in fast} == set(STRATEGIES)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_says_what_it_is(name: str) -> None:
    """What happened to whom, what it looks like, what to do, and by which rules it is judged."""
    scenario = SCENARIOS[name]
    assert scenario.description
    assert f"{name} " in describe() and scenario.description in describe()
    if scenario.family in FAMILIES:  # a real incident: its symptom is seen at a door
        assert scenario.expect.keys() >= {"naive_breaks", "in_process", "wire"}
        assert scenario.expect["wire"].keys() <= OBSERVERS.keys()
        assert scenario.expect["in_process"] or any(scenario.expect["wire"].values())
    if scenario.family in OF_CONTRACTS:  # all of them are seen on the wire, but for these
        assert bool(scenario.expect.get("wire")) is (name not in NOT_ON_THE_WIRE)
    assert scenario.evidence or scenario.family == "weather"  # which is made of others
    assert scenario.symptom
    assert scenario.behaviour
    assert scenario.bot in STRATEGIES
    assert set(scenario.rules) <= set(RULES)


@pytest.mark.parametrize(
    "name", [n for n in NAMES if SCENARIOS[n].family in FAMILIES | OF_CONTRACTS]
)
def test_each_incident_names_a_bot_that_it_harms(name: str) -> None:
    """A scenario that harms nobody tests nothing: the naive bot, or one with that very bug."""
    expect, rules = SCENARIOS[name].expect, SCENARIOS[name].rules
    assert expect["naive_breaks"] or "harms" in expect
    if "harms" in expect:
        assert expect["harms"] in TWINS or expect["harms"] in WIRE
        assert name in named_by(expect["harms"])
        assert set(expect["harms_breaks"]) <= set(rules)


# What no one conversation shows: the answers are right, the bot puts them together wrongly.
NOT_ON_THE_WIRE = (
    "history_too_short_for_the_position",
    "panic_from_rebuilt_history",
    "unknown_margin_asset",
)  # the last one's asset is in the wallet of Spot
WIRE = ("dies-of-no-address", "applies-across-gaps")  # bots that make their own connections


def named_by(bot: str) -> str:
    """The docstring of a flawed bot, which names its incidents."""
    return FLAWED[bot].__doc__ or ""


def test_no_flawed_bot_is_idle() -> None:
    """Some scenario harms each one, but for those that only an exploration is to find."""
    assert {SCENARIOS[name].expect["harms"] for name in HARMS} == (
        FLAWED.keys() - CAREFUL.keys() - set(KINDS)
    )


def test_the_flawed_bots_cover_every_invariant() -> None:
    """I1 to I15 of the catalogue: what no bot breaks, nobody has seen a rule find."""
    rules = {rule for name in HARMS for rule in SCENARIOS[name].expect["harms_breaks"]}
    rules |= set(KINDS.values())
    assert {RULES[rule].invariant for rule in rules} == {f"I{n}" for n in range(1, 16)}


@pytest.mark.parametrize("name", each(HARMS))
def test_a_bot_with_the_bug_breaks_the_rules_that_the_scenario_names(name: str) -> None:
    """And only there: without what fails, the same bot keeps them."""
    expect = SCENARIOS[name].expect
    assert set(expect["harms_breaks"]) <= broken(grade(name, expect["harms"]))
    assert not set(expect["harms_breaks"]) & set(baseline(name, expect["harms"]))


def broken(found: Grade) -> set[str]:
    """The rules that a run broke; it must have been judged."""
    assert not found.error
    return set(found.broken)


@pytest.mark.parametrize("bot", list(CAREFUL))
def test_the_bots_from_which_the_flawed_ones_are_made_keep_every_rule(bot: str) -> None:
    """On a calm day, and on one with mixed weather: what breaks a rule is the one wrong habit."""
    assert grade("calm", bot).passed
    assert grade("busy_hour", bot).passed


@pytest.mark.parametrize("name", each(NAMES))
def test_the_careful_bot_keeps_every_rule(name: str) -> None:
    """What it shows is that the rules can be kept."""
    found = grade(name, "careful")
    assert found.passed, found.broken


@pytest.mark.parametrize("name", ["legs_netted_on_restart", "reduce_only_fill_thrown_away"])
def test_the_careful_bot_of_two_legs_keeps_every_rule(name: str) -> None:
    """The twin of the bots that these harm: it holds a long and a short position, too."""
    assert grade(name, "perp-hedged").passed


@pytest.mark.parametrize("name", expecting("naive_breaks"))
def test_the_naive_bot_breaks_the_rules_that_the_scenario_names(name: str) -> None:
    """As written first, each strategy loses something here."""
    found = grade(name, "naive")
    assert set(found.broken) == set(SCENARIOS[name].expect["naive_breaks"])


def test_the_naive_bots_fail_in_many_scenarios_and_by_most_rules() -> None:
    """At least a dozen: a library in which nobody stumbles warns of nothing."""
    broken = {name: SCENARIOS[name].expect.get("naive_breaks", []) for name in NAMES}
    assert sum(map(bool, broken.values())) >= 12
    assert len({rule for rules in broken.values() for rule in rules}) >= 10


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_faults_even_the_naive_bots_keep_every_rule(strategy: str) -> None:
    """What they break elsewhere is the failure's doing."""
    config = RunConfig(bot=f"{strategy}-naive", duration=2_400, modes=(), rate_limit=None)
    world = calm(load("leverage_refusal_ignored")) if strategy == "perpetual" else None
    verdict = run(config, scenario=world).verdict
    assert verdict is not None
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("name", expecting("in_process"))
def test_the_symptom_is_seen_in_process(name: str) -> None:
    """As the incident says, in the errors and answers of a call."""
    assert set(SCENARIOS[name].expect["in_process"]) <= set(seen_in_process(name))


ON_THE_WIRE = [name for name in NAMES if any(SCENARIOS[name].expect.get("wire", {}).values())]


@pytest.mark.parametrize("name", each(ON_THE_WIRE))
def test_the_symptom_is_seen_on_the_wire(name: str) -> None:
    """As the incident says: status and code, the body's kind, the code of a close."""
    for venue, symptoms in SCENARIOS[name].expect["wire"].items():
        assert set(symptoms) <= set(seen_on_the_wire(venue, name))
