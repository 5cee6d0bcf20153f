"""simulate() runs a plain function: it sleeps, starts threads and asks a venue, in virtual time."""

from __future__ import annotations

import asyncio
import select
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Queue
from typing import Any

import pytest

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.errors import ConfigurationError
from failing_exchange.threads import interrupts, refused_calls
from failing_exchange.virtual import transport
from failing_exchange.virtual.errors import Deadlock, Escape, Spins, UnknownHost
from tests.sources import ROOT


def test_a_day_of_sleeping_takes_no_time() -> None:
    """A bot that polls with time.sleep is tested over days."""

    def main() -> tuple[float, float]:
        began = time.time()
        for _ in range(24):
            time.sleep(3_600)
        return time.time() - began, time.monotonic()

    assert simulate(main) == (86_400.0, 86_400.0)


def test_threads_hand_over_work_at_the_right_times() -> None:
    """A worker that waits for its queue sees each order when it was put."""

    def main() -> list[tuple[str, float]]:
        work: Queue[str | None] = Queue()
        seen: list[tuple[str, float]] = []

        def worker() -> None:
            while (order := work.get()) is not None:
                seen.append((order, time.monotonic()))
                time.sleep(5)

        thread = threading.Thread(target=worker)
        thread.start()
        for order in ("a", "b"):
            time.sleep(10)
            work.put(order)
        work.put("c")
        work.put(None)
        thread.join()
        return seen

    assert simulate(main) == [("a", 10.0), ("b", 20.0), ("c", 25.0)]


def test_timeouts_end_on_the_virtual_clock() -> None:
    """A wait that times out must cost its virtual seconds and no real ones."""

    def main() -> list[object]:
        found: list[object] = [threading.Event().wait(500), time.monotonic()]
        with pytest.raises(Empty):
            Queue().get(timeout=7)
        found += [time.monotonic(), threading.Lock().acquire(timeout=1)]
        lock = threading.Lock()
        lock.acquire()
        return [*found, lock.acquire(timeout=3), time.monotonic()]

    assert simulate(main) == [False, 500.0, 507.0, True, False, 510.0]


def test_a_pool_works_in_parallel() -> None:
    """Three jobs of 5, 1 and 3 seconds take 5 seconds, and workers have names of their own."""

    def job(seconds: int) -> str:
        time.sleep(seconds)
        return threading.current_thread().name

    def main() -> tuple[list[str], float]:
        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(job, (5, 1, 3))), time.monotonic()

    names = [f"ThreadPoolExecutor-0_{n}" for n in range(3)]
    assert simulate(main) == (names, 5.0)
    assert simulate(main) == (names, 5.0)


def test_a_program_ends_when_only_daemons_are_left() -> None:
    """As a process does: other threads are waited for, a daemon's loop is cut short."""
    seen: list[tuple[str, float]] = []

    def daemon() -> None:
        while True:
            time.sleep(1)
            seen.append(("daemon", time.monotonic()))

    def other() -> None:
        time.sleep(2.5)
        seen.append(("other", time.monotonic()))

    def main() -> str:
        threading.Thread(target=daemon, daemon=True).start()
        threading.Thread(target=other).start()
        ThreadPoolExecutor(1).submit(time.sleep, 1)  # never shut down
        return "main is over"

    assert simulate(main) == "main is over"
    assert seen == [("daemon", 1.0), ("daemon", 2.0), ("other", 2.5)]


def test_an_error_of_the_program_is_raised() -> None:
    """As of a coroutine."""

    def main() -> None:
        time.sleep(1)
        raise LookupError("no such order")

    with pytest.raises(LookupError, match="no such order"):
        simulate(main)


def test_threads_that_wait_for_each_other_are_told() -> None:
    """Who waits where is what one needs to find a deadlock."""

    def main() -> None:
        ours, theirs = threading.Lock(), threading.RLock()

        def other() -> None:
            with theirs:
                time.sleep(1)
                ours.acquire()

        threading.Thread(target=other, name="other").start()
        with ours:
            time.sleep(1)
            theirs.acquire()

    with pytest.raises(Deadlock) as caught:
        simulate(main)
    text = str(caught.value)
    assert "virtual second 1, and nothing can wake one of them" in text
    assert "MainThread waits in RLock.acquire(), in main() at tests/threads/" in text
    assert "other waits in Lock.acquire(), in other() at tests/threads/" in text


def test_a_wait_for_nothing_is_told() -> None:
    """`Event().wait()` at the end of a program whose threads have all died."""
    with pytest.raises(Deadlock, match=r"MainThread waits in Event.wait\(\)"):
        simulate(lambda: threading.Event().wait())


def test_a_thread_that_spins_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The virtual clock never moves for `while time.time() < end`."""
    monkeypatch.setattr(interrupts, "LOOK_S", 0.02)
    monkeypatch.setattr(interrupts, "SPIN_S", 0.1)

    def main() -> None:
        end = time.time() + 1
        while time.time() < end:
            pass

    with pytest.raises(Spins, match=r"never waits: .* in main\(\) at tests/threads/"):
        simulate(main)


def test_a_daemon_thread_that_spins_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation has ended it: that main went well is not all that there is to say."""
    monkeypatch.setattr(interrupts, "LOOK_S", 0.02)
    monkeypatch.setattr(interrupts, "SPIN_S", 0.1)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def spin() -> None:
        while True:
            pass

    def main() -> None:
        threading.Thread(target=spin, daemon=True).start()
        time.sleep(5)

    with pytest.raises(Spins, match=r"never waits: .* in spin\(\) at tests/threads/"):
        simulate(main)


def test_ctrl_c_ends_a_thread_that_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting until it is found out."""
    monkeypatch.setattr(interrupts, "LOOK_S", 0.02)
    before = threading.active_count()

    def main() -> None:
        threading.Thread(target=time.sleep, args=(5,)).start()
        signal.raise_signal(signal.SIGINT)
        while True:
            pass

    with pytest.raises(KeyboardInterrupt):
        simulate(main)
    assert threading.active_count() == before


def test_a_thread_that_blocks_in_the_real_world_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock from outside of the simulation can't be waited for in virtual time."""
    monkeypatch.setattr(interrupts, "LOOK_S", 0.02)
    monkeypatch.setattr(interrupts, "BLOCKED_S", 0.2)
    monkeypatch.setattr(interrupts, "INTERRUPT_S", 0.02)
    monkeypatch.setattr(interrupts, "INTERRUPTS_MAX", 2)
    lock = threading.Lock()
    lock.acquire()
    with pytest.raises(Escape, match=r"waits in the real world, .* in main\(\) at tests/threads/"):

        def main() -> None:
            lock.acquire()

        simulate(main)
    lock.release()


def test_what_can_not_be_repeated_is_refused_with_its_place() -> None:
    """A subprocess would run in real time."""
    import subprocess

    def main() -> str:
        with pytest.raises(Escape) as caught:
            subprocess.run(["true"], check=True)
        return str(caught.value)

    text = simulate(main)
    assert text.startswith("subprocess.Popen() reaches for the real world")
    assert "(main() at tests/threads/test_blocking_programs.py:" in text
    subprocess.run(["true"], check=True)  # afterwards all is as before


def test_all_that_is_refused_is_documented() -> None:
    """Who asks whether a program can be simulated reads the table of docs/threads.md."""
    text = (ROOT / "docs" / "threads.md").read_text(encoding="utf-8")
    listed = text[text.index("## What is refused") : text.index("## The order of threads")]
    names = [f"os.{name}" for name in refused_calls.PROCESSES]
    names += [f"signal.{name}" for name in refused_calls.TIMERS]
    names += [f"{owner.__module__}.{owner.__name__}" for owner, *_ in refused_calls.attributes()]
    assert [name for name in names if f"`{name}`" not in listed] == []


def test_nothing_of_it_is_left_behind() -> None:
    """pytest and all other threads of the process must not notice a simulation."""
    import select
    import socket

    def state() -> list[object]:
        thread = threading.Thread
        return [threading.Lock, threading.RLock, thread.start, thread.join, thread.is_alive,
                threading.current_thread, time.sleep, time.monotonic, socket.socket,
                socket.getaddrinfo, select.select, asyncio.run, threading.enumerate()]  # fmt: skip

    before = state()
    simulate(lambda: threading.Thread(target=time.sleep, args=(5,)).start())
    assert state() == before


def test_other_threads_run_on_in_real_time() -> None:
    """A thread of the process that is not of the simulation waits for real locks meanwhile."""
    told: Queue[str] = Queue()
    asked = threading.Event()

    def outside() -> None:
        asked.wait(30)
        told.put(f"{threading.get_ident() > 1_000} {type(threading.Lock()).__name__}")

    thread = threading.Thread(target=outside)
    thread.start()

    def main() -> None:
        asked.set()
        time.sleep(3_600)

    simulate(main)
    assert told.get(timeout=30).startswith("True")
    thread.join(30)


def test_asyncio_run_in_threads_shares_the_clock() -> None:
    """Mixed programs: an event loop in each of two threads, and a blocking call from one."""

    def main() -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        async def work(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(time.sleep, 1)
            seen.append((name, asyncio.get_running_loop().time()))

        threads = [
            threading.Thread(target=lambda n=n, s=s: asyncio.run(work(n, s)))
            for n, s in (("slow", 20.0), ("quick", 10.0))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return seen

    assert simulate(main) == [("quick", 11.0), ("slow", 21.0)]


def test_the_venue_stays_on_its_own_loop() -> None:
    """The loop that `asyncio.run` makes for a client ends with it; the venue goes on without it."""
    exchange = FailingExchange(seed=7)

    async def ask() -> tuple[bytes, bool]:
        reader, writer = await asyncio.open_connection("api.binance.com", 443, ssl=True)
        writer.write(b"GET /api/v3/time HTTP/1.1\r\nHost: api.binance.com\r\n\r\n")
        status = await reader.readline()
        return status.strip(), exchange.venue.loop is asyncio.get_running_loop()

    found = simulate(lambda: asyncio.run(ask()), venue=Binance(exchange), seed=7)
    assert found == (b"HTTP/1.1 200 OK", False)


def test_another_thread_can_wake_an_event_loop() -> None:
    """`run_coroutine_threadsafe`, as libraries with a loop in a background thread use it."""

    def main() -> tuple[str, float]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        time.sleep(5)
        found = asyncio.run_coroutine_threadsafe(asyncio.sleep(7, "slept"), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        return found, time.monotonic()

    assert simulate(main) == ("slept", 12.0)


def test_production_names_reach_the_venue_and_no_others() -> None:
    """An unmodified blocking client trades at the simulation; the real network is out of reach."""

    def main() -> dict[str, Any]:
        import requests

        answer = requests.get("https://api.binance.com/api/v3/time", timeout=10)
        with pytest.raises(UnknownHost, match=r"example\.com:443 can't be reached.*a socket that"):
            requests.get("https://example.com", timeout=10)
        found: dict[str, Any] = answer.json()
        return found

    told = simulate(main, venue="binance", start="2026-01-01T00:00:00Z")
    assert 1_767_225_600_000 < told["serverTime"] < 1_767_225_601_000


def test_a_schedule_has_two_names() -> None:
    """A slip must not pass for "random"."""
    with pytest.raises(ConfigurationError, match="schedule='lifo'; expected fifo or random"):
        simulate(lambda: None, schedule="lifo")


def test_a_loop_that_was_closed_reads_nothing_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A program may close its loop with a stream open; the venue goes on sending to its socket."""
    sent: list[int] = []

    async def tick(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(5):
            writer.write(b"tick\n")
            sent.append(number)
            await asyncio.sleep(1)
        writer.transport.abort()

    async def serve(ready: threading.Event) -> None:
        async with await asyncio.start_server(tick, "127.0.0.1", 8000):
            ready.set()
            await asyncio.sleep(20)

    def main() -> None:
        ready = threading.Event()
        server = threading.Thread(target=asyncio.run, args=(serve(ready),))
        server.start()
        ready.wait()
        loop = asyncio.new_event_loop()
        opened = loop.run_until_complete(
            loop.create_connection(asyncio.Protocol, "127.0.0.1", 8000)
        )
        loop.close()
        server.join()
        assert not opened[0].is_closing()

    simulate(main)
    assert sent == [0, 1, 2, 3, 4]
    assert "Event loop is closed" not in caplog.text


def test_a_process_is_refused_by_a_module_that_the_program_imports_late() -> None:
    """A pool of processes that is imported where it is used would leave the simulation."""
    program = """
from failing_exchange import simulate

def main():
    import multiprocessing
    multiprocessing.get_context("spawn").Process(target=print).start()

if __name__ == "__main__":
    simulate(main)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert "Escape: multiprocessing.process.BaseProcess()" in done.stderr


def test_a_policy_of_the_program_does_not_bring_a_real_loop() -> None:
    """A library that installs uvloop's policy when it starts runs in virtual time all the same."""

    class Other(asyncio.DefaultEventLoopPolicy):
        pass

    def main() -> float:
        asyncio.set_event_loop_policy(Other())
        with warnings.catch_warnings():  # from Python 3.12 on, where none is current
            warnings.simplefilter("ignore", DeprecationWarning)
            loop = asyncio.get_event_loop()
        loop.add_signal_handler(signal.SIGTERM, loop.stop)
        loop.run_until_complete(asyncio.sleep(3_600))
        loop.close()
        return time.monotonic()

    before = asyncio.get_event_loop_policy()
    assert simulate(main) == 3_600.0
    assert asyncio.get_event_loop_policy() is before


def test_a_connection_can_be_reset_from_a_thread_of_the_program() -> None:
    """A stream that broke while cryptofeed ran ended the run: it asked a simulated socket."""
    transport.descriptors.cache_clear()  # as in a process that has not reset any

    def main() -> tuple[int, int]:
        return transport.descriptors()

    silent, readable = simulate(main)
    assert select.select([silent, readable], [], [], 0) == ([readable], [], [])
