"""The venue's clock on a loop that counts in floating-point seconds."""

from __future__ import annotations

import asyncio
import time

import pytest

from failing_exchange.core.units import SECOND
from failing_exchange.venue.venue_clock import VenueClock
from tests.server import settled

TIMERS = 200


def test_a_timer_is_never_called_before_its_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat that comes a nanosecond early would be set for the same instant again, for ever."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_796_039_154_089_280_222)

    async def main() -> list[int]:
        clock = VenueClock()
        clock.bind(asyncio.get_running_loop())
        early = []
        for _ in range(TIMERS):
            called: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            at = (clock.now() // SECOND + 1) * SECOND
            clock.call_at(at, lambda called=called: called.set_result(clock.now()))
            early.append(max(0, at - await called))
        return early

    assert settled.run(main()) == [0] * TIMERS
