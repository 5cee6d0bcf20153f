"""The background market: pure functions of seed, symbol and second; or a recording."""

from __future__ import annotations

from failing_exchange.background.candles import Candle, Print, Second
from failing_exchange.background.profiles import PROFILES, Profile, opening_of
from failing_exchange.background.recorded import RecordedMarket
from failing_exchange.background.synthetic import SyntheticMarket

__all__ = [
    "PROFILES",
    "Candle",
    "Print",
    "Profile",
    "RecordedMarket",
    "Second",
    "SyntheticMarket",
    "opening_of",
]
