"""The pass: what a verdict does at each stage, who is told what, and what a bug of ours ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest

from failing_exchange import (
    BannedError,
    ConnectionLostError,
    ExchangeMaintenanceError,
    ExchangeUnavailableError,
    FailingExchange,
    InternalError,
    RateLimitError,
    RequestTimeoutError,
    simulate,
)
from failing_exchange.core.commands import CancelAllOrders, Credit, FetchTime
from failing_exchange.core.events import BalanceChanged, OrderAccepted
from failing_exchange.core.market import ATOMS
from failing_exchange.core.queries import Clock
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.plan import (
    Answer,
    Cause,
    Delay,
    Drop,
    HangUp,
    Repeat,
    Replace,
    Sighting,
    Verdict,
)
from failing_exchange.faults.triggers import nth
from failing_exchange.trip import Stage, Trip

SYMBOL = "BTC/USDT"
SECOND = 1_000_000_000
REQUEST, ANSWER, WIRE = Stage


class Says:
    """A fault that says what the test wants, at one stage."""

    stages: ClassVar[tuple[Stage, ...]] = tuple(Stage)

    def __init__(self, stage: Stage, verdict: Verdict) -> None:
        self.stage = stage
        self.verdict = verdict

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """The verdict, at its stage."""
        return self.verdict if stage is self.stage else None


def run(
    story: Callable[[FailingExchange], Awaitable[Any]], latency: object = None, **options: Any
) -> FailingExchange:
    """Run a story on an exchange without latency, unless it asks for some."""
    made = []

    async def main() -> None:
        exchange = FailingExchange(latency=latency, **options)
        made.append(exchange)
        await story(exchange)

    simulate(main())
    return made[0]


def arm(x: FailingExchange, stage: Stage, verdict: Verdict, **more: Any) -> None:
    x.arm(Says(stage, verdict), operations=more.pop("operations", "create_order"), **more)


async def buy(x: FailingExchange, price: float = 30_000.0) -> Any:
    return await x.create_order(SYMBOL, "limit", "buy", 0.01, price)


def accepted(x: FailingExchange) -> int:
    """How many orders the exchange has accepted, by the first column."""
    return sum(isinstance(e, OrderAccepted) for trip in x.journal.trips for e in trip.happened)


def placed(x: FailingExchange) -> list[Trip]:
    return [trip for trip in x.journal.trips if trip.operation == "create_order"]


def now() -> float:
    return asyncio.get_running_loop().time()


# ---- the eight verdicts


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
        assert placed(x)[2].nth == 2, "an echo counts as no request of the client"

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
def test_a_verdict_out_of_place_is_a_bug_that_ends_the_run(stage: Stage, verdict: Any) -> None:
    """Quietly ignoring it would leave a fault without effect."""

    async def story(x: FailingExchange) -> None:
        arm(x, stage, verdict)
        await buy(x)

    with pytest.raises(InternalError, match="no such verdict"):
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


# ---- who hears what, and when


@pytest.mark.parametrize("verdict", [Drop(), HangUp()])
def test_before_and_after_the_engine_look_the_same_to_the_client(verdict: Verdict) -> None:
    """Error, text and instant: nothing tells a bot on which side of the engine it was lost."""
    seen = []

    def at(stage: Stage) -> Callable[[FailingExchange], Awaitable[None]]:
        async def story(x: FailingExchange) -> None:
            arm(x, stage, verdict)
            with pytest.raises((ConnectionError, TimeoutError)) as caught:
                await buy(x)
            seen.append((type(caught.value), str(caught.value), vars(caught.value), now()))

        return story

    for stage in Stage:
        run(at(stage), latency="auto")
    assert seen[0] == seen[1] == seen[2]


def test_a_call_gives_up_and_its_trip_goes_on() -> None:
    """The order lives; the journal shows when the client stopped listening."""

    async def story(x: FailingExchange) -> None:
        arm(x, ANSWER, Delay(30 * SECOND))
        with pytest.raises(TimeoutError):
            await buy(x)
        assert now() == 2
        trip = placed(x)[0]
        assert trip.gave_up_at == trip.born_at + 2 * SECOND
        assert trip.told is None
        assert len(await x.fetch_open_orders()) == 1
        await asyncio.sleep(30)
        assert placed(x)[0].ended_at
        assert placed(x)[0].told is not None
        assert x.get_performance_metrics()["success_rate"] == 0.5

    run(story, connection_timeout=2)


@pytest.mark.parametrize("everything", [False, True])
def test_a_trip_outlives_the_task_that_sent_it(everything: bool) -> None:
    """Housekeeping in the bot must not undo what is on its way to the exchange."""

    async def story(x: FailingExchange) -> None:
        sender = asyncio.ensure_future(buy(x))
        await asyncio.sleep(0.001)
        me = asyncio.current_task()
        for task in asyncio.all_tasks() if everything else [sender]:
            if task is not me:
                task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sender
        assert accepted(x) == 0
        await asyncio.sleep(1)
        assert accepted(x) == 1
        assert placed(x)[0].gave_up_at

    run(story, latency="auto")


def test_the_bot_never_sees_the_venues_tasks() -> None:
    """A waiting trip is a timer."""

    async def story(x: FailingExchange) -> None:
        before = asyncio.all_tasks()
        sender = asyncio.ensure_future(buy(x))
        await asyncio.sleep(0.001)
        assert asyncio.all_tasks() - before == {sender}
        await sender

    run(story, latency="auto")


@pytest.mark.parametrize(("stage", "order"), [(ANSWER, [2, 3, 1]), (WIRE, [1, 2, 3])])
def test_a_push_held_on_the_wire_holds_up_the_line_behind_it(
    stage: Stage, order: list[int]
) -> None:
    """One held inside the venue lets later ones pass: they then arrive out of order."""

    async def story(x: FailingExchange) -> None:
        x.arm(Says(stage, Delay(5 * SECOND)), nth(1), operations="watch_orders")
        heard: list[int] = []

        async def listen() -> None:
            while len(heard) < 3:
                heard.extend(int(o["id"]) for o in await x.watch_orders())

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(0.1)
        for _ in range(3):
            await buy(x)
            await asyncio.sleep(1)
        await listening
        assert heard == order
        assert 5 <= now() < 6

    for latency in (None, "auto"):
        run(story, latency=latency)


def test_pushes_with_latency_keep_their_order() -> None:
    """They share one connection, however differently long each would have travelled."""

    async def story(x: FailingExchange) -> None:
        heard: list[int] = []

        async def listen() -> None:
            while len(heard) < 50:
                heard.extend(int(o["id"]) for o in await x.watch_orders())

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(0.1)
        await asyncio.gather(*(buy(x) for _ in range(50)))
        await listening
        assert heard == sorted(heard)

    run(story, latency="auto")


# ---- gates


def test_a_ban_stays_after_it_was_disarmed() -> None:
    """It is the venue's memory, not the test's: it ends by time, or with `reset`."""

    async def story(x: FailingExchange) -> None:
        with x.arm("ban", refusals=1, shortest=60.0):
            for _ in range(2):
                with pytest.raises((RateLimitError, BannedError)):
                    await x.fetch_time()
        with pytest.raises(BannedError) as caught:
            await x.fetch_time()
        assert 0 < caught.value.retry_after <= 60  # type: ignore[operator]
        await asyncio.sleep(61)
        await x.fetch_time()

    run(story)


def test_a_maintenance_tells_when_it_ends() -> None:
    """Its message, the instant of its end, and the exact time until then."""
    from datetime import UTC, datetime

    async def story(x: FailingExchange) -> None:
        x.schedule_maintenance(datetime(2026, 1, 1, 0, 10, tzinfo=UTC), 30, "Upgrade")
        await x.fetch_time()
        await asyncio.sleep(600)
        with pytest.raises(ExchangeMaintenanceError, match="Upgrade") as caught:
            await buy(x)
        assert "2026-01-01T00:40:00Z" in str(caught.value)
        assert caught.value.retry_after == 1_800
        await asyncio.sleep(1_800)
        await buy(x)

    run(story)


# ---- bugs of ours


def broken(x: FailingExchange) -> None:
    """A bug in the engine from now on."""

    def crash(command: Any, at: int) -> Any:
        raise ZeroDivisionError("a bug")

    x.venue.gateway.engine.execute = crash  # type: ignore[method-assign]


@pytest.mark.parametrize("latency", [None, "auto"])
def test_a_bug_ends_a_simulation_though_the_bot_swallows_everything(latency: object) -> None:
    """A wrong exchange must not go on as if nothing were."""

    async def story(x: FailingExchange) -> None:
        await x.ready()
        broken(x)
        while True:
            try:
                await buy(x)
            except Exception:
                await asyncio.sleep(1)

    with pytest.raises(InternalError, match="ZeroDivisionError: a bug") as caught:
        run(story, latency=latency)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("latency", [None, 1])
def test_in_real_time_the_next_call_and_close_raise_a_bug(latency: object) -> None:
    """There is no simulation to end: who waits is woken, and nobody is served any more."""

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        exchange = FailingExchange(latency=latency)
        await exchange.fetch_time()
        broken(exchange)
        for _ in range(2):
            with pytest.raises(InternalError, match="a bug"):
                await exchange.fetch_time()
        with pytest.raises(InternalError, match="a bug"):
            await exchange.close()

    asyncio.run(main())


def test_a_bug_in_a_listener_is_not_the_operators_alone() -> None:
    """Whatever breaks on the venue's side is kept."""

    async def main() -> None:
        exchange = FailingExchange(latency=None)
        gateway = await exchange._client.ready()
        gateway.listeners.append(lambda events, at: 1 / 0)  # type: ignore[arg-type]
        with pytest.raises(InternalError):
            await exchange.operate(Credit("main", "BTC", 1))
        with pytest.raises(InternalError):
            await exchange.fetch_time()

    asyncio.run(main())


def test_connection_lost_is_one_of_ours() -> None:
    """The builtin is enough to catch it, and our name too."""
    assert issubclass(ConnectionLostError, ConnectionError)
