"""A task that would wait while nothing else can happen jumps; nobody can tell that it did."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from failing_exchange import FailingExchange, simulate
from failing_exchange.runs.bot_run import RunConfig, run
from failing_exchange.runs.bots import BOTS
from failing_exchange.virtual import jump
from failing_exchange.virtual.loop import VirtualLoop
from tests.examples import examples

S = "BTC/USDT"
Line = tuple[Any, ...]


def both(program: Callable[[], Any]) -> tuple[Any, Any]:
    """What a program returns with jumps, and without."""
    with pytest.MonkeyPatch.context() as patch:
        jumping = program()
        patch.setattr(jump, "JUMPS", False)
        return jumping, program()


# ---- any program

Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["sleep", "sleep", "yield", "spawn", "join", "timeout", "set", "wait",
                         "later", "cancel", "myself", "shield", "ask"]),
        st.integers(0, 3),
        st.integers(0, 5),
    ),
    max_size=7,
)  # fmt: skip


class Program:
    """Tasks that sleep, wait for each other, cancel each other, and note what happens when."""

    def __init__(self, scripts: list[list[Step]]) -> None:
        self.scripts = scripts
        self.lines: list[Line] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def main(self) -> list[Line]:
        self.exchange = FailingExchange(latency=100)
        self.event = asyncio.Event()
        self.spawn(0)
        await asyncio.wait([*self.tasks, asyncio.create_task(asyncio.sleep(50))], timeout=40)
        self.event.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        return self.lines

    def spawn(self, script: int) -> None:
        if len(self.tasks) < 12:
            task = asyncio.create_task(self.run(len(self.tasks), self.scripts[script % 3]))
            self.tasks.append(task)

    async def run(self, me: int, script: list[Step]) -> None:
        try:
            for what, which, tenths in script:
                self.note(me, what)
                await getattr(self, f"do_{what}")(which, tenths / 10)
        except BaseException as error:
            self.note(me, type(error).__name__)
            raise
        finally:
            await asyncio.sleep(0.1)
            self.note(me, "over")

    def note(self, *line: Any) -> None:
        self.lines.append((asyncio.get_running_loop().time(), *line))

    async def do_sleep(self, _: int, seconds: float) -> None:
        self.note(await asyncio.sleep(seconds, "slept"))

    async def do_yield(self, _: int, seconds: float) -> None:
        await asyncio.sleep(0)

    async def do_spawn(self, which: int, seconds: float) -> None:
        self.spawn(which)

    async def do_join(self, which: int, seconds: float) -> None:
        others = [t for t in self.tasks if t is not asyncio.current_task()]
        if others:
            await asyncio.wait([others[which % len(others)]], timeout=seconds)

    async def do_timeout(self, which: int, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await asyncio.sleep(which / 10)
        except TimeoutError:
            self.note("timed out")

    async def do_set(self, _: int, seconds: float) -> None:
        self.event.set()

    async def do_wait(self, _: int, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.event.wait(), seconds)
        except TimeoutError:
            self.note("not set")

    async def do_later(self, which: int, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self.note, "later", which)

    async def do_cancel(self, which: int, seconds: float) -> None:
        self.tasks[which % len(self.tasks)].cancel()

    async def do_myself(self, _: int, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def do_shield(self, _: int, seconds: float) -> None:
        await asyncio.shield(asyncio.sleep(seconds))

    async def do_ask(self, which: int, seconds: float) -> None:
        if which:
            self.note((await self.exchange.fetch_ticker(S))["last"])
        else:
            order = await self.exchange.create_order(S, "limit", "buy", 0.01, 40_000 + seconds)
            self.note(order["id"], order["timestamp"])


@examples(150)
@given(st.lists(steps, min_size=3, max_size=3))
def test_any_program_happens_as_without_jumps(scripts: list[list[Step]]) -> None:
    """The same steps in the same order at the same times, whoever cancels whom."""
    jumping, staying = both(lambda: simulate(Program(scripts).main()))
    assert jumping == staying


# ---- bots


def recorded(bot: str, path: Path, modes: tuple[tuple[str, float], ...]) -> str:
    run(RunConfig(bot=bot, duration=1_800, seed=3, modes=modes, journal=str(path)))
    return path.read_text()


@pytest.mark.parametrize("bot", BOTS)
def test_a_bots_journal_is_the_same_with_jumps(bot: str, tmp_path: Path) -> None:
    """Byte for byte, faults and all."""
    path = tmp_path / "journal.jsonl"
    jumping, staying = both(lambda: recorded(bot, path, (("MIXED", 0.1),)))
    assert jumping == staying


CCXT = """
import asyncio
import ccxt.async_support as ccxt

async def main():
    client = ccxt.binance({"apiKey": "key", "secret": "own"})
    try:
        while True:
            try:
                ticker = await client.fetch_ticker("BTC/USDT")
                await client.create_order("BTC/USDT", "limit", "buy", 0.01, ticker["bid"])
            except ccxt.BaseError:
                pass
            await asyncio.sleep(20)
    finally:
        await client.close()
"""


def test_the_same_on_the_wire(tmp_path: Path) -> None:
    """Where other timers are set, and the venue's tasks run beside the bot."""
    pytest.importorskip("ccxt")
    bot, path = tmp_path / "own.py", tmp_path / "journal.jsonl"
    bot.write_text(CCXT)
    jumping, staying = both(lambda: recorded(f"{bot}:main", path, (("TIMEOUT", 0.1),)))
    assert jumping == staying


def test_a_steady_bot_takes_hardly_a_turn() -> None:
    """This is what jumps are for: its queries and its sleeps set no timer, and take one turn each.

    A query is answered as of its arrival, and moves the clock to its answer at once.
    """

    async def poll() -> tuple[int, int]:
        exchange, loop = FailingExchange(), asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        await exchange.fetch_ticker(S)
        turns, timers = loop.turns, next(loop._timer_serials)
        for _ in range(100):
            await exchange.fetch_ticker(S)
            await asyncio.sleep(1)
        return loop.turns - turns, next(loop._timer_serials) - timers - 1

    jumping, staying = both(lambda: simulate(poll()))
    assert jumping == (200, 0)
    assert staying == (500, 300)


async def steps_by_hand() -> Any:
    loop, exchange = asyncio.get_running_loop(), FailingExchange(latency=100)
    await exchange.ready()
    slept = asyncio.sleep(5)
    future = slept.send(None)
    asked = exchange.fetch_time()
    asked.send(None)
    first = loop.time()
    slept.close()
    asked.close()
    return type(future).__name__, first


async def closes_what_tidies_up() -> Any:
    async def tidy() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(5)

    half = tidy()
    half.send(None)
    with pytest.raises(RuntimeError):
        half.close()
    return asyncio.get_running_loop().time()


async def takes_a_cancel_back() -> Any:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    task.uncancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(1)
    return asyncio.get_running_loop().time()


async def sleeps_in_a_callable() -> Any:
    def rate(hour: float) -> float:
        time.sleep(0.5)
        return 0.0

    exchange = FailingExchange(latency=40)
    exchange.set_dynamic_failure_rate(rate)
    loop, told = asyncio.get_running_loop(), []
    for _ in range(2):
        await exchange.fetch_ticker(S)
        told.append(loop.time())
    return told


@pytest.mark.parametrize(
    "program", [steps_by_hand, closes_what_tidies_up, takes_a_cancel_back, sleeps_in_a_callable]
)
def test_who_does_not_wait_does_not_jump(program: Any) -> None:
    """A coroutine has a turn to keep only where its task would wait for it."""
    jumping, staying = both(lambda: simulate(program()))
    assert jumping == staying


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")
@pytest.mark.parametrize("factory", [True, False])
def test_an_eager_task_does_not_take_its_starters_time(factory: bool) -> None:
    """It runs while its starter still has the floor."""

    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        if factory:
            loop.set_task_factory(vars(asyncio)["eager_task_factory"])
            task = asyncio.create_task(asyncio.sleep(1))
        else:
            options: Any = {"eager_start": True}
            task = asyncio.Task(asyncio.sleep(1), loop=loop, **options)
        started = loop.time()
        await task
        return started, loop.time()

    assert simulate(main()) == (0.0, 1.0)
