"""Ping and time.

rest-api.md, "General endpoints", 2026-07-21.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.queries import Clock, FetchStatus, FetchTime
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.values import instant


def read_ping(r: Reading) -> FetchStatus:
    """GET /api/v3/ping."""
    return FetchStatus(r.account)


def write_ping(w: Writing, answer: Any) -> dict[str, Any]:
    """Nothing, which is good news."""
    return {}


def read_time(r: Reading) -> FetchTime:
    """GET /api/v3/time."""
    return FetchTime(r.account)


def write_time(w: Writing, clock: Clock) -> dict[str, Any]:
    """The venue's clock."""
    return {"serverTime": instant(clock.at, micro=w.micro)}
