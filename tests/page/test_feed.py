"""The live feed: bounded for every viewer, and told to each what it missed."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from failing_exchange.journal.trip import Trip
from failing_exchange.page import feed as feeds
from failing_exchange.page.feed import (
    OPEN_MAX,
    ROWS_MAX,
    VIEWERS_MAX,
    JournalWatch,
    LiveFeed,
    News,
    chosen,
)


class Line:
    """A viewer's connection, which reads or does not."""

    def __init__(self) -> None:
        self.sent = b""
        self.reads = True
        self.aborted = False

    def write(self, data: bytes, /) -> None:
        self.sent += data

    def get_write_buffer_size(self) -> int:
        return 0 if self.reads else len(self.sent)

    def abort(self) -> None:
        self.aborted = True

    def messages(self, kind: str) -> list[Any]:
        """What has come of one kind."""
        blocks = self.sent.decode().split("\n\n")[:-1]
        pairs = [block.removeprefix("event: ").split("\ndata: ", 1) for block in blocks]
        return [json.loads(data) for name, data in pairs if name == kind]


def trips(*numbers: int, ended: bool = True) -> list[Trip]:
    """Trips of these numbers."""
    found = [Trip(n, n, "main", "fetch_time", (), "") for n in numbers]
    for trip in found:
        trip.ended_at = 9 if ended else 0
    return found


def feed_of(journal: list[Trip]) -> LiveFeed:
    """A feed of a list that a test goes on writing."""
    kept = deque(journal)
    watch = JournalWatch(kept, lambda: kept[-1].number if kept else 0, lambda: {"armed": 0})

    async def ask(call: Callable[[], Any]) -> Any:
        return call()

    return LiveFeed(watch, ask, lambda trip: {"n": trip.number, "open": not trip.ended_at})


def look(found: list[Trip]) -> News:
    """What a look at the venue brings."""
    return News(found, [], found[-1].number if found else 0, None)


def run(story: Callable[[], Any]) -> None:
    """Run a story on a loop."""

    async def main() -> None:
        await asyncio.wait_for(story(), 10)

    asyncio.run(main())


def test_a_viewer_that_does_not_read_is_told_what_it_missed() -> None:
    """It gets no rows, costs no memory, and the other viewer nothing."""

    async def story() -> None:
        feed, stuck, other = feed_of([]), Line(), Line()
        for line in (stuck, other):
            feed.join(line, {"last": 0})
        feed.send(look(trips(1)))
        stuck.reads = False
        stuck.sent = b"x" * (feeds.VIEWER_BYTES_MAX + 1)
        for n in range(2, 500):
            feed.send(look(trips(n)))
        assert len(stuck.sent) == feeds.VIEWER_BYTES_MAX + 1
        assert len(other.messages("rows")) == 499
        stuck.reads, stuck.sent = True, b""
        feed.send(look(trips(500)))
        gap, rows = stuck.messages("rows")
        assert gap == {"rows": [], "gaps": [[2, 499]], "slow": True}
        assert [row["n"] for row in rows["rows"]] == [500]
        feed.close()

    run(story)


def test_a_viewer_that_never_reads_is_cut_off() -> None:
    """Its place is free for somebody who looks."""

    async def story() -> None:
        feed, line = feed_of([]), Line()
        viewer = feed.join(line, {"last": 0})
        line.reads, line.sent = False, b"x" * (feeds.VIEWER_BYTES_MAX + 1)
        for now in (0.0, feeds.STUCK_MAX, feeds.STUCK_MAX + 0.1):
            assert not line.aborted
            feeds.deliver(viewer, b"x", None, now)
        assert line.aborted
        feed.close()

    run(story)


def test_a_batch_is_bounded_and_names_its_gaps() -> None:
    """At full speed nobody can read every row: the struck ones come, and the last."""
    many = trips(*range(1, 1_001))
    many[499].struck = (object(),)  # type: ignore[assignment]
    shown, gaps = chosen(many)
    numbers = [trip.number for trip in shown]
    assert len(numbers) == ROWS_MAX
    assert numbers[0] == 500
    assert numbers[-1] == 1_000
    missing = sum(last - first + 1 for first, last in gaps)
    assert len(numbers) + missing == 1_000
    assert chosen(many[:ROWS_MAX]) == (many[:ROWS_MAX], [])


def test_a_request_under_way_is_sent_again_when_it_has_ended() -> None:
    """A row that said "nothing yet" becomes what the client was told."""
    journal = deque(trips(1, ended=False))
    watch = JournalWatch(journal, lambda: journal[-1].number, dict)
    first = watch.look(False)
    watch.wait_for(first.trips)
    assert watch.look(False) == News([], [], 1, None)
    journal[0].ended_at = 5
    assert watch.look(True) == News([], [journal[0]], 1, {})
    assert not watch.open
    watch.wait_for(trips(*range(2, OPEN_MAX + 100), ended=False))
    assert len(watch.open) == OPEN_MAX


def test_a_feed_begins_where_the_viewer_was_told() -> None:
    """Nothing is missed between the rows that a viewer asks for and those that come."""

    async def story() -> None:
        feed, line = feed_of(trips(1, 2, 3)), Line()
        feed.join(line, {"last": 1})
        await asyncio.sleep(0.01)
        assert line.messages("hello") == [{"last": 1}]
        [rows] = line.messages("rows")
        assert [row["n"] for row in rows["rows"]] == [2, 3]
        assert line.messages("state") == [{"armed": 0}]
        feed.close()
        assert line.aborted

    run(story)


def test_only_so_many_may_look() -> None:
    """Each further one would cost the exchange."""

    async def story() -> None:
        feed = feed_of([])
        viewers = [feed.join(Line(), {"last": 0}) for _ in range(VIEWERS_MAX)]
        full = [feed.full]
        feed.leave(viewers[0])
        assert [*full, feed.full] == [True, False]
        feed.close()

    run(story)


def test_viewers_hear_that_the_venue_is_busy() -> None:
    """A page that stands still says why."""

    async def story() -> None:
        feed, line = feed_of([]), Line()
        stuck = asyncio.Event()

        async def ask(call: Callable[[], Any]) -> Any:
            await stuck.wait()
            return call()

        feed._ask = ask
        feed.join(line, {"last": 0})
        for _ in range(200):
            await asyncio.sleep(0.002)
            if line.messages("busy"):
                break
        assert line.messages("busy")
        stuck.set()
        feed.close()

    before, feeds.BUSY_AFTER = feeds.BUSY_AFTER, 0.001
    try:
        run(story)
    finally:
        feeds.BUSY_AFTER = before


def test_a_row_that_cannot_be_made_costs_the_connections_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged, and the next viewer has a feed again."""

    async def story() -> None:
        feed, line, second = feed_of(trips(1)), Line(), Line()
        made = feed._row
        feed._row = lambda trip: made(None)  # type: ignore[arg-type]
        feed.leave(feed.join(Line(), {"last": 0}))
        feed.join(line, {"last": 0})
        await asyncio.sleep(0.01)
        assert line.aborted
        assert "feed has failed" in caplog.text
        feed._row = made
        feed.viewers.clear()
        feed.join(second, {"last": 0})
        await asyncio.sleep(0.01)
        assert second.messages("rows")
        feed.close()

    run(story)
