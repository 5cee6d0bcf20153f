"""A market's rules as filters, in the order of production.

filters.md, "Symbol filters", 2026-07-21. A rule that a market does not have is left out.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.market import Market, Rules
from failing_exchange.core.units import ATOMS, PPM, atoms_text
from failing_exchange.venues.binance_common.values import amount, decimal, price

UNLIMITED = 92_141_578 * ATOMS  # an amount or a value without a limit, in atoms
HIGHEST = 1_000_000 * ATOMS  # a price without a limit, in atoms
NO_RULES = Rules()
ANY_PRICE = (0, 1_000_000 * PPM)  # of the average price, in parts per million
ANY_TRAIL = (1, 1_000_000)  # basis points

Filter = dict[str, Any]


def filters(market: Market) -> list[Filter]:
    """All filters of a market."""
    rules = market.rules or NO_RULES
    found = (
        _price(market),
        _lots(market),
        _count("ICEBERG_PARTS", "limit", rules.iceberg_parts_max),
        _market_lots(market, rules),
        _trails(rules),
        _band(market, rules),
        _notional(market, rules),
        _count("MAX_NUM_ORDERS", "maxNumOrders", market.orders_max),
        _count("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", rules.order_lists_max),
        _count("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", rules.algo_orders_max),
        _count("MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", rules.iceberg_orders_max),
        _count("MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends", rules.amends_max),
        _position(rules),
    )
    return [one for one in found if one is not None]


def _price(market: Market) -> Filter:
    most = market.price_max
    return {
        "filterType": "PRICE_FILTER",
        "minPrice": price(market.price_min, market),
        "maxPrice": price(most, market) if most is not None else decimal(HIGHEST),
        "tickSize": price(market.price_every, market),
    }


def _lots(market: Market) -> Filter:
    most = market.amount_max
    return {
        "filterType": "LOT_SIZE",
        "minQty": amount(market.amount_min, market),
        "maxQty": amount(most, market) if most is not None else decimal(UNLIMITED),
        "stepSize": amount(market.amount_every, market),
    }


def _count(name: str, field: str, most: int | None) -> Filter | None:
    return None if most is None else {"filterType": name, field: most}


def _market_lots(market: Market, rules: Rules) -> Filter:
    """Zeros, as in production, where market orders have no minimum or step of their own."""
    most = market.market_amount_max
    if most is None:
        most = market.amount_max
    return {
        "filterType": "MARKET_LOT_SIZE",
        "minQty": amount(rules.market_amount_min or 0, market),
        "maxQty": amount(most, market) if most is not None else decimal(UNLIMITED),
        "stepSize": amount(rules.market_amount_every or 0, market),
    }


def _trails(rules: Rules) -> Filter | None:
    if rules.trail_above is None and rules.trail_below is None:
        return None
    above, below = rules.trail_above or ANY_TRAIL, rules.trail_below or ANY_TRAIL
    return {
        "filterType": "TRAILING_DELTA",
        "minTrailingAboveDelta": above[0],
        "maxTrailingAboveDelta": above[1],
        "minTrailingBelowDelta": below[0],
        "maxTrailingBelowDelta": below[1],
    }


def _band(market: Market, rules: Rules) -> Filter | None:
    """Prices by side; of both kinds of bands a market may have, the one by side is told."""
    bids, asks, minutes = rules.buy_prices, rules.sell_prices, rules.average_minutes
    if bids is None and asks is None:
        if market.price_band is None:
            return None
        below, above = market.price_band
        bids = asks = (PPM - below, PPM + above)
        minutes = 0
    bids, asks = bids or ANY_PRICE, asks or ANY_PRICE
    return {
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": _multiplier(bids[1]),
        "bidMultiplierDown": _multiplier(bids[0]),
        "askMultiplierUp": _multiplier(asks[1]),
        "askMultiplierDown": _multiplier(asks[0]),
        "avgPriceMins": minutes,
    }


def _multiplier(ppm: int) -> str:
    """Parts per million as a factor.

    >>> _multiplier(5_000_000), _multiplier(200_000)
    ('5', '0.2')
    """
    return atoms_text(ppm * (ATOMS // PPM))


def _notional(market: Market, rules: Rules) -> Filter:
    most = rules.cost_max
    return {
        "filterType": "NOTIONAL",
        "minNotional": decimal(market.cost_min),
        "applyMinToMarket": rules.cost_min_of_market,
        "maxNotional": decimal(most if most is not None else UNLIMITED),
        "applyMaxToMarket": most is not None and rules.cost_max_of_market,
        "avgPriceMins": rules.average_minutes,
    }


def _position(rules: Rules) -> Filter | None:
    if rules.position_max is None:
        return None
    return {"filterType": "MAX_POSITION", "maxPosition": decimal(rules.position_max)}
