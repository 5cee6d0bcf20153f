"""The journal: two columns, bounded in memory, whole on disk, comparable between runs."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import ConfigurationError, FailingExchange, simulate
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.triggers import nth
from failing_exchange.journal.file import JournalFile, diff, load
from failing_exchange.journal.journal import (
    FAILED_KEPT_MAX,
    LATENCIES_KEPT_MAX,
    ROWS_KEPT_MAX,
    TRIPS_KEPT_MAX,
    Journal,
)
from failing_exchange.journal.serialize import line, plain

SYMBOL = "BTC/USDT"
Story = Callable[[FailingExchange], Awaitable[None]]


def run(story: Story, **options: Any) -> FailingExchange:
    made = []

    async def main() -> None:
        async with FailingExchange(**options) as exchange:
            made.append(exchange)
            await story(exchange)

    simulate(main())
    return made[0]


async def trade(x: FailingExchange) -> None:
    """Some of everything: answers, refusals, losses, pushes, incidents, an order under way."""
    x.arm("lose_answer", nth(2), operations="create_order")
    watching = asyncio.ensure_future(x.watch_orders())
    await asyncio.sleep(0.01)
    for side in ("buy", "buy", "sell"):
        try:
            await x.create_order(SYMBOL, "market", side, 0.01)
        except TimeoutError:
            await x.fetch_closed_orders(SYMBOL)
    with pytest.raises(Exception, match="Symbol"):
        await x.fetch_ticker("NO/SUCH")
    await x.fetch_balance()
    await watching


def fill(journal: Journal, times: int, told: Any = 1) -> None:
    """So many requests at one instant each."""
    for at in range(times):
        trip = journal.open(at, "main", "fetch_time", (), "")
        journal.tell(trip, at + 5, told)


# ---- in memory


def test_both_columns_are_kept() -> None:
    """What happened, and what the client was told: a lost answer is nothing."""
    exchange = run(trade)
    placed = [trip for trip in exchange.journal.trips if trip.operation == "create_order"]
    assert [type(trip.happened[-1]).__name__ for trip in placed] == ["OrderFilled"] * 3
    assert [trip.told is None for trip in placed] == [False, True, False]
    refused = next(trip for trip in exchange.journal.trips if trip.symbol == "NO/SUCH")
    assert isinstance(refused.told, Reject)
    assert refused.failed
    assert refused.told.__traceback__ is None, "no frames are kept alive"


def test_memory_is_bounded_however_long_it_runs() -> None:
    """The oldest trips are forgotten; counters go on over all."""
    journal = Journal()
    fill(journal, 3 * TRIPS_KEPT_MAX, told=Reject(Reason.UNAVAILABLE, "no"))
    assert TRIPS_KEPT_MAX - 1_000 < len(journal.trips) <= TRIPS_KEPT_MAX + 1_000
    assert journal.requests == journal.ended == 3 * TRIPS_KEPT_MAX
    assert len(journal.latencies) <= LATENCIES_KEPT_MAX
    assert len(journal._to_repeat) <= FAILED_KEPT_MAX
    assert journal.trips[-1].number == 3 * TRIPS_KEPT_MAX


@pytest.mark.slow
def test_memory_is_flat() -> None:
    """Four times as many trips take no more of it."""
    journal = Journal(keep=1_000)
    used = []
    tracemalloc.start()
    try:
        for _ in range(4):
            fill(journal, 5_000)
            gc.collect()
            used.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert used[-1] < used[0] * 1.2


@pytest.mark.slow
def test_long_answers_weigh_more() -> None:
    """A year of candles is not kept ten thousand times."""

    async def story(x: FailingExchange) -> None:
        for _ in range(1_500):
            await x.fetch_ohlcv(SYMBOL, "1h", limit=1_500)
            x.journal.latencies.clear()
        kept = sum(len(trip.told.bars) for trip in x.journal.trips if trip.told)
        assert kept <= ROWS_KEPT_MAX + 3 * 256 * 1_500
        assert len(x.journal.trips) < 1_200

    run(story, latency=None)


def test_a_trip_is_found_by_its_number() -> None:
    """As long as it is kept."""
    journal = Journal(keep=1_000)
    fill(journal, 3_000)
    assert journal.find(2_999).number == 2_999
    for gone in (1, 0, 3_001):
        with pytest.raises(ConfigurationError, match="not kept"):
            journal.find(gone)
    with pytest.raises(ConfigurationError, match="not kept"):
        Journal().find(1)


def test_pushes_and_echoes_are_no_requests() -> None:
    """A feed that works well must not hide that every second request fails."""

    async def story(x: FailingExchange) -> None:
        for _ in range(5):
            await x.watch_ticker(SYMBOL)
        x.arm("repeat_request", operations="create_order")
        await x.create_order(SYMBOL, "limit", "buy", 0.01, 30_000)
        await asyncio.sleep(60)
        assert len(x.journal.trips) > 6
        assert (x.journal.requests, x.journal.ended, x.journal.succeeded) == (1, 1, 1)

    run(story)


# ---- on disk


def test_the_file_holds_what_memory_holds(tmp_path: Path) -> None:
    """Line by line as it runs; loaded in the order of the trips' numbers."""
    path = tmp_path / "journal"
    exchange = run(trade, journal=str(path))
    rows = load(path)
    assert rows == [json.loads(text) for text in exchange.journal.lines()]
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))


def test_the_file_is_written_while_it_runs(tmp_path: Path) -> None:
    """A run that is killed leaves what there was."""
    path = tmp_path / "journal"

    async def story(x: FailingExchange) -> None:
        await x.fetch_time()
        for _ in range(3):
            before = len(path.read_text().splitlines())
            await x.fetch_time()
            assert len(path.read_text().splitlines()) == before + 1

    run(story, journal=str(path))


def test_what_is_under_way_at_the_end_is_written_too(tmp_path: Path) -> None:
    """An order whose answer nobody heard is the most interesting one."""
    path = tmp_path / "journal"

    async def story(x: FailingExchange) -> None:
        x.arm("delay_answer", seconds=100)
        with pytest.raises(TimeoutError):
            await x.create_order(SYMBOL, "limit", "buy", 0.01, 30_000)

    run(story, journal=str(path), connection_timeout=1)
    last = load(path)[-1]
    assert last["operation"] == "create_order"
    assert last["happened"]
    assert last["told"] is None
    assert last["gave_up"]
    assert not last["ended"]


def test_a_journal_that_is_closed_twice_and_used_again_loses_nothing(tmp_path: Path) -> None:
    """One client closes, another goes on."""
    path = tmp_path / "journal"
    journal = Journal(path=path)
    fill(journal, 2)
    journal.close()
    journal.close()
    fill(journal, 2)
    journal.close()
    assert [row["number"] for row in load(path)] == [1, 2, 3, 4]


@pytest.mark.parametrize("place", ["", "missing/journal"], ids=["folder", "missing folder"])
def test_an_unwritable_path_is_told_at_once(tmp_path: Path, place: str) -> None:
    """Not after an hour of running."""
    with pytest.raises(ConfigurationError, match="can't be written"):
        FailingExchange(journal=str(tmp_path / place))


def test_a_journal_that_is_deleted_is_noticed(tmp_path: Path) -> None:
    """What is written to a file without a name is gone when the run ends."""
    path = tmp_path / "journal"
    journal = Journal(path=path)
    fill(journal, 2)
    path.rename(tmp_path / "moved")
    fill(journal, 2)
    assert len((tmp_path / "moved").read_text().splitlines()) == 5
    (tmp_path / "moved").unlink()
    with pytest.raises(ConfigurationError, match="the file was deleted"):
        fill(journal, 1)
    journal.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full disk at hand")
@pytest.mark.parametrize("latency", [None, "auto"])
def test_a_full_disk_stops_the_run(latency: object) -> None:
    """A journal with holes would be worse than none."""

    async def story() -> None:
        x = FailingExchange(journal="/dev/full", latency=latency)
        while True:
            try:
                await x.fetch_time()
            except Exception:
                await asyncio.sleep(1)

    with pytest.raises(ConfigurationError, match="No space left"):
        simulate(story())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full disk at hand")
def test_a_file_that_can_not_be_written_is_not_left_open() -> None:
    """A test suite with many exchanges and a full disk would run out of files as well."""
    before = os.listdir("/dev/fd")
    with pytest.raises(ConfigurationError, match="No space left"):
        JournalFile("/dev/full")
    assert len(os.listdir("/dev/fd")) == len(before)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "first line is ''"),
        ('{"journal": 99}\n', "version"),
        ('{"number": 1}\n', "version"),
        ('{"journal": 1}\n{"number": 1', "line 2"),
        ('{"journal": 1}\n{"at": 1}\n', "line 2"),
        ("hello", "hello"),
        ("[" * 100_000, "version"),
        ('{"journal": 1}\n' + "[" * 100_000, "line 2"),
    ],
)
def test_what_is_no_journal_is_told_so(tmp_path: Path, text: str, says: str) -> None:
    """With the line that can't be read."""
    path = tmp_path / "journal"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        load(path)


def test_a_missing_journal_is_told_so(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(ConfigurationError, match="gone"):
        load(tmp_path / "gone")


# ---- compared


def test_two_runs_differ_first_where_they_part(tmp_path: Path) -> None:
    """`diff` shows the first trip that is not the same in both."""
    paths = [tmp_path / name for name in "abc"]

    def story(count: int, amount: float) -> Story:
        async def place(x: FailingExchange) -> None:
            for n in range(count):
                await x.create_order(SYMBOL, "limit", "buy", amount if n == 2 else 0.01, 30_000)

        return place

    run(story(4, 0.01), journal=str(paths[0]))
    run(story(4, 0.02), journal=str(paths[1]))
    run(story(3, 0.01), journal=str(paths[2]))
    first, second, third = (load(path) for path in paths)
    assert diff(first, first) is None
    found = diff(first, second)
    assert found is not None
    assert [side["message"][3] for side in found if side] == [0.01, 0.02]
    found = diff(first, third)
    assert found is not None
    assert found[0] is not None
    assert found[1] is None


def test_any_value_can_be_written() -> None:
    """A bot may pass anything; its address must not differ from run to run."""

    class Own:
        pass

    value = {1: Own(), "a": [1.5, None, (True, Reason.BANNED)], "r": Reject(Reason.BANNED, "x")}
    assert plain(value) == {
        "1": "<Own>",
        "a": [1.5, None, [True, "banned"]],
        "r": {"reject": "banned", "text": "x", "until": None},
    }
    journal = Journal()
    trip = journal.open(0, "main", "create_order", (float("inf"), "é\ud800"), "")
    assert json.loads(line(trip))["message"][0] == float("inf")


def test_readers_hear_of_each_trip_that_ends() -> None:
    """The auditor and the terminal listen here."""
    heard: list[int] = []

    async def story(x: FailingExchange) -> None:
        x.journal.readers.append(lambda trip: heard.append(trip.number))
        await x.fetch_time()
        await x.fetch_time()

    exchange = run(story)
    assert heard == [trip.number for trip in exchange.journal.trips if trip.operation != "(market)"]
    assert sys.getsizeof(exchange.journal.dump()) > 0
