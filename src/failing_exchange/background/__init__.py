"""The other traders: markets as pure functions of seed, symbol and second, or recorded ones."""

from __future__ import annotations

from failing_exchange.background.profiles import PROFILES, Profile, opening_of
from failing_exchange.background.recorded import RecordedMarket
from failing_exchange.background.synthetic import SyntheticMarket

__all__ = ["PROFILES", "Profile", "RecordedMarket", "SyntheticMarket", "opening_of"]
