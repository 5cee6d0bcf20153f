"""serve --verbose: whoever watches the terminal sees what is asked, told and struck."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from failing_exchange import FailingExchange, RequestTimeoutError, simulate
from failing_exchange.cli.request_log import LINE_LETTERS_MAX, json_lines_of, lines_of
from tests.server.test_serve import served, time_at


def lines_after(story: Any, lines_of: Any = lines_of) -> list[str]:
    """The log of a story."""
    found: list[str] = []

    async def main() -> None:
        x = FailingExchange(latency=None)
        markets = x.venue.markets
        x.venue.journal.readers.append(lambda trip: found.extend(lines_of(trip, markets)))
        await story(x)

    simulate(main())
    return found


def test_a_request_is_one_line() -> None:
    """With its account, what was asked, and what was told."""

    async def story(x: FailingExchange) -> None:
        await x.create_order("BTC/USDT", "limit", "buy", 0.1, 30_000)

    (line,) = lines_after(story)
    assert line.startswith("2026-01-01T00:00:00.000Z #")
    assert "main create_order: buy 0.1 BTC at 30000 -> " in line
    assert line.endswith("(0 ms)")


def test_a_fault_is_a_line_of_its_own() -> None:
    """Below the request that it struck."""

    async def story(x: FailingExchange) -> None:
        x.arm("lose_answer", name="gone")
        try:
            await x.fetch_ticker("BTC/USDT")
        except RequestTimeoutError:
            return

    request, fault = lines_after(story)
    assert "fetch_ticker BTC/USDT -> nothing" in request
    assert fault.endswith("fault gone: Drop at answer")
    assert request.split()[1] == fault.split()[1]


def test_what_a_client_sends_begins_no_line_and_is_cut() -> None:
    """A terminal can be told to do things by what it shows."""

    async def story(x: FailingExchange) -> None:
        x.arm("lose_answer", name="\x1b[31m\n" + "x" * 190)
        for _ in range(2):
            try:
                await x.fetch_ticker("BTC/USDT")
            except RequestTimeoutError:
                continue

    for line in lines_after(story):
        assert line.isprintable()
        assert len(line) <= LINE_LETTERS_MAX


def test_as_json_a_request_is_an_object_with_its_faults() -> None:
    """A program that gathers logs needs no pattern to find the request's number."""

    async def story(x: FailingExchange) -> None:
        await x.create_order("BTC/USDT", "limit", "buy", 0.1, 30_000)
        x.arm("lose_answer", name="gone\n\x1b[2J")
        try:
            await x.fetch_ticker("BTC/USDT")
        except RequestTimeoutError:
            return

    order, ticker = map(json.loads, lines_after(story, json_lines_of))
    assert order["at"] == "2026-01-01T00:00:00.000Z"
    assert (order["operation"], order["symbol"], order["client"]) == (
        "create_order", "BTC/USDT", "main",
    )  # fmt: skip
    assert (order["outcome"], order["level"], order["ms"]) == ("answered", "info", 0)
    assert order["asked"] == "create_order: buy 0.1 BTC at 30000"
    assert "faults" not in order
    assert ticker["request"] > order["request"]
    assert (ticker["outcome"], ticker["told"]) == ("lost", "nothing")
    assert ticker["faults"] == [
        {"rule": r"gone\n\x1b[2J", "fault": "lose_answer", "verdict": "Drop", "stage": "answer"}
    ]


def test_a_push_is_an_object_only_where_something_struck_it() -> None:
    """There are thousands of them."""

    async def story(x: FailingExchange) -> None:
        await x.watch_ticker("BTC/USDT")
        x.arm("delay_push", seconds=1)
        for _ in range(3):
            await x.watch_ticker("BTC/USDT")

    pushes = [one for one in map(json.loads, lines_after(story, json_lines_of)) if one["push"]]
    assert pushes
    assert all(one["faults"] for one in pushes)


def test_serve_verbose_writes_them() -> None:
    """The whole way, beside what it says anyhow."""

    async def main() -> str:
        async with served("--port", "0", "--verbose") as venue:
            await time_at(venue.url_of("failing-exchange"))
            _, said = await venue.stop()
            return said

    said = asyncio.run(main())
    assert " - GET /api/v3/time, fetch_time -> " in said
    assert "stopped after 1 requests" in said


def test_served_with_a_log_in_json_each_line_is_an_object() -> None:
    """From where it listens to what there was at the end, with the verdict of --judge."""

    async def main() -> list[dict[str, Any]]:
        options = ("--port", "0", "--verbose", "--judge", "--log-format", "json")
        async with served(*options, last="{") as venue:
            listening = json.loads(venue.lines[0])
            await time_at(listening["url"])
            code, said = await venue.stop()
            assert code == 0
            return [listening, *map(json.loads, said.splitlines())]

    listening, *lines = asyncio.run(main())
    assert (listening["kind"], listening["seed"]) == ("listening", 0)
    assert all(line["at"] and line["level"] and line["message"] for line in (listening, lines[-1]))
    (request,) = [line for line in lines if "request" in line]
    assert request["endpoint"] == "GET /api/v3/time"
    assert lines[-1]["message"].startswith("stopped after 1 requests")
    assert (lines[-1]["kind"], lines[-1]["requests"], lines[-1]["exit_code"]) == ("served", 1, 0)
