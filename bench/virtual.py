"""What virtual time and an import cost: beside asyncio's own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from bench.harness import Pair, Size, bench
from failing_exchange.core.units import DAY
from failing_exchange.virtual.loop import VirtualLoop
from failing_exchange.virtual.waiting import STAND_INS
from failing_exchange.virtual.wallclock import REAL


async def _sleeps(count: int, seconds: float) -> None:
    for _ in range(count):
        await asyncio.sleep(seconds)


def _on_day(day: int, count: int) -> float:
    """Sleeps a second of the virtual loop, begun on a day of a run."""
    loop = VirtualLoop()
    loop.clock.move_to(day * DAY)
    with STAND_INS.replaced():
        began = REAL["perf_counter"]()
        loop.run_until_complete(_sleeps(count, 1))
        spent = REAL["perf_counter"]() - began
    loop.close()
    return float(count / spent)


def _stock(count: int) -> float:
    began = time.perf_counter()
    asyncio.run(_sleeps(count, 0))
    return count / (time.perf_counter() - began)


@bench("sleeps/s", "a turn of asyncio's loop", rounds=3)
def sleep(size: Size) -> Iterator[Pair]:
    """sleep(1) in virtual time; the floor is sleep(0) in asyncio's loop."""
    count = size(50_000, 1_000)
    yield lambda: _on_day(0, count), lambda: _stock(count)


@bench("sleeps/s", "on its first day", at_least=0.8, rounds=5)
def sleep_late(size: Size) -> Iterator[Pair]:
    """sleep(1) in the tenth year of a run."""
    count = size(50_000, 1_000)
    yield lambda: _on_day(3_650, count), lambda: _on_day(0, count)


def _fresh(*arguments: str) -> float:
    """Milliseconds of a fresh process, over bare Python's."""

    def spent(*what: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *what], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    return 1e3 * (
        min(spent(*arguments) for _ in range(3)) - min(spent("-c", "pass") for _ in "123")
    )


FAILING_EXCHANGE = ("-c", "from failing_exchange import FailingExchange")


@bench("ms over bare Python", "import asyncio", at_most=1.7)
def imports(size: Size) -> Iterator[Pair]:
    """from failing_exchange import FailingExchange, in a fresh process."""
    yield lambda: _fresh(*FAILING_EXCHANGE), lambda: _fresh("-c", "import asyncio")


@bench("ms over bare Python", "the import", at_most=2)
def help_text(size: Size) -> Iterator[Pair]:
    """failing-exchange --help, in a fresh process."""
    ours: Callable[[], float] = lambda: _fresh("-m", "failing_exchange", "--help")  # noqa: E731
    yield ours, lambda: _fresh(*FAILING_EXCHANGE)
