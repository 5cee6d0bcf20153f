"""One harness for all benches: ours beside a floor, by turns in one run, against a target.

    python -m bench [NAME ...] [--quick] [--json FILE]

A bench is a generator with one `yield` of two callables, ours and the floor's, each of which gives
a figure in the bench's unit; before it stands what they need, after it what is cleaned up. A round
calls both. What counts is the median of the rounds' ratios, because a shared machine changes its
speed within minutes, for both alike. Without a floor the figure itself counts.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import AsyncMock

ROOT = Path(__file__).resolve().parent.parent
IDLE = 122_000.0  # calls of a bare AsyncMock a second, on the core that targets are meant for
IDLE_CORE = "the pace of this core"  # a floor: 1.0 is that idle core, so the ratio is ours on it

Figure = Callable[[], float]
Pair = tuple[Figure, Figure | None]


class Unavailable(Exception):
    """What a bench needs is not installed here."""


class Size(NamedTuple):
    """How much is measured: all of it, or as little as shows that a bench still runs."""

    quick: bool = False
    mountebank: str = ""  # the folder in which npm has installed it

    def __call__(self, full: int, quick: int) -> int:
        return quick if self.quick else full


class Bench(NamedTuple):
    """A bench. The target is of the ratio to `beside`; without that, of the figure itself."""

    name: str
    says: str
    unit: str
    beside: str
    at_least: float | None
    at_most: float | None
    rounds: int
    make: Callable[[Size], Iterator[Pair]]

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_least is None:
            return "" if self.at_most is None else f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}"

    def met(self, value: float) -> bool:
        """Whether a ratio or a figure is as good as the target."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )


class Result(NamedTuple):
    """What a bench has found. `ratio` is None where there is no floor."""

    name: str
    says: str
    unit: str
    ours: float
    beside: str
    floor: float | None
    ratio: float | None
    target: str
    met: bool

    def __str__(self) -> str:
        value = "" if self.ratio is None else f"{self.ratio:,.2f} x {self.beside}"
        verdict = "" if not self.target else "met" if self.met else "MISSED"
        figure = f"{self.ours:,.4g}" if self.ours < 1_000 else f"{self.ours:,.0f}"
        return (
            f"{self.name:<27} {figure:>10} {self.unit:<18} {value:<34} {self.target:<15} {verdict}"
        )


BENCHES: dict[str, Bench] = {}


def bench(
    unit: str,
    beside: str = "",
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    rounds: int = 7,
    name: str = "",
) -> Callable[[Callable[[Size], Iterator[Pair]]], Callable[[Size], Iterator[Pair]]]:
    """Register a bench as `module.function`; the first line of its docstring says what it is."""

    def register(make: Callable[[Size], Iterator[Pair]]) -> Callable[[Size], Iterator[Pair]]:
        whole = f"{make.__module__.rpartition('.')[2]}.{name or make.__name__}"
        says = (make.__doc__ or "").strip().splitlines()[0]
        assert whole not in BENCHES, whole
        BENCHES[whole] = Bench(whole, says, unit, beside, at_least, at_most, rounds, make)
        return make

    return register


def measure(one: Bench, size: Size) -> Result:
    """Run a bench; raises `Unavailable`."""
    ours, floors, ratios = [], [], []
    with contextmanager(one.make)(size) as (figure, floor):
        for _ in range(size(one.rounds, 1)):
            ours.append(figure())
            if floor is not None:
                floors.append(floor())
                ratios.append(ours[-1] / floors[-1])
    found = statistics.median(ours)
    floor_found = statistics.median(floors) if floors else None
    ratio = statistics.median(ratios) if ratios else None
    met = one.met(found if ratio is None else ratio)
    return Result(
        one.name, one.says, one.unit, found, one.beside, floor_found, ratio, one.target, met
    )


# ---- what benches share


def pace() -> float:
    """How fast this core is just now; 1.0 = as the idle one."""
    return asyncio.run(_mock_calls(40, 300)) / IDLE


async def _mock_calls(rounds: int, calls: int) -> float:
    mock, found = AsyncMock(return_value={"id": "1"}), []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(calls):
            await mock("BTC/USDT", "limit", "buy", 0.01, 30_000.0)
        found.append(calls / (time.process_time() - began))
        mock.reset_mock()
    return statistics.median(found)


def pace_of(processes: int) -> float:
    """The pace of so many processes that run at the same time, on average."""
    command = [sys.executable, "-c", "from bench.harness import pace; print(pace())"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(processes)
    ]
    return statistics.mean(float(process.communicate()[0]) for process in started)


def per_cpu_second(count: float, run: Callable[[], Any]) -> float:
    """So many things, divided by the CPU seconds that they take."""
    began = time.process_time()
    run()
    return count / (time.process_time() - began)
