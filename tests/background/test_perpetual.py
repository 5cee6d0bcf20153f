"""Spot market, index, mark price and perpetual of one base agree as real ones do."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from failing_exchange.background import SyntheticMarket
from failing_exchange.background.moved_path import MovedPath
from failing_exchange.background.perpetual import PerpetualMarket
from failing_exchange.background.premium import PREMIUMS, PremiumPath, decay
from failing_exchange.background.price_path import FINEST, LEVELS
from failing_exchange.core.candles import of_background
from failing_exchange.core.chance import key
from failing_exchange.core.funding_rate import average_premium, funding_rate
from failing_exchange.core.mark_price import (
    Range,
    mark_candle,
    mark_price,
)
from failing_exchange.core.units import ATOMS
from failing_exchange.venue.default_world import MARKETS, backgrounds_of
from failing_exchange.venue.perpetuals import PERPETUALS
from tests.background.markets import BIRTH, DAY, market
from tests.examples import examples

BASES = ("BTC", "ETH", "SOL")
LISTED = {market.base: market for market in PERPETUALS.values()}
TICKS = {base: LISTED[base].price_step for base in BASES}
CAPS = {"BTC": 300_000, "ETH": 300_000, "SOL": 375_000}
seeds = st.integers(0, 2**32)
instants = st.integers(BIRTH - 400 * DAY, BIRTH + 400 * DAY)


def perpetual(base: str = "BTC", seed: int = 0) -> PerpetualMarket:
    contract = LISTED[base]
    ((_, found),) = backgrounds_of({contract.symbol: contract}, seed=seed, birth=BIRTH)
    assert isinstance(found, PerpetualMarket)
    return found


@lru_cache(maxsize=4)
def closes(base: str) -> tuple[list[float], list[float], list[float], list[float]]:
    """Spot, perpetual, index and mark at the ends of the minutes of half a day, in units."""
    flow, spot = perpetual(base), market(f"{base}/USDT")
    at = range(BIRTH + 59, BIRTH + DAY // 2, 60)
    last = [flow.close(second) * TICKS[base] for second in at]
    marks = [
        flow.reference.mark(second, last=price, carry=10_000)
        for second, price in zip(at, last, strict=True)
    ]
    step = MARKETS[f"{base}/USDT"].price_step
    return (
        [spot.close(second) * step / ATOMS for second in at],
        [price / ATOMS for price in last],
        [flow.reference.index(second) / ATOMS for second in at],
        [price / ATOMS for price in marks],
    )


def correlation(left: list[float], right: list[float]) -> float:
    mean, other = sum(left) / len(left), sum(right) / len(right)
    both = sum((a - mean) * (b - other) for a, b in zip(left, right, strict=True))
    return both / float(
        (sum((a - mean) ** 2 for a in left) * sum((b - other) ** 2 for b in right)) ** 0.5
    )


def changes(values: list[float]) -> list[float]:
    return [after / before - 1 for before, after in pairwise(values)]


# ---- how they agree


@pytest.mark.parametrize("base", BASES)
def test_all_four_prices_go_together(base: str) -> None:
    """A hedge of spot and perpetual holds from one minute to the next."""
    spot, *others = [changes(values) for values in closes(base)]
    for other in others:
        assert correlation(spot, other) > 0.99


@pytest.mark.parametrize("base", BASES)
def test_the_index_is_spot_and_the_mark_is_near_the_perpetual(base: str) -> None:
    """Within 2 basis points the one, within 10 the other; all others differ by the premium."""
    spot, last, index, mark = closes(base)
    rows = list(zip(spot, last, index, mark, strict=True))
    assert all(abs(i / s - 1) < 2e-4 for s, _, i, _ in rows)
    assert all(abs(m / p - 1) < 1e-3 for _, p, _, m in rows)
    assert any(abs(p / i - 1) > 2e-4 for _, p, i, _ in rows)


@pytest.mark.parametrize("base", BASES)
def test_the_premium_is_as_wide_as_measured(base: str) -> None:
    """A few basis points, negative more often than not; half of one is gone in 1.7 to 2.3 h."""
    found, wanted = perpetual(base).reference, PREMIUMS[base]
    step = 600
    values = [found.premium(second) / 100 for second in range(BIRTH, BIRTH + 60 * DAY, step)]
    mean = sum(values) / len(values)
    deviation = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
    assert abs(mean - wanted.mean) < wanted.sigma / 4
    assert 0.85 < deviation / wanted.sigma < 1.15
    lag = wanted.half_life // step
    pairs = list(zip(values, values[lag:], strict=False))
    kept = sum((a - mean) * (b - mean) for a, b in pairs) / len(pairs) / deviation**2
    assert 0.38 < kept < 0.62


def test_a_premium_goes_back_to_its_mean() -> None:
    """From twice the deviation on: half of it is left after one half-life."""
    premium = PREMIUMS["BTC"]
    later, far = premium.half_life // 10, 2 * premium.sigma
    kept = []
    for seed in range(6):
        path = PremiumPath(key(seed), premium)
        for index in range(0, 60 * 8_640, 700):
            value = path.at(index) - premium.mean
            if abs(value) > far:
                kept.append((path.at(index + later) - premium.mean) / value)
    assert len(kept) > 50
    assert 0.35 < sum(kept) / len(kept) < 0.65


def test_the_decay_is_exact() -> None:
    """2 ** (-t / half-life), without a float in the path of prices."""
    for seconds in (10, 60, 900, 3_600, 14_400, 86_400):
        assert abs(decay(seconds, 6_048) / 2**48 - 2 ** (-seconds / 6_048)) < 1e-13


@pytest.mark.parametrize("base", BASES)
def test_funding_is_mostly_the_interest_rate(base: str) -> None:
    """As measured: in 35 to 90 % of all intervals it is 0.01 %, and never at its cap in calm."""
    found = perpetual(base).reference
    rates = []
    for start in range(BIRTH, BIRTH + 20 * DAY, 8 * 3_600):
        average = found.average_premium(start, start + 8 * 3_600, hours=8)
        rates.append(funding_rate(average, cap=CAPS[base]))
    assert 0.3 < rates.count(10_000) / len(rates) < 0.9
    assert all(abs(rate) < CAPS[base] for rate in rates)
    assert min(rates) < 10_000


# ---- the perpetual's candles


@given(st.sampled_from(BASES), seeds, instants, st.integers(1, 400))
@settings(deadline=None, max_examples=25)
def test_candles_are_what_their_seconds_add_up_to(
    base: str, seed: int, start: int, length: int
) -> None:
    """Whether the extremes of a window are searched from above or its seconds are made."""
    flow = perpetual(base, seed)
    window = flow.window(start, start + length)
    parts = [flow.second(second) for second in range(start, start + length)]
    whole = of_background(start, parts, length)
    assert window[:6] == whole[:6]
    assert window.low * window.volume <= window.cost <= window.high * window.volume
    assert [part.close for part in parts] == [flow.close(part.at) for part in parts]


@given(st.sampled_from(BASES), seeds, instants)
@settings(deadline=None, max_examples=10)
def test_long_candles_are_what_short_ones_add_up_to(base: str, seed: int, start: int) -> None:
    """A day and its hours, an hour and its minutes: the same highs, lows and volumes."""
    flow = perpetual(base, seed)
    for long, short in ((DAY, 3_600), (3_600, 60)):
        parts = [flow.candle(short, start // long * long + n) for n in range(0, long, short)]
        assert flow.candle(long, start)[:6] == of_background(parts[0].at, parts, long)[:6]


@given(seeds, instants, st.integers(1, 5_000))
@settings(deadline=None, max_examples=25)
def test_a_touch_is_found_where_the_seconds_have_it(seed: int, start: int, off: int) -> None:
    """The search that fills resting orders and triggers stops."""
    flow, stop = perpetual("BTC", seed), start + 600
    lower, upper = flow.close(start) - off // 20, flow.close(start) + off // 20
    bars = [flow.second(second) for second in range(start, stop)]
    first = next((bar.at for bar in bars if bar.low <= lower or bar.high >= upper), None)
    assert flow.first_touch(start, stop, lower, upper) == first


def test_spot_is_what_it_was() -> None:
    """A perpetual beside it changes no price of a seed that somebody has written down."""
    pair, contract = MARKETS["BTC/USDT"], LISTED["BTC"]
    both = {contract.symbol: contract, pair.symbol: pair}
    found = dict(zip(both, (b for _, b in backgrounds_of(both, seed=7, birth=BIRTH)), strict=True))
    spot, flow = found[pair.symbol], found[contract.symbol]
    assert isinstance(flow, PerpetualMarket) and type(spot) is SyntheticMarket
    assert flow.spot is spot
    alone = market("BTC/USDT", 7)
    for second in range(BIRTH - DAY, BIRTH + DAY, 997):
        flow.reference.mark(second, last=flow.close(second), carry=0)
        assert spot.second(second) == alone.second(second)


# ---- pure functions


@given(st.sampled_from(BASES), seeds, st.lists(instants, min_size=2, max_size=8))
@settings(deadline=None, max_examples=25)
def test_it_does_not_matter_who_looks_or_when(base: str, seed: int, seconds: list[int]) -> None:
    """A fresh market, asked in another order and for less, says the same."""
    one, other = perpetual(base, seed), perpetual(base, seed)

    def seen(flow: PerpetualMarket, second: int) -> tuple[object, ...]:
        ref = flow.reference
        return (
            flow.second(second), ref.index(second), ref.basis(second), ref.premium(second),
            ref.mark(second, last=10**12, carry=5_000), ref.index_candle(second, second + 60),
            ref.average_premium(second // 5 * 5, second // 5 * 5 + 7_200, hours=8),
        )  # fmt: skip

    first = [seen(one, second) for second in seconds]
    for second in seconds:
        one.window(second - DAY, second)
        one.reference.premium_candle(second - DAY, second)
    assert [seen(other, second) for second in reversed(seconds)] == first[::-1]
    assert [seen(one, second) for second in seconds] == first


def test_what_is_remembered_stays_bounded() -> None:
    """A simulated day of a poller must not fill the memory."""
    flow = perpetual()
    ref, path = flow.reference, flow._path
    assert isinstance(path, MovedPath)
    for second in range(BIRTH, BIRTH + DAY, 61):
        ref.mark(second, last=10**12, carry=0)
        flow.window(second - DAY, second)
        ref.average_premium(second // 28_800 * 28_800, second // 5 * 5, hours=8)
    kept = sum(map(len, path._sketches)) + sum(map(len, path._peaks.values()))
    assert kept + len(ref._sums) + len(flow._walks) + len(flow._tens) < 16_000


# ---- bounds


@examples(40)
@given(st.sampled_from(BASES), seeds, instants, st.integers(1, 900))
def test_bounds_hold_and_are_close(base: str, seed: int, start: int, length: int) -> None:
    """No mark of any second lies outside, so that no liquidation is missed between two looks."""
    flow, stop = perpetual(base, seed), start + length
    ref, step = flow.reference, TICKS[base]
    seconds = range(start, stop)
    last = Range(*(ticks * step for ticks in flow.bounds(start, stop)))
    carry = Range(-20_000, 30_000)
    bounds = ref.mark_bounds(start, stop, last=last, carry=carry, moved=Range(-ATOMS, ATOMS))
    index = ref.index_bounds(start, stop)
    for n, second in enumerate(seconds):
        price = flow.close(second) * step
        assert last.low <= price <= last.high
        assert index.low <= ref.index(second) <= index.high
        mark = ref.mark(
            second, last=price, carry=(-20_000, 30_000)[n % 2], moved=(-ATOMS, ATOMS)[n % 3 % 2]
        )
        assert bounds.low <= mark <= bounds.high
    bars = flow.window(start, stop)
    room = bars.low * step // 200  # half a percent
    assert last.low > bars.low * step - room and last.high < bars.high * step + room


@given(seeds, instants)
@settings(deadline=None, max_examples=20)
def test_bounds_of_the_premium_hold_at_every_level(seed: int, second: int) -> None:
    """The search for a candle's extremes relies on them: one that is too narrow hides a price."""
    path = PremiumPath(key(seed), PREMIUMS["SOL"])
    for level in range(4, FINEST + 1):
        tens = LEVELS[level] // 10
        index = second // LEVELS[level]
        least, most = path.bounds(level, index)
        inner = range(index * tens, index * tens + tens, max(1, tens // 300))
        assert all(least <= path.at(n) <= most for n in inner)


@given(st.sampled_from(BASES), seeds, instants)
@settings(deadline=None, max_examples=25)
def test_bounds_of_one_second_are_the_mark(base: str, seed: int, second: int) -> None:
    """A search that has come down to a second finds what a look at it finds."""
    flow = perpetual(base, seed)
    ref, last = flow.reference, flow.close(second) * TICKS[base]
    carry, price = Range(10_000, 10_000), Range(last, last)
    mark = ref.mark(second, last=last, carry=10_000)
    assert ref.mark_bounds(second, second + 1, carry=carry, last=price) == (mark, mark)
    low, high = ref.mark_bounds(second, second + 1, carry=carry)
    assert low <= mark <= high


# ---- formulas


@given(seeds, instants)
@settings(deadline=None, max_examples=10)
def test_the_average_premium_is_that_of_its_samples(seed: int, second: int) -> None:
    """Summed up by hours and minutes or one by one: what funding is made of."""
    ref, start = perpetual("ETH", seed).reference, second // 5 * 5
    for length, hours in ((3_600, 1), (4_565, 4), (8 * 3_600, 8), (5, 8), (0, 8)):
        samples = [ref.premium(n) for n in range(start, start + length, 5)]
        found = ref.average_premium(start, start + length, hours=hours)
        assert found == average_premium(samples, hours=hours)


@given(seeds, instants)
@settings(deadline=None, max_examples=10)
def test_the_basis_is_the_average_of_thirty_seconds(seed: int, second: int) -> None:
    """Price 2 of the mark: within a hundredth of a basis point of thirty samples one by one."""
    flow = perpetual("BTC", seed)
    ref = flow.reference
    samples = [ref.index(n) * ref.premium(n) // ATOMS for n in range(second - 29, second + 1)]
    assert abs(ref.basis(second) - sum(samples) / 30) < ref.index(second) / 10**6
    last = flow.close(second) * TICKS["BTC"]
    expected = mark_price(ref.index(second), carry=7, basis=ref.basis(second) + 5, last=last)
    assert ref.mark(second, last=last, carry=7, moved=5) == expected


@pytest.mark.parametrize("base", BASES)
def test_the_premium_is_that_of_the_prices(base: str) -> None:
    """What the series says is what a client computes from last price and index.

    Both keep the last price of the ten seconds before until they trade, the series does not.
    """
    flow, gaps = perpetual(base), []
    for second in range(BIRTH, BIRTH + 20 * DAY, 7_999):
        index, last = flow.reference.index(second), flow.close(second) * TICKS[base]
        gaps.append(abs((last - index) * ATOMS // index - flow.reference.premium(second)))
    tick = TICKS[base] * ATOMS // (flow.close(BIRTH) * TICKS[base])
    assert max(gaps) < 20_000 + tick
    assert sum(gaps) / len(gaps) < 1_500 + tick


@given(seeds, instants, st.integers(1, 300))
@settings(deadline=None, max_examples=15)
def test_candles_of_index_and_premium_contain_their_seconds(
    seed: int, start: int, minutes: int
) -> None:
    """`indexPriceKlines` and `premiumIndexKlines` agree with what was polled meanwhile."""
    ref, begin = perpetual("SOL", seed).reference, start // 60 * 60
    stop = begin + 60 * minutes
    polled = range(begin, stop, 7 if minutes < 20 else 61)
    index, premium = ref.index_candle(begin, stop), ref.premium_candle(begin, stop)
    assert all(index.low <= ref.index(second) <= index.high for second in polled)
    assert all(premium.low <= ref.premium(second) <= premium.high for second in polled)
    assert index.close == ref.index(stop - 1) and premium.close == ref.premium(stop - 1)


@given(seeds, instants)
@settings(deadline=None, max_examples=10)
def test_a_candle_of_the_mark_contains_its_seconds(seed: int, start: int) -> None:
    """`markPriceKlines`: the bounds are close enough for a chart, within a quarter of a percent."""
    flow, begin = perpetual("SOL", seed), start // 60 * 60
    ref, step = flow.reference, TICKS["SOL"]
    marks = [
        ref.mark(second, last=flow.close(second) * step, carry=10_000)
        for second in range(begin, begin + 60)
    ]
    low, high = flow.bounds(begin, begin + 60)
    candle = mark_candle(
        ref, begin, begin + 60, (marks[0], marks[-1]),
        carry=Range(10_000, 10_000), last=Range(low * step, high * step),
    )  # fmt: skip
    assert (candle.open, candle.close) == (marks[0], marks[-1])
    assert candle.low <= min(marks) and max(marks) <= candle.high
    assert candle.high - max(marks) < marks[0] // 400 > min(marks) - candle.low
