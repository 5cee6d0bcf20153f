"""docs/metrics.md: its examples are run here, since they need a server."""

from __future__ import annotations

import json
import re
import shlex
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from failing_exchange import Control, RequestTimeoutError
from failing_exchange.cli.main import parser
from failing_exchange.cli.request_log import json_lines_of
from failing_exchange.observe.metrics import FAMILIES, table
from failing_exchange.observe.spans import Spans
from failing_exchange.server.reply_headers import FAULT, REQUEST
from failing_exchange.venues.binance.venue import Binance
from tests.observe.test_metrics import after
from tests.pages import commands, examples
from tests.server.test_control_server import beside, served
from tests.sources import ROOT

PAGE = ROOT / "docs" / "metrics.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = examples(PAGE)
METRIC = re.compile(r"\bfailing_exchange_\w+")


def known_metrics() -> set[str]:
    """All names that a query may use."""
    parts = ("_bucket", "_sum", "_count")
    histograms = [one.full_name for one in FAMILIES if one.kind == "histogram"]
    return {one.full_name for one in FAMILIES} | {
        f"{n}{part}" for n in histograms for part in parts
    }


def test_the_table_is_the_code() -> None:
    """Each metric with its labels."""
    assert table() in TEXT


def test_each_metric_that_is_named_exists() -> None:
    """A query without a result looks like a venue without trouble."""
    assert set(METRIC.findall(TEXT)) <= known_metrics()


def test_the_python_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reads metrics; the second puts the venue's span below the bot's own."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)

    async def story(venue: Binance, control: Control) -> None:
        Spans(provider).begin(venue)
        places = {
            "http://127.0.0.1:8090": control.url,
            "http://127.0.0.1:8080": f"http://127.0.0.1:{venue._listeners[0].port}",
        }
        for block in BLOCKS:
            if block.language == "python":
                code = block.text
                for named, place in places.items():
                    code = code.replace(named, place)
                module = ModuleType("example")
                await beside(exec, compile(code, str(PAGE), "exec"), vars(module))

    served(story)
    bots, venues = sorted(exporter.get_finished_spans(), key=lambda span: span.name)
    assert (bots.name, venues.name) == ("ask the time", "fetch_time")
    assert venues.parent.span_id == bots.context.span_id


def test_the_commands_with_variables_are_commands() -> None:
    """Those that begin with our program: tests/test_pages.py."""
    found = [line for block in BLOCKS if block.language == "sh" for line in commands(block.text)]
    ours = [line for line in found if line.startswith("OTEL_")]
    assert len(ours) == 2
    for line in ours:
        words = [word for word in shlex.split(line) if not word.startswith("OTEL_")]
        assert parser().parse_args(words[1:]).otel


def test_the_object_of_the_log_has_the_fields_that_are_written() -> None:
    """Programs are written by what a page shows."""
    (shown,) = (json.loads(block.text) for block in BLOCKS if block.language == "json")
    written: list[Any] = []

    async def story(x: Any, venue: Binance) -> None:
        x.journal.readers.append(
            lambda trip: written.extend(map(json.loads, json_lines_of(trip, x.venue.markets)))
        )
        x.arm("lose_answer", operations="create_order")
        with pytest.raises(RequestTimeoutError):
            await x.create_order("BTC/USDT", "limit", "buy", 0.1, 30_000)

    after(story)
    (logged,) = written
    assert {"endpoint": "", **logged}.keys() == shown.keys()
    same = ("operation", "symbol", "outcome", "asked", "told", "faults", "limits", "client", "ms")
    assert {name: logged[name] for name in same} == {name: shown[name] for name in same}


def test_the_headers_have_their_names() -> None:
    """They are copied into the code of those who read them."""
    (block,) = (block.text for block in BLOCKS if block.language == "http")
    assert [line.partition(":")[0] for line in block.splitlines()] == [REQUEST, FAULT]
