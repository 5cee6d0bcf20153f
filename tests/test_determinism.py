"""Same seed, same journal bytes in any process and Python; faults don't shift each other."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.faults.triggers import chance
from failing_exchange.runs.watchdog import watched
from failing_exchange.testing import determinism
from failing_exchange.testing.determinism import check_determinism

ROOT = Path(__file__).parent.parent
SYMBOL = "BTC/USDT"
PROGRAM = """
import sys
from failing_exchange.runs.bot_run import RunConfig, run
bot, seed, journal = sys.argv[1:]
modes = (("RANDOM", 0.1), ("MIXED", 0.1), ("STALE_DATA", 0.05), ("SLOW_RESPONSE", 0.05))
run(RunConfig(bot=bot, duration=1_800.0, seed=int(seed), modes=modes, journal=journal))
"""


def pythons() -> dict[str, str | None]:
    """Each supported Python that has what we need, by version; None where there is none."""
    found: dict[str, str | None] = {}
    for version in ("3.11", "3.12", "3.13"):
        own = f"{sys.version_info.major}.{sys.version_info.minor}" == version
        made = ROOT / f".venv-{version}" / "bin" / "python"  # by `make versions`
        other = str(made) if made.exists() else shutil.which(f"python{version}")
        found[version] = sys.executable if own else other
    return found


def journal_of(
    tmp_path: Path, bot: str, seed: int, *, python: str = sys.executable, hash_seed: str = "1"
) -> str:
    """The digest of a run's journal, in a process of its own."""
    path = tmp_path / f"{bot}-{seed}-{hash_seed}-{Path(python).name}"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [python, "-c", PROGRAM, bot, str(seed), str(path)],
        env=environment, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = path.read_bytes()
    assert text.count(b"\n") > 50
    return hashlib.sha256(text).hexdigest()


@cache
def can_run(python: str) -> bool:
    """Whether a Python has the libraries that a run needs."""
    probe = [python, "-c", "import time_machine, ccxt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("bot", ["naive", pytest.param("careful", marks=pytest.mark.slow)])
def test_a_run_is_the_same_in_every_process(tmp_path: Path, bot: str) -> None:
    """Whatever order sets and dicts of strings have there."""
    first = journal_of(tmp_path, bot, 7, hash_seed="1")
    assert journal_of(tmp_path, bot, 7, hash_seed="4242") == first
    assert journal_of(tmp_path, bot, 8, hash_seed="1") != first


OTHERS = [version for version, python in pythons().items() if python != sys.executable]


def other(version: str) -> str:
    """Another Python; the test is skipped where there is none."""
    python = pythons()[version]
    if python is None or not can_run(python):
        pytest.skip(f"no Python {version} with our libraries: `make versions` sets them up")
    return python


@pytest.mark.parametrize("version", OTHERS)
@pytest.mark.parametrize("bot", ["naive", "careful"])
def test_a_run_is_the_same_in_every_python(tmp_path: Path, version: str, bot: str) -> None:
    """A failure found on one version can be replayed on another."""
    python = other(version)
    assert journal_of(tmp_path, bot, 7, python=python) == journal_of(tmp_path, bot, 7)


WAITING = """
import asyncio, random, time, uuid
from asyncio import wait_for

from failing_exchange import FailingExchange, simulate

TOLD = []

async def main():
    x = FailingExchange(seed=3)
    x.set_failure_mode("MIXED", 0.2)

    async def ask(name, seconds):
        for n in range(40):
            try:
                ticker = await wait_for(x.fetch_ticker("BTC/USDT"), seconds + n * 0.0013)
                TOLD.append((name, asyncio.get_running_loop().time_ns(), ticker["last"]))
            except Exception as error:
                TOLD.append((name, asyncio.get_running_loop().time_ns(), type(error).__name__))
            try:
                async with asyncio.timeout(seconds):
                    await asyncio.wait_for(asyncio.Event().wait(), seconds * 0.7)
            except TimeoutError:
                TOLD.append((name, asyncio.get_running_loop().time_ns(), time.time_ns()))
            await asyncio.sleep(random.random())

    async with asyncio.TaskGroup() as group:
        for n in range(5):
            group.create_task(ask(n, 0.03 + 0.0111 * n))
    for seconds in (None, 1, 0, -1):
        done = asyncio.get_running_loop().create_future()
        done.set_result(seconds)
        TOLD.append(await asyncio.wait_for(done, seconds))
    TOLD.append(str(uuid.uuid4()))
    for trip in x.journal.trips:
        TOLD.append((trip.number, trip.born_at, trip.ended_at, trip.operation))

simulate(main())
print(TOLD)
"""


CLIENTS = """
import asyncio
import ccxt.async_support as ccxt

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

X = FailingExchange(seed=7)

async def main():
    many = [ccxt.binance({"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET}) for _ in range(4)]
    await asyncio.gather(*(one.load_markets() for one in many for _ in range(2)))
    for _ in range(3):
        await asyncio.gather(*(one.fetch_ticker("BTC/USDT") for one in many))
        try:
            await asyncio.wait_for(many[0].fetch_balance(), 0.03)
        except TimeoutError:
            print("TimeoutError")
        await many[1].create_order("BTC/USDT", "market", "buy", 0.01)
    for one in many:
        await one.close()

simulate(main(), venue=Binance(X))
print([(t.number, t.born_at, t.ended_at, t.account, t.operation) for t in X.journal.trips])
"""


THREADS = """
import asyncio, itertools, json, queue, sched, select, socket, sys, threading, time, uuid
import urllib.request
from concurrent.futures import ThreadPoolExecutor, as_completed

from failing_exchange import Binance, FailingExchange, simulate

TOLD = []

def tell(*what):
    TOLD.append((threading.current_thread().name, threading.get_ident(), time.time_ns(), *what))

def ask(path, timeout=10):
    url = f"https://api.binance.com/api/v3/{path}"
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return json.load(answer)

def locks():
    lock, changed, started = threading.RLock(), threading.Condition(), threading.Barrier(4)
    seats, held = threading.Semaphore(2), {f"key{n}" for n in range(20)}
    def work(name):
        started.wait()
        for n in range(6):
            with seats, lock:
                tell("has the lock", name, n)
            time.sleep(0.01 * (n % 3))
        with changed:
            changed.notify_all()
        tell(changed.acquire(timeout=0.5), len(held))
        changed.release()
    threads = [threading.Thread(target=work, args=(n,)) for n in "abc"]
    for thread in threads:
        thread.start()
    started.wait()
    with changed:
        tell("notified", changed.wait(5))
    for thread in threads:
        thread.join()

def pools():
    inbox = queue.PriorityQueue(2)
    def put(n):
        inbox.put((n % 5, n))
        return n, ask("ticker/price?symbol=BTCUSDT")["price"]
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(put, n) for n in range(12)]
        for _ in jobs:
            tell("got", inbox.get(timeout=60))
        for job in as_completed(jobs):
            tell("done", job.result())

def waits():
    timer = threading.Timer(2.5, tell, ("the timer",))
    timer.start()
    near, far = socket.socketpair()
    threading.Thread(target=lambda: (time.sleep(1), far.sendall(b"x"))).start()
    tell("readable", select.select([near], [], [], 5)[0] == [near], near.recv(9))
    plan = sched.scheduler(time.monotonic, time.sleep)
    for delay in (3, 1, 2):
        plan.enter(delay, 1, tell, (f"after {delay}",))
    plan.run()
    timer.join()
    try:
        ask("time", timeout=0.005)
    except TimeoutError:
        tell("TimeoutError")
    except OSError as error:
        tell(type(error.reason).__name__)

async def mixed():
    found = await asyncio.gather(*(asyncio.to_thread(ask, "time") for _ in range(5)))
    tell([one["serverTime"] for one in found], str(uuid.uuid4()))

def main():
    for story in (locks, pools, waits):
        story()
    asyncio.run(mixed())

for schedule in ("fifo", "random"):
    x = FailingExchange(seed=3, base_failure_rate=0.02)
    try:
        simulate(main, venue=Binance(x), seed=5, schedule=schedule)
    except OSError as error:
        TOLD.append(str(error))
    TOLD.append([(t.number, t.born_at, t.ended_at, t.operation) for t in x.journal.trips])
print(TOLD)
"""


BLOCKING_CCXT = """
import threading, time
import ccxt

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

X = FailingExchange(seed=7)
X.arm("delay_answer", operations="fetch_balance")
KEYS = {"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET, "timeout": 900}

def trade(kind, symbol):
    client = getattr(ccxt, kind)(KEYS)
    for n in range(5):
        try:
            client.create_order(symbol, "market", "sell" if n % 2 else "buy", 0.01)
            client.fetch_balance()
        except ccxt.RequestTimeout:
            print("TimeoutError", n)
        time.sleep(60)

def main():
    threads = [
        threading.Thread(target=trade, args=one)
        for one in (("binance", "BTC/USDT"), ("binanceusdm", "BTC/USDT:USDT"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

simulate(main, venue=Binance(X), schedule="random")
print([(t.number, t.born_at, t.ended_at, t.account, t.operation) for t in X.journal.trips])
"""


def told_by(python: str, program: str, hash_seed: str = "1") -> str:
    """What a program with deadlines sees: instants to the nanosecond, order, numbers of trips."""
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": hash_seed,
    }  # fmt: skip
    done = subprocess.run(
        [python, "-c", program], env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "TimeoutError" in done.stdout
    return done.stdout


@pytest.mark.parametrize("version", OTHERS)
@pytest.mark.parametrize(
    "program",
    [WAITING, CLIENTS, THREADS, BLOCKING_CCXT],
    ids=["deadlines", "ccxt", "threads", "blocking ccxt"],
)
def test_a_program_is_the_same_in_every_python(version: str, program: str) -> None:
    """`asyncio.wait_for` was rewritten in 3.12: what waited with it ended a nanosecond later, and
    clients that load their markets together met the venue in another order."""
    assert told_by(other(version), program) == told_by(sys.executable, program)


@pytest.mark.slow
@pytest.mark.parametrize("program", [THREADS, BLOCKING_CCXT], ids=["threads", "ccxt"])
def test_threads_are_the_same_in_every_process(program: str) -> None:
    """With all that they wait for, in both orders: whatever order sets of strings have there."""
    assert told_by(sys.executable, program) == told_by(sys.executable, program, hash_seed="4242")


# ---- what is armed beside changes nobody else's numbers


def trade(*beside: str, seed: int = 3) -> list[Any]:
    """Which of 300 calls one rule strikes, and how long each takes, with other rules beside it."""

    async def story() -> list[Any]:
        x = FailingExchange(seed=seed, connection_timeout=1)
        for name in beside:
            x.arm(name, chance(0.5), operations=("fetch_balance", "watch_ticker"))
        rule = x.arm("reject_request", chance(0.2), name="watched", operations="fetch_ticker")
        for _ in range(150):
            for call in (x.fetch_ticker(SYMBOL), x.fetch_balance()):
                try:
                    await call
                except FailingExchangeError:
                    continue
        assert rule.struck
        return [
            ([d.rule for d in t.struck], t.ended_at - t.born_at)
            for t in x.journal.trips
            if t.operation == "fetch_ticker"
        ]

    return simulate(story())


def test_one_more_rule_shifts_nobody_elses_numbers() -> None:
    """Neither the draws of the other rules nor any latency: a plan can be shrunk."""
    alone = trade()
    assert trade("lose_answer") == alone
    assert trade("delay_answer", "repeat_request", "lose_request") == alone
    assert trade(seed=4) != alone


def test_one_more_request_elsewhere_shifts_nobody_elses_numbers() -> None:
    """A retry, a feed or another client draws numbers of its own."""

    def run(noisy: bool) -> list[Any]:
        async def story() -> list[Any]:
            x = FailingExchange(seed=3)
            bob = x.client("bob")
            whom = {"operations": "fetch_ticker", "symbols": SYMBOL}
            x.arm("reject_request", chance(0.3), name="watched", **whom)
            for n in range(100):
                if noisy:
                    await bob.fetch_time()
                    await (x.fetch_ticker if n % 3 else x.watch_ticker)("ETH/USDT")
                try:
                    await x.fetch_ticker(SYMBOL)
                except FailingExchangeError:
                    continue
            return [
                (bool(t.struck), t.ended_at - t.born_at)
                for t in x.journal.trips
                if (t.account, t.operation, t.symbol) == ("main", "fetch_ticker", SYMBOL)
            ]

        return simulate(story())

    assert run(noisy=True) == run(noisy=False)


def test_a_recorded_plan_replays_without_dice() -> None:
    """What struck in one run strikes again in another seed's."""

    async def story(x: FailingExchange) -> str:
        outcome = ""
        for _ in range(100):
            try:
                await x.fetch_ticker(SYMBOL)
                outcome += "."
            except FailingExchangeError:
                outcome += "x"
        return outcome

    first = FailingExchange(seed=1, base_failure_rate=0.2)
    told = simulate(lambda: story(first))
    again = FailingExchange(seed=2)
    plan = again.replay(first.recorded())
    assert simulate(lambda: story(again)) == told
    assert "x" in told
    assert plan.unused() == []


@pytest.mark.slow
def test_a_bot_may_keep_a_notebook_as_in_every_other_run(tmp_path: Path) -> None:
    """There is one loader and one process for bots: what `run` accepts, this accepts."""
    path = tmp_path / "bot.py"
    path.write_text(
        "async def main(exchange, notebook):\n"
        "    notebook.book(await exchange.create_order('BTC/USDT', 'market', 'buy', 0.1))\n"
        "    raise ValueError(sorted(notebook.believed))\n"
    )
    report = check_determinism(f"{path}:main")
    assert report.same
    assert report.ending == "ended by ValueError: ['BTC', 'USDT']", "a market order costs fees"


CLIENT = """
import json, time, urllib.request

def main():
    while True:
        with urllib.request.urlopen("https://api.binance.com/api/v3/time") as answer:
            print(json.load(answer)["serverTime"])
        time.sleep(6 * 3600)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    "target", ["client.py", pytest.param("client.py:main", marks=pytest.mark.slow)]
)
def test_a_program_with_a_client_of_its_own_is_checked_with_its_venue(
    tmp_path: Path, target: str
) -> None:
    """Without one, each run ended at its first request, and nothing was compared."""
    (tmp_path / "client.py").write_text(CLIENT, encoding="utf-8")
    report = check_determinism(f"{tmp_path}/{target}")
    assert report.same
    assert report.lines >= 5, str(report)
    assert report.ending.startswith("ended by BudgetExceeded"), str(report)  # after a day


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="nothing is watched there")
def test_a_bot_that_never_waits_ends_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `run`: without a watchdog the comparison would never end."""
    bot, found = tmp_path / "bot.py", tmp_path / "trace"
    bot.write_text("async def main(exchange):\n    while True:\n        pass\n", encoding="utf-8")
    monkeypatch.setattr(determinism, "watched", partial(watched, 0.1))
    determinism._child(f"{bot}:main", "0", str(found), "0", "")
    assert "ended by Spins: it never waits" in found.read_text("utf-8")
