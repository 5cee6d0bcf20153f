"""serve --verbose: whoever watches the terminal sees what is asked, told and struck."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange import FailingExchange, RequestTimeoutError, simulate
from failing_exchange.cli.request_log import LINE_LETTERS_MAX, lines_of
from tests.server.test_serve import served, time_at


def lines_after(story: Any) -> list[str]:
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
