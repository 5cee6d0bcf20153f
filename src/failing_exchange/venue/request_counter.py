"""Counts requests by client, operation and symbol; their latencies are drawn by these numbers."""

from __future__ import annotations

from failing_exchange.core.chance import WORDS, key, words
from failing_exchange.journal.trip import Trip
from failing_exchange.venue.latency import Latency

KINDS_COUNTED_MAX = 100_000  # (client, operation, symbol) combinations; then counting begins anew


class RequestKind:
    """Requests of one client, operation and symbol."""

    __slots__ = ("_block", "_drawn_by", "_key", "_totals", "count")

    def __init__(self, latency_key: int) -> None:
        self.count = 0
        self._key = latency_key
        self._block = -1
        self._drawn_by: Latency | None = None
        self._totals: list[int] = []

    def one_way(self, latency: Latency, request_number: int) -> tuple[int, int]:
        """The latencies of a request and of its reply, in nanoseconds: half of the total each.

        Drawn in blocks, which costs a fraction of single draws.
        """
        if self._block != request_number // WORDS or self._drawn_by is not latency:
            self._block, self._drawn_by = request_number // WORDS, latency
            self._totals = [latency(draw << 32) for draw in words(self._key, self._block)]
        total = self._totals[request_number % WORDS]
        there = total // 2
        return there, total - there


class RequestCounter:
    """All kinds of requests met so far. A kind's draws depend on the seed and its name alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._kinds: dict[tuple[str, str, str], RequestKind] = {}
        self.resets = 0  # how often counting has begun anew

    def count(self, trip: Trip) -> RequestKind:
        """Count a message; sets the trip's `request_number`."""
        name = (trip.account, trip.operation, trip.symbol)
        kind = self._kinds.get(name)
        if kind is None:
            if len(self._kinds) >= KINDS_COUNTED_MAX:
                self._kinds.clear()
                self.resets += 1
            kind = self._kinds[name] = self._new(name)
        kind.count = trip.request_number = kind.count + 1
        return kind

    def of(self, trip: Trip) -> RequestKind:
        """The kind of a message that was counted already."""
        name = (trip.account, trip.operation, trip.symbol)
        return self._kinds.get(name) or self._new(name)

    def of_echo(self, trip: Trip) -> RequestKind:
        """The kind of a second arrival: it is not counted, and has draws of its own."""
        return RequestKind(key(self._seed, "echo", trip.account, trip.symbol))

    def resume(self, name: tuple[str, str, str], count: int) -> None:
        """Go on from the count at which an earlier process left a (client, operation, symbol)."""
        kind = self._kinds[name] = self._new(name)
        kind.count = count

    def _new(self, name: tuple[str, str, str]) -> RequestKind:
        return RequestKind(key(self._seed, "latency", *name))

    @property
    def known(self) -> int:
        """The number of kinds met."""
        return len(self._kinds)
