"""Recorded plans replay without dice, and `explain` says why a trip went as it did."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.explain import explain
from failing_exchange.faults.plan import Drop, FaultRule, Stage
from failing_exchange.faults.recorded_plan import RecordedPlan, record
from failing_exchange.faults.triggers import always, chance, nth
from tests.faults.stories import SYMBOL, buy, said


async def trade(x: FailingExchange) -> list[Any]:
    """A little bot, and what it was told."""
    seen: list[Any] = []
    for n in range(30):
        answer = await said(buy(x, 40_000 + n))
        seen.append(answer["status"] if isinstance(answer, dict) else answer)
        if isinstance(answer, dict) and n % 3 == 0:
            gone = await said(x.cancel_order(answer["id"]))
            seen.append(gone["status"] if isinstance(gone, dict) else gone)
        ticker = await said(x.fetch_ticker(SYMBOL))
        seen.append(ticker if isinstance(ticker, str) else "ticker")
    return seen


def columns(x: FailingExchange) -> list[Any]:
    return [(trip.operation, trip.happened, trip.told is None) for trip in x.journal.trips]


def test_a_recorded_plan_does_it_all_again_under_another_seed_of_the_dice() -> None:
    """A failure found by chance becomes a regression test without chance."""

    async def by_chance() -> tuple[RecordedPlan, list[Any]]:
        async with FailingExchange(latency=None) as x:
            x.set_failure_mode("RANDOM", 0.3)
            x.arm("break_connection", chance(0.2), operations="create_order")
            x.arm("fill_beats_cancel", chance(0.5))
            x.arm("ban", nth(20), refusals=2, retry_after=0.001, shortest=1)
            told = await trade(x)
            return record(x.journal.trips), told

    async def again(plan: RecordedPlan) -> tuple[list[Any], list[Any]]:
        async with FailingExchange(latency=None) as x:
            x.venue.plan.seed = 99  # other dice, if any were thrown
            plan.arm(x.venue.plan)
            return await trade(x), plan.unused()

    plan, told = simulate(by_chance())
    assert len({one.kind for one in plan.recordings}) > 5
    copy = RecordedPlan.from_json(plan.to_json())
    assert copy.recordings == RecordedPlan.from_json(copy.to_json()).recordings
    assert simulate(again(copy)) == (told, [])


def test_a_replay_can_be_recorded_again() -> None:
    """Shrinking a plan records what still fails, over and over."""

    async def main(plan: RecordedPlan | None) -> RecordedPlan:
        async with FailingExchange(latency=None) as x:
            if plan is None:
                x.arm("time_out", chance(0.3), operations="create_order")
            else:
                x.replay(plan)
            await trade(x)
            return x.recorded()

    first = simulate(main(None))
    assert simulate(main(first)).to_json() == first.to_json()


def test_entries_that_meet_nothing_are_reported() -> None:
    """A plan for requests that the bot no longer makes tests nothing, and says so."""

    async def recorded() -> RecordedPlan:
        async with FailingExchange(latency=None) as x:
            x.arm("lose_answer", nth(2), name="lost", operations="fetch_ticker")
            await trade(x)
            return record(x.journal.trips)

    async def other(plan: RecordedPlan) -> list[Any]:
        async with FailingExchange(latency=None) as x:
            plan.arm(x.venue.plan)
            await x.fetch_ticker(SYMBOL)
            return plan.unused()

    assert simulate(other(simulate(recorded()))) == [("lost", ("main", "fetch_ticker", SYMBOL, 2))]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"recorded_plan": 9, "rules": []}'])
def test_a_text_that_is_no_plan_is_refused(text: str) -> None:
    """With a sentence, not with a KeyError."""
    with pytest.raises(ConfigurationError, match="recorded plan"):
        RecordedPlan.from_json(text)


class Own:
    """A fault of a test's own."""

    stages: ClassVar[tuple[Stage, ...]] = (Stage.ANSWER,)

    def strike(self, stage: Stage, match: object) -> Drop:
        return Drop()


def test_a_fault_of_your_own_can_be_armed_but_not_written_down() -> None:
    """A plan is data: it can only name what the catalogue has."""

    async def main() -> object:
        async with FailingExchange(latency=None) as x:
            x.venue.plan.arm(FaultRule(name="own", fault=Own(), when=always))
            told = await said(x.fetch_time())
            with pytest.raises(ConfigurationError, match="'own' is not in the catalogue"):
                record(x.journal.trips)
            return told

    assert simulate(main()) == "RequestTimeoutError"


def test_explain_says_which_rules_met_which_struck_and_which_ended_it() -> None:
    """The first question after a surprising run."""

    async def main() -> list[str]:
        async with FailingExchange(latency=None) as x:
            x.arm("delay_request", name="slow", seconds=2, operations="create_order")
            x.arm("rate_limited", nth(5), name="limits")
            x.arm("partial_fill", name="part")
            x.arm("lose_answer", name="lost", operations="create_order")
            x.arm("delay_answer", name="late", operations="create_order")
            await said(buy(x))
            told = x.explain(2)
            x.reset()
            await x.fetch_time()
            return [*told.splitlines(), "", *explain(x.journal.trips[-1]).splitlines()]

    assert simulate(main()) == [
        "trip 2: create_order BTC/USDT by main, such request number 1",
        "  slow: held up for 2 s at request",
        "  limits: met it, did not strike",
        "  part: incident CapNextFill before it at request",
        "  lost: lost at answer (this ended it)",
        "  late: its turn had come, but there was nothing for it to do",
        "  happened: FillCapped, OrderAccepted, OrderFilled",
        "  told: nothing",
        "",
        "trip 3: fetch_time by main, such request number 1",
        "  no rule met it",
        "  happened: nothing",
        "  told: Clock",
    ]
