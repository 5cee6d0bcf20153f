"""The metrics of a served venue in Prometheus' text format (the extra `metrics`).

Counters are added up by `RequestCounts` on the venue's loop. All else is read when somebody asks,
on that thread: it only copies numbers and dictionaries, so the venue goes on meanwhile, and the
values of one answer may be a few milliseconds apart.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from failing_exchange.core.units import SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.observe.request_counts import RULES_MAX, LabelValues, RequestCounts
from failing_exchange.observe.trip_outcome import TripOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sized

PREFIX = "failing_exchange_"
MISSING = (
    "metrics need prometheus-client, which is not installed: "
    "pip install 'failing-exchange[metrics]', and serve again"
)
COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

Sample = tuple[tuple[str, ...], Any]  # the values of the labels, and a number or a `Histogram`


class Observed(Protocol):
    """As much of a served venue as its metrics need: a `VenueServer`."""

    exchange: Any
    judges: Any  # by account
    products: Any
    observers: Any
    sockets: Any

    @property
    def http_connections(self) -> int:
        """How many HTTP connections are open."""


class Family(NamedTuple):
    """A metric: its name without the prefix and a counter's "_total", and what reads it."""

    kind: str
    name: str
    says: str
    labels: tuple[str, ...]
    read: Callable[[Metrics], Iterable[Sample]]

    @property
    def full_name(self) -> str:
        """As a query names it; of a histogram without "_bucket", "_sum" and "_count"."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == COUNTER else ''}"


class Metrics:
    """The metrics of one venue, from `begin` on; `text` may be asked for on any thread."""

    def __init__(self, venue: Observed) -> None:
        self.venue = venue
        self.running = venue.exchange.venue
        self.counts = RequestCounts(self.running.accounts)
        self.rules = LabelValues(RULES_MAX)
        self._registry: Any = None

    def begin(self) -> None:
        """Count requests from now on; does nothing where the extra is missing."""
        if is_installed():
            import_module("prometheus_client")  # not with the first scrape, when bots trade
            self.running.journal.readers.append(self.counts.ended)
            self.venue.observers.all.append(self.counts)

    def end(self) -> None:
        """Count no more."""
        readers, observers = self.running.journal.readers, self.venue.observers.all
        if self.counts.ended in readers:
            readers.remove(self.counts.ended)
        if self.counts in observers:
            observers.remove(self.counts)

    def text(self) -> str:
        """All metrics as text. Raises ConfigurationError without the extra."""
        if not is_installed():
            raise ConfigurationError(MISSING)
        from prometheus_client import CollectorRegistry, generate_latest

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self)
        return str(generate_latest(self._registry), "utf-8")

    def collect(self) -> Iterator[Any]:
        """Read each family, as prometheus-client asks its collectors for."""
        from prometheus_client import core

        makers: dict[str, Any] = {
            COUNTER: core.CounterMetricFamily,
            GAUGE: core.GaugeMetricFamily,
            HISTOGRAM: core.HistogramMetricFamily,
        }
        for kind, name, says, labels, read in FAMILIES:
            family = makers[kind](f"{PREFIX}{name}", says, labels=labels)
            for values, value in read(self):
                if kind == HISTOGRAM:
                    family.add_metric(values, value.buckets(), value.total / SECOND)
                else:
                    family.add_metric(values, value)
            yield family


@cache
def is_installed() -> bool:
    """Whether the extra is."""
    return find_spec("prometheus_client") is not None


# ---- what reads a family


def _refusals(metrics: Metrics) -> Iterator[Sample]:
    return (((str(reason),), number) for reason, number in metrics.counts.refusals.copy().items())


# Counters begin with 0 for what can come next: `rate` and `increase` take the first value of a
# series for granted, so one that begins with 1 would hide what happened once.


def _requests(metrics: Metrics) -> Iterator[Sample]:
    for operation, counts in metrics.counts.operations.copy().items():
        for outcome in TripOutcome:
            yield (operation, str(outcome)), counts.outcomes[outcome]


def _client_requests(metrics: Metrics) -> Iterator[Sample]:
    found = metrics.counts.clients.copy()
    seen = {client for client, _ in found}
    seen.update(map(metrics.counts.client_of, metrics.running.accounts.copy()))
    for client in sorted(seen):
        for outcome in TripOutcome:
            yield (client, str(outcome)), found[client, outcome]


def _faults(metrics: Metrics) -> Iterator[Sample]:
    found = metrics.counts.faults.copy()
    for rule in list(metrics.running.plan.rules.values()):
        if not hasattr(rule.fault, "label"):  # that of such a fault depends on the request
            label = metrics.counts.fault_of(rule.label or rule.name)
            for stage in rule.fault.stages:
                found[label, str(stage)] += 0
    return iter(found.items())


def _durations(name: str) -> Callable[[Metrics], Iterable[Sample]]:
    """A histogram of each operation."""

    def read(metrics: Metrics) -> Iterator[Sample]:
        for operation, counts in metrics.counts.operations.copy().items():
            yield (operation,), getattr(counts, name)

    return read


def _one(number: Callable[[Metrics], float]) -> Callable[[Metrics], Iterable[Sample]]:
    """A number without labels."""
    return lambda metrics: [((), number(metrics))]


def _length(sized: Callable[[Metrics], Sized]) -> Callable[[Metrics], Iterable[Sample]]:
    return _one(lambda metrics: len(sized(metrics)))


def _by_client(metrics: Metrics, accounts: Iterable[str]) -> Iterator[Sample]:
    """How often each account occurs; of those that exist 0 is told, too."""
    of = metrics.counts.client_of
    found = Counter({of(name): 0 for name in metrics.running.accounts.copy()})
    found.update(map(of, accounts))
    return (((client,), count) for client, count in found.items())


def _open_orders(metrics: Metrics) -> Iterator[Sample]:
    orders = metrics.running.engine.state.orders.copy().values()
    return _by_client(metrics, (order.account for order in orders))


def _conditional_orders(metrics: Metrics) -> Iterator[Sample]:
    orders = metrics.running.engine.state.conditionals.copy().values()
    return _by_client(metrics, (order.command.account for order in orders))


def _positions(metrics: Metrics) -> Iterator[Sample]:
    found = [
        account
        for market in list(metrics.running.engine.state.contracts)
        for (account, _), position in market.positions.copy().items()
        if position.lots
    ]
    return _by_client(metrics, found)


def _banned(metrics: Metrics) -> Iterator[Sample]:
    at = metrics.running.clock.now()
    for product in metrics.venue.products.all:
        yield (product.speaker.name,), product.dialect.limits.banned(at)


def _broken_rules(metrics: Metrics) -> Iterator[Sample]:
    found: Counter[tuple[str, ...]] = Counter()
    for account, judge in list(metrics.venue.judges.items()):
        for rule in judge.rules:
            found[metrics.counts.client_of(account), metrics.rules.of(rule.name)] += rule.count
    return iter(found.items())


def _commits(read: Callable[[Any, int], float]) -> Callable[[Metrics], Iterable[Sample]]:
    """A number about what is not written yet; none without a database as journal."""

    def found(metrics: Metrics) -> Iterator[Sample]:
        durable = metrics.running.durable
        if durable is not None:
            yield (), read(durable.commits, metrics.running.clock.now())

    return found


def _lag(commits: Any, at: int) -> float:
    _, since = commits.unwritten
    return max(0, at - since) / SECOND if since else 0.0


def _info(metrics: Metrics) -> Iterable[Sample]:
    speaker = metrics.venue.products.first.speaker
    return [((_version(), speaker.name, str(metrics.running.seed)), 1)]


@cache
def _version() -> str:
    from importlib.metadata import version

    return version("failing-exchange")


OPERATION, CLIENT = ("operation",), ("client",)
FAMILIES = (
    Family(COUNTER, "requests", "Requests that ended, by operation and outcome: answered, refused, "
           "damaged, lost, or abandoned by the client", ("operation", "outcome"),
           _requests),
    Family(COUNTER, "client_requests", "The same by client: an account, public, or other",
           ("client", "outcome"), _client_requests),
    Family(COUNTER, "refusals", "Refused requests by reason, as rate_limited or banned",
           ("reason",), _refusals),
    Family(COUNTER, "unrouted_requests", "Requests that came to no endpoint of the venue, or were "
           "lost by a bug of the simulator", (), _one(lambda m: m.counts.unrouted)),
    Family(HISTOGRAM, "latency_venue_clock_seconds", "From a request's arrival until its client "
           "was told, by the venue's clock: latencies and delays that faults add are in it",
           OPERATION, _durations("latency")),
    Family(HISTOGRAM, "handling_seconds", "For how long the server was busy with a request, by the "
           "machine's clock: waiting is not in it", OPERATION, _durations("handling")),
    Family(COUNTER, "faults", "Strikes of faults on requests and pushes, by the fault's or mode's "
           "name and the stage", ("fault", "stage"), _faults),
    Family(GAUGE, "armed_faults", "Faults that are armed", (),
           _length(lambda m: m.running.plan.rules)),
    Family(GAUGE, "banned_addresses", "Addresses that the venue's limits ban now", ("product",),
           _banned),
    Family(GAUGE, "open_orders", "Open orders", CLIENT, _open_orders),
    Family(GAUGE, "conditional_orders", "Conditional orders of contracts that wait", CLIENT,
           _conditional_orders),
    Family(GAUGE, "positions", "Positions in contracts", CLIENT, _positions),
    Family(GAUGE, "websocket_connections", "Open WebSocket connections", (),
           _length(lambda m: m.venue.sockets.connections)),
    Family(GAUGE, "http_connections", "Open HTTP connections, those of WebSockets included", (),
           _one(lambda m: m.venue.http_connections)),
    Family(GAUGE, "journal_lag_seconds", "Age of the oldest change that the database has not "
           "written yet; 0: all is written", (), _commits(_lag)),
    Family(GAUGE, "journal_unwritten_rows", "Rows that the database has not written yet", (),
           _commits(lambda commits, at: commits.unwritten[0])),
    Family(GAUGE, "journal_halted", "1 while the database can't be written and requests are "
           "refused", (), _commits(lambda commits, at: float(commits.halted))),
    Family(COUNTER, "journal_trips", "Entries of the journal: requests, pushes and market events",
           (), _one(lambda m: m.running.journal.last)),
    Family(COUNTER, "broken_rules", "Breaches of rules of conduct, where clients are judged "
           "(serve --judge); rules that judge at the end are counted in the verdict alone",
           ("client", "rule"), _broken_rules),
    Family(COUNTER, "bugs", "Answers that were lost because of bugs of the simulator", (),
           _one(lambda m: m.running.gateway.unanswered_count)),
    Family(GAUGE, "sound", "0 when a bug has stopped the venue, or its journal can't be written",
           (), _one(lambda m: float(is_sound(m.running)))),
    Family(GAUGE, "venue_clock_seconds", "The venue's clock, in seconds since the epoch", (),
           _one(lambda m: m.running.clock.now() / SECOND)),
    Family(GAUGE, "info", "1; the labels say what is served", ("version", "venue", "seed"), _info),
)  # fmt: skip


def is_sound(venue: Any) -> bool:
    """Whether no bug has stopped a running venue, and its journal can be written."""
    durable = venue.durable
    return venue.gateway.failure is None and not (durable is not None and durable.commits.halted)


def table() -> str:
    """The families in Markdown, as docs/metrics.md shows them."""
    rows = [
        f"| `{one.full_name}` | {one.kind} | {', '.join(one.labels) or '-'} | {one.says} |"
        for one in FAMILIES
    ]
    return "\n".join(["| metric | kind | labels | what it is |", "|---|---|---|---|", *rows])
