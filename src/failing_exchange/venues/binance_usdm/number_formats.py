"""How USD-M writes numbers: padded to the precision of the contract, or with eight places.

Seen in production on 2026-09-19: prices have `pricePrecision` places, amounts `quantityPrecision`,
averages and costs as many as both together; margins and profits have eight, and "0" for nothing.
"""

from __future__ import annotations

from functools import cache

from failing_exchange.core.market import Market
from failing_exchange.core.units import ATOMS
from failing_exchange.venues.binance_common.values import decimal

PLACES = 8  # of an atom
# The least `pricePrecision`: BTCUSDT has 2, although its tick is "0.10" (2026-09)
PRICE_PLACES_MIN = 2


@cache
def places_of(step: int) -> int:
    """Decimal places that a step in atoms needs.

    >>> places_of(10**6), places_of(ATOMS)
    (2, 0)
    """
    return len(f"{step % ATOMS:08d}".rstrip("0")) if step % ATOMS else 0


def price_places(market: Market) -> int:
    """Decimal places of a price: `pricePrecision`."""
    return max(PRICE_PLACES_MIN, places_of(market.price_step))


def fixed(atoms: int, places: int) -> str:
    """Atoms as decimal text with a fixed number of places; the rest is cut off.

    >>> fixed(150_000_000, 2), fixed(-1, 8), fixed(150_000_000, 0)
    ('1.50', '-0.00000001', '1')
    """
    sign, rest = ("-", -atoms) if atoms < 0 else ("", atoms)
    whole, part = divmod(rest, ATOMS)
    if not places:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part:08d}".ljust(places, "0")[
        : len(sign) + len(str(whole)) + 1 + places
    ]


def price(ticks: int, market: Market) -> str:
    """A price."""
    return fixed(ticks * market.price_step, price_places(market))


def amount(lots: int, market: Market) -> str:
    """An amount."""
    return fixed(lots * market.amount_step, places_of(market.amount_step))


def cost_places(market: Market) -> int:
    """Places of a cost or an average price."""
    return min(PLACES, price_places(market) + places_of(market.amount_step))


def cost(atoms: int, market: Market) -> str:
    """What was paid for an amount."""
    return fixed(atoms, cost_places(market))


def short_cost(atoms: int, market: Market) -> str:
    """A cost, or an average price, as market data shows it: with the places of a price."""
    return fixed(atoms, price_places(market))


def average(atoms: int, lots: int, market: Market) -> str:
    """The average price of lots that cost these atoms; zeros for none."""
    found = atoms * ATOMS // (lots * market.amount_step) if lots else 0
    return fixed(found, cost_places(market))


def money(atoms: int) -> str:
    """Margin, profit or notional: eight places, or "0".

    >>> money(0), money(5)
    ('0', '0.00000005')
    """
    return decimal(atoms) if atoms else "0"
