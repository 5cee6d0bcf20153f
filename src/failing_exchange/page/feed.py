"""The live feed: what came into the journal, sent to every viewer of the page in batches.

Each batch is made and encoded once, whatever the number of viewers, at most ten times a second and
only while somebody looks. What does not fit is left out and named as a gap, so that neither a fast
bot nor a slow viewer costs the exchange more than that.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip

VIEWERS_MAX = 50  # further ones are refused with 503
BATCH_EVERY = 0.1  # seconds between two batches: at most ten a second
STATE_EVERY = 10  # batches between two of what else has changed: one a second
ROWS_MAX = 50  # rows of a batch; of more trips those that faults struck come first, then the last
OPEN_MAX = 1_000  # trips that are sent again when they end; later ones stay as they were sent
VIEWER_BYTES_MAX = 1 << 18  # that wait for one viewer; then it misses batches, and is told which
BUSY_AFTER = (
    1.0  # seconds without a turn of the venue, after which viewers are told that it is busy
)
STUCK_MAX = 60.0  # seconds for which a viewer may read nothing; then its connection is broken

logger = logging.getLogger("failing_exchange.page")
Gap = tuple[int, int]  # the first and the last trip that a viewer was not sent


class Line(Protocol):
    """Where the messages of one viewer are written: an asyncio transport."""

    def write(self, data: bytes, /) -> None:
        """Send bytes, or keep them until they can be sent."""

    def get_write_buffer_size(self) -> int:
        """How many bytes wait."""

    def abort(self) -> None:
        """Break the connection."""


class News(NamedTuple):
    """What was found on the venue at one time: new trips, those that have ended, what is around."""

    trips: list[Trip]
    ended: list[Trip]
    last: int
    state: dict[str, Any] | None


@dataclass(slots=True, eq=False)
class Viewer:
    """One viewer. `gap`: what it has missed since it stopped reading, `stuck`: since when."""

    line: Line
    gap: Gap | None = None
    stuck: float | None = None


@dataclass(slots=True)
class JournalWatch:
    """Finds what is new in a journal; it runs where the journal is written.

    `state`: makes what else viewers are shown, once a second.
    """

    trips: deque[Trip]
    last: Callable[[], int]
    state: Callable[[], dict[str, Any]]
    seen: int = 0
    open: dict[int, Trip] = field(default_factory=dict)

    def look(self, with_state: bool) -> News:
        """What has come since the last look."""
        last = self.last()
        found = list(islice(reversed(self.trips), min(last - self.seen, len(self.trips))))
        found.reverse()
        ended = [trip for trip in self.open.values() if trip.ended_at]
        for trip in ended:
            del self.open[trip.number]
        self.seen = last
        return News(found, ended, last, self.state() if with_state else None)

    def wait_for(self, trips: Iterable[Trip]) -> None:
        """Send these again when they end."""
        for trip in trips:
            if not trip.ended_at and len(self.open) < OPEN_MAX:
                self.open[trip.number] = trip


class LiveFeed:
    """Sends every viewer what is new. It lives on one loop, beside the venue's.

    `ask` calls something on the venue's loop, where `watch` looks for what is new; `row` makes a
    row of a trip.
    """

    def __init__(
        self,
        watch: JournalWatch,
        ask: Callable[[Callable[[], Any]], Awaitable[Any]],
        row: Callable[[Trip], dict[str, Any]],
    ) -> None:
        self.viewers: dict[Viewer, None] = {}
        self._watch = watch
        self._ask = ask
        self._row = row
        self._task: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether no further viewer is let in."""
        return len(self.viewers) >= VIEWERS_MAX

    def join(self, line: Line, hello: dict[str, Any]) -> Viewer:
        """Send a viewer all that comes from now on.

        Its first message is `hello`, whose `last` is the last trip that it has to ask for itself.
        """
        viewer = Viewer(line)
        if self._task is None:
            self._watch.seen = hello["last"]
            self._watch.open.clear()
            self._task = asyncio.get_running_loop().create_task(self._run())
        self.viewers[viewer] = None
        last = max(hello["last"], self._watch.seen)
        line.write(message("hello", {**hello, "last": last}))
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """A viewer is gone. Without any the feed rests."""
        self.viewers.pop(viewer, None)

    def close(self) -> None:
        """Break all connections."""
        for viewer in list(self.viewers):
            viewer.line.abort()
        self.viewers.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        """Send batches as long as somebody looks; a bug of ours costs the connections alone."""
        turn = 0
        try:
            while self.viewers:
                self.send(await self._look(turn % STATE_EVERY == 0))
                turn += 1
                await asyncio.sleep(BATCH_EVERY)
        except Exception:
            logger.exception("The page's feed has failed; its viewers connect again")
            for viewer in list(self.viewers):
                viewer.line.abort()
        finally:
            if self._task is asyncio.current_task():
                self._task = None

    async def _look(self, with_state: bool) -> News:
        """Look for news; as long as the venue gives no turn, viewers are told so."""
        work = asyncio.ensure_future(self._ask(partial(self._watch.look, with_state)))
        try:
            while not (await asyncio.wait({work}, timeout=BUSY_AFTER))[0]:
                self._write_all(message("busy", {}), None)
            found: News = await work
            return found
        finally:
            work.cancel()

    def send(self, news: News) -> None:
        """Send what is new to all viewers."""
        shown, gaps = chosen(news.trips)
        self._watch.wait_for(shown)
        rows = [self._row(trip) for trip in (*news.ended, *shown)]
        data = message("rows", {"rows": rows, "gaps": gaps}) if rows or gaps else b""
        if news.state is not None:
            data += message("state", news.state)
        if not data:
            return
        reach = (news.trips[0].number, news.last) if news.trips else None
        self._write_all(data, reach)

    def _write_all(self, data: bytes, reach: Gap | None) -> None:
        now = asyncio.get_running_loop().time()
        for viewer in list(self.viewers):
            deliver(viewer, data, reach, now)


def deliver(viewer: Viewer, data: bytes, reach: Gap | None, now: float) -> None:
    """Write a batch for one viewer, or note that it misses the trips of `reach`."""
    line = viewer.line
    if line.get_write_buffer_size() > VIEWER_BYTES_MAX:
        if viewer.stuck is None:
            viewer.stuck = now
        elif now - viewer.stuck > STUCK_MAX:
            line.abort()
        if reach is not None:
            viewer.gap = (viewer.gap[0] if viewer.gap else reach[0], reach[1])
        return
    viewer.stuck = None
    if viewer.gap is not None:
        line.write(message("rows", {"rows": [], "gaps": [viewer.gap], "slow": True}))
        viewer.gap = None
    line.write(data)


def chosen(trips: list[Trip]) -> tuple[list[Trip], list[Gap]]:
    """The trips that a batch shows, in their order, and the gaps between them."""
    if len(trips) <= ROWS_MAX:
        return trips, []
    struck = [trip for trip in trips if trip.struck][:ROWS_MAX]
    kept = {trip.number for trip in struck}
    for trip in reversed(trips):
        if len(kept) >= ROWS_MAX:
            break
        kept.add(trip.number)
    shown = [trip for trip in trips if trip.number in kept]
    gaps, before = [], trips[0].number - 1
    for number in [*(trip.number for trip in shown), trips[-1].number + 1]:
        if number - before > 1:
            gaps.append((before + 1, number - 1))
        before = number
    return shown, gaps


def message(kind: str, data: dict[str, Any]) -> bytes:
    """One server-sent event (HTML standard, 9.2), in ASCII."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {text}\n\n".encode()
