"""Funding of a linear perpetual: the premium index, its average, and the rate that follows.

Pure functions on integers; rates, premiums and prices are in atoms (1e-8).

Source: Binance, "Introduction to Binance Futures Funding Rates" (support FAQ 360033525031, as of
2026-03-06), and the announcement "Important Updates on Funding Rate Formula and Mark Price", in
effect since 2025-09-18 08:01 UTC, which divides the rate by 8 / N for an interval of N hours.
"""

from __future__ import annotations

from collections.abc import Iterable

from failing_exchange.core.units import ATOMS

INTEREST = 10_000  # 0.01 % for eight hours, whatever the interval
DAMPER = 50_000  # 0.05 %: within it the premium gives way to the interest
SAMPLE_S = 5  # seconds between two samples of the premium index: 5,760 in eight hours
INTERVALS = (8, 4, 2, 1)  # hours
MARGIN_OF_IMPACT = 200 * ATOMS  # the margin whose largest position is the impact margin notional


def funding_rate(
    average: int,
    *,
    hours: int = 8,
    cap: int,
    floor: int | None = None,
    interest: int = INTEREST,
) -> int:
    """The funding rate of one interval, in atoms; longs pay shorts where it is positive.

    F = [P + clamp(I - P, 0.05 %, -0.05 %)] / (8 / N), then clamped to [floor, cap].

    `average`: the average premium index P of the interval. `hours`: N, one of `INTERVALS`.
    `floor`: `-cap` by default. Raises ValueError for another interval or a floor above the cap.

    A premium from -0.04 % to 0.06 % gives the interest rate, as the FAQ says:

    >>> [funding_rate(premium, cap=300_000) for premium in (-40_000, 0, 60_000, 80_000)]
    [10000, 10000, 10000, 30000]
    >>> funding_rate(0, hours=4, cap=300_000), funding_rate(900_000, cap=300_000)
    (5000, 300000)
    """
    floor = -cap if floor is None else floor
    if hours not in INTERVALS:
        raise ValueError(f"a funding interval is one of {INTERVALS} hours, not {hours!r}")
    if floor > cap:
        raise ValueError(f"the floor {floor} of a funding rate is above its cap {cap}")
    rate = average + max(-DAMPER, min(DAMPER, interest - average))
    return max(floor, min(cap, _nearest(rate * hours, 8)))


def average_premium(samples: Iterable[int], *, hours: int = 8) -> int:
    """The average premium index of an interval from its samples, oldest first.

    The n-th sample weighs n; in an interval of one hour all weigh the same. 0 without samples.

    >>> average_premium([0, 30_000]), average_premium([0, 30_000], hours=1)
    (20000, 15000)
    """
    total = weighed = count = 0
    for count, sample in enumerate(samples, 1):
        total += sample
        weighed += count * sample
    return average_of_sums(total, weighed, count, hours=hours)


def average_of_sums(total: int, weighed: int, count: int, *, hours: int = 8) -> int:
    """The same from the sum of the samples, from that of n times the n-th, and their number."""
    if not count:
        return 0
    return _nearest(total, count) if hours == 1 else _nearest(2 * weighed, count * (count + 1))


def premium_index(bid: int, ask: int, index: int) -> int:
    """The premium index: how far the impact prices of bids and asks lie beyond the index price.

    P = [max(0, impact bid - index) - max(0, index - impact ask)] / index

    >>> premium_index(50_030 * ATOMS, 50_031 * ATOMS, 50_000 * ATOMS)
    60000
    """
    return _nearest((max(0, bid - index) - max(0, index - ask)) * ATOMS, index)


def impact_notional(margin_rate: int) -> int:
    """The notional, in atoms, whose average fill price is an impact price.

    `margin_rate`: the initial margin rate at the highest leverage. The FAQ's example: BTCUSDT has
    125x, hence 0.8 % and 25,000 USDT.

    >>> impact_notional(800_000) // ATOMS
    25000
    """
    return MARGIN_OF_IMPACT * ATOMS // margin_rate


def _nearest(part: int, whole: int) -> int:
    """A quotient rounded to the nearest integer; halves away from zero."""
    found = (2 * abs(part) + whole) // (2 * whole)
    return found if part >= 0 else -found
