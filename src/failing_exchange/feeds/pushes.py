"""The push engine: one way for every push, to a WebSocket and to a client in process alike.

A source (`feeds.sources`) or a step of the exchange (`feeds.account_events`) says what is new, and
`send` carries it through the pass to a receiver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND

if TYPE_CHECKING:
    from failing_exchange.feeds.sources import Source
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venue.venue_clock import Cancelable


class Receiver(Protocol):
    """Who a push is for."""

    def hear(self, trip: Trip) -> None:
        """A push has arrived: `trip.told`, damaged or refused where a fault wants that."""

    def lose(self, trip: Trip) -> None:
        """The connection breaks in the push's place."""

    def fail(self) -> None:
        """A bug of ours has cost the push, and with it the connection."""


def send(
    gateway: Gateway, name: str, operation: str, symbol: str, answer: Any, to: Receiver
) -> None:
    """Send a push as a trip of its own, so that faults reach it and the journal keeps it.

    `name` is what journal and faults call the receiver, `operation` the unified feed.
    """

    def arrive(trip: Trip) -> None:
        try:
            if trip.hung_up:
                to.lose(trip)
            else:
                gateway.tell(trip, to.hear)
        except Exception as bug:
            gateway.unanswered(bug, trip)
            to.fail()

    gateway.push(name, operation, symbol, answer, arrive)


class AwaitedFeed:
    """Market data of one receiver: what is new once a second, but only while it is awaited."""

    def __init__(self, venue: RunningVenue, name: str, source: Source, to: Receiver) -> None:
        self.pushed_at = -1  # the second of the last look
        self._venue = venue
        self._name = name
        self._source = source
        self._to = to
        self._timer: Cancelable | None = None

    def start(self) -> None:
        """Look now, unless this second has been looked at, and then each second."""
        if self._timer is None:
            self._tick()

    def stop(self) -> None:
        """Stop looking: no client waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        gateway, now = self._venue.gateway, self._venue.clock.now()
        second = now // SECOND
        self._timer = gateway.later((second + 1) * SECOND, self._tick)
        if second > self.pushed_at:
            gateway.settle(now)
            self.pushed_at = second
            for answer in self._new(now):
                operation, symbol = self._source.operation, self._source.symbol
                send(gateway, self._name, operation, symbol, answer, self._to)

    def _new(self, at: int) -> list[Any]:
        try:
            return list(self._source.new(at))
        except Reject as refused:  # a push can carry a refusal, too
            return [refused]
