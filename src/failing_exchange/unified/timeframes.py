"""The timeframes of candles, in seconds by ccxt's name."""

from __future__ import annotations

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import DAY_S, HOUR_S

TIMEFRAMES = {
    "1s": 1, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1_800, "1h": HOUR_S, "2h": 7_200,
    "4h": 14_400, "6h": 21_600, "8h": 28_800, "12h": 43_200, "1d": DAY_S,
}  # fmt: skip


def seconds_of(timeframe: object) -> int:
    """A timeframe in seconds; raises `Reject` for one that there is not."""
    found = TIMEFRAMES.get(timeframe) if isinstance(timeframe, str) else None
    if found is None:
        known = ", ".join(TIMEFRAMES)
        raise Reject(Reason.BAD_REQUEST, f"Invalid timeframe: {timeframe!r} is none of {known}")
    return found
