"""asyncio's functions that wait have stand-ins in virtual time; a program can't tell them apart."""

from __future__ import annotations

import asyncio
from asyncio import sleep as held_before
from typing import Any

from failing_exchange import simulate
from failing_exchange.virtual.deadlock_report import waiting_report
from failing_exchange.virtual.loop import VirtualLoop


def test_a_sleep_leaves_no_timer_and_no_turn_behind() -> None:
    """A throttle that sleeps by the millisecond costs as little as it can: ccxt's does."""

    async def main() -> tuple[float, int, Any]:
        loop: Any = asyncio.get_running_loop()
        turns, timers = loop.turns, next(loop._timer_serials)
        for _ in range(1_000):
            await held_before(0.001)
        slept = await asyncio.sleep(1, "slept")
        assert next(loop._timer_serials) == timers + 1
        return loop.time(), loop.turns - turns, slept

    assert simulate(main) == (2.0, 1_001, "slept")


def test_asyncios_own_are_back_afterwards() -> None:
    """A program in real time, or on a loop of its own, sleeps as asyncio does."""
    before = asyncio.sleep, asyncio.wait_for
    simulate(asyncio.sleep(1))
    assert (asyncio.sleep, asyncio.wait_for) == before
    loop = VirtualLoop()
    assert loop.run_until_complete(asyncio.sleep(5, "own")) == "own"
    assert (loop.time(), loop.turns) == (5.0, 4)
    loop.close()


def test_a_report_names_the_line_that_sleeps() -> None:
    """Not ours, which stands in for asyncio's: it is left out where the bot's place is told."""

    async def naps() -> None:
        await asyncio.sleep(60)

    async def main() -> str:
        task = asyncio.ensure_future(naps())
        ticking = asyncio.ensure_future(naps())  # with two timers no sleep can jump
        await asyncio.sleep(1)
        told = waiting_report([task])
        for one in (task, ticking):
            one.cancel()
        return told

    told = simulate(main())
    assert "naps(), waits in " in told
    assert f"{__file__}:" in told
