"""The eight verdicts, at each stage where they may come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import (
    ConfigurationError,
    ExchangeUnavailableError,
    FailingExchange,
    RequestTimeoutError,
)
from failing_exchange.core.commands import CancelAllOrders, Credit
from failing_exchange.core.events import BalanceChanged, OrderAccepted
from failing_exchange.core.queries import Clock, FetchTime
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS
from failing_exchange.faults.plan import Answer, Cause, Delay, Drop, HangUp, Repeat, Replace
from failing_exchange.journal.trip import Stage
from tests.passes import ANSWER, REQUEST, SECOND, SYMBOL, WIRE, accepted, arm, buy, now, placed, run


@pytest.mark.parametrize("stage", Stage)
def test_a_delay_is_waited_for_where_it_strikes(stage: Stage) -> None:
    """Before the engine the order is late; behind it only the answer is."""

    async def story(x: FailingExchange) -> None:
        arm(x, stage, Delay(3 * SECOND))
        await buy(x)
        assert now() == 3
        placed_at = placed(x)[0].happened[0].at - placed(x)[0].born_at  # type: ignore[union-attr]
        assert placed_at == (3 * SECOND if stage is REQUEST else 0)

    run(story)


@pytest.mark.parametrize("stage", Stage)
def test_a_refusal_leaves_the_first_column_as_it_was(stage: Stage) -> None:
    """Behind the engine a refusal is a lie: the order lives."""

    async def story(x: FailingExchange) -> None:
        arm(x, stage, Reject(Reason.UNAVAILABLE, "try later"))
        with pytest.raises(ExchangeUnavailableError, match="try later"):
            await buy(x)
        assert accepted(x) == (0 if stage is REQUEST else 1)

    run(story)


@pytest.mark.parametrize("stage", Stage)
def test_a_lost_message_is_silence_until_the_clients_own_timeout(stage: Stage) -> None:
    """The client can't tell from its error whether the order lives."""

    async def story(x: FailingExchange) -> None:
        arm(x, stage, Drop())
        with pytest.raises(RequestTimeoutError, match="whether the venue acted is unknown"):
            await buy(x)
        assert now() == 10
        assert accepted(x) == (0 if stage is REQUEST else 1)
        assert placed(x)[0].told is None

    run(story)


@pytest.mark.parametrize("stage", Stage)
def test_a_broken_connection_is_noticed_at_once(stage: Stage) -> None:
    """Its error says that the outcome is unknown, because it is."""

    async def story(x: FailingExchange) -> None:
        arm(x, stage, HangUp())
        with pytest.raises(ConnectionError, match="whether the venue acted is unknown"):
            await buy(x)
        assert now() == 0
        assert accepted(x) == (0 if stage is REQUEST else 1)

    run(story)


@pytest.mark.parametrize("stage", Stage)
def test_a_repeated_request_is_a_second_trip_that_nobody_hears(stage: Stage) -> None:
    """Transport layers send again by themselves; the exchange then holds two orders."""

    async def story(x: FailingExchange) -> None:
        arm(x, stage, Repeat(2 * SECOND))
        order = await buy(x)
        await asyncio.sleep(3)
        first, echo = placed(x)
        assert (echo.echo_of, echo.born_at - first.born_at) == (first.number, 2 * SECOND)
        assert [o["id"] for o in await x.fetch_open_orders()] == [order["id"], "2"]
        assert x.get_failure_statistics()["total"] == 1
        await buy(x)
        assert placed(x)[2].request_number == 2, "an echo counts as no request of the client"

    run(story)


def test_a_replaced_request_is_carried_out_in_its_place() -> None:
    """The command is another one; the client is told its answer."""

    async def story(x: FailingExchange) -> None:
        await buy(x)
        arm(x, REQUEST, Replace(FetchTime("main")), operations="fetch_status")
        arm(x, REQUEST, Replace(CancelAllOrders("main")), operations="cancel_all_orders")
        assert await x.fetch_status()
        assert len(await x.cancel_all_orders(SYMBOL)) == 1

    run(story)


@pytest.mark.parametrize("stage", [ANSWER, WIRE])
def test_a_replaced_answer_is_what_the_client_is_told(stage: Stage) -> None:
    """And what the journal keeps in the second column."""

    async def story(x: FailingExchange) -> None:
        arm(x, stage, Replace(Clock(7_000_000)), operations="fetch_time")
        assert await x.fetch_time() == 7
        assert x.journal.trips[-1].told == Clock(7_000_000)

    run(story)


def test_an_answer_in_the_engines_place_is_all_that_happens() -> None:
    """The engine is not asked."""

    async def story(x: FailingExchange) -> None:
        arm(x, REQUEST, Answer(Clock(9_000_000)), operations="fetch_time")
        assert await x.fetch_time() == 9
        assert not x.journal.trips[-1].happened

    run(story)


@pytest.mark.parametrize("after", [False, True])
def test_an_incident_happens_in_the_same_step(after: bool) -> None:
    """It is an event of this very trip, before or behind the order."""

    async def story(x: FailingExchange) -> None:
        arm(x, REQUEST, Cause(Credit("main", "BTC", ATOMS), after))
        await buy(x)
        kinds = [type(event) for event in placed(x)[0].happened]
        expected = [BalanceChanged, OrderAccepted]
        assert kinds == (expected[::-1] if after else expected)

    run(story)


@pytest.mark.parametrize("verdict", [Answer(None), Cause(Credit("main", "BTC", 1))])
@pytest.mark.parametrize("stage", [ANSWER, WIRE])
def test_a_verdict_out_of_place_is_a_bug_of_the_fault(stage: Stage, verdict: Any) -> None:
    """Quietly ignoring it would leave a fault without effect."""

    async def story(x: FailingExchange) -> None:
        arm(x, stage, verdict)
        await buy(x)

    with pytest.raises(ConfigurationError, match=f"fault Says: .* at the stage {stage}; expected"):
        run(story)


def test_verdicts_apply_in_their_order_until_one_ends_the_trip() -> None:
    """What stands behind the end is not asked: it has not struck."""

    async def story(x: FailingExchange) -> None:
        arm(x, REQUEST, Delay(SECOND), name="first")
        arm(x, REQUEST, Delay(2 * SECOND), name="second")
        arm(x, REQUEST, Reject(Reason.UNAVAILABLE, "third"), name="third")
        arm(x, REQUEST, Drop(), name="fourth")
        with pytest.raises(ExchangeUnavailableError):
            await buy(x)
        assert now() == 3
        assert [decision.rule for decision in placed(x)[0].struck] == ["first", "second", "third"]
        assert "third: refused" in x.explain(placed(x)[0].number)

    run(story)
