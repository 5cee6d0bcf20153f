"""Candle intervals and their edges, in any time zone.

rest-api.md, "Kline/Candlestick data", 2026-07-21.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from failing_exchange.core.public_trade import began
from failing_exchange.core.units import DAY_S, SECOND, WEEK_S
from failing_exchange.venues.binance_common.refusals import refuse

FIRST_MONDAY = 4 * DAY_S  # 1970-01-05
SECONDS: dict[str, int] = {
    "1s": 1, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1_800,
    "1h": 3_600, "2h": 7_200, "4h": 14_400, "6h": 21_600, "8h": 28_800, "12h": 43_200,
    "1d": DAY_S, "3d": 3 * DAY_S, "1w": WEEK_S,
}  # fmt: skip
MONTH = "1M"
INTERVALS = (*SECONDS, MONTH)
ZONE = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?\Z")


def offset_of(text: str) -> int:
    """A time zone such as "0", "-1:00" or "05:45" in seconds; raises `Reject`."""
    found = ZONE.match(text)
    if found is not None:
        sign = -1 if found[1] == "-" else 1
        seconds = sign * (int(found[2]) * 3_600 + int(found[3] or 0) * 60)
        if -12 * 3_600 <= seconds <= 14 * 3_600:
            return seconds
    return refuse("INVALID_PARAMETER", "Data sent for parameter 'timeZone' is not valid.")


def start_of(interval: str, second: int, offset: int = 0) -> int:
    """The edge at or before an epoch second."""
    if interval == MONTH:
        local = datetime.fromtimestamp(second + offset, UTC)
        return int(datetime(local.year, local.month, 1, tzinfo=UTC).timestamp()) - offset
    length = SECONDS[interval]
    shift = offset - (FIRST_MONDAY if interval == "1w" else 0)
    return (second + shift) // length * length - shift


def next_edge(interval: str, edge: int, offset: int = 0) -> int:
    """The edge after an edge."""
    if interval == MONTH:
        return start_of(interval, edge + 32 * DAY_S, offset)
    return edge + SECONDS[interval]


def edges(
    interval: str, *, since: int, until: int | None, limit: int, now: int, offset: int
) -> tuple[int, ...]:
    """The edges of up to `limit` candles; `since` (0: none) and `until` bound their opening."""
    last = now if until is None else min(until, now)
    listed = began(now * SECOND)
    if since:
        first = start_of(interval, max(since, listed), offset)
        if first < since:
            first = next_edge(interval, first, offset)
    else:
        first = start_of(interval, last, offset)
        for _ in range(limit - 1):
            first = start_of(interval, first - 1, offset)
            if first <= listed:
                break
        first = max(first, start_of(interval, listed, offset))
    found = [first]
    while len(found) <= limit and found[-1] <= last:
        found.append(next_edge(interval, found[-1], offset))
    return tuple(found) if len(found) > 1 else (first, first)


def is_plain(interval: str, offset: int) -> bool:
    """Whether the core's own timeframes have this one: whole multiples since the epoch."""
    return not offset and interval in SECONDS and SECONDS[interval] <= DAY_S
