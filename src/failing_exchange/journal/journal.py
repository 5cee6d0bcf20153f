"""The journal in memory: trips in order, and counters of all requests; see `Journal`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.reject import Reject
from failing_exchange.errors import ConfigurationError
from failing_exchange.journal.serialize import line
from failing_exchange.journal.trace import trace, tracing
from failing_exchange.journal.trip import BUG, MARKET, UNHEARD, Decision, Edited, Limited, Trip

if TYPE_CHECKING:
    import logging
    from pathlib import Path

    from failing_exchange.core.events import Event
    from failing_exchange.journal.file import JournalFile

TRIPS_KEPT_MAX = 10_000  # the oldest are forgotten; with a file, they are on disk
ROWS_KEPT_MAX = 500_000  # entries of the kept answers (candles, levels, orders); likewise
LATENCIES_KEPT_MAX = 10_000  # of the last requests, for averages and percentiles
FAILED_KEPT_MAX = 10_000  # requests that failed and were not repeated yet, for the retry rate
CHUNK = 256  # trips are forgotten in chunks of this size, as many as their answers are long
COUNTERS = (  # attributes of a journal that a later process goes on from
    "last", "requests", "succeeded", "unheard", "failed_requests", "limited", "repeats",
)  # fmt: skip


@dataclass(slots=True)
class _Chunk:
    """`CHUNK` trips, from the number `first` on; `rows`: of what was told meanwhile."""

    first: int
    rows: int = 0


class Failure(NamedTuple):
    """A line of the failure timeline: the instant, the label of the fault, and the trip."""

    at: int
    label: str
    details: str


class Journal:
    """Keeps the trips of a venue in two columns: what happened, and what the client was told.

    The last `keep` trips are kept in memory; with `path`, all of them are written to a file, a line
    of JSON for each trip that ends (`journal.file`). `close` adds the trips under way.

    Counters cover all requests, whether kept or not; pushes and second arrivals are not requests.

    >>> journal = Journal()
    >>> trip = journal.open(0, "main", "fetch_time", (), "")
    >>> journal.tell(trip, 40, "12:00")
    >>> trip.happened, trip.told, journal.succeeded
    ((), '12:00', 1)
    """

    def __init__(self, *, keep: int = TRIPS_KEPT_MAX, path: str | Path | None = None) -> None:
        self.trips: deque[Trip] = deque()
        self.failures: deque[Failure] = deque(maxlen=keep)
        self.latencies: deque[int] = deque(maxlen=LATENCIES_KEPT_MAX)
        self.by_label: Counter[str] = Counter()
        self.requests = self.succeeded = self.unheard = self.repeats = 0
        self.failed_requests = self.limited = 0  # struck by faults; refused by limits alone
        self.readers: list[Callable[[Trip], None]] = []  # called with each trip that ends
        self.sinks: list[Callable[[Trip, str], None]] = []  # given each trip's line as it ends
        self._keep = keep
        self.last = 0  # the number of the last trip
        self._chunks: deque[_Chunk] = deque([_Chunk(1)])  # those that are kept, at least in part
        self._to_repeat: dict[Any, None] = {}
        self._file: JournalFile | None = None
        self._logger: logging.Logger | None = None
        if tracing():
            self.sinks.append(lambda _, text: trace(text))
        if path is not None:
            self.record_to(path)

    def record_to(self, path: str | Path) -> None:
        """Write each trip that ends from now on to a file, as a JSON line.

        Raises ConfigurationError for a file that can't be written.
        """
        from failing_exchange.journal.file import JournalFile

        if self._file is None:
            self.sinks.append(self._record)
        self._file = JournalFile(path)

    def log_to(self, logger: logging.Logger) -> None:
        """Log each trip that ends from now on, as a JSON line at level DEBUG."""
        if self._logger is None:
            self.readers.append(self._log)
        self._logger = logger

    def _log(self, trip: Trip) -> None:
        if self._logger is not None:
            self._logger.debug("%s", line(trip))

    def resume(self, counters: Mapping[str, int], by_label: Mapping[str, int]) -> None:
        """Go on from the counters of an earlier process."""
        for name in COUNTERS:
            setattr(self, name, counters.get(name, getattr(self, name)))
        self.by_label = Counter(by_label)

    @property
    def ended(self) -> int:
        """The number of requests that are over, answered or not."""
        return self.succeeded + self.unheard

    def open(self, at: int, account: str, operation: str, message: Any, symbol: str) -> Trip:
        """Begin the trip of a request; it has its number and place from now on."""
        self.last = number = self.last + 1
        trip = Trip(number, at, account, operation, message, symbol)
        self.trips.append(trip)
        if not number % CHUNK:
            self._forget()
        self.requests += 1
        if self._to_repeat and self._to_repeat.pop(signature(trip), 1) is None:
            self.repeats += 1
        return trip

    def open_push(self, at: int, account: str, operation: str, symbol: str) -> Trip:
        """Begin the trip of a push: a message that no request asked for."""
        trip = self._begin(at, account, operation, None, symbol)
        trip.is_push = True
        return trip

    def open_echo(self, of: Trip, at: int) -> Trip:
        """Begin the second arrival of a message: a trip of its own, which counts as no request."""
        trip = self._begin(at, of.account, of.operation, of.message, of.symbol)
        trip.echo_of, trip.request_number, trip.is_push = of.number, of.request_number, of.is_push
        trip.read, trip.expires_at = of.read, of.expires_at
        return trip

    def note(self, events: tuple[Event, ...], at: int) -> Trip:
        """Record what happened without a request."""
        return self._note(at, MARKET, None, events)

    def note_bug(self, bug: Exception, of: Trip | None, at: int) -> Trip:
        """Record that a message could not be read or written, because of a bug of ours."""
        where = f" in trip {of.number}" if of is not None else ""
        return self._note(at, BUG, f"{type(bug).__name__}: {bug}{where}", ())

    def _note(self, at: int, operation: str, message: Any, events: tuple[Event, ...]) -> Trip:
        trip = self._begin(at, "", operation, message, "")
        trip.happened, trip.ended_at = events, at
        if self.sinks:
            self._write(trip)
        return trip

    def _begin(self, at: int, account: str, operation: str, message: Any, symbol: str) -> Trip:
        self.last = number = self.last + 1
        trip = Trip(number, at, account, operation, message, symbol)
        self.trips.append(trip)
        if not number % CHUNK:
            self._forget()
        return trip

    def _forget(self) -> None:
        """Drop old chunks, and begin the next one. The last one may not be answered yet."""
        trips, chunks = self.trips, self._chunks
        while len(chunks) > 1 and (
            len(trips) > self._keep
            or (len(chunks) > 2 and sum([one.rows for one in chunks]) > ROWS_KEPT_MAX)
        ):
            chunks.popleft()
            while trips[0].number < chunks[0].first:
                trips.popleft()
        chunks.append(_Chunk(self.last + 1))

    def tell(self, trip: Trip, at: int, told: Any, ended: bool = True) -> None:
        """Write the second column: what a client is told, or None for nothing. It ends the trip.

        `ended=False`: the client, or a server for it, stops waiting; the trip itself goes on.
        """
        trip.told = told
        if not ended:
            trip.gave_up_at = at
            return
        trip.ended_at = at
        if told.__class__ not in SINGLE:
            self._chunks[-1].rows += _rows(told)
        if trip.is_push or trip.echo_of:
            pass  # not a request
        elif told.__class__ in UNHEARD or trip.gave_up_at:
            self._count_unheard(trip, at)
        else:
            self.succeeded += 1
            self.latencies.append(at - trip.born_at)
        if trip.struck:
            self._count_struck(trip)
        if self.readers:
            for reader in self.readers:
                reader(trip)
        if self.sinks:
            self._write(trip)

    def _count_unheard(self, trip: Trip, at: int) -> None:
        """Count a request that was refused, or whose answer its client did not receive."""
        self.unheard += 1
        self.latencies.append((trip.gave_up_at or at) - trip.born_at)
        if len(self._to_repeat) >= FAILED_KEPT_MAX:
            del self._to_repeat[next(iter(self._to_repeat))]
        self._to_repeat[signature(trip)] = None

    def _count_struck(self, trip: Trip) -> None:
        """Count a trip that faults have struck, or that a limit of the venue has refused."""
        if trip.is_only_limited:
            self.limited += 1
            return
        self.failed_requests += 1
        faults = [decision for decision in trip.struck if not isinstance(decision, Limited)]
        for label in dict.fromkeys(decision.label for decision in faults):
            self.by_label[label] += 1
            self.failures.append(Failure(trip.born_at, label, _details(trip)))

    def _write(self, trip: Trip) -> None:
        text = line(trip)
        for sink in self.sinks:
            sink(trip, text)

    def _record(self, trip: Trip, text: str) -> None:
        if self._file is not None:
            self._file.write(text)

    def lines(self) -> Iterator[str]:
        """The kept trips as JSON lines, in the order of their numbers."""
        return map(line, self.trips)

    def dump(self) -> str:
        """The kept trips as JSON lines in one text; equal for equal runs."""
        return "".join(f"{text}\n" for text in self.lines())

    def find(self, number: int) -> Trip:
        """Return a trip by its number; raises ConfigurationError for one that is not kept."""
        first = self.trips[0].number if self.trips else 1
        if not first <= number < first + len(self.trips):
            raise ConfigurationError(
                f"trip {number!r} is not kept: there are {first} to {first + len(self.trips) - 1}"
            )
        return self.trips[number - first]

    def close(self) -> None:
        """Close the file, if any, with a line for each trip under way; trips stay in memory."""
        if self._file is not None and self._file.is_open:
            for trip in self.trips:
                if not trip.ended_at:
                    self._file.write(line(trip))
            self._file.close()


def _rows(told: Any) -> int:
    """The number of entries that an answer has."""
    parts = ROWS.get(told.__class__.__name__)
    if parts is not None:
        return sum([len(getattr(told, part)) for part in parts])
    if told.__class__ is tuple:
        return len(told)
    if told.__class__ is Edited:
        return _rows(told.answer)
    SINGLE.add(told.__class__)
    return 0


SINGLE: set[type] = set()  # classes of answers without entries, as they are met
ROWS = {  # kind of answer -> where its entries are
    "Candles": ("bars",),
    "Trades": ("trades",),
    "BookSnapshot": ("bids", "asks"),
    "BookUpdate": ("bids", "asks"),
    "Orders": ("orders",),
    "Fills": ("fills",),
    "OrderLists": ("lists",),
    "Amendments": ("amendments",),
    "PreventedMatches": ("matches",),
    "PriceCandles": ("candles",),
    "FundingRates": ("rates",),
    "Incomes": ("incomes",),
    "Conditionals": ("conditionals",),
    "Balances": ("assets",),
    "Markets": ("markets",),
}


def signature(trip: Trip) -> Any:
    """What two requests have in common when one repeats the other: client, operation, message."""
    message = trip.message
    try:
        hash(message)
    except TypeError:
        message = repr(message)
    return (trip.account, trip.operation, message)


def _details(trip: Trip) -> str:
    verdicts = ", ".join(_verdict_text(decision) for decision in trip.struck)
    return f"{trip.operation} {trip.symbol}".strip() + f" (trip {trip.number}): {verdicts}"


def _verdict_text(decision: Decision) -> str:
    verdict = decision.verdict
    if isinstance(verdict, Reject):
        return f"reject at {decision.stage}: {verdict.text}"
    return f"{type(verdict).__name__} at {decision.stage}"
