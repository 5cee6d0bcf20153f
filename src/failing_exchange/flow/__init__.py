"""The background market: pure functions of seed, symbol and second; or a recording."""

from __future__ import annotations

from failing_exchange.flow.candles import Candle, Print, Second
from failing_exchange.flow.market import MarketFlow
from failing_exchange.flow.profiles import PROFILES, Profile, opening_of
from failing_exchange.flow.recording import RecordedFlow

__all__ = [
    "PROFILES",
    "Candle",
    "MarketFlow",
    "Print",
    "Profile",
    "RecordedFlow",
    "Second",
    "opening_of",
]
