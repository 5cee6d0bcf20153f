"""The background market is believable to a trader: prices, book, volatility, volume."""

from __future__ import annotations

from itertools import islice, pairwise
from math import log, sqrt

import pytest
from hypothesis import given, strategies as st

from failing_exchange.background import PROFILES, opening_of
from failing_exchange.background.candle_splitting import pattern
from failing_exchange.background.price_path import PricePath
from failing_exchange.background.synthetic import FARTHEST
from failing_exchange.venue.default_world import prepare_backgrounds
from tests.background.markets import BIRTH, DAY, SYMBOLS, market
from tests.examples import examples

YEAR = 365 * DAY
seeds = st.integers(0, 100_000)
instants = st.integers(BIRTH - 1_000 * DAY, BIRTH + 3_650 * DAY)


def changes(symbol: str, seconds: int, *, windows: int = 12, length: int = 250) -> list[float]:
    """Logarithmic changes from candle to candle, at several seeds and times."""
    found = []
    for seed in range(windows):
        flow, end = market(symbol, seed), BIRTH + seed * 5 * DAY // seconds * seconds
        row = [flow.candle(seconds, end - n * seconds).close for n in range(length, -1, -1)]
        found += [log(after / before) for before, after in pairwise(row)]
    return found


def yearly(values: list[float], seconds: int) -> float:
    return sqrt(sum(v * v for v in values) / len(values) * YEAR / seconds)


def correlation(values: list[float], lag: int = 1) -> float:
    mean = sum(values) / len(values)
    whole = sum((v - mean) ** 2 for v in values)
    return sum((a - mean) * (b - mean) for a, b in zip(values, values[lag:], strict=False)) / whole


# --- the opening


@examples(200)
@given(st.sampled_from(SYMBOLS), seeds, st.integers(0, 4_000_000_000))
def test_the_price_at_birth_is_the_opening(symbol: str, seed: int, birth: int) -> None:
    """Whenever an exchange is born, its first price is the one of its profile."""
    assert market(symbol, seed, birth).second(birth).close == opening_of(symbol, seed)


def test_bitcoin_opens_where_a_bid_of_50_000_rests_near_the_top() -> None:
    """The examples of the documents place limit buys at 50,000."""
    for seed in range(500):
        birth = BIRTH + seed * 7_654_321
        (bid, _), (ask, _) = market(seed=seed, birth=birth).top(birth)
        assert 5_000_500 <= ask <= 5_005_000
        assert bid > 5_000_000


def test_ten_bitcoin_at_market_move_the_price_little() -> None:
    """10 BTC cost well under 1 % beyond the best ask."""
    for seed in range(200):
        left, cost = 10 * 10**5, 0
        flow = market(seed=seed, birth=BIRTH + seed * 86_399)
        best = flow.top(flow.birth)[1][0]
        for ticks, lots in flow.asks(flow.birth):
            taken = min(lots, left)
            left, cost = left - taken, cost + taken * ticks
            if not left:
                break
        assert left == 0
        assert cost / 10**6 < best * 1.003


# --- the book


@examples(100)
@given(st.sampled_from(SYMBOLS), seeds, instants)
def test_the_book_is_around_the_last_price(symbol: str, seed: int, second: int) -> None:
    """Bids below asks, the last price on one of them, offers sorted, amounts positive."""
    flow = market(symbol, seed)
    (bid, _), (ask, _) = flow.top(second)
    assert 1 <= bid < ask
    assert flow.second(second).close in (bid, ask)
    asks, bids = list(islice(flow.asks(second), 700)), list(islice(flow.bids(second), 700))
    assert (bids[0][0], asks[0][0]) == (bid, ask)
    assert all(before[0] < after[0] for before, after in pairwise(asks))
    assert all(before[0] > after[0] for before, after in pairwise(bids))
    assert all(lots >= 1 for _, lots in asks + bids)
    assert bids[-1][0] >= 1


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_book_changes_little_by_little(symbol: str) -> None:
    """From one second to the next most offers stand where they stood, with their amounts."""
    flow, same, seen = market(symbol), 0, 0
    for second in range(BIRTH, BIRTH + 200):
        now = dict(islice(flow.asks(second), 1, 40))
        later = dict(islice(flow.asks(second + 1), 1, 60))
        lowest = min(later)
        common = [ticks for ticks in now if ticks >= lowest]
        same += sum(later.get(ticks) == now[ticks] for ticks in common)
        seen += len(common)
    assert 0.8 < same / seen < 1


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 5.0])
def test_offers_that_are_withdrawn_need_not_be_made(share: float) -> None:
    """A book that an incident empties is read each time somebody looks at its best price."""
    flow = market()
    (bid, _), (ask, _) = flow.top(BIRTH)
    high, low = round(ask * (1 + share)), max(1, round(bid * (1 - share)))
    asks, bids = list(flow.asks(BIRTH, high)), list(flow.bids(BIRTH, low))
    assert [one for one in asks if one[0] > high] == [o for o in flow.asks(BIRTH) if o[0] > high]
    assert [one for one in bids if one[0] < low] == [o for o in flow.bids(BIRTH) if o[0] < low]
    assert sum(ticks <= high for ticks, _ in asks) + sum(ticks >= low for ticks, _ in bids) < 12


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_spread_and_depth_are_in_real_ranges(symbol: str) -> None:
    """A liquid market: a spread below 0.05 %, and within 1 % of the price minutes of its volume."""
    flow, profile = market(symbol, 3), PROFILES[symbol]
    spreads, depths = [], []
    for second in range(BIRTH, BIRTH + 40 * 977, 977):
        (bid, _), (ask, _) = flow.top(second)
        spreads.append((ask - bid) / bid)
        depths.append(sum(lots for ticks, lots in flow.asks(second) if ticks < ask * 1.01))
    assert sum(spreads) / len(spreads) < 0.0005
    assert profile.volume / 1_440 < sum(depths) / len(depths) < profile.volume / 4


# --- how the price moves


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_volatility_agrees_from_the_minute_to_the_day(symbol: str) -> None:
    """Options on real markets price a year of bitcoin at 30 to 80 %; no timeframe stands out."""
    found = [yearly(changes(symbol, seconds), seconds) for seconds in (60, 900, 3_600, DAY)]
    assert all(0.2 < volatility < 1.5 for volatility in found), found
    assert max(found) < 2 * min(found), found


@pytest.mark.parametrize("seconds", [1, 60, 3_600, DAY])
def test_large_changes_are_frequent_and_come_together(seconds: int) -> None:
    """Fat tails, and calm and wild times: what naive bots are not built for."""
    values = [v for symbol in ("BTC/USDT", "ETH/USDT") for v in changes(symbol, seconds)]
    square = sum(v * v for v in values) / len(values)
    assert sum(v**4 for v in values) / len(values) / square**2 > 3.5
    assert correlation([abs(v) for v in values]) > 0.1
    assert abs(correlation(values)) < 0.2


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_day_trades_about_its_volume(symbol: str) -> None:
    """Days differ, but over a year they average to the profile."""
    flow, typical = market(symbol, 2), PROFILES[symbol].volume
    days = [flow.candle(DAY, BIRTH - n * DAY).volume for n in range(256)]
    assert 0.4 * typical < sum(days) / len(days) < 2 * typical
    assert max(days) > 2 * min(days)


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("seconds", [60, 3_600, DAY])
def test_wild_times_trade_more(symbol: str, seconds: int) -> None:
    """The busier half of the candles, by volume, moves farther than the other."""
    flow = market(symbol, 4)
    row = [flow.candle(seconds, BIRTH - n * seconds) for n in range(1_000)]
    row.sort(key=lambda candle: candle.volume)
    calm, wild = ([log(c.high / c.low) for c in half] for half in (row[:500], row[500:]))
    assert sum(wild) > 1.15 * sum(calm)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_some_seconds_are_quiet(symbol: str) -> None:
    """As many seconds trade as the profile says."""
    flow, active = market(symbol), PROFILES[symbol].activity / 1_000
    traded = sum(flow.second(second).volume > 0 for second in range(BIRTH, BIRTH + 5_000))
    assert abs(traded / 5_000 - active) < 0.08


@examples(60)
@given(st.sampled_from(SYMBOLS), st.integers(0, 300))
def test_ten_years_ahead_the_price_is_still_one(symbol: str, seed: int) -> None:
    """Long simulations: the price neither dies nor explodes."""
    flow, opening = market(symbol, seed), opening_of(symbol, seed)
    for year in range(11):
        close = flow.second(BIRTH + year * YEAR).close
        assert opening / 54.6 < close < opening * 54.6


def test_a_higher_point_is_never_a_lower_price() -> None:
    """Candles agree after rounding to ticks only because the price rises with the point."""
    flow = market("ETH/BTC")
    points = range(flow._origin - FARTHEST - 9_999, flow._origin + FARTHEST + 9_999, 4_999)
    prices = [flow._price(point) for point in points]
    assert all(before <= after for before, after in pairwise(prices))
    assert prices[0] >= 1


@pytest.mark.slow
def test_what_is_remembered_stays_bounded() -> None:
    """A simulated year must not fill the memory."""
    flow = market()
    for second in range(BIRTH, BIRTH + 6 * DAY, 61):
        next(flow.asks(second))
        flow.window(second - DAY, second)
    assert isinstance(flow._path, PricePath)
    kept = sum(len(known) for known in flow._path._splits) + len(flow._tens) + len(flow._walks)
    assert kept + len(flow._costs) + len(flow._ladder._offers) < 16_000


def test_what_all_seeds_share_can_be_made_before_a_process_forks() -> None:
    """Each child of an explorer's worker made the same 200 patterns again."""
    pattern.cache_clear()
    prepare_backgrounds(["BTC/USDT:USDT"])
    made = pattern.cache_info().misses
    flow = market("BTC/USDT", seed=99)
    assert len({flow.close(BIRTH + second) for second in range(0, 3_600, 10)}) > 100
    assert pattern.cache_info().misses == made
