"""The venue's formulas of funding and mark price, held against its published examples.

Binance, FAQ 360033525031 (funding, 2026-03-06) and 360033525071 (mark price), and the announcement
of 2025-09-18 that changed both.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from failing_exchange.core.funding_rate import (
    INTERVALS,
    average_premium,
    funding_rate,
    impact_notional,
    premium_index,
)
from failing_exchange.core.mark_price import carry_of, mark_price
from failing_exchange.core.units import ATOMS

PERCENT = ATOMS // 100
CAP = 300_000  # 0.3 %: 0.75 times BTCUSDT's least maintenance rate of 0.4 %
rates = st.integers(-10 * PERCENT, 10 * PERCENT)
prices = st.integers(1, 200_000 * ATOMS)


def percent(value: str) -> int:
    """Atoms of a rate in percent, exactly."""
    atoms = Fraction(value) * PERCENT
    assert atoms.denominator == 1
    return int(atoms)


@pytest.mark.parametrize(
    ("premium", "rate"),
    [
        ("-0.04", "0.01"),  # "as long as the premium index is between -0.04% to 0.06%,
        ("0", "0.01"),  # the funding rate will equal 0.01% (the Interest Rate)"
        ("0.06", "0.01"),
        ("0.07", "0.02"),  # outside of the band the damper is exhausted: P - 0.05 %
        ("-0.05", "0"),  # or P + 0.05 %
        ("-0.10", "-0.05"),
        ("0.90", "0.3"),  # "Capped Funding Rate = clamp(Funding Rate, Floor, Cap)"
        ("-0.90", "-0.3"),
    ],
)
def test_the_rate_is_the_faqs(premium: str, rate: str) -> None:
    """A bot that predicts its funding uses the same page."""
    assert funding_rate(percent(premium), cap=CAP) == percent(rate)


@pytest.mark.parametrize(("hours", "rate"), [(8, "0.02"), (4, "0.01"), (2, "0.005"), (1, "0.0025")])
def test_a_shorter_interval_takes_its_share(hours: int, rate: str) -> None:
    """Since 2025-09-18 the rate is divided by 8 / N, interest included."""
    assert funding_rate(percent("0.07"), hours=hours, cap=CAP) == percent(rate)


def test_cap_and_floor_may_differ_and_are_checked() -> None:
    """`fundingInfo` names both; what cannot be is refused before it is paid."""
    assert funding_rate(-PERCENT, cap=CAP, floor=-2 * CAP) == -2 * CAP
    with pytest.raises(ValueError, match=r"one of \(8, 4, 2, 1\) hours, not 3"):
        funding_rate(0, hours=3, cap=CAP)
    with pytest.raises(ValueError, match="floor 2 of a funding rate is above its cap 1"):
        funding_rate(0, cap=1, floor=2)


@given(rates, st.sampled_from(INTERVALS), st.integers(0, 2 * PERCENT))
def test_the_rate_stays_within_its_caps(premium: int, hours: int, cap: int) -> None:
    """Whatever the premium; without a cap it is the formula, in exact fractions."""
    assert -cap <= funding_rate(premium, hours=hours, cap=cap) <= cap
    damped = max(Fraction(-50_000), min(Fraction(50_000), Fraction(10_000 - premium)))
    exact = (premium + damped) / Fraction(8, hours)
    assert abs(funding_rate(premium, hours=hours, cap=ATOMS) - exact) <= Fraction(1, 2)


@given(st.lists(rates, min_size=1, max_size=50))
def test_later_samples_weigh_more(samples: list[int]) -> None:
    """(1 P1 + 2 P2 + ... + n Pn) / (1 + 2 + ... + n); equally where funding is hourly."""
    weights = range(1, len(samples) + 1)
    weighed = Fraction(sum(w * s for w, s in zip(weights, samples, strict=True)), sum(weights))
    assert abs(average_premium(samples) - weighed) <= Fraction(1, 2)
    equal = Fraction(sum(samples), len(samples))
    assert abs(average_premium(samples, hours=1) - equal) <= Fraction(1, 2)


def test_no_sample_is_no_premium() -> None:
    """Funding in the first second of a contract is the interest rate."""
    assert average_premium([]) == 0


def test_the_premium_index_needs_prices_beyond_the_index() -> None:
    """An index between the impact prices is no premium at all."""
    index = 50_000 * ATOMS
    assert premium_index(index - 1, index + 1, index) == 0
    assert premium_index(index + 50 * ATOMS, index + 51 * ATOMS, index) == percent("0.1")
    assert premium_index(index - 51 * ATOMS, index - 50 * ATOMS, index) == -percent("0.1")


def test_the_impact_notional_is_the_faqs() -> None:
    """125x is an initial margin rate of 0.8 %: 25,000 USDT; 20x is 4,000 USDT."""
    assert impact_notional(percent("0.8")) == 25_000 * ATOMS
    assert impact_notional(percent("5")) == 4_000 * ATOMS


# ---- mark price


def test_the_mark_is_the_median() -> None:
    """The FAQ: where Price 1 < Price 2 < contract price, the mark is Price 2."""
    index = 10_000 * ATOMS
    carry = carry_of(percent("0.01"), left=4, interval=8)
    assert mark_price(index, carry=carry, basis=ATOMS, last=10_002 * ATOMS) == 10_001 * ATOMS
    assert mark_price(index, carry=carry, basis=ATOMS, last=9_000 * ATOMS) == index + ATOMS // 2
    assert mark_price(index, carry=carry, basis=ATOMS, last=index + ATOMS * 7 // 10) == (
        index + ATOMS * 7 // 10
    )


@given(prices, rates, st.integers(-ATOMS, ATOMS), prices)
def test_a_spike_of_the_contract_moves_the_mark_no_further(
    index: int, carry: int, basis: int, last: int
) -> None:
    """What a median is for: no trade takes the mark out of the range of the other two."""
    others = (index + index * carry // ATOMS, index + basis)
    assert mark_price(index, carry=carry, basis=basis, last=last) == sorted((*others, last))[1]
