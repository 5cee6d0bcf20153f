"""What else a durable journal keeps, and against what: limits, maintenances, a loss of power."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from failing_exchange import FailingExchange
from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.durable.sqlite_store import SqliteStore, Survives
from failing_exchange.errors import RateLimitError
from tests.test_durable import S, again, commit, crash, run


def test_what_stood_before_the_engine_stands_there_again(tmp_path: Path) -> None:
    """A rate limit and a maintenance that were planned while it ran; and those taken away."""

    async def story() -> None:
        exchange = FailingExchange(seed=7, journal=DurableJournal(tmp_path / "run.db"))
        await exchange.fetch_ticker(S)
        exchange.set_rate_limit(6)
        exchange.schedule_maintenance(datetime(2040, 1, 1, tzinfo=UTC), 30, "later")
        commit(exchange)
        crash(exchange)
        after = again(tmp_path / "run.db")
        await after.fetch_ticker(S)
        with pytest.raises(RateLimitError):
            await after.fetch_ticker(S)
        (window,) = after.venue.maintenance.windows
        assert (window.message, window.duration) == ("later", 1_800 * 10**9)
        after.reset()
        commit(after)
        crash(after)
        last = again(tmp_path / "run.db")
        for _ in range(3):
            await last.fetch_ticker(S)
        assert (last.venue.rate_gate, last.venue.maintenance.windows) == (None, [])
        await last.close()

    run(story())


@pytest.mark.parametrize(("survives", "wanted"), [("kill", 1), ("power-loss", 2)])
def test_who_wants_it_has_each_commit_on_the_disk(
    tmp_path: Path, survives: str, wanted: int
) -> None:
    """SQLite's own scale: 1 leaves it to the system, 2 waits for the disk."""
    store = SqliteStore(tmp_path / "run.db", survives=Survives(survives))
    assert store._db.execute("PRAGMA synchronous").fetchone() == (wanted,)
    store.close()
