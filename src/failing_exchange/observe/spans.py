"""Spans of OpenTelemetry: one for each request, joined to the bot's own traces (extra `otel`).

The bot's `traceparent` header (W3C Trace Context) names the span that its request belongs to; a
call on a WebSocket belongs to that of the upgrade. What the standard calls invalid is ignored: the
span then begins a trace. Instants are the venue's clock, which in real time is the machine's.
"""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.journal.trip import Limited, Stage
from failing_exchange.observe.trip_outcome import TripOutcome, outcome_of, reason_of
from failing_exchange.text.spelling import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from failing_exchange.journal.trip import Decision, Trip

MISSING = "--otel: OpenTelemetry is not installed; pip install 'failing-exchange[otel]'"
UNDER_WAY_MAX = 10_000  # requests that wait for their answer; of more the oldest get no span
CLOSING_MAX = 2.0  # seconds for the last spans; then those that can't be sent are dropped
EXPORTERS = "opentelemetry_traces_exporter"  # the group of entry points that exporters stand in
PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
PREFIX = "failing_exchange."  # of attributes
TRACE_FIELDS = ("traceparent", "tracestate")


class Spans:
    """Makes the spans: `handled` is told of requests by the server, `ended` by the journal.

    `provider` is a TracerProvider of the SDK.
    """

    def __init__(self, provider: Any) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self.provider = provider
        self._tracer = provider.get_tracer("failing_exchange", version("failing-exchange"))
        self._propagator = TraceContextTextMapPropagator()
        self._under_way: dict[int, Any] = {}  # by the number of the trip: its request

    def begin(self, venue: Any) -> None:
        """Make spans of a served venue's requests from now on; a `VenueServer`."""
        venue.observers.all.append(self)
        venue.exchange.journal.readers.append(self.ended)

    def handled(self, request: Any, trip: Trip | None, nanoseconds: int) -> None:
        """Make the span of a request that is answered; else keep the request until it is."""
        if trip is None:
            return
        if trip.ended_at:
            self._export(request, trip)
            return
        self._under_way[trip.number] = request
        if len(self._under_way) > UNDER_WAY_MAX:
            del self._under_way[next(iter(self._under_way))]

    def ended(self, trip: Trip) -> None:
        """Make the span of a request whose answer has come later."""
        request = self._under_way.pop(trip.number, None)
        if request is not None:
            self._export(request, trip)

    def _export(self, request: Any, trip: Trip) -> None:
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind, Status, StatusCode

        headers = {name: request.headers[name] for name in TRACE_FIELDS if name in request.headers}
        span = self._tracer.start_span(
            trip.operation,
            self._propagator.extract(headers, Context()),
            SpanKind.SERVER,
            _attributes(request, trip),
            start_time=trip.born_at,
        )
        for one in trip.struck:
            at = trip.born_at if one.stage is Stage.REQUEST else trip.told_at
            name = "limit" if isinstance(one, Limited) else "fault"
            span.add_event(name, _event(one), timestamp=at)
        outcome = outcome_of(trip)
        if outcome not in (TripOutcome.ANSWERED, TripOutcome.REFUSED):
            span.set_status(Status(StatusCode.ERROR, f"the answer was {outcome}"))
        span.end(trip.told_at)


def _attributes(request: Any, trip: Trip) -> Mapping[str, Any]:
    """What a span tells of a request. A query is left out, since it is signed."""
    found = {
        "request": trip.number,
        "client": printable(trip.account),
        "operation": trip.operation,
        "symbol": trip.symbol,
        "outcome": str(outcome_of(trip)),
    }
    reason, endpoint = reason_of(trip), getattr(trip.message, "endpoint", None)
    if reason is not None:
        found["reason"] = str(reason)
    if endpoint is not None:
        found["endpoint"] = str(endpoint)
    http = {"http.request.method": request.method, "url.path": printable(request.path)}
    return http | {PREFIX + name: value for name, value in found.items()}


def _event(decision: Decision) -> Mapping[str, str]:
    return {
        PREFIX + "rule": printable(decision.rule),
        PREFIX + "fault": printable(decision.label),
        PREFIX + "stage": str(decision.stage),
        PREFIX + "verdict": type(decision.verdict).__name__,
    }


# ---- the SDK, as its environment variables configure it


class SpanExport(NamedTuple):
    """A TracerProvider of the SDK, and its exporters."""

    provider: Any
    exporters: tuple[Any, ...]

    async def close(self) -> None:
        """Export what is left; after `CLOSING_MAX` seconds nothing is tried again."""
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(CLOSING_MAX, one.shutdown) for one in self.exporters]
        await asyncio.to_thread(self.provider.shutdown)
        for timer in timers:
            timer.cancel()


def export_of_environment(environment: Mapping[str, str] = os.environ) -> SpanExport:
    """Export as the OTEL_* variables say; the SDK reads most of them itself.

    Raises ConfigurationError without the extra, for an exporter that is not installed, and for
    values that the SDK can't read.
    """
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise ConfigurationError(MISSING)
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    kinds = [_exporter(name, environment) for name in _names(environment)]
    try:
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "failing-exchange"}))
        provider = TracerProvider(resource=resource)
        exporters = tuple(make() for make in kinds)
        for exporter in exporters:
            provider.add_span_processor(BatchSpanProcessor(exporter))
    except ValueError as error:
        raise ConfigurationError(f"OpenTelemetry can't read an OTEL_ variable: {error}") from error
    return SpanExport(provider, exporters)


def _names(environment: Mapping[str, str]) -> list[str]:
    """The exporters that are wanted, by the names of their entry points."""
    wanted = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    names = [name.strip() for name in wanted.split(",")]
    return [_otlp(environment) if name == "otlp" else name for name in names if name != "none"]


def _otlp(environment: Mapping[str, str]) -> str:
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = environment.get(name, "").strip()
        if protocol:
            if protocol not in PROTOCOLS:
                raise ConfigurationError(
                    f"{name}={protocol!r}; expected one of {', '.join(PROTOCOLS)}"
                )
            return PROTOCOLS[protocol]
    return PROTOCOLS["http/protobuf"]


def _exporter(name: str, environment: Mapping[str, str]) -> Callable[[], Any]:
    """The class of an exporter, by its name."""
    found = {one.name: one for one in entry_points(group=EXPORTERS)}
    if name not in found:
        wanted = environment.get("OTEL_TRACES_EXPORTER", "otlp")
        raise ConfigurationError(
            f"OTEL_TRACES_EXPORTER={wanted!r} needs the exporter {name!r}, which is not installed; "
            f"there are none, {', '.join(sorted(found))}"
        )
    exporter: Callable[[], Any] = found[name].load()
    return exporter
