"""Bots with threads are run, judged, explored and replayed like all others."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from failing_exchange.explorer.shrink import shrink
from failing_exchange.explorer.targets import load
from failing_exchange.explorer.trial import RunRequest, TrialSummary, summary_of
from failing_exchange.explorer.world import World, draw, with_schedule
from failing_exchange.runs import bot_process
from failing_exchange.runs.bot_loader import find_bot
from failing_exchange.runs.bot_run import RunConfig, run
from failing_exchange.testing.determinism import check_determinism
from failing_exchange.threads import interrupts
from tests.sources import ROOT

PRELUDE = """
import concurrent.futures, json, threading, time, urllib.request
from concurrent.futures import ThreadPoolExecutor

def ask(path="time"):
    with urllib.request.urlopen(f"https://api.binance.com/api/v3/{path}", timeout=10) as answer:
        return json.load(answer)
"""
RACE = """
LOCK = threading.Lock()
position = {}

def trade():
    for minute in range(8):
        time.sleep(60)
        with LOCK:
            free = minute not in position
        if free:
            with LOCK:
                position[minute] = position.get(minute, 0) + 1
            ask()
            assert position[minute] == 1, f"{position[minute]} positions"

def main():
    for _ in range(2):
        threading.Thread(target=trade).start()
    while True:
        time.sleep(60)
        ask()
"""


def written(folder: Path, body: str) -> str:
    path = folder / "threaded.py"
    path.write_text(PRELUDE + body, encoding="utf-8")
    return f"{path}:main"


def crash(bot: str, seconds: float = 600) -> tuple[str, str]:
    """How a bot died in a run without faults, and the traceback; empty where it lived."""
    verdict = run(RunConfig(bot=bot, duration=seconds, modes=())).verdict
    assert verdict is not None
    return verdict.crashed or "", verdict.traceback


def attempt(bot: str, world: World) -> TrialSummary:
    return summary_of(load(bot).run(RunRequest(world=world, digest=True)))


def test_a_race_of_two_threads_is_found_shrunk_and_replayed(tmp_path: Path) -> None:
    """Two threads open one position, but only where one loses the turn between two locks."""
    bot = written(tmp_path, RACE)
    assert load(bot).blocks
    in_order = World(seed=4, seconds=600.0)
    assert attempt(bot, in_order).breaks_of("alive") is None
    worlds = [with_schedule(draw(seed, seconds=600.0)) for seed in range(12)]
    drawn = [world for world in worlds if world.schedule == "random"]
    assert 0 < len(drawn) < len(worlds)
    found = next(
        (world, seen)
        for world in drawn
        if (seen := attempt(bot, world)).breaks_of("alive") is not None
    )
    example = shrink(*found, "alive", partial(attempt, bot))
    assert example.complete
    assert example.world.schedule == "random"
    assert (example.world.faults, example.world.plan, example.world.restarts) == ((), (), ())
    breach = example.summary.breaks_of("alive")
    assert breach is not None
    assert "AssertionError: 2 positions" in breach.text
    assert attempt(bot, example.world).digest == example.summary.digest


def test_a_schedule_travels_in_a_token() -> None:
    """A replay runs the threads in the same order."""
    world = World(seed=4, seconds=60.0, schedule="random")
    assert World.of(json.loads(json.dumps(world.as_dict()))) == world
    with pytest.raises(Exception, match="schedule is 'lifo'; expected fifo or random"):
        World(seed=4, seconds=60.0, schedule="lifo").check()


def test_an_error_in_a_thread_is_the_bot_s(tmp_path: Path) -> None:
    """The process lives on, but the bot does no longer what it should."""
    body = """
def work():
    ask()
    raise LookupError("no such order")

def main():
    threading.Thread(target=work, name="worker").start()
    while True:
        time.sleep(60)
"""
    text, traceback = crash(written(tmp_path, body))
    assert text == "in thread worker: LookupError: no such order"
    assert "threaded.py" in traceback


def test_a_main_that_dies_is_told_though_a_thread_goes_on(tmp_path: Path) -> None:
    """The process lives as long as the thread, which may be for good."""
    body = """
def work():
    while True:
        time.sleep(60)

def main():
    threading.Thread(target=work).start()
    ask()
    raise LookupError("no such order")
"""
    assert crash(written(tmp_path, body))[0] == "LookupError: no such order"


def test_threads_that_wait_for_each_other_are_judged(tmp_path: Path) -> None:
    """In a run, too, where the venue's time goes on."""
    body = """
def main():
    ask()
    threading.Event().wait()
"""
    text, traceback = crash(written(tmp_path, body))
    assert text.startswith("Deadlock: the threads wait for each other")
    assert "MainThread waits in Event.wait(), in main()" in traceback


def test_a_deadlock_names_the_line_that_waits(tmp_path: Path) -> None:
    """Of a finding the author wants to know where to look; its first line is a sentence."""
    body = """
LOCK = threading.Lock()

def work():
    with LOCK:
        LOCK.acquire()  # the line

def main():
    ask()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""
    bot = written(tmp_path, body)
    breach = attempt(bot, World(seed=1, seconds=60.0)).breaks_of("alive")
    assert breach is not None
    line = next(n for n, text in enumerate((PRELUDE + body).splitlines(), 1) if "# the" in text)
    assert breach.place.endswith(f"threaded.py:{line}")
    assert breach.text.endswith("nothing can wake one of them")


def test_a_restart_ends_all_threads_and_their_connections(tmp_path: Path) -> None:
    """As the death of a process does: nothing of the first life trades in the second."""
    log = tmp_path / "log"
    body = f"""
def note(what):
    with open({str(log)!r}, "a") as file:
        file.write(f"{{what}} {{threading.active_count()}} {{time.monotonic():.0f}}\\n")

def work():
    try:
        while True:
            time.sleep(100)
            note("works")
    finally:
        time.sleep(1)
        note("survives")

def main():
    note("begins")
    pool = ThreadPoolExecutor(1)
    pool.submit(work)
    threading.Thread(target=work, daemon=True).start()
    while True:
        ask()
        time.sleep(100)
"""
    bot = written(tmp_path, body)
    summary = attempt(bot, World(seed=1, seconds=400.0, latency=None, restarts=(250.0,)))
    assert summary.error == ""
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "begins 1 0"
    assert [line for line in lines if line.startswith("survives")] == []
    assert [line.split()[2] for line in lines if line.startswith("works")] == [
        "100", "100", "200", "200", "350", "350",
    ]  # fmt: skip
    assert "begins 1 250" in lines


def test_a_restarted_bot_remembers_nothing(tmp_path: Path) -> None:
    """Its module is loaded anew, with the locks that it makes."""
    body = """
seen = []
LOCK = threading.Lock()
LOCK.acquire()

def main():
    seen.append(1)
    assert len(seen) == 1
    assert not LOCK.acquire(timeout=5)
    while True:
        ask()
        time.sleep(60)
"""
    bot = written(tmp_path, body)
    summary = attempt(bot, World(seed=1, seconds=400.0, restarts=(100.0, 200.0)))
    assert summary.breaks_of("alive") is None
    assert summary.error == ""


THREE = """
BARRIER = threading.Barrier(3)

def work(name):
    for _ in range(5):
        time.sleep(1)
        BARRIER.wait()
        print(name, threading.current_thread().name, threading.get_ident(), ask()["serverTime"])

def main():
    import uuid
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, "abc"))
        for job in concurrent.futures.wait([pool.submit(work, name) for name in "abc"]).done:
            print(hash(job))  # `wait` returns a set
    print(uuid.uuid4(), time.time())
"""


def test_threads_are_the_same_in_each_process(tmp_path: Path) -> None:
    """Across processes and hash seeds, with each schedule."""
    path = tmp_path / "three.py"
    path.write_text(PRELUDE + THREE, encoding="utf-8")
    code = (
        "import sys; from failing_exchange import simulate\n"
        "from failing_exchange.runs.bot_loader import load_module\n"
        "main = load_module(sys.argv[1]).main\n"
        "for schedule in ('fifo', 'random'):\n"
        "    simulate(main, venue='binance', seed=5, schedule=schedule)"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout.splitlines()
        for hash_seed in ("0", "77")
    )  # fmt: skip
    assert first == second
    assert len(first) == 68
    assert first[:34] != first[34:]


@pytest.mark.slow
def test_the_determinism_check_runs_a_plain_function(tmp_path: Path) -> None:
    """`check-determinism bot.py:main` of a bot that blocks."""
    path = tmp_path / "plain.py"
    path.write_text(
        "import threading, time\n"
        "def main():\n"
        "    thread = threading.Thread(target=time.sleep, args=(3600,))\n"
        "    thread.start(); thread.join()\n"
        "    return time.monotonic(), thread.name\n",
        encoding="utf-8",
    )
    report = check_determinism(f"{path}:main")
    assert report.same
    assert report.lines > 0


TESTED = """
import time
import urllib.request

def main():
    for _ in range(3):
        urllib.request.urlopen("https://api.binance.com/api/v3/ping", timeout=10).read()
        time.sleep(60)

def test_bot(failing_exchange):
    main()
"""


@pytest.mark.slow
def test_a_plain_test_of_a_blocking_bot_is_explored(tmp_path: Path) -> None:
    """`explore test_bot.py::test_bot`: each world's exchange serves the bot of the test."""
    path = tmp_path / "test_bot.py"
    path.write_text(TESTED, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:asyncio\n", encoding="utf-8")
    summary = attempt(f"{path}::test_bot", World(seed=1, seconds=600.0))
    assert summary.error == ""
    assert summary.breaks_of("test") is None


def test_locks_of_a_loaded_bot_outlast_the_simulation(tmp_path: Path) -> None:
    """They are ordinary locks for every other thread."""
    find_bot(written(tmp_path, "LOCK = threading.RLock()\ndef main(): pass\n"))
    module = sys.modules["bot_threaded"]
    with module.LOCK, module.LOCK:
        assert not module.threading.Lock().locked()


def test_a_bot_is_ended_that_has_closed_its_loop_with_a_stream_open(tmp_path: Path) -> None:
    """As freqtrade leaves them; the end of a run must not trip over a loop that is gone."""
    body = """
import asyncio

streams = []

def main():
    loop = asyncio.new_event_loop()
    opened = loop.create_connection(asyncio.Protocol, "api.binance.com", 443, ssl=True)
    streams.append(loop.run_until_complete(opened))
    loop.close()
    while True:
        time.sleep(60)
        ask()
"""
    found = load(written(tmp_path, body)).run(World(seed=1, seconds=200.0, restarts=(100.0,)))
    assert found.error == ""
    assert found.verdict is not None
    assert found.verdict.crashed is None


def test_code_of_a_bot_does_not_run_after_its_end(tmp_path: Path) -> None:
    """A listener that logs errors and goes on would do so for ever when its loop is closed."""
    log = tmp_path / "log"
    body = f"""
import asyncio

async def listen():
    queue, errors = asyncio.Queue(), 0
    while errors < 50:
        try:
            await asyncio.wait_for(queue.get(), 3)
        except TimeoutError:
            continue
        except Exception as error:
            errors += 1
            with open({str(log)!r}, "a") as file:
                file.write(f"{{error}}\\n")

def main():
    threading.Thread(target=lambda: asyncio.run(listen()), daemon=True).start()
    loop = asyncio.new_event_loop()
    loop.create_task(listen())
    while True:
        loop.run_until_complete(asyncio.sleep(60))
        ask()
"""
    found = load(written(tmp_path, body)).run(World(seed=1, seconds=200.0, restarts=(100.0,)))
    assert found.error == ""
    assert not log.exists()


def test_a_task_that_spins_in_a_thread_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task keeps the error to itself, as a library's listener that nobody awaits."""
    monkeypatch.setattr(interrupts, "LOOK_S", 0.02)
    monkeypatch.setattr(interrupts, "SPIN_S", 0.1)
    body = """
import asyncio

async def spin():
    while True:
        pass

async def listen():
    asyncio.get_running_loop().create_task(spin())
    await asyncio.sleep(1_000)

def main():
    threading.Thread(target=lambda: asyncio.run(listen()), daemon=True).start()
    while True:
        time.sleep(60)
        ask()
"""
    text, _ = crash(written(tmp_path, body), seconds=120)
    assert "Spins: it never waits" in text
    assert "in spin() at" in text


def test_a_machine_that_is_too_slow_is_not_the_death_of_a_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread of an event loop may be the first that notices the real time."""
    body = """
import asyncio

async def turns():
    while True:
        await asyncio.sleep(0.01)

def main():
    asyncio.run(turns())
"""
    monkeypatch.setattr(bot_process, "wall_limit", lambda seconds: 0.1)
    found = attempt(written(tmp_path, body), World(seed=1, seconds=3_000.0))
    assert found.error.startswith("WallTimeExceeded")
    assert found.breaks_of("alive") is None
