"""The file of a durable journal: one venue has it, and what happens to it is noticed."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import pytest

from failing_exchange import FailingExchange
from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.durable.group_commit import GroupCommit, WhenFull
from failing_exchange.durable.sqlite_store import SqliteStore, WriteBatch
from failing_exchange.errors import ConfigurationError, ExchangeError, ExchangeUnavailableError
from tests.sources import ROOT
from tests.test_durable import S, commit, crash, run

DIES = """
import os, sys
from failing_exchange.durable.sqlite_store import WriteBatch, SqliteStore
store = SqliteStore(sys.argv[1])
batch = WriteBatch()
batch.commands.append((1, 5, 0, "what was acknowledged"))
if sys.argv[2] == "written":
    store.write(batch)
os._exit(9)
"""
OPENS = """
import sys
from failing_exchange.durable.sqlite_store import SqliteStore
SqliteStore(sys.argv[1])
"""


def in_a_process(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run something in a process of its own."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def commits_of(exchange: FailingExchange) -> GroupCommit:
    """What its venue writes with."""
    return cast(DurableJournal, exchange.venue.durable).commits


def waits(commits: GroupCommit) -> bool:
    """Whether something is to be written."""
    return commits.has_pending


# ---- one venue at a time


def named(path: Path, how: str) -> Path:
    """Another name of a file."""
    other = path.with_name(f"{how}.db")
    if how == "symbolic":
        other.symlink_to(path)
    elif how == "hard":
        other.hardlink_to(path)
    return path if how == "same" else other


@pytest.mark.parametrize("how", ["same", "symbolic", "hard"])
def test_a_second_venue_is_refused_by_any_name(tmp_path: Path, how: str) -> None:
    """Two venues on one file would destroy it; a link to it is the same file."""
    path = tmp_path / "run.db"
    store = SqliteStore(path)
    other = named(path, how)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="in use by another venue"):
            SqliteStore(other)
    store.close()
    with contextlib.closing(SqliteStore(other)) as found:
        assert not found.is_new


def test_a_second_process_is_refused_by_any_name(tmp_path: Path) -> None:
    """Also after this process has looked at the file by itself."""
    store = SqliteStore(tmp_path / "run.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "run.db")) as db:
        assert db.execute("SELECT count(*) FROM trips").fetchone() == (0,)
    found = in_a_process(OPENS, str(named(tmp_path / "run.db", "hard")))
    assert "in use by another venue" in found.stderr
    store.close()


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """To open a pipe would wait for ever."""
    path = tmp_path / "run.db"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(ConfigurationError, match="not a regular file"):
        SqliteStore("/dev/null" if kind == "device" else path)


# ---- killed


def test_the_tables_survive_a_kill_in_the_first_moment(tmp_path: Path) -> None:
    """They are in the file itself, not only in what SQLite keeps beside it."""
    path = tmp_path / "run.db"
    assert in_a_process(DIES, str(path), "nothing").returncode == 9
    for beside in tmp_path.glob("run.db-*"):
        beside.unlink()
    with contextlib.closing(SqliteStore(path)) as store:
        assert not store.is_new


def test_after_a_kill_another_name_loses_nothing(tmp_path: Path) -> None:
    """What was written last lies beside the old name; by a new one it would not be found."""
    path = tmp_path / "run.db"
    assert in_a_process(DIES, str(path), "written").returncode == 9
    with pytest.raises(ConfigurationError, match=r"as run\.db, and not closed"):
        SqliteStore(named(path, "hard"))
    with contextlib.closing(SqliteStore(named(path, "symbolic"))) as store:
        assert [found.text for found in store.commands(0)] == ["what was acknowledged"]
    with contextlib.closing(SqliteStore(tmp_path / "hard.db")) as store:
        assert store.last_command() == 1


# ---- while it runs


@pytest.mark.parametrize(
    ("event", "says"), [("deleted", "gone"), ("replaced", "gone"), ("read-only", "broken")]
)
@pytest.mark.parametrize("full", list(WhenFull))
def test_a_file_that_goes_away_is_noticed(
    tmp_path: Path, event: str, says: str, full: WhenFull, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """SQLite would write on into a file that has no name any more."""
    path = tmp_path / "run.db"

    async def story() -> None:
        exchange = FailingExchange(background=False, journal=DurableJournal(path, full=full))
        await exchange.create_order(S, "limit", "buy", 0.01, 30_000)
        commit(exchange)
        if event == "read-only":
            monkeypatch.setattr(os, "access", lambda *_: False)  # whoever runs this may be root
        else:
            path.rename(tmp_path / "away.db")
        if event == "replaced":
            path.write_bytes(b"")
        await exchange.create_order(S, "limit", "buy", 0.01, 30_000)
        commit(exchange)
        if full is WhenFull.GO_ON:
            assert commits_of(exchange).status == "given up"
            return
        assert commits_of(exchange).status == says
        with pytest.raises(ExchangeUnavailableError):
            await exchange.fetch_balance()
        monkeypatch.undo()
        if event != "read-only":
            (tmp_path / "away.db").rename(path)
        commit(exchange)
        assert commits_of(exchange).status == "written"
        assert len(await exchange.fetch_open_orders()) == 2
        await exchange.close()

    caplog.set_level(logging.WARNING)
    run(story())
    (first, *_) = (record.getMessage() for record in caplog.records)
    assert "can't be written" in first


def test_what_lies_beside_it_belongs_to_it(tmp_path: Path) -> None:
    """The newest part of a journal is in its -wal."""
    store = SqliteStore(tmp_path / "run.db")
    store.write(WriteBatch())
    (tmp_path / "run.db-wal").unlink()
    with pytest.raises(Exception, match=r"run\.db-wal is gone"):
        store.write(WriteBatch())
    store.close()


def test_a_foreign_lock_does_not_block_the_venue(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who looks at the database with a tool must not freeze all clients."""
    path = tmp_path / "run.db"

    async def story() -> None:
        exchange = FailingExchange(background=False, journal=DurableJournal(path))
        await exchange.create_order(S, "limit", "buy", 0.01, 30_000)
        commits, other = commits_of(exchange), sqlite3.connect(path, isolation_level=None)
        with contextlib.closing(other):
            other.execute("BEGIN IMMEDIATE")
            began = time.perf_counter()
            commits.commit()
            assert time.perf_counter() - began < 1
            assert waits(commits)
            await exchange.fetch_balance()
            assert caplog.records == []
            other.execute("COMMIT")
            commits.commit()
            assert not waits(commits)
            other.execute("BEGIN IMMEDIATE")
            await exchange.fetch_balance()
            commits.commit()
            assert commits._locked_since is not None
            commits._locked_since -= 6 * 10**9  # it goes on for six seconds
            commits.commit()
            assert commits.status == "locked"
            assert "until the other program lets go of it" in caplog.text
        commits.commit()
        assert commits.status == "written"
        await exchange.close()

    caplog.set_level(logging.WARNING)
    run(story())


def test_a_full_disk_is_called_full(tmp_path: Path) -> None:
    """The control API says so; it is no other trouble."""

    async def story() -> None:
        exchange = FailingExchange(
            background=False, journal=DurableJournal(tmp_path / "run.db", pages=40)
        )
        with pytest.raises(ExchangeUnavailableError):
            for n in range(1_000):
                await exchange.create_order(S, "limit", "buy", 0.001, 20_000 + n)
                commit(exchange)
        assert commits_of(exchange).status == "full"
        crash(exchange)

    run(story())


# ---- what is kept


def test_only_the_last_trips_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that runs for months must not fill the disk."""
    monkeypatch.setattr("failing_exchange.durable.sqlite_store.PRUNED_AT_ONCE", 10)
    store, numbers = SqliteStore(tmp_path / "run.db", keep=50), iter(range(1, 1_000))
    for _ in range(30):
        batch = WriteBatch()
        batch.trips = [(next(numbers), "{}") for _ in range(7)]
        store.write(batch)
        assert len(list(store.trips())) < 60
    store.close()
    with contextlib.closing(SqliteStore(tmp_path / "run.db")) as store:
        assert 50 <= len(list(store.trips())) < 60


def test_all_trips_are_kept_for_who_wants_it(tmp_path: Path) -> None:
    """0 is no limit; what is no number of trips is refused before anything begins."""
    DurableJournal(tmp_path / "run.db", keep=0).close()
    for keep in (-1, True, 1.5):
        with pytest.raises(ConfigurationError, match="expected a number of trips"):
            DurableJournal(tmp_path / "other.db", keep=keep)  # type: ignore[arg-type]


def test_kinds_that_the_venue_forgets_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks for ever new symbols must not fill the disk."""
    monkeypatch.setattr("failing_exchange.venue.request_counter.KINDS_COUNTED_MAX", 5)

    async def story() -> None:
        exchange = FailingExchange(background=False, journal=DurableJournal(tmp_path / "run.db"))
        for n in range(23):
            with contextlib.suppress(ExchangeError):
                await exchange.fetch_ticker(f"NO{n}/SUCH")
            if n % 3 == 0:
                commit(exchange)
        await exchange.close()
        with contextlib.closing(SqliteStore(tmp_path / "run.db")) as store:
            assert len(list(store.kinds())) <= 5

    run(story())


def test_requests_are_counted_by_the_highest_number(tmp_path: Path) -> None:
    """Answers may come in another order than the requests were sent in; none is counted twice."""

    async def story() -> None:
        exchange = FailingExchange(background=False, journal=DurableJournal(tmp_path / "run.db"))
        await exchange.ready()
        venue = exchange.venue
        trips = [venue.gateway.receive("main", "fetch_time", (), "", waits=0) for _ in range(3)]
        for trip in reversed(trips):
            venue.journal.tell(trip, venue.clock.now(), None)
        commit(exchange)
        crash(exchange)
        after = FailingExchange(background=False, journal=DurableJournal(tmp_path / "run.db"))
        await after.fetch_time()
        assert after.journal.trips[-1].request_number == 4
        await after.close()

    run(story())


def test_any_text_of_a_client_can_be_written(tmp_path: Path) -> None:
    """A half of a surrogate pair is no UTF-8, and must not stop the venue."""

    async def story() -> None:
        exchange = FailingExchange(background=False, journal=DurableJournal(tmp_path / "run.db"))
        with pytest.raises(ExchangeError):
            await exchange.fetch_ticker("\ud800/USDT")
        with contextlib.suppress(ExchangeError):
            await exchange.create_order(
                S, "limit", "buy", 0.01, 30_000, {"clientOrderId": "\ud800"}
            )
        commit(exchange)
        crash(exchange)
        after = FailingExchange(background=False, journal=DurableJournal(tmp_path / "run.db"))
        await after.fetch_open_orders()
        await after.close()

    run(story())
