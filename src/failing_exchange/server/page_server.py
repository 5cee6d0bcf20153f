"""The live page at the control port: its files, and the feed that streams to each viewer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from failing_exchange.core.units import MILLISECOND
from failing_exchange.page.assets import HEADERS, asset
from failing_exchange.page.feed import VIEWERS_MAX, JournalWatch, LiveFeed
from failing_exchange.page.rows import row_of
from failing_exchange.server.messages import Reply

if TYPE_CHECKING:
    from failing_exchange.server.control_api import ControlApi
    from failing_exchange.server.http_connection import HttpConnection
    from failing_exchange.server.messages import Request

FEED = "/feed"
RULES_SHOWN_MAX = 200  # of those that are armed; GET /rules has all


class PageServer:
    """Streams what happens on a venue to those who look at its page.

    `ask` calls something on the venue's loop.
    """

    def __init__(self, api: ControlApi, ask: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        self._api = api
        self._ask = ask
        self._run = str(time.time_ns())  # another one after a restart: trips are counted anew
        venue = api.exchange.venue
        journal = api.exchange.journal
        watch = JournalWatch(journal.trips, lambda: journal.last, self._state)
        self._feed = LiveFeed(watch, ask, lambda trip: row_of(trip, venue.markets))

    def streams(self, request: Request) -> bool:
        """Whether a request asks for the feed."""
        return request.method == "GET" and request.path == FEED

    async def stream(self, connection: HttpConnection) -> Reply | None:
        """Send the feed on a connection, or return the refusal."""
        hello = await self._ask(self._hello)
        if connection.gone:
            return None
        if self._feed.full:
            body = f'{{"error":"{VIEWERS_MAX} viewers look already: close one of them"}}'
            return Reply(503, body.encode(), kind="application/json")
        fields = (f"{name}: {value}" for name, value in HEADERS)
        line = connection.stream("Content-Type: text/event-stream", *fields)
        viewer = self._feed.join(line, hello)
        connection.on_lost = lambda: self._feed.leave(viewer)
        return None

    def close(self) -> None:
        """End all feeds."""
        self._feed.close()

    def _hello(self) -> dict[str, Any]:
        """What stays as it is while the venue runs."""
        venue, trips = self._api.exchange.venue, self._api.exchange.journal.trips
        return {
            "run": self._run,
            "venue": " and ".join(one.speaker.title for one in self._api.venue.products.all),
            "seed": str(self._api.exchange.seed),
            "symbols": list(venue.markets),
            "accounts": list(venue.accounts),
            "changes": [
                {"name": one.name, "day": one.day, "before": one.before, "after": one.after}
                for features in venue.apis
                for one in features.table.changes
                if features.has(one.name) != one.on
            ],
            "judged": list(self._api.venue.judges),
            "last": self._api.exchange.journal.last,
            "first": trips[0].number if trips else 0,
            "viewers": len(self._feed.viewers) + 1,
        }

    def _state(self) -> dict[str, Any]:
        """What changes all the time: the clock, counters, what is armed."""
        exchange = self._api.exchange
        journal, armed = exchange.journal, exchange.armed
        return {
            "at": exchange.venue.clock.now() // MILLISECOND,
            "ok": self._api.health({})["ok"],
            "requests": journal.requests,
            "struck": journal.failed_requests,
            "limited": journal.limited,
            "armed": len(armed),
            "rules": [[rule.name, rule.met, rule.struck] for rule in armed[:RULES_SHOWN_MAX]],
            "sockets": len(self._api.venue.sockets.connections),
            "viewers": len(self._feed.viewers),
        }


def file_reply(request: Request) -> Reply | None:
    """A file of the page; it needs no token, for nothing in it is secret."""
    found = asset(request.path) if request.method == "GET" else None
    return None if found is None else Reply(200, found.body, HEADERS, kind=found.kind)
