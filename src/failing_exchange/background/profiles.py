"""How the five spot markets of the default world behave."""

from __future__ import annotations

from dataclasses import dataclass

from failing_exchange.core.chance import below, key


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A market's character. Prices in ticks, amounts in lots, rates in thousandths.

    opening: the price at birth, and `opening_spread` by how much it may lie higher, by the seed.
    sigma: points (1e-6 of the price) by which a day's close typically differs from its open.
    volume: of a typical day. activity: the share of seconds that trade. spread: typical, in ticks.
    grid: ticks between offers near the best price. offer: lots of a typical offer there.

    >>> PROFILES["BTC/USDT"].spread
    12
    """

    opening: int
    opening_spread: int
    sigma: int
    volume: int
    activity: int
    spread: int
    grid: int
    offer: int


PROFILES: dict[str, Profile] = {
    "BTC/USDT": Profile(opening=5_002_000, opening_spread=1_000, sigma=24_000,
                        volume=11_000 * 10**5, activity=850, spread=12, grid=60, offer=40_000),
    "ETH/USDT": Profile(opening=300_000, opening_spread=2_000, sigma=32_000,
                        volume=160_000 * 10**4, activity=800, spread=2, grid=8, offer=60_000),
    "SOL/USDT": Profile(opening=15_000, opening_spread=200, sigma=42_000,
                        volume=1_800_000 * 10**3, activity=650, spread=1, grid=2, offer=60_000),
    "BNB/USDT": Profile(opening=60_000, opening_spread=500, sigma=26_000,
                        volume=200_000 * 10**3, activity=450, spread=2, grid=6, offer=4_000),
    "ETH/BTC": Profile(opening=6_000, opening_spread=20, sigma=18_000,
                       volume=12_000 * 10**4, activity=250, spread=1, grid=1, offer=80_000),
}  # fmt: skip


def opening_of(symbol: str, seed: int, profile: Profile | None = None) -> int:
    """The price in ticks at which a market opens for a seed.

    Raises KeyError for a symbol that has no profile, where none is given.

    >>> 5_002_000 <= opening_of("BTC/USDT", seed=7) < 5_003_000
    True
    """
    profile = profile or PROFILES[symbol]
    return profile.opening + below(key(seed, "opening", symbol), 0, profile.opening_spread)
