"""What virtual time costs: a sleep on any day of a run, a timer of the venue, an empty simulation.

python bench/virtual.py
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from failing_exchange.core.units import SECOND

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from failing_exchange.simulation import simulate
from failing_exchange.virtual.loop import VirtualLoop
from failing_exchange.virtual.wallclock import REAL

ROUNDS = 3  # the best of them counts: the machine may be busy
COUNT = 50_000


async def sleeps() -> None:
    for _ in range(COUNT):
        await asyncio.sleep(1)


async def turns() -> None:
    for _ in range(COUNT):
        await asyncio.sleep(0)


async def answers() -> None:
    """What a simulated call waits for: a future that a timer of the venue resolves."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    for _ in range(COUNT):
        answer = loop.create_future()
        loop.call_at_ns(loop.time_ns() + 40_000_000, answer.set_result, None, keeps_running=True)
        await answer


async def nothing() -> None:
    return


def seconds(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = REAL["perf_counter"]()
        work()
        spent.append(REAL["perf_counter"]() - began)
    return float(min(spent))


def on_day(day: int, program: Callable[[], Coroutine[Any, Any, None]]) -> tuple[float, int]:
    """Microseconds and turns of the loop for each round of `program`, begun on that day."""
    loops: list[VirtualLoop] = []

    def run() -> None:
        loop = VirtualLoop()
        loop.clock.move_to(day * 86_400 * SECOND)
        loop.run_until_complete(program())
        loop.close()
        loops.append(loop)

    return seconds(run) / COUNT * 1e6, loops[0].turns


def main() -> None:
    for day in (0, 60, 200, 3_650):
        micros, count = on_day(day, sleeps)
        print(f"sleep(1) on day {day:5d}      {micros:6.2f} us   {count:,} turns for {COUNT:,}")
    print(f"sleep(0)                  {on_day(0, turns)[0]:6.2f} us")
    print(f"answer of the venue       {on_day(0, answers)[0]:6.2f} us")
    stock = seconds(lambda: asyncio.run(turns())) / COUNT * 1e6
    print(f"sleep(0), asyncio's loop  {stock:6.2f} us")
    simulate(nothing())
    print(f"simulate(nothing())       {seconds(lambda: simulate(nothing())) * 1e3:6.2f} ms")


if __name__ == "__main__":
    main()
