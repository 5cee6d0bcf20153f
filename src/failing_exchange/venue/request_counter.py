"""Requests by their kind: how many of it a client has sent, and the key of their draws."""

from __future__ import annotations

from failing_exchange.core.chance import WORDS, key, words
from failing_exchange.journal.trip import Trip
from failing_exchange.venue.latency import Latency

KINDS_COUNTED_MAX = 100_000  # (client, operation, symbol) combinations; then counting begins anew


class Kind:
    """Requests of one client, operation and symbol."""

    __slots__ = ("_block", "_drawn_by", "_key", "_totals", "count")

    def __init__(self, latency_key: int) -> None:
        self.count = 0
        self._key = latency_key
        self._block = -1
        self._drawn_by: Latency | None = None
        self._totals: list[int] = []

    def halves(self, latency: Latency, request_number: int) -> tuple[int, int]:
        """The way there and the way back of the nth request, in nanoseconds.

        Drawn for some requests at a time, which costs a fraction of one after the other.
        """
        if self._block != request_number // WORDS or self._drawn_by is not latency:
            self._block, self._drawn_by = request_number // WORDS, latency
            self._totals = [latency(draw << 32) for draw in words(self._key, self._block)]
        total = self._totals[request_number % WORDS]
        there = total // 2
        return there, total - there


class Kinds:
    """All kinds that were met. The keys depend on the seed and the kind alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        self.rounds = 0  # how often counting has begun anew

    def count(self, trip: Trip) -> Kind:
        """Count a message of its kind; sets the trip's `request_number`."""
        name = (trip.account, trip.operation, trip.symbol)
        kind = self._kinds.get(name)
        if kind is None:
            if len(self._kinds) >= KINDS_COUNTED_MAX:
                self._kinds.clear()
                self.rounds += 1
            kind = self._kinds[name] = Kind(key(self._seed, "latency", *name))
        kind.count = trip.request_number = kind.count + 1
        return kind

    def of(self, trip: Trip) -> Kind:
        """The kind of a message that was counted already."""
        name = (trip.account, trip.operation, trip.symbol)
        return self._kinds.get(name) or Kind(key(self._seed, "latency", *name))

    @property
    def known(self) -> int:
        """How many kinds were met."""
        return len(self._kinds)

    def go_on(self, name: tuple[str, str, str], count: int) -> None:
        """Count on from where an earlier process has left a kind (client, operation, symbol)."""
        kind = self._kinds[name] = Kind(key(self._seed, "latency", *name))
        kind.count = count

    def of_echo(self, trip: Trip) -> Kind:
        """The kind of a second arrival: it is not counted, and has draws of its own."""
        return Kind(key(self._seed, "echo", trip.account, trip.symbol))
