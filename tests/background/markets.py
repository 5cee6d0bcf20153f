"""Background markets for tests."""

from __future__ import annotations

from failing_exchange.background import PROFILES, SyntheticMarket, opening_of

BIRTH = 1_767_225_600
DAY = 86_400
SYMBOLS = tuple(PROFILES)
# ccxt's timeframes, in seconds.
TIMEFRAMES = (
    1, 60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800, 43_200, DAY,
)  # fmt: skip


def market(symbol: str = "BTC/USDT", seed: int = 0, birth: int = BIRTH) -> SyntheticMarket:
    return SyntheticMarket(
        symbol, seed=seed, birth=birth, opening=opening_of(symbol, seed), profile=PROFILES[symbol]
    )
