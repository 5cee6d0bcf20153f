"""Every message in order, with both columns: what happened, and what the client was told."""

from __future__ import annotations

import json
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from failing_exchange.core.events import Event
from failing_exchange.core.order import Order, OrderSnapshot
from failing_exchange.core.reject import Reject
from failing_exchange.errors import ConfigurationError
from failing_exchange.trip import MARKET, Decision, Trip
from failing_exchange.virtual.trace import trace, tracing

TRIPS_KEPT_MAX = 10_000  # the oldest are forgotten; with a file, they are on disk
LATENCIES_KEPT_MAX = 10_000  # of the last trips, for averages and percentiles
FAILED_KEPT_MAX = 10_000  # requests that failed and were not repeated yet, for the retry rate
VERSION = 1


class Failure(NamedTuple):
    """A line of the failure timeline: when, which kind, what was struck."""

    at: int
    label: str
    details: str


class Journal:
    """The trips of a venue. In memory the last `keep`; with `path`, each ended one as a JSON line.

    Counters go over all trips, kept or not.
    """

    def __init__(self, *, keep: int = TRIPS_KEPT_MAX, path: str | Path | None = None) -> None:
        self.trips: deque[Trip] = deque(maxlen=keep)
        self.failures: deque[Failure] = deque(maxlen=keep)
        self.latencies: deque[int] = deque(maxlen=LATENCIES_KEPT_MAX)
        self.by_label: Counter[str] = Counter()
        self.requests = self.ended = self.succeeded = self.failed_requests = self.repeats = 0
        self._numbers = 0
        self._to_repeat: dict[Any, None] = {}
        self._file: IO[str] | None = None
        self._traced = tracing()
        self.logger: logging.Logger | None = None
        self.readers: list[Callable[[Trip], None]] = []  # called with each trip that ends
        if path is not None:
            self.record_to(path)

    def record_to(self, path: str | Path) -> None:
        """Write each trip that ends from now on to a file, as a JSON line."""
        self._file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115  closed by close()
        self._file.write(json.dumps({"journal": VERSION}) + "\n")

    def open(self, at: int, account: str, operation: str, message: Any, symbol: str) -> Trip:
        """Begin a trip: it has a number and a place from its first moment."""
        self._numbers += 1
        trip = Trip(self._numbers, at, account, operation, message, symbol)
        self.trips.append(trip)
        self.requests += 1
        if self._to_repeat and self._to_repeat.pop(_signature(trip), 1) is None:
            self.repeats += 1
        return trip

    def note(self, events: tuple[Event, ...], at: int) -> Trip:
        """Record what happened without anybody asking."""
        self._numbers += 1
        trip = Trip(self._numbers, at, "", MARKET, None, "")
        trip.happened = events
        trip.ended_at = at
        self.trips.append(trip)
        self._write(trip)
        return trip

    def end(self, trip: Trip, at: int) -> None:
        """A trip is over: the client was told, or never will be."""
        trip.ended_at = at
        self.ended += 1
        self.latencies.append(at - trip.born_at)
        told = trip.told
        if told is not None and told.__class__ is not Reject and not trip.gave_up_at:
            self.succeeded += 1
        elif not trip.echo_of:
            if len(self._to_repeat) >= FAILED_KEPT_MAX:
                del self._to_repeat[next(iter(self._to_repeat))]
            self._to_repeat[_signature(trip)] = None
        if trip.struck:
            self._count_failure(trip, at)
        for reader in self.readers:
            reader(trip)
        if self.logger is not None:
            self.logger.debug("%s", line(trip))
        if self._file is not None or self._traced:
            self._write(trip)

    def _count_failure(self, trip: Trip, at: int) -> None:
        self.failed_requests += 1
        for label in dict.fromkeys(decision.label for decision in trip.struck):
            self.by_label[label] += 1
            self.failures.append(Failure(trip.born_at, label, _details(trip)))

    def _write(self, trip: Trip) -> None:
        if self._file is not None or self._traced:
            text = line(trip)
            if self._traced:
                trace(text)
            if self._file is not None:
                self._file.write(text + "\n")

    def lines(self) -> Iterator[str]:
        """The kept trips as JSON lines, in the order of their numbers."""
        return map(line, self.trips)

    def dump(self) -> str:
        """The kept trips as text; equal for equal runs."""
        return "".join(f"{text}\n" for text in self.lines())

    def close(self) -> None:
        """Close the file, if any; the memory stays readable."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def flush(self) -> None:
        """Have the file hold all that has ended."""
        if self._file is not None:
            self._file.flush()


def load(path: str | Path) -> list[dict[str, Any]]:
    """The trips of a journal file, as plain values in the order of their numbers."""
    with Path(path).open(encoding="utf-8") as file:
        rows = [json.loads(text) for text in file if text.strip()]
    if not rows or rows[0].get("journal") != VERSION:
        raise ConfigurationError(
            f"{path} is no journal of version {VERSION}: its first line is "
            f"{json.dumps(rows[0]) if rows else 'missing'}; record the run again with this version"
        )
    return sorted(rows[1:], key=lambda row: int(row["number"]))


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


def _signature(trip: Trip) -> Any:
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


def line(trip: Trip) -> str:
    """A trip as one JSON line."""
    return json.dumps(row(trip), separators=(",", ":"), ensure_ascii=False)


def row(trip: Trip) -> dict[str, Any]:
    """A trip as plain values."""
    return {
        "number": trip.number,
        "at": trip.born_at,
        "ended": trip.ended_at,
        "client": trip.account,
        "operation": trip.operation,
        "symbol": trip.symbol,
        "nth": trip.nth,
        "message": plain(trip.message),
        "happened": plain(trip.happened),
        "told": plain(trip.told),
        "struck": [plain(decision) for decision in trip.struck],
        "hung_up": trip.hung_up,
        "gave_up": trip.gave_up_at,
        "echo_of": trip.echo_of,
    }


def plain(value: Any) -> Any:
    """Any value of a trip as JSON can hold it. Floats keep their shortest text."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, OrderSnapshot):
        return _order(value)
    if isinstance(value, Order):
        return _order(value.snapshot())
    if isinstance(value, Reject):
        return {"reject": value.reason.value, "text": value.text, "until": value.until}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {"is": type(value).__name__, **{k: plain(v) for k, v in value._asdict().items()}}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return str(value)


def _order(snapshot: OrderSnapshot) -> dict[str, Any]:
    order = snapshot.order
    return {
        "is": "Order",
        "id": order.id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": str(order.side),
        "type": str(order.kind),
        "status": str(snapshot.status),
        "ticks": snapshot.ticks,
        "lots": snapshot.lots,
        "filled": snapshot.filled,
        "cost": snapshot.cost,
        "updated": snapshot.updated_at,
    }
