"""Counts of requests, by what bounded labels tell them apart; the venue's loop adds to them.

They are plain numbers in dictionaries. Another thread reads copies, so it never holds up the loop.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from failing_exchange.core.units import MICROSECOND, MILLISECOND, SECOND
from failing_exchange.journal.trip import Limited
from failing_exchange.observe.trip_outcome import TripOutcome, outcome_of
from failing_exchange.text.spelling import printable

if TYPE_CHECKING:
    from collections.abc import Collection

    from failing_exchange.journal.trip import Trip

CLIENTS_MAX = 20  # clients with a label of their own; further ones are counted as OTHER
OPERATIONS_MAX = 100  # the same of operations: Binance has fewer
FAULTS_MAX = 200  # the same of faults: the catalogue has fewer, users may add their own
RULES_MAX = 100  # the same of rules of conduct
LABEL_LETTERS_MAX = 100  # of a label's value; the rest is cut off
OTHER, PUBLIC = "other", "public"  # PUBLIC: a request that belongs to no account

# Upper bounds of the buckets, in nanoseconds.
LATENCY_BOUNDS = tuple(
    n * MILLISECOND for n in (1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000,
                              60_000)
)  # fmt: skip
HANDLING_BOUNDS = tuple(
    n * MICROSECOND for n in (25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000,
                              100_000, 250_000, 1_000_000)
)  # fmt: skip
UNTOLD = (TripOutcome.LOST, TripOutcome.ABANDONED)


class LabelValues:
    """The values of one label: the first `most` are kept, later ones become OTHER.

    >>> values = LabelValues(2)
    >>> [values.of(name) for name in ("a", "b", "c", "a")]
    ['a', 'b', 'other', 'a']
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The value that stands for a name."""
        found = self._known.get(name)
        if found is None:
            if len(self._known) >= self.most:
                return OTHER
            found = self._known[name] = printable(name)[:LABEL_LETTERS_MAX]
        return found


@dataclass(slots=True)
class Histogram:
    """Durations in buckets; `bounds` and `total` are nanoseconds.

    >>> found = Histogram((10, 20))
    >>> for nanoseconds in (10, 11, 99):
    ...     found.add(nanoseconds)
    >>> found.counts, found.total
    ([1, 1, 1], 120)
    """

    bounds: tuple[int, ...]
    counts: list[int] = field(init=False)
    total: int = 0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, nanoseconds: int) -> None:
        """Count one duration."""
        self.counts[bisect_left(self.bounds, nanoseconds)] += 1
        self.total += nanoseconds

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound in seconds, number of durations up to it), as Prometheus wants them."""
        found, below = [], 0
        for bound, count in zip((*self.bounds, None), self.counts.copy(), strict=True):
            below += count
            found.append(("+Inf" if bound is None else str(bound / SECOND), float(below)))
        return found


@dataclass(slots=True)
class OperationCounts:
    """The requests of one operation: how they ended, and both durations."""

    outcomes: Counter[str] = field(default_factory=Counter)
    latency: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS))
    handling: Histogram = field(default_factory=lambda: Histogram(HANDLING_BOUNDS))


class RequestCounts:
    """Counts the requests of a venue from now on: `ended` is one of `Journal.readers`.

    `accounts`: the names of those that exist; any other client is counted as PUBLIC.
    """

    def __init__(self, accounts: Collection[str]) -> None:
        self.operations: dict[str, OperationCounts] = {}  # by label
        self.clients: Counter[tuple[str, str]] = Counter()  # (client, outcome)
        self.refusals: Counter[str] = Counter()  # by reason
        self.faults: Counter[tuple[str, str]] = Counter()  # (fault, stage), pushes included
        self.unrouted = 0  # requests for which the venue has no endpoint
        self._clients = LabelValues(CLIENTS_MAX)
        self._operations = LabelValues(OPERATIONS_MAX)
        self._faults = LabelValues(FAULTS_MAX)
        self._accounts = accounts

    def client_of(self, account: str) -> str:
        """The label of a client."""
        return self._clients.of(account) if account in self._accounts else PUBLIC

    def fault_of(self, label: str) -> str:
        """The label of a fault."""
        return self._faults.of(label)

    def ended(self, trip: Trip) -> None:
        """Count a trip that has ended."""
        for one in trip.struck:
            if not isinstance(one, Limited):
                self.faults[self._faults.of(one.label), str(one.stage)] += 1
        if trip.is_push or trip.echo_of:
            return
        outcome, counts = outcome_of(trip), self._of(trip.operation)
        counts.outcomes[outcome] += 1
        self.clients[self.client_of(trip.account), outcome] += 1
        if outcome in UNTOLD:
            return
        counts.latency.add(trip.told_at - trip.born_at)
        if outcome is TripOutcome.REFUSED:
            self.refusals[trip.told.reason] += 1

    def handled(self, request: Any, trip: Trip | None, nanoseconds: int) -> None:
        """Note how long the venue's loop was busy with a request; see `server.observing`."""
        if trip is None:
            self.unrouted += 1
        else:
            self._of(trip.operation).handling.add(nanoseconds)

    def _of(self, operation: str) -> OperationCounts:
        label = self._operations.of(operation)
        found = self.operations.get(label)
        if found is None:
            found = self.operations[label] = OperationCounts()
        return found
