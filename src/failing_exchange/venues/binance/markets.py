"""The default world's five markets with the filters that production has for them.

filters.md, exchangeInfo and executionRules as production answered them in 2026; ICEBERG_PARTS by
CHANGELOG.md, 2026-02-24. The largest market order follows the traded volume there, and is a round
number here.
"""

from __future__ import annotations

from dataclasses import replace

from failing_exchange.core.market import Market, Prevention, Rules
from failing_exchange.core.units import ATOMS

ORDERS_MAX = 200  # open ones of an account in a market; one more breaks MAX_NUM_ORDERS
RULES = Rules(
    algo_orders_max=5,
    order_lists_max=20,
    amends_max=10,
    iceberg_parts_max=100,
    cost_max=9_000_000 * ATOMS,
    cost_max_of_market=False,
    average_minutes=5,
    buy_prices=(200_000, 5_000_000),
    sell_prices=(200_000, 5_000_000),
    trail_above=(10, 2_000),
    trail_below=(10, 2_000),
    preventions=(
        Prevention.EXPIRE_TAKER,
        Prevention.EXPIRE_MAKER,
        Prevention.EXPIRE_BOTH,
        Prevention.DECREMENT,
        Prevention.TRANSFER,
    ),
    price_range=(850_000, 1_150_000),
)
# (highest price, largest amount, largest market order), in units
LIMITS = {
    "BTC/USDT": (1_000_000, 9_000, 100),
    "ETH/USDT": (1_000_000, 9_000, 2_000),
    "SOL/USDT": (100_000, 90_000, 20_000),
    "BNB/USDT": (100_000, 900_000, 2_000),
    "ETH/BTC": (922_327, 100_000, 1_000),
}


def as_in_production(market: Market) -> Market:
    """A market with production's filters, where it is one of the five; else as it is.

    >>> from failing_exchange.venue.default_world import MARKETS
    >>> as_in_production(MARKETS["BTC/USDT"]).orders_max
    200
    """
    limits = LIMITS.get(market.symbol)
    if limits is None or market.rules is not None:
        return market
    highest, largest, of_market = (limit * ATOMS for limit in limits)
    return replace(
        market,
        price_max=highest // market.price_step,
        amount_max=largest // market.amount_step,
        market_amount_max=of_market // market.amount_step,
        orders_max=ORDERS_MAX,
        rules=RULES,
    )
