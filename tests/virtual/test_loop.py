"""The virtual loop: what time does, and what never depends on it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from failing_exchange.core.units import SECOND
from failing_exchange.virtual.clock import delay_in_ns, instant_in_ns
from failing_exchange.virtual.errors import BudgetExceeded, Deadlock
from failing_exchange.virtual.loop import VirtualLoop

DAY_NS = 86_400 * SECOND


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    if not made.is_closed():
        made.cancel_leftovers()
        made.close()


def turns_of_sleeps(day: int, sleeps: int) -> int:
    loop = VirtualLoop()
    loop.clock.move_to(day * DAY_NS)

    async def main() -> None:
        for _ in range(sleeps):
            await asyncio.sleep(0.001)

    loop.run_until_complete(main())
    assert loop.time_ns() == day * DAY_NS + sleeps * 1_000_000
    loop.close()
    return loop.turns


@pytest.mark.parametrize("day", [60, 200, 3_650])
def test_ten_thousand_sleeps_cost_the_same_on_any_day(day: int) -> None:
    """A clock of floats loses its last digits after weeks, and then spins or stands still."""
    assert turns_of_sleeps(day, 10_000) == turns_of_sleeps(0, 10_000)


@pytest.mark.parametrize("day", [0, 60, 3_650])
def test_sleeping_until_an_instant_comes_to_an_end(day: int, loop: VirtualLoop) -> None:
    """`sleep(end - loop.time())` must make progress even at one unit in the last place."""
    loop.clock.move_to(day * DAY_NS + 123_456_789)

    async def main() -> int:
        rounds = 0
        for _ in range(1_000):
            end = loop.time() + 0.1
            while loop.time() < end:
                rounds += 1
                await asyncio.sleep(end - loop.time())
        return rounds

    assert loop.run_until_complete(main()) < 4_000


@pytest.mark.parametrize("day", [0, 200, 3_650])
def test_a_callback_finds_its_deadline_reached(day: int, loop: VirtualLoop) -> None:
    """aiohttp sets a timer again if it seems to come early; that would never end here."""
    loop.clock.move_to(day * DAY_NS + 1)
    early = []

    def check(when: float) -> None:
        if loop.time() < when:
            early.append(when)

    for n in range(2_000):
        when = loop.time() + n / 7
        loop.call_at(when, check, when)
    loop.run_until_complete(asyncio.sleep(2_000))
    assert early == []


def test_delays_and_instants_are_rounded_to_what_was_meant() -> None:
    """0.1 is a hundred million nanoseconds, not one more because of its binary digits."""
    assert delay_in_ns(0.1) == instant_in_ns(0.1) == 100_000_000
    assert delay_in_ns(1e-15) == 1
    assert delay_in_ns(-1) == 0


def test_equal_timers_run_in_the_order_in_which_they_were_set(loop: VirtualLoop) -> None:
    """asyncio's heap leaves the order of equal timers open; ours is first come, first served."""
    ran: list[int] = []
    for n in range(200):
        loop.call_later(1, ran.append, n)
    for n in range(200, 210):
        loop.call_at_ns(SECOND, ran.append, n)
    loop.run_until_complete(asyncio.sleep(2))
    assert ran == list(range(210))


def test_time_starts_at_zero_and_instants_at_the_epoch(loop: VirtualLoop) -> None:
    """Programs subtract loop times; only `now_ns` is a date."""
    loop.clock.epoch_ns = 1_767_225_600 * SECOND
    loop.run_until_complete(asyncio.sleep(1.5))
    assert (loop.time(), loop.time_ns()) == (1.5, 1_500_000_000)
    assert loop.now_ns() == loop.epoch_ns + 1_500_000_000


def test_the_tools_of_asyncio_work_in_virtual_time(loop: VirtualLoop) -> None:
    """Time-outs, task groups, queues and conditions are asyncio's own, unchanged."""

    async def main() -> list[Any]:
        seen: list[Any] = []
        try:
            async with asyncio.timeout(5):
                await asyncio.sleep(10)
        except TimeoutError:
            seen.append(loop.time())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 5)
        seen.append(loop.time())
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(put(queue))
            seen += [await queue.get() for _ in range(3)]
        naps = [asyncio.create_task(asyncio.sleep(n)) for n in (3, 1)]
        done, pending = await asyncio.wait(naps, timeout=2)
        seen.append((len(done), len(pending)))
        return seen

    async def put(queue: asyncio.Queue[int]) -> None:
        for n in range(3):
            await asyncio.sleep(1)
            await queue.put(n)

    assert loop.run_until_complete(main()) == [5.0, 10.0, 0, 1, 2, (1, 1)]


def test_sets_of_tasks_and_futures_are_ordered_by_creation(loop: VirtualLoop) -> None:
    """`asyncio.wait` returns sets; ordered by address they would differ in each process."""

    async def main() -> list[str]:
        tasks = {asyncio.create_task(asyncio.sleep(1), name=str(n)) for n in range(50)}
        done, _ = await asyncio.wait(tasks)
        return [task.get_name() for task in done]

    assert loop.run_until_complete(main()) == [str(n) for n in range(50)]
    futures = [loop.create_future() for _ in range(10)]
    assert [hash(future) for future in futures] == sorted(hash(future) for future in futures)


def test_unnamed_tasks_are_numbered_anew_in_each_loop() -> None:
    """A bot that logs task names logs the same ones in each run of one process."""

    async def main() -> str:
        return asyncio.create_task(asyncio.sleep(0)).get_name()

    names = []
    for _ in range(2):
        loop = VirtualLoop()
        names.append(loop.run_until_complete(main()))
        loop.close()
    assert names[0] == names[1] == "Task-2"


def test_leftovers_are_cancelled_in_order_of_creation(loop: VirtualLoop) -> None:
    """What a bot does in its `finally` blocks is part of the trace."""
    ended: list[int] = []

    async def worker(n: int) -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            ended.append(n)

    async def main() -> None:
        workers.extend(asyncio.create_task(worker(n)) for n in range(40))
        await asyncio.sleep(1)

    workers: list[asyncio.Task[None]] = []
    loop.run_until_complete(main())
    loop.cancel_leftovers()
    assert ended == list(range(40))


def test_async_generators_are_closed_in_order_of_creation(loop: VirtualLoop) -> None:
    """asyncio keeps them in a set ordered by address."""
    closed: list[int] = []

    async def numbers(n: int) -> Any:
        try:
            yield n
        finally:
            closed.append(n)

    async def main() -> list[Any]:
        generators = [numbers(n) for n in range(30)]
        for generator in generators:
            await anext(generator)
        return generators

    kept = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert closed == list(range(30)) and len(kept) == 30


def test_the_venues_timers_survive_a_bot_that_cancels_everything(loop: VirtualLoop) -> None:
    """An order in flight is not undone because a bot tidies up `asyncio.all_tasks()`."""
    arrived: list[int] = []

    def arrive() -> None:
        assert asyncio.current_task() is None
        arrived.append(loop.time_ns())

    async def main() -> None:
        loop.call_at_ns(2 * SECOND, arrive, keeps_running=True)
        asyncio.create_task(asyncio.sleep(100))
        await asyncio.sleep(1)
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        assert len(asyncio.all_tasks()) == 2
        await asyncio.sleep(5)

    loop.run_until_complete(main())
    assert arrived == [2 * SECOND]


def test_an_answer_under_way_counts_and_housekeeping_does_not(loop: VirtualLoop) -> None:
    """With a background market there is always a timer; a bot that waits for nothing is stuck."""

    def housekeeping() -> None:
        loop.call_at_ns(loop.time_ns() + SECOND, housekeeping)

    async def main() -> str:
        housekeeping()
        answer = loop.create_future()
        loop.call_at_ns(5 * SECOND, answer.set_result, None, keeps_running=True)
        await answer
        await asyncio.Event().wait()
        return "never"

    with pytest.raises(Deadlock, match="virtual second 5"):
        loop.run_until_complete(main())


def test_a_deadlock_says_who_waits_where(loop: VirtualLoop) -> None:
    """A wait that never ends is instant in virtual time; without the place it is a riddle."""

    async def trader(queue: asyncio.Queue[int]) -> None:
        await queue.get()

    async def main() -> None:
        task = asyncio.create_task(trader(asyncio.Queue()), name="trader")
        await task

    with pytest.raises(Deadlock) as caught:
        loop.run_until_complete(main())
    text = str(caught.value)
    assert "trader, " in text and "waits in Queue.get() at " in text
    assert f"{__file__}:{trader.__code__.co_firstlineno + 1}" in text


def test_sleeping_for_ever_is_no_event_to_wait_for(loop: VirtualLoop) -> None:
    """`sleep(inf)` is a way to write "wait"."""
    with pytest.raises(Deadlock):
        loop.run_until_complete(asyncio.sleep(float("inf")))


def test_a_cancelled_timer_is_no_event_either(loop: VirtualLoop) -> None:
    """A time-out that was called off can't wake anybody."""

    async def main() -> None:
        async with asyncio.timeout(50):
            pass
        timer = loop.call_at_ns(SECOND, print, keeps_running=True)
        timer.cancel()
        timer.cancel()
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="virtual second 0:"):
        loop.run_until_complete(main())


def test_cancelled_timers_are_cleared_away(loop: VirtualLoop) -> None:
    """Each call with a time-out leaves one; a year of calls must not keep them."""

    async def main() -> int:
        for _ in range(5_000):
            async with asyncio.timeout(3_600):
                await asyncio.sleep(0)
        return len(loop._scheduled)

    assert loop.run_until_complete(main()) < 250


def test_a_bug_in_a_timer_of_the_venue_ends_the_run(loop: VirtualLoop) -> None:
    """A world with a bug of ours in it must not go on and judge a bot."""

    async def main() -> None:
        loop.call_at_ns(SECOND, lambda: 1 // 0)
        with contextlib.suppress(Exception):
            await asyncio.sleep(10)

    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(main())
    assert loop.time_ns() == SECOND


def test_fail_ends_the_run_even_if_the_bot_swallows_everything(loop: VirtualLoop) -> None:
    """The trip runs inside a call of the bot, whose `except Exception` must not hide it."""
    after: list[int] = []

    async def main() -> None:
        with contextlib.suppress(Exception):
            loop.fail(KeyError("a bug of ours"))
            raise KeyError("a bug of ours")
        await asyncio.sleep(0)
        after.append(1)

    with pytest.raises(KeyError, match="a bug of ours"):
        loop.run_until_complete(main())
    assert after == []


def test_spinning_at_one_instant_exceeds_the_budget() -> None:
    """`while True: await sleep(0)` never lets time pass."""
    loop = VirtualLoop(steps_per_instant_max=5_000)

    async def main() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(BudgetExceeded, match="steps_per_instant_max") as caught:
        loop.run_until_complete(main())
    assert "main()" in str(caught.value)
    loop.cancel_leftovers()
    loop.close()


def test_many_turns_over_many_instants_are_no_spinning() -> None:
    """The budget is for one instant."""
    loop = VirtualLoop(steps_per_instant_max=100)
    loop.run_until_complete(asyncio.wait_for(_naps(2_000), None))
    assert loop.turns > 2_000
    loop.close()


async def _naps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(1e-9)


def test_eager_tasks_are_ordered_as_well(loop: VirtualLoop) -> None:
    """Python 3.12 has its own factory, which would make tasks that hash by address."""
    eager = getattr(asyncio, "eager_task_factory", None)
    if eager is None:
        pytest.skip("eager tasks came with Python 3.12")
    loop.set_task_factory(eager)

    async def main() -> list[int]:
        tasks = [asyncio.create_task(asyncio.sleep(1)) for _ in range(3)]
        await asyncio.wait(tasks)
        return [hash(task) for task in tasks]

    hashes = loop.run_until_complete(main())
    assert hashes == sorted(hashes) and hashes[-1] < 1_000


def test_a_day_of_polling_is_a_second_of_work(loop: VirtualLoop) -> None:
    """86,400 sleeps; the limit is generous, for the machine may be busy."""
    began = time.process_time()
    loop.run_until_complete(_polling(86_400))
    assert loop.time() == 86_400.0
    assert time.process_time() - began < 5


async def _polling(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(1)


def test_in_debug_mode_an_error_says_where_its_callback_was_made(loop: VirtualLoop) -> None:
    """As in asyncio."""
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    loop.set_debug(True)
    loop.call_soon(lambda: 1 // 0)
    loop.run_until_complete(asyncio.sleep(0))
    assert isinstance(told[0]["exception"], ZeroDivisionError)
    assert __file__ in str(told[0]["source_traceback"])
