"""Each step of shrinking on a made-up bot of which the smallest world is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from failing_exchange.explorer import shrink as module
from failing_exchange.explorer.findings import needed
from failing_exchange.explorer.shrink import Attempt, Example, shrink, shrink_alone
from failing_exchange.explorer.trial import BrokenRule, TrialSummary
from failing_exchange.explorer.world import World
from tests.explorer.test_shrink import plan_of

ORDER = ("main", "create_order", "")


def bot(
    breaks: Callable[[World], bool], *, after: float = 1.0, requests: tuple[Any, ...] = ()
) -> Attempt:
    """A bot that breaks one rule in some worlds, so many seconds from the start."""
    found = BrokenRule("once", "breaks", (), requests, "create_order", 0.0, after, ())
    return lambda world: TrialSummary(breaks=(found,) if breaks(world) else (), plan=world.plan)


def small(world: World, attempt: Attempt) -> Example:
    return shrink(world, attempt(world), "once", attempt)


def numbers(world: World) -> list[int]:
    """Which requests are struck."""
    return [strike[3] for rule in world.plan for strike in rule["strikes"]]


def test_only_the_restart_that_matters_is_left() -> None:
    """Three restarts hide which one the bot does not survive."""
    found = small(World(seed=1, seconds=60.0, restarts=(10.0, 30.0, 50.0)),
                  bot(lambda world: 30.0 in world.restarts))  # fmt: skip
    assert found.world.restarts == (30.0,)
    assert needed(found) == "1 restart suffices"


def test_what_the_bot_is_given_to_do_is_cut_but_one_is_left() -> None:
    """A bot with nothing to do breaks nothing, and says nothing."""
    intents = tuple({"symbol": "BTC/USDT", "side": "buy", "amount": n} for n in (1, 2, 3))
    second = small(World(seed=1, seconds=60.0, intents=intents),
                   bot(lambda world: intents[1] in world.intents))  # fmt: skip
    assert second.world.intents == (intents[1],)
    any_of_them = small(World(seed=1, seconds=60.0, intents=intents), bot(lambda world: True))
    assert len(any_of_them.world.intents) == 1


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("rate_limit", 30, "a limit of 30 requests a minute suffices"),
        ("latency", 250.0, "a latency of 250 ms suffices"),
        ("balances", {"USDT": 9_000.0, "BTC": 1.0}, "an account of 9,000 USDT, 1 BTC suffices"),
        ("timeout", 2.0, "no fault is needed for it"),
    ],
)
def test_of_the_weather_only_what_is_needed_stays(name: str, value: Any, says: str) -> None:
    """The others become what they are on any day."""
    usual = World(seed=0, seconds=0)
    world = World(seed=1, seconds=60.0, rate_limit=30, latency=250.0, timeout=2.0,
                  balances={"USDT": 9_000.0, "BTC": 1.0})  # fmt: skip
    found = small(world, bot(lambda one: getattr(one, name) == value))
    kept = {n: getattr(found.world, n) for n in ("rate_limit", "latency", "balances", "timeout")}
    assert kept == {n: value if n == name else getattr(usual, n) for n in kept}
    assert needed(found) == says


@pytest.mark.parametrize(
    ("needs", "left"),
    [
        (lambda world: True, (160.0, 0.0)),
        (lambda world: world.seconds >= 400, (400.0, 0.0)),
        (lambda world: world.calm >= 300, (400.0, 300.0)),
        (lambda world: world.seconds >= 700, (760.0, 0.0)),
        (lambda world: world.seconds >= 3_000, (3_600.0, 600.0)),
    ],
)
def test_a_run_ends_soon_after_the_breach(
    needs: Callable[[World], bool], left: tuple[float, float]
) -> None:
    """A minute behind it, or five, or eleven: some rules judge only what has had time to heal."""
    found = small(World(seed=1, seconds=3_600.0, calm=600.0), bot(needs, after=100.5))
    assert (found.world.seconds, found.world.calm) == left


def test_a_strike_is_moved_to_the_first_request_that_does_it() -> None:
    """The seventh order needs six before it; so does what comes behind the strike."""
    plan = plan_of("lose_answer", 1)
    plan["strikes"] = [[*ORDER, 7, "7"], [*ORDER, 9, "9"]]
    both = bot(lambda world: len(numbers(world)) == 2 and numbers(world)[0] >= 2)
    assert numbers(small(World(seed=1, seconds=60.0, plan=(plan,)), both).world) == [2, 4]


def test_the_strikes_on_the_trips_that_show_the_breach_are_tried_first() -> None:
    """Mostly they are all that is needed: forty others go at once."""
    world = World(seed=1, seconds=60.0, plan=(plan_of("lose_answer", 41),))
    shown = bot(lambda one: 30 in numbers(one), requests=((*ORDER, 30),))
    found = small(world, shown)
    assert numbers(found.world) == [30]
    assert found.runs < 15


def test_a_strike_on_the_evidence_is_tried_on_earlier_requests_too() -> None:
    """The thirtieth alone does nothing where the first of its kind does all."""
    world = World(seed=1, seconds=60.0, plan=(plan_of("lose_answer", 41),))
    shown = bot(lambda one: len(numbers(one)) > 30 or numbers(one) == [1],
                requests=((*ORDER, 30),))  # fmt: skip
    found = small(world, shown)
    assert numbers(found.world) == [1]
    assert found.runs < 15


def test_a_guess_is_tried_in_a_short_world() -> None:
    """An hour costs thirty times as much as two minutes."""
    tried: list[float] = []

    def attempt(world: World) -> TrialSummary:
        tried.append(world.seconds)
        return bot(lambda one: bool(one.plan), requests=((*ORDER, 30),))(world)

    world = World(seed=1, seconds=3_600.0, plan=(plan_of("lose_answer", 41),))
    assert shrink_alone(world, attempt(world), "once", attempt) is not None
    assert tried[:3] == [3_600.0, 3_600.0, 120.0]  # what was found, a calm world, the guess


def test_a_guess_is_that_one_strike_does_it_in_a_short_world() -> None:
    """Then neither the hour nor the other faults are tried at all."""
    plan = (plan_of("lose_answer", 41),)
    world = World(seed=1, seconds=3_600.0, calm=600.0, restarts=(5.0,), rate_limit=9, plan=plan)
    shown = bot(lambda one: bool(one.plan), requests=((*ORDER, 30),))
    found = shrink_alone(world, shown(world), "once", shown)
    assert found is not None
    assert numbers(found.world) == [1]
    assert (found.world.seconds, found.world.restarts, found.world.rate_limit) == (61.0, (), None)
    assert found.runs < 15


def test_what_another_trial_has_left_behind_is_no_finding() -> None:
    """It was seen when others had run before in the process, and is not so alone."""
    world = World(seed=1, seconds=60.0, plan=(plan_of("lose_answer", 1),))
    harmed, sound = bot(lambda one: True), bot(lambda one: False)
    assert shrink_alone(world, harmed(world), "once", sound) is None


def test_when_the_trials_run_out_the_smallest_so_far_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A finding that may be smaller still says "perhaps less"."""
    monkeypatch.setattr(module, "RUNS_MAX", 4)
    world = World(seed=1, seconds=60.0, plan=(plan_of("lose_answer", 24),))
    found = small(world, bot(lambda one: len(numbers(one)) >= 3))
    assert (found.runs, found.complete) == (4, False)
    assert 3 <= len(numbers(found.world)) < 24
    assert needed(found).endswith("suffice (perhaps less)")


def test_an_error_of_a_trial_is_no_breach() -> None:
    """A smaller world in which the bot cannot run at all shows nothing."""
    one = BrokenRule("once", "breaks", (), (), "create_order", 0.0, 1.0, ())

    def attempt(world: World) -> TrialSummary:
        error = "" if numbers(world) else "no such order"
        return TrialSummary(breaks=(one,), plan=world.plan, error=error)

    found = small(World(seed=1, seconds=60.0, plan=(plan_of("lose_answer", 2),)), attempt)
    assert len(numbers(found.world)) == 1
