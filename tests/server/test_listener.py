"""Accepting connections: what happens where the process has no descriptors left."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from failing_exchange.server import listener
from tests.venues.binance.raw import Place, at


def test_without_descriptors_connections_wait_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log of asyncio's own server grew by 8 MB a second, and nobody was answered."""
    monkeypatch.setattr(listener, "CHECK_EVERY", 0.001)
    monkeypatch.setattr(listener, "BACK_OFF_MAX", 0.001)

    async def story(place: Place) -> bytes:
        loop: Any = asyncio.get_running_loop()
        accept, failures = loop.sock_accept, iter(range(20))

        async def without_descriptors(sock: Any) -> Any:
            if next(failures, None) is not None:
                raise OSError(errno.EMFILE, "Too many open files")
            return await accept(sock)

        monkeypatch.setattr(loop, "sock_accept", without_descriptors)
        lines = [await place.connect() for _ in range(3)]
        for line in lines:
            line.say("GET /api/v3/ping HTTP/1.1\r\nHost: here\r\n\r\n")
        heads = [await line.head() for line in lines]
        assert next(failures, None) is None
        return b"".join(heads)

    assert at("port", story).count(b"HTTP/1.1 200 OK") == 3
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "Too many open files" in said[0]
    assert "ulimit -n" in said[0]
