"""The durable journal: what a client was told is still true after the process was killed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import sqlite3
import time
import tracemalloc
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis.stateful import rule

from failing_exchange import FailingExchange
from failing_exchange.core.auditor import audit
from failing_exchange.core.commands import Credit, SetMarketStatus
from failing_exchange.core.engine import Engine
from failing_exchange.core.market import MarketStatus
from failing_exchange.durable.command_log import LoggedEngine
from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.durable.group_commit import GroupCommit, WhenFull
from failing_exchange.durable.serialize import Graph, from_graph
from failing_exchange.durable.sqlite_store import SqliteStore, Stored
from failing_exchange.errors import ConfigurationError, ExchangeUnavailableError
from failing_exchange.faults.triggers import burst, by_hour, chance, nth
from tests.core.floor import without_empty_levels
from tests.core.test_engine_machine import MARKET, Everything
from tests.examples import machine

S = "BTC/USDT"


def run(story: Coroutine[Any, Any, Any]) -> Any:
    """Run a story in real time: the wall clock goes on from one process to the next."""
    return asyncio.run(story)


def crash(exchange: FailingExchange) -> None:
    """The process dies: what was committed stays, all else is gone, nothing is closed properly."""
    durable = exchange.venue.durable
    assert isinstance(durable, DurableJournal)
    durable.commits.drop()  # writes nothing: it lets go of the file, as the system would


def state_of(exchange: FailingExchange) -> str:
    """The whole state of the engine as text."""
    engine = exchange.venue.engine
    assert engine is not None
    flows = {
        m.liquidity.background: name
        for name, m in engine.state.markets.items()
        if m.liquidity.background
    }
    return Graph(flows).to_text(engine.state)


def commit(exchange: FailingExchange) -> None:
    """Write what was gathered now, rather than 2 ms later."""
    assert exchange.venue.durable is not None
    exchange.venue.durable.commits.commit()


async def trade(exchange: FailingExchange, count: int = 12) -> None:
    """Some orders that fill, some that rest, some that are canceled."""
    price = (await exchange.fetch_ticker(S))["last"]
    for n in range(count):
        away = 0.9 + 0.02 * n
        order = await exchange.create_order(S, "limit", "buy", 0.01, round(price * away, 2))
        if n % 3 == 2 and order["status"] == "open":
            await exchange.cancel_order(order["id"], S)
    await exchange.create_order(S, "market", "sell", 0.05)
    await exchange.create_order(S, "limit", "sell", 0.02, round(price * 1.2, 2))


async def both(path: Path, **options: Any) -> tuple[FailingExchange, str]:
    """A venue that has traded, then died; its exchange and its state as it was."""
    exchange = FailingExchange(seed=7, journal=DurableJournal(path, **options))
    await trade(exchange)
    commit(exchange)
    state = state_of(exchange)
    crash(exchange)
    return exchange, state


def again(path: Path, **options: Any) -> FailingExchange:
    """The venue of a journal, in a new process as it were."""
    return FailingExchange(journal=DurableJournal(path, **options))


def test_a_venue_comes_back_as_it_was(tmp_path: Path) -> None:
    """Orders, balances, ids, clocks: the state is the same in every part."""

    async def story() -> None:
        before, state = await both(tmp_path / "run.db")
        after = again(tmp_path / "run.db")
        await after.ready()
        assert await after.fetch_open_orders() == await before.fetch_open_orders()
        assert after.seed == 7
        engine = after.venue.engine
        assert engine is not None
        assert before.venue.engine is not None
        assert engine.state.next_order_id == before.venue.engine.state.next_order_id
        assert len(json.loads(state_of(after))) == len(json.loads(state))
        order = await after.create_order(S, "limit", "buy", 0.01, 30_000)
        assert int(order["id"]) == before.venue.engine.state.next_order_id
        assert after.journal.trips[0].number > before.journal.trips[-1].number - 2
        await after.close()

    run(story())


# ---- whatever may happen


class Paper:
    """Where a recorded engine writes, without a disk."""

    halted = False

    def __init__(self) -> None:
        self.rows: list[Stored] = []

    def command(self, at: int, events: int, text: str) -> None:
        """Write one down."""
        self.rows.append(Stored(len(self.rows) + 1, at, events, text))


class ComesBack(Everything):
    """All order types and all incidents, in any order, by a recorded engine."""

    def made(self) -> Engine:
        """One that is written down."""
        self.paper = Paper()
        self.middle: tuple[int, str] | None = None
        return LoggedEngine([(MARKET, None)], {}, cast(Any, self.paper))

    @rule()
    def keep(self) -> None:
        """A snapshot in the midst of it."""
        self.middle = (len(self.paper.rows), Graph({}).to_text(self.engine.state))

    def teardown(self) -> None:
        """Carried out again, from the start or from the snapshot, it is the same state."""
        if not hasattr(self, "paper"):
            return
        audit(self.engine)
        wanted = Graph({}).to_text(without_empty_levels(self.engine))
        for number, text in filter(None, (self.middle, (0, ""))):
            other = LoggedEngine([(MARKET, None)], {}, cast(Any, Paper()))
            if text:
                other.restore(from_graph(text, {}))
            other.replay(self.paper.rows[number:])
            other.advance(self.at)
            audit(other)
            assert Graph({}).to_text(without_empty_levels(other)) == wanted
        super().teardown()


TestComesBack = machine(ComesBack, 60, steps=40)
del Everything  # is run where it is written


# ---- faults


def test_armed_faults_come_back_with_their_counters(tmp_path: Path) -> None:
    """A test that arms the third request must strike the third, whoever dies in between."""

    async def story() -> None:
        exchange = FailingExchange(seed=7, journal=DurableJournal(tmp_path / "run.db"))
        exchange.arm("reject_request", nth(3), name="third", operations="fetch_balance")
        exchange.arm(
            "lose_answer", chance(0.123456789) & ~burst(0.1, 0.2), operations="cancel_order"
        )
        exchange.set_failure_mode("TIMEOUT", 0.0)
        await exchange.fetch_balance()
        await exchange.fetch_balance()
        exchange.arm("lose_answer", name="gone")
        exchange.disarm("gone")
        commit(exchange)
        crash(exchange)
        after = again(tmp_path / "run.db")
        assert [repr(rule) for rule in after.armed] == [repr(rule) for rule in exchange.armed]
        assert after.failure_mode == exchange.failure_mode
        with pytest.raises(ExchangeUnavailableError):
            await after.fetch_balance()
        assert after.get_failure_statistics()["total"] == 1
        assert after.journal.requests == exchange.journal.requests + 1
        assert after.journal.trips[0].request_number == 3
        after.reset()
        commit(after)
        crash(after)
        assert again(tmp_path / "run.db").armed == []

    run(story())


def test_a_fault_without_a_text_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A function of the test can't be kept; the fault does not just vanish."""

    async def story() -> None:
        exchange = FailingExchange(journal=DurableJournal(tmp_path / "run.db"))
        exchange.arm("lose_answer", by_hour(lambda hour: 0.5), name="mine")
        await exchange.fetch_balance()
        commit(exchange)
        crash(exchange)
        assert again(tmp_path / "run.db").armed == []

    run(story())
    assert "mine can't be armed again" in caplog.text


def test_a_snapshot_shortens_the_way_back(tmp_path: Path) -> None:
    """What is in the snapshot is not carried out again, and the state is the same."""

    async def story() -> None:
        exchange = FailingExchange(
            seed=7, journal=DurableJournal(tmp_path / "run.db", snapshot_every=10)
        )
        for _ in range(3):
            await trade(exchange)
            commit(exchange)
        await exchange.create_order(S, "limit", "buy", 0.01, 30_000)
        commit(exchange)
        crash(exchange)
        after = again(tmp_path / "run.db")
        await after.ready()
        recovered = cast(DurableJournal, after.venue.durable).recovered
        assert recovered is not None
        assert recovered.replayed < 10
        assert await after.fetch_open_orders() == await exchange.fetch_open_orders()
        assert await after.fetch_my_trades(S) == await exchange.fetch_my_trades(S)
        assert (await after.fetch_balance())["total"] == (await exchange.fetch_balance())["total"]
        audit(cast(Engine, after.venue.engine))
        await after.close()

    run(story())


def test_what_was_planned_still_happens(tmp_path: Path) -> None:
    """A halt that was to end after the crash ends."""

    async def story() -> None:
        exchange = FailingExchange(journal=DurableJournal(tmp_path / "run.db"))
        await exchange.operate(SetMarketStatus(S, MarketStatus.HALTED, 300_000_000))
        exchange.venue.plan_incident(100_000_000, Credit("main", "BTC", 5 * 10**8))
        commit(exchange)
        crash(exchange)
        after = again(tmp_path / "run.db")
        await after.ready()
        assert after.venue.market_of(S).status is MarketStatus.HALTED
        await asyncio.sleep(0.35)
        assert (await after.fetch_balance())["BTC"]["total"] == 105
        assert after.venue.market_of(S).status is MarketStatus.TRADING
        await after.close()

    run(story())


def test_the_clock_never_goes_back(tmp_path: Path) -> None:
    """Where the machine's clock was set back, the venue's goes on from its last instant."""

    async def story() -> None:
        exchange = FailingExchange(journal=DurableJournal(tmp_path / "run.db"))
        exchange.venue.clock.not_before = int((time.time() + 3_600) * 10**9)
        await exchange.fetch_balance()
        commit(exchange)
        last = exchange.venue.clock.now()
        crash(exchange)
        after = again(tmp_path / "run.db")
        await after.ready()
        assert last - 10**9 < after.venue.clock.now() < last + 60 * 10**9
        await after.close()

    run(story())


@pytest.mark.parametrize("full", list(WhenFull))
def test_a_full_disk_is_never_silent(
    tmp_path: Path, full: WhenFull, caplog: pytest.LogCaptureFixture
) -> None:
    """Halted, the venue refuses until there is room; else it goes on, and says at what price."""

    async def story() -> None:
        exchange = FailingExchange(journal=DurableJournal(tmp_path / "run.db", full=full, pages=40))
        for _ in range(30):
            with contextlib.suppress(ExchangeUnavailableError):
                await trade(exchange, 3)
            commit(exchange)
        if full is WhenFull.GO_ON:
            await exchange.fetch_balance()
            assert "WITHOUT a journal" in caplog.text
            return
        assert "every request is refused" in caplog.text
        with pytest.raises(ExchangeUnavailableError):
            await exchange.create_order(S, "limit", "buy", 0.01, 30_000)
        with pytest.raises(ExchangeUnavailableError):
            await exchange.fetch_balance()
        commits = cast(DurableJournal, exchange.venue.durable).commits
        cast(Any, commits.store)._db.execute("PRAGMA max_page_count = 100000")
        commits.commit()
        assert "can be written again" in caplog.text
        balance = (await exchange.fetch_balance())["total"]
        commit(exchange)
        crash(exchange)
        after = again(tmp_path / "run.db")
        assert (await after.fetch_balance())["total"] == balance
        await after.close()

    caplog.set_level(logging.WARNING)
    run(story())


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    """What is written is let go of; the file grows, the process does not."""
    commits = GroupCommit(SqliteStore(tmp_path / "run.db"), full=WhenFull.HALT)

    def gather() -> int:
        for n in range(3_000):
            commits.command(n, n, "x" * 200)
            commits.trip(n, "y" * 500, ("main", "create_order", S), n + 1)
        commits.commit()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        gather()
        before = gather()
        after = max(gather() for _ in range(3))
    finally:
        tracemalloc.stop()
        commits.close()
    assert after - before < 50_000


def test_a_halted_venue_keeps_only_so_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Refusals while the disk is full must not fill the memory; how many are missing is said."""
    monkeypatch.setattr("failing_exchange.durable.group_commit.HELD_TRIPS_MAX", 5)
    store = SqliteStore(tmp_path / "run.db")
    commits = GroupCommit(store, full=WhenFull.HALT)
    cast(Any, store)._db.execute("PRAGMA query_only = 1")
    for n in range(12):
        commits.trip(n, "{}", ("main", "fetch_time", ""), 1)
        commits.commit()
    cast(Any, store)._db.execute("PRAGMA query_only = 0")
    commits.commit()
    assert len(list(store.trips())) == 5
    assert "7 trips of meanwhile are missing" in caplog.text
    commits.close()


# ---- files that can't be used


def test_a_journal_of_an_older_version_is_refused(tmp_path: Path) -> None:
    """Read wrongly it would be worse than not read; the error says what to do."""
    path = tmp_path / "run.db"
    run(both(path))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 0")
    with pytest.raises(ConfigurationError, match="version 0.* new --journal file, .*0.2.0"):
        DurableJournal(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    """Somebody's database is not written over, nor is a text."""
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE customers (name)")
    (tmp_path / "text.db").write_text("no database at all, but a text " * 10)
    for name, says in (
        ("other.db", "another database"), ("text.db", "can't be opened"), ("no/run.db", "No such"),
    ):  # fmt: skip
        with pytest.raises(ConfigurationError, match=says):
            DurableJournal(tmp_path / name)


def test_one_venue_at_a_time(tmp_path: Path) -> None:
    """Two venues on one journal would destroy it."""
    first = DurableJournal(tmp_path / "run.db")
    with pytest.raises(ConfigurationError, match="in use by another venue"):
        DurableJournal(tmp_path / "run.db")
    first.close()
    DurableJournal(tmp_path / "run.db").close()


def test_another_world_is_refused(tmp_path: Path) -> None:
    """With another seed or other markets the same commands would mean something else."""
    run(both(tmp_path / "run.db"))
    for options in ({"seed": 8}, {"markets": [S]}, {"background": False}):
        with pytest.raises(ConfigurationError, match="was started with another"):
            FailingExchange(journal=tmp_path / "run.db", **cast(Any, options))
