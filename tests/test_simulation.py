"""simulate: any asyncio program in virtual time."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
import uuid
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import simulation
from failing_exchange.errors import ConfigurationError
from failing_exchange.simulation import run_script, simulate, virtual_time
from failing_exchange.testing.determinism import check_determinism
from failing_exchange.virtual.errors import BudgetExceeded, Deadlock, SimulationError
from failing_exchange.virtual.loop import VirtualLoop


async def clocks() -> tuple[float, datetime, float]:
    await asyncio.sleep(600)
    return time.time(), datetime.now(UTC), time.monotonic()


def test_ten_minutes_pass_on_every_clock_and_cost_nothing() -> None:
    """The promise of the module in one line."""
    wall, date, monotonic = simulate(clocks(), start="2026-01-01T00:00:00Z")
    assert (wall, monotonic) == (1_767_226_200.0, 600.0)
    assert date == datetime(2026, 1, 1, 0, 10, tzinfo=UTC)


def test_a_function_is_called_in_virtual_time() -> None:
    """Then also what it does before its first line of coroutine belongs to the run."""
    assert simulate(clocks)[2] == 600.0


@pytest.mark.parametrize(
    ("start", "tz"),
    [
        ("2026-03-01T12:00:00Z", "UTC"),
        ("2026-03-01T12:00:00", "UTC"),
        ("2026-03-01T13:00:00", "Europe/Berlin"),
        (datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))), "Asia/Tokyo"),
        (1_772_366_400_000_000_000, "UTC"),
    ],
)
def test_the_start_is_text_a_datetime_or_nanoseconds(start: Any, tz: str) -> None:
    """Without a zone it is local time."""

    async def now() -> float:
        return time.time()

    assert simulate(now(), start=start, tz=tz) == 1_772_366_400.0


@pytest.mark.parametrize("start", ["yesterday", 1.5, True, "1969-01-01", "2300-01-01"])
def test_a_start_that_is_none_is_named(start: Any) -> None:
    """The message shows the value and an example."""
    with pytest.raises(ConfigurationError, match="start="):
        simulate(clocks, start=start)


def test_the_result_and_the_errors_are_those_of_the_program() -> None:
    """As with asyncio.run."""

    async def main() -> None:
        await asyncio.sleep(1)
        raise LookupError("of the bot")

    with pytest.raises(LookupError, match="of the bot"):
        simulate(main())
    assert not isinstance(asyncio.get_event_loop_policy(), VirtualLoop)


def test_inside_a_running_loop_the_error_says_what_to_do() -> None:
    """Nothing could run the inner loop."""

    async def main() -> None:
        simulate(clocks())

    for run in (asyncio.run, simulate):
        with pytest.raises(SimulationError, match="not from a coroutine"):
            run(main())


def test_simulations_are_not_nested() -> None:
    """A script that simulates by itself can't be simulated."""
    with virtual_time(), pytest.raises(SimulationError, match="one at a time"):
        simulate(clocks())


def test_something_that_is_no_program_is_named() -> None:
    """A common slip: what the program returns, in place of the program."""
    with pytest.raises(ConfigurationError, match="got 5; expected a function"):
        simulate(5)  # type: ignore[call-overload]


def test_one_seed_one_run() -> None:
    """Ids and random numbers follow the seed, in any order of runs."""

    async def main() -> Any:
        await asyncio.sleep(random.random())
        return uuid.uuid4(), random.random(), time.time()

    first = simulate(main, seed=3)
    assert simulate(main, seed=4) != first == simulate(main, seed=3)


def test_scripts_that_end_in_asyncio_run_need_no_change() -> None:
    """Several runs in one script go on with the same clock."""
    with virtual_time(start="2026-01-01T00:00:00Z") as world:
        asyncio.run(asyncio.sleep(60))
        with asyncio.Runner() as runner:
            runner.run(asyncio.sleep(60))
        loop = asyncio.new_event_loop()
        loop.run_until_complete(asyncio.sleep(60))
        assert time.time() == 1_767_225_780.0
    assert world.clock.ns == 180_000_000_000
    assert isinstance(loop, VirtualLoop) and loop.is_closed()


def test_another_loop_factory_does_not_lead_out_of_virtual_time() -> None:
    """A bot that asks for uvloop would sleep in real time."""
    with virtual_time(), asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        assert isinstance(runner.get_loop(), VirtualLoop)


class Cycle:
    def __init__(self) -> None:
        self.me = self


@pytest.mark.parametrize(("limit", "stays"), [(simulation.GARBAGE_KEPT_MAX, True), (-1, False)])
def test_a_process_that_exits_soon_keeps_its_garbage_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int, stays: bool
) -> None:
    """A tenth of the time of an explored world went into garbage; unbounded, it fills memory."""
    monkeypatch.setattr(simulation, "_kept_below", 0)
    monkeypatch.setattr(simulation, "GARBAGE_KEPT_MAX", limit)
    simulation.keep_garbage()

    async def main() -> weakref.ref[Cycle]:
        return weakref.ref(Cycle())

    try:
        assert (simulate(main)() is not None) is stays
    finally:
        gc.unfreeze()


def test_asyncio_is_itself_again_afterwards() -> None:
    """Also after an error: the next asyncio.run is real."""
    policy = asyncio.get_event_loop_policy()
    runners: Any = asyncio.runners
    patched = (asyncio.Runner.__init__, runners._cancel_all_tasks)
    with pytest.raises(Deadlock):
        simulate(asyncio.Event().wait())
    assert (asyncio.Runner.__init__, runners._cancel_all_tasks) == patched
    assert asyncio.get_event_loop_policy() is policy
    assert gc.isenabled() and sys.modules.get("aiodns", 1) is not None

    async def main() -> str:
        return type(asyncio.get_running_loop()).__name__

    assert asyncio.run(main()) != "VirtualLoop"


def test_leftovers_end_before_the_loop_does() -> None:
    """Their `finally` blocks run, in order of creation, and may still wait."""
    ended: list[tuple[int, float]] = []

    async def worker(n: int) -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            await asyncio.sleep(5 - n)
            ended.append((n, time.monotonic()))

    async def main() -> None:
        for n in range(3):
            workers.append(asyncio.create_task(worker(n)))
        await asyncio.sleep(10)

    workers: list[asyncio.Task[None]] = []
    simulate(main())
    assert ended == [(2, 13.0), (1, 14.0), (0, 15.0)]


def test_the_first_error_is_the_one_that_is_raised() -> None:
    """A clean-up that gets stuck as well must not hide why the run ended."""

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()

    with pytest.raises(Deadlock) as caught:
        simulate(main())
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("limit", "match"),
    [
        ({"virtual_seconds_max": 3_600}, "virtual_seconds_max"),
        ({"steps_per_instant_max": 10_000}, "steps_per_instant_max"),
        ({"wall_seconds_max": 0.01}, "wall_seconds_max"),
    ],
)
def test_a_program_without_end_reaches_its_limit(limit: dict[str, Any], match: str) -> None:
    """Each limit is named by the argument that raises it."""

    async def main() -> None:
        while True:
            await asyncio.sleep(0 if "steps_per_instant_max" in limit else 1)

    with pytest.raises(BudgetExceeded, match=match):
        simulate(main(), **limit)


def test_a_blocking_sleep_without_end_reaches_the_limit_of_virtual_time() -> None:
    """It never returns to the loop."""

    async def main() -> None:
        while True:
            time.sleep(60)

    with pytest.raises(BudgetExceeded):
        simulate(main(), virtual_seconds_max=86_400)


def test_control_c_stops_a_run() -> None:
    """The bot's task is cancelled, its clean-up runs, and KeyboardInterrupt comes out."""
    cleaned: list[bool] = []

    async def main() -> None:
        try:
            for n in range(10**9):
                await asyncio.sleep(1)
                if n == 1_000:
                    signal.raise_signal(signal.SIGINT)
        finally:
            cleaned.append(True)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background
    try:  # of a shell ignores it
        with pytest.raises(KeyboardInterrupt):
            simulate(main())
    finally:
        signal.signal(signal.SIGINT, before)
    assert cleaned == [True]


def test_memory_is_flat_over_a_year_of_sleeps() -> None:
    """Timers, handles and futures of the past are gone."""

    async def main() -> int:
        await asyncio.sleep(1)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(365 * 24):
            async with asyncio.timeout(86_400):
                await asyncio.sleep(3_600)
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    try:
        assert simulate(main()) < 200_000
    finally:
        tracemalloc.stop()


def test_a_long_run_keeps_no_garbage() -> None:
    """The collector rests in a run, so cycles are collected every so many turns."""

    async def main() -> Iterator[int]:
        sizes = []
        for n in range(60_000):
            try:
                raise ValueError("as a failing venue does")
            except ValueError as error:
                error.args = (error, bytearray(1_000))
            await asyncio.sleep(250)
            if n % 20_000 == 19_999:
                sizes.append(tracemalloc.get_traced_memory()[0])
        return iter(sizes)

    tracemalloc.start()
    try:
        first, *_, last = simulate(main())
    finally:
        tracemalloc.stop()
    assert last < first + 20_000_000


def test_what_is_left_of_runs_is_collected() -> None:
    """Frozen with all else when the next run begins, it stayed: 500 scenarios held 2 GB."""

    size = sys.getallocatedblocks() // 16  # of a test process that may have grown large

    class Report:
        def __init__(self) -> None:
            self.itself = self
            self.rows = [object() for _ in range(size)]

    async def main() -> Report:
        return Report()

    left = [weakref.ref(simulate(main())) for _ in range(16)]
    assert sum(one() is not None for one in left) < 12


SCRIPT = """
import asyncio, datetime, sys
async def main():
    await asyncio.sleep(86_400)
    print(datetime.datetime.now().isoformat(), sys.argv[1:], __name__)
asyncio.run(main())
asyncio.run(main())
answer = 42
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def test_a_script_runs_as_it_is(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the main program, with its own arguments."""
    before = sys.argv, list(sys.path)
    assert run_script(script, ["--fast"], start="2026-01-01")["answer"] == 42
    assert (sys.argv, sys.path) == before
    assert capsys.readouterr().out.splitlines() == [
        "2026-01-02T00:00:00 ['--fast'] __main__",
        "2026-01-03T00:00:00 ['--fast'] __main__",
    ]
    with pytest.raises(ConfigurationError, match="is not a file"):
        run_script("nowhere.py")


BOT = """
import asyncio, random, time, uuid
async def steady():
    for _ in range(3):
        await asyncio.sleep(random.random())
        print(uuid.uuid4(), time.time(), *asyncio.all_tasks())
async def ordered_by_hash():
    print("begin")
    print(next(iter({"alpha", "beta", "gamma", "delta", "epsilon"})))
async def ordered_by_address():
    print(sorted(object() for _ in range(1)) and id(object()))
async def failing():
    await asyncio.Event().wait()
"""


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    path = tmp_path / "bot.py"
    path.write_text(BOT.replace("*asyncio.all_tasks()", "len(asyncio.all_tasks())"))
    return path


@pytest.mark.parametrize("function", ["steady", "failing"])
def test_a_steady_bot_is_the_same_in_every_process(bot: Path, function: str) -> None:
    """Also one that always fails in the same way."""
    report = check_determinism(f"{bot}:{function}", seed=5)
    assert report.same, str(report)
    assert report.lines >= 1 and "are the same" in str(report)


def test_a_bot_that_iterates_over_a_set_of_strings_is_caught(bot: Path) -> None:
    """The first line that differs is shown, with what came before."""
    report = check_determinism(f"{bot}:ordered_by_hash", runs=4)
    assert not report.same
    assert report.lines == 2 and report.before[-1] == "printed begin"  # behind the deposit
    assert report.expected != report.found
    assert f"run {report.run}:  {report.found}" in str(report)


def test_a_script_can_be_checked_too(script: Path) -> None:
    """With its arguments."""
    report = check_determinism(str(script), argv=["x"])
    assert report.same and report.lines == 3  # the venue's deposit, and two of the script


def test_a_target_that_is_not_there_is_named() -> None:
    """Before any process is started."""
    with pytest.raises(ConfigurationError, match="expected script.py, path.py:function or -m"):
        check_determinism("nowhere.py:main")


def test_importing_the_loop_imports_no_time_machine() -> None:
    """In real time nobody needs it."""
    code = (
        "import sys, failing_exchange.virtual.loop, failing_exchange.simulation;"
        "print([m for m in ('time_machine', 'aiohttp', 'numpy', 'zoneinfo') if m in sys.modules])"
    )
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert shown.stdout.strip() == "[]", shown.stderr
