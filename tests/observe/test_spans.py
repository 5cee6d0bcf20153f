"""OpenTelemetry: a span for each request, in the trace of the bot that sent it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from failing_exchange import FailingExchange, simulate
from failing_exchange.cli.main import main as command_line
from failing_exchange.core.units import SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.observe import spans as module
from failing_exchange.observe.spans import Spans, export_of_environment
from failing_exchange.server.http_reader import fields_of
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance.venue import Binance
from tests.server.test_serve import served, time_at

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"  # the example of the standard
TIME = Request("GET", "/api/v3/time")


def after(story: Callable[[Binance], Awaitable[None]]) -> Sequence[Any]:
    """The spans of a story, as they were exported."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None))
        await venue.listen("venue", 80)
        Spans(provider).begin(venue)
        await story(venue)
        await venue.close()

    simulate(main())
    found: Sequence[Any] = exporter.get_finished_spans()
    return found


def of_headers(headers: dict[str, str]) -> Any:
    """The one span of a request with these headers."""

    async def story(venue: Binance) -> None:
        await venue.ask(TIME._replace(headers=headers))

    (span,) = after(story)
    return span


def test_a_request_is_a_span_in_the_trace_of_the_bot() -> None:
    """Its parent is the span in which the bot has sent it."""
    span = of_headers({"traceparent": TRACEPARENT, "tracestate": "vendor=1"})
    assert span.name == "fetch_time"
    assert span.kind.name == "SERVER"
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.context.trace_state["vendor"] == "1"
    assert span.attributes["failing_exchange.outcome"] == "answered"
    assert span.attributes["failing_exchange.request"] == 2  # 1 is what the market did before
    assert span.attributes["failing_exchange.endpoint"] == "GET /api/v3/time"
    assert not span.events


@pytest.mark.parametrize(
    "value",
    [
        "", "no", TRACEPARENT.upper(), f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01", f"{TRACEPARENT}-more", f"{TRACEPARENT},{TRACEPARENT}",
        f"00-{TRACE[1:]}-{PARENT}-01", "00-\udcff", "0" * 8_000,
    ],
)  # fmt: skip
def test_what_is_no_traceparent_is_ignored(value: str) -> None:
    """W3C Trace Context, section 3.2.2: the request is traced, in a trace of its own."""
    span = of_headers({"traceparent": value})
    assert span.parent is None
    assert f"{span.context.trace_id:032x}" != TRACE


def test_a_later_version_of_the_header_is_understood() -> None:
    """Section 3.2.4: what follows the known parts is for others."""
    span = of_headers({"traceparent": f"cc-{TRACE}-{PARENT}-01-what.comes"})
    assert f"{span.context.trace_id:032x}" == TRACE


def test_two_traceparents_are_none_and_two_tracestates_are_one_list() -> None:
    """Which of two is meant nobody knows; a list may come in parts."""
    raw = tuple((name, value) for name in (b"Traceparent", b"tracestate") for value in (b"a", b"b"))
    assert fields_of(raw).headers == {"traceparent": "a,b", "tracestate": "a,b"}


def test_faults_are_events_and_a_lost_answer_is_an_error() -> None:
    """The span of a delayed answer ends when its client was told, by the venue's clock."""

    async def story(venue: Binance) -> None:
        venue.exchange.arm("delay_answer", "nth(1)", name="slow", seconds=3)
        await venue.ask(TIME)
        venue.exchange.arm("lose_answer", "always")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(venue.ask(TIME), 5)

    slow, lost = after(story)
    assert slow.end_time - slow.start_time == 3 * SECOND
    (event,) = slow.events
    assert event.name == "fault"
    assert event.attributes["failing_exchange.rule"] == "slow"
    assert event.attributes["failing_exchange.fault"] == "delay_answer"
    assert event.attributes["failing_exchange.stage"] == "answer"
    assert slow.status.is_ok
    assert not lost.status.is_ok
    assert lost.attributes["failing_exchange.outcome"] == "lost"


def test_a_refusal_by_a_limit_is_an_event_and_not_a_fault() -> None:
    """The bot has sent too much: that is its own doing."""

    async def story(venue: Binance) -> None:
        venue.exchange.set_rate_limit(1)
        for _ in range(2):
            await venue.ask(TIME)

    _, limited = after(story)
    assert [event.name for event in limited.events] == ["limit"]
    assert limited.attributes["failing_exchange.reason"] == "rate_limited"
    assert limited.status.is_ok


def test_calls_on_a_websocket_belong_to_the_trace_of_the_upgrade() -> None:
    """A message has no headers."""

    async def story(venue: Binance) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                "http://venue/ws-api/v3", headers={"traceparent": TRACEPARENT}
            ) as socket,
        ):
            await socket.send_json({"id": 1, "method": "time"})
            assert (await socket.receive_json())["status"] == 200

    (span,) = after(story)
    assert span.name == "fetch_time"
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.attributes["url.path"] == "/ws-api/v3"


def test_no_secret_is_in_a_span() -> None:
    """Keys are in headers, signatures in queries: neither is told."""

    async def story(venue: Binance) -> None:
        headers = {"x-mbx-apikey": "topsecret"}
        query = "timestamp=1&signature=topsecret"
        await venue.ask(Request("GET", "/api/v3/account", query, headers))

    (span,) = after(story)
    assert "topsecret" not in span.to_json()


def test_requests_that_nobody_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that wait for long the oldest get no span."""
    monkeypatch.setattr(module, "UNDER_WAY_MAX", 2)

    async def story(venue: Binance) -> None:
        venue.exchange.arm("delay_answer", seconds=1)
        await asyncio.gather(*(venue.ask(TIME) for _ in range(5)))

    assert [span.attributes["failing_exchange.request"] for span in after(story)] == [5, 6]


# ---- the environment


def test_the_exporter_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several by their names, or none; the service's name is ours where none is given."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    for wanted, expected in (("", 1), ("otlp", 1), ("none", 0), ("console,otlp", 2)):
        provider, exporters = export_of_environment({"OTEL_TRACES_EXPORTER": wanted})
        assert len(exporters) == expected
        assert provider.resource.attributes["service.name"] == "failing-exchange"
        provider.shutdown()
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    provider, _ = export_of_environment({"OTEL_TRACES_EXPORTER": "none"})
    assert provider.resource.attributes["service.name"] == "mine"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OTEL_TRACES_EXPORTER": "zip"}, "OTEL_TRACES_EXPORTER='zip'.*not installed.*console"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "expected one of http/protobuf, grpc"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, "'otlp_proto_grpc', which is not"),
    ],
)
def test_what_can_not_be_exported_is_refused(environment: dict[str, str], expected: str) -> None:
    """Before anything listens; spans that go nowhere would be missed too late."""
    with pytest.raises(ConfigurationError, match=expected):
        export_of_environment(environment)


def test_a_variable_that_the_sdk_can_not_read_is_an_error_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As any other option."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    assert command_line(["serve", "--port", "0", "--otel"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "OTEL_" in line


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert command_line(["serve", "--port", "0", "--otel"]) == 2
    assert "pip install 'failing-exchange[otel]'" in capsys.readouterr().err


@pytest.mark.slow
def test_serve_exports_them_and_stops_also_where_no_collector_answers() -> None:
    """The whole way, by the environment alone; what can't be sent holds nothing up."""

    async def main(**environment: str) -> str:
        async with served("--port", "0", "--otel", **environment) as venue:
            await time_at(venue.url_of("failing-exchange"))
            _, said = await venue.stop()
            return said

    said = asyncio.run(main(OTEL_TRACES_EXPORTER="console"))
    assert '"failing_exchange.operation": "fetch_time"' in said
    assert "stopped after 1 requests" in said
    began = time.monotonic()
    lost = asyncio.run(main(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1"))
    assert time.monotonic() - began < 30
    assert "stopped after 1 requests" in lost
