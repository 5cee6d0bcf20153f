"""Every message in order, with both columns: what happened, and what the client was told."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from os import fstat
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.reject import Reject
from failing_exchange.errors import ConfigurationError
from failing_exchange.journal.serialize import line
from failing_exchange.journal.trace import trace, tracing
from failing_exchange.journal.trip import BUG, MARKET, Damaged, Decision, Edited, Limited, Trip

if TYPE_CHECKING:
    import logging
    from pathlib import Path

    from failing_exchange.core.events import Event

TRIPS_KEPT_MAX = 10_000  # the oldest are forgotten; with a file, they are on disk
ROWS_KEPT_MAX = 500_000  # entries of the kept answers (candles, levels, orders); likewise
LATENCIES_KEPT_MAX = 10_000  # of the last requests, for averages and percentiles
FAILED_KEPT_MAX = 10_000  # requests that failed and were not repeated yet, for the retry rate
UNHEARD = (Reject, Damaged)  # what is told when a request has failed
CHUNK = 256  # trips are weighed and forgotten so many at a time
VERSION = 1
COUNTERS = (
    "last", "requests", "succeeded", "unheard", "failed_requests", "limited", "repeats",
)  # fmt: skip


class Failure(NamedTuple):
    """A line of the failure timeline: when, which kind, what was struck."""

    at: int
    label: str
    details: str


class Journal:
    """The trips of a venue: in memory the last `keep`, with `path` all, as JSON lines.

    The file is written as it runs, a line for each trip that ends; `close` adds those under way.
    A file that can't be written is a ConfigurationError: when it is named, or when its disk is
    full. Counters go over all requests, kept or not; pushes and echoes are no requests.
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
        self._weights: deque[int] = deque()  # rows of the answers in each chunk but the last two
        self._to_repeat: dict[Any, None] = {}
        self._path = path
        self._file: IO[str] | None = None
        self._logger: logging.Logger | None = None
        if tracing():
            self.sinks.append(lambda _, text: trace(text))
        if path is not None:
            self.record_to(path)

    def record_to(self, path: str | Path) -> None:
        """Write each trip that ends from now on to a file, as a JSON line."""
        self._path = path
        self._file = _opened(path, "w")
        self._put(f'{{"journal": {VERSION}}}')
        if self._record not in self.sinks:
            self.sinks.append(self._record)

    def log_to(self, logger: logging.Logger) -> None:
        """Have each trip that ends from now on logged."""
        if self._logger is None:
            self.readers.append(self._log)
        self._logger = logger

    def _log(self, trip: Trip) -> None:
        if self._logger is not None:
            self._logger.debug("%s", line(trip))

    def go_on(self, counters: Mapping[str, int], by_label: Mapping[str, int]) -> None:
        """Count on from where an earlier process has left it."""
        for name in COUNTERS:
            setattr(self, name, counters.get(name, getattr(self, name)))
        self.by_label = Counter(by_label)

    @property
    def ended(self) -> int:
        """Requests that are over, whatever became of them."""
        return self.succeeded + self.unheard

    def open(self, at: int, account: str, operation: str, message: Any, symbol: str) -> Trip:
        """Begin a request: it has a number and a place from its first moment."""
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
        """Begin a message that nobody asked for just now."""
        trip = self._begin(at, account, operation, None, symbol)
        trip.is_push = True
        return trip

    def open_echo(self, of: Trip, at: int) -> Trip:
        """Begin a second arrival of a message."""
        trip = self._begin(at, of.account, of.operation, of.message, of.symbol)
        trip.echo_of, trip.request_number, trip.is_push = of.number, of.request_number, of.is_push
        trip.read, trip.expires_at = of.read, of.expires_at
        return trip

    def note(self, events: tuple[Event, ...], at: int) -> Trip:
        """Record what happened without anybody asking."""
        trip = self._begin(at, "", MARKET, None, "")
        trip.happened = events
        trip.ended_at = at
        if self.sinks:
            self._write(trip)
        return trip

    def note_bug(self, bug: Exception, of: Trip | None, at: int) -> Trip:
        """Record that a message could not be read or written, because of a bug of ours."""
        where = f" in trip {of.number}" if of is not None else ""
        text = f"{type(bug).__name__}: {bug}{where}"
        trip = self._begin(at, "", BUG, text, "")
        trip.ended_at = at
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
        """Weigh the chunk before the last one, whose answers are there, and drop old ones."""
        trips, weights = self.trips, self._weights
        behind = len(trips) - len(weights) * CHUNK
        if behind >= 2 * CHUNK:
            start = len(weights) * CHUNK
            newer = len(trips) - start - CHUNK  # counted from the end, which is the nearer one
            chunk = islice(reversed(trips), newer, newer + CHUNK)
            weights.append(sum([_rows(trip.told) for trip in chunk]))
        while weights and (
            len(trips) > self._keep or (len(weights) > 1 and sum(weights) > ROWS_KEPT_MAX)
        ):
            weights.popleft()
            for _ in range(CHUNK):
                trips.popleft()

    def tell(self, trip: Trip, at: int, told: Any, *, ended: bool = True) -> None:
        """Write the second column: what a client is told, or None for nothing. It ends the trip.

        `ended=False`: the client, or a server for it, stops waiting; the trip itself goes on.
        """
        trip.told = told
        if not ended:
            trip.gave_up_at = at
            return
        trip.ended_at = at
        if trip.is_push or trip.echo_of:
            pass  # no request
        elif told is None or told.__class__ in UNHEARD or trip.gave_up_at:
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
        """A request that was refused, or whose answer its client did not hear."""
        self.unheard += 1
        self.latencies.append((trip.gave_up_at or at) - trip.born_at)
        if len(self._to_repeat) >= FAILED_KEPT_MAX:
            del self._to_repeat[next(iter(self._to_repeat))]
        self._to_repeat[signature(trip)] = None

    def _count_struck(self, trip: Trip) -> None:
        """A trip that faults have struck, or that a limit of the venue has refused."""
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
        self._put(text)

    def _put(self, text: str) -> None:
        """Write a line at once; a journal with holes would be worse than a run that stops."""
        if self._file is None:  # closed, and used again
            assert self._path is not None
            self._file = _opened(self._path, "a")
        try:
            self._file.write(text + "\n")
            is_there = fstat(self._file.fileno()).st_nlink > 0
        except OSError as error:
            raise self._given_up(f"{error}; make room, or name another file") from error
        if not is_there:  # the system would take what is written until it ends, and then drop it
            raise self._given_up("the file was deleted; name another one")

    def _given_up(self, why: str) -> ConfigurationError:
        """Write nothing any more; what is said of it."""
        self._path = self._file = None
        self.sinks = [sink for sink in self.sinks if sink != self._record]
        return ConfigurationError(f"the journal can't be written any more: {why}")

    def lines(self) -> Iterator[str]:
        """The kept trips as JSON lines, in the order of their numbers."""
        return map(line, self.trips)

    def dump(self) -> str:
        """The kept trips as text; equal for equal runs."""
        return "".join(f"{text}\n" for text in self.lines())

    def find(self, number: int) -> Trip:
        """A trip by its number; raises ConfigurationError for one that is not kept."""
        first = self.trips[0].number if self.trips else 1
        if not first <= number < first + len(self.trips):
            raise ConfigurationError(
                f"trip {number!r} is not kept: there are {first} to {first + len(self.trips) - 1}"
            )
        return self.trips[number - first]

    def close(self) -> None:
        """Close the file, if any, with a line for each trip under way; the memory stays."""
        if self._file is not None:
            for trip in self.trips:
                if not trip.ended_at:
                    self._put(line(trip))
            self._file.close()
            self._file = None


def _opened(path: str | Path, mode: str) -> IO[str]:
    try:
        return open(path, mode, buffering=1, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the journal {str(path)!r} can't be written: {error.strerror}; name another file"
        ) from error


def _rows(told: Any) -> int:
    """How many entries an answer has."""
    parts = ROWS.get(told.__class__.__name__)
    if parts is not None:
        return sum([len(getattr(told, part)) for part in parts])
    if told.__class__ is tuple:
        return len(told)
    return _rows(told.answer) if told.__class__ is Edited else 0


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
    "Balances": ("assets",),
    "Markets": ("markets",),
}


def load(path: str | Path) -> list[dict[str, Any]]:
    """The trips of a journal file, as plain values in the order of their numbers.

    Raises ConfigurationError for a file that is no journal, naming the line that can't be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            first, *texts = file.read().splitlines() or [""]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the journal {str(path)!r} can't be read: {error}") from error
    _check_version(path, first)
    rows = {}
    for place, text in enumerate(texts, 2):
        row = _parsed(text)
        if row is None or not isinstance(row.get("number"), int):
            raise ConfigurationError(
                f"{path}, line {place}: {text[:60]!r} is no trip; was the run cut off there?"
            )
        rows[row["number"]] = row  # a later line of a trip knows more
    return [rows[number] for number in sorted(rows)]


def _parsed(text: str) -> dict[str, Any] | None:
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # the caller says which line it is
        return None
    return found if isinstance(found, dict) else None


def _check_version(path: str | Path, first: str) -> None:
    if (_parsed(first) or {}).get("journal") != VERSION:
        raise ConfigurationError(
            f"{path} is no journal of version {VERSION}: its first line is {first[:60]!r}; "
            "record the run again with this version"
        )


def diff(
    left: Iterable[dict[str, Any]], right: Iterable[dict[str, Any]]
) -> tuple[dict[str, Any] | None, dict[str, Any] | None] | None:
    """The first trip in which two journals differ, one from each (None where one has ended)."""
    a, b = iter(left), iter(right)
    while True:
        one, other = next(a, None), next(b, None)
        if one != other:
            return one, other
        if one is None:
            return None


def signature(trip: Trip) -> Any:
    """What makes two requests the same: who asks, and what for."""
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
