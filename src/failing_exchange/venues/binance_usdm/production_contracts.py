"""The default world's perpetuals with the filters that production has for them.

exchangeInfo of BTCUSDT as production answered it in 2026-09; those of the other two are round
numbers of 2025, for no full row of them of 2026 was found.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from failing_exchange.core.market import Market
from failing_exchange.core.units import ATOMS

ORDERS_MAX = 200  # open ones of an account in a contract; one more is refused (-2025)
PRICE_BAND = (50_000, 50_000)  # ppm below and above, PERCENT_PRICE


class _Limits(NamedTuple):
    """In units: prices, the largest orders, and the least notional."""

    lowest: float
    highest: int
    largest: int
    of_market: int
    notional: int


LIMITS = {
    "BTC/USDT:USDT": _Limits(556.8, 4_529_764, 1_000, 120, 50),
    "ETH/USDT:USDT": _Limits(39.86, 306_177, 10_000, 2_000, 20),
    "SOL/USDT:USDT": _Limits(0.42, 6_857, 1_000_000, 5_000, 5),
}


def as_in_production(market: Market) -> Market:
    """A market with production's filters, where it is one of the three; else as it is."""
    limits = LIMITS.get(market.symbol)
    if limits is None or market.orders_max is not None:
        return market
    return replace(
        market,
        price_min=round(limits.lowest * 100) * ATOMS // 100 // market.price_step,
        price_max=limits.highest * ATOMS // market.price_step,
        amount_max=limits.largest * ATOMS // market.amount_step,
        market_amount_max=limits.of_market * ATOMS // market.amount_step,
        cost_min=limits.notional * ATOMS,
        price_band=PRICE_BAND,
        orders_max=ORDERS_MAX,
    )
