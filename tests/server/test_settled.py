"""The loop of our own tests on real sockets: its clock waits for what is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event
from typing import Any

import pytest

from tests.server import settled


@asynccontextmanager
async def served(wait: float) -> AsyncIterator[tuple[Any, Any]]:
    """A connection to a server on a port, which answers each byte after so many seconds."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while byte := await reader.read(1):
            await asyncio.sleep(wait)
            writer.write(byte)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    await asyncio.sleep(wait + 1)  # the other side closes, too
    server.close()


def test_a_day_costs_no_waiting() -> None:
    """And an answer that comes a second before the end of patience is no silence."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        async with served(86_399) as (reader, writer):
            began = loop.time()
            writer.write(b"x")
            async with asyncio.timeout(86_400):
                assert await reader.read(1) == b"x"
            writer.write(b"y")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(86_398):
                    await reader.read(1)
            return loop.time() - began

    assert settled.run(main()) == 86_399 + 86_398


def test_nothing_is_late_that_is_on_its_way() -> None:
    """A millisecond is enough for a thousand answers, however slow the machine is."""

    async def main() -> None:
        async with served(0) as (reader, writer), asyncio.timeout(0.001):
            for _ in range(1_000):
                writer.write(b"x")
                assert await reader.read(1) == b"x"

    settled.run(main())


def test_time_stands_still_while_a_thread_is_at_work() -> None:
    """Names are looked up in threads."""
    go_on = Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(None, go_on.wait, 30)
        loop.call_soon(go_on.set)
        async with asyncio.timeout(0.001):
            assert await work

    settled.run(main())


def test_a_story_without_an_end_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not hold up all other tests: timers that follow each other cost no waiting."""
    monkeypatch.setattr(settled, "REAL_SECONDS_MAX", 0.01)

    async def main() -> None:
        while True:
            await asyncio.sleep(1)

    with pytest.raises(AssertionError, match="the story has not ended"):
        settled.run(main())
