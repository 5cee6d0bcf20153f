"""The pass: who is told what and when, what gates say, and what a bug of ours ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failing_exchange import (
    BannedError,
    ConfigurationError,
    ConnectionLostError,
    ExchangeMaintenanceError,
    FailingExchange,
    InternalError,
    RateLimitError,
)
from failing_exchange.core.commands import Credit
from failing_exchange.core.events import OperationRefused, TradeBusted
from failing_exchange.faults.plan import Delay, Drop, HangUp, Verdict
from failing_exchange.faults.triggers import nth
from failing_exchange.journal.trip import Stage
from tests.passes import ANSWER, SECOND, WIRE, Says, accepted, arm, as_ours, buy, now, placed, run


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


def broken(x: FailingExchange) -> None:
    """A bug in the engine from now on."""

    def crash(*asked: Any) -> Any:
        raise ZeroDivisionError("a bug")

    x.venue.gateway.engine.execute = as_ours(crash)  # type: ignore[method-assign]


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
    """Whatever breaks on the venue's side is kept; it is told whose code it was."""

    async def main() -> None:
        exchange = FailingExchange(latency=None)
        gateway = await exchange._client.ready()
        gateway.listeners.append(lambda events, at: 1 / 0)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="test_gateway.py"):
            await exchange.operate(Credit("main", "BTC", 1))
        with pytest.raises(ConfigurationError, match="test_gateway.py"):
            await exchange.fetch_time()

    asyncio.run(main())


def test_an_incident_that_can_not_happen_any_more_troubles_nobody() -> None:
    """Two faults undo one trade: the request that meets the second is answered all the same."""

    async def story(x: FailingExchange) -> None:
        await x.create_order("BTC/USDT", "market", "buy", 0.1)
        for n in (1, 2):
            x.arm("bust_last_trade", nth(n), operations="fetch_ticker", name=f"bust {n}")
        before = (await x.fetch_balance())["BTC"]["total"]
        told = [await x.fetch_ticker("BTC/USDT") for _ in range(2)]
        assert all(ticker["last"] for ticker in told)
        assert (await x.fetch_balance())["BTC"]["total"] < before
        kinds = [type(trip.happened[0]) for trip in list(x.journal.trips)[-3:-1]]
        assert kinds == [TradeBusted, OperationRefused]

    run(story)


def test_connection_lost_is_one_of_ours() -> None:
    """The builtin is enough to catch it, and our name too."""
    assert issubclass(ConnectionLostError, ConnectionError)
