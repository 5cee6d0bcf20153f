"""The mark price of a contract: what positions are valued and liquidated by."""

from __future__ import annotations

from failing_exchange.core.state import MarketState
from failing_exchange.core.units import SECOND


def mark_of(ms: MarketState, at: int) -> int:
    """The mark price, in atoms of the quote asset; 0 while nothing is known of the price."""
    price = ms.tape.last(at // SECOND) * ms.market.price_step
    return max(0, price + ms.mark_shift) if price else 0


def first_mark_touch(
    ms: MarketState, start: int, stop: int, lower: int | None, upper: int | None
) -> int | None:
    """The first second of [start, stop) whose mark price may be at or beyond a bound, in atoms.

    It may name a second too early, never one too late.
    """
    step, shift = ms.market.price_step, ms.mark_shift
    low = None if lower is None else -(-(lower - shift) // step)
    high = None if upper is None else (upper - shift) // step
    return ms.liquidity.first_touch(start, stop, low, high)
