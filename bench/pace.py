"""How fast this core is just now, beside an idle one of the kind that targets in seconds are for.

Such targets were set on a core that makes `IDLE` calls of a bare `AsyncMock` a second (CPython
3.12). Shared cores are slower, and their speed changes by half within minutes: a figure counts
together with the pace that was measured just before and after it.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest.mock import AsyncMock

IDLE = 122_000.0  # calls a second
ROUNDS, CALLS = 40, 300  # long enough for processes that start together to run together


class Measured(NamedTuple):
    """Seconds as they were, and as they would have been on an idle core."""

    seconds: float
    idle_seconds: float


async def _calls_a_second() -> float:
    mock = AsyncMock(return_value={"id": "1"})
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            await mock("BTC/USDT", "limit", "buy", 0.01, 30_000.0)
        found.append(CALLS / (time.process_time() - began))
        mock.reset_mock()
    return statistics.median(found)


def here() -> float:
    """The pace of this process: 1.0 = as an idle core."""
    return asyncio.run(_calls_a_second()) / IDLE


def together(processes: int) -> float:
    """The pace of so many processes that run at the same time, on average."""
    command = [sys.executable, str(Path(__file__).resolve())]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    return statistics.mean(float(process.communicate()[0]) for process in started)


def spent_by(run: Callable[[], object], pace: Callable[[], float] = here) -> Measured:
    """What a program takes: its CPU seconds here, and on an idle core."""
    before, began = pace(), time.process_time()
    run()
    seconds = time.process_time() - began
    return Measured(seconds, seconds * (before + pace()) / 2)


def verdict(met: bool) -> str:
    """How a line ends."""
    return "met" if met else "MISSED"


if __name__ == "__main__":
    print(here())
