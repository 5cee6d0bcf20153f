"""Candles, prints and seconds of the background market tell the same story."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from failing_exchange.background import SyntheticMarket
from failing_exchange.core.candles import Bar, still
from tests.background.markets import BIRTH, DAY, SYMBOLS, TIMEFRAMES, market
from tests.examples import examples

seeds = st.integers(0, 10_000)
symbols = st.sampled_from(SYMBOLS)
instants = st.integers(BIRTH - 1_000 * DAY, BIRTH + 3_650 * DAY)
SECONDS_COMPARED_MAX = 3_600  # a longer candle is compared with the next shorter ones that fit


def together(parts: list[Bar]) -> tuple[int, ...]:
    return (
        parts[0].open, max(p.high for p in parts), min(p.low for p in parts),
        parts[-1].close, sum(p.volume for p in parts),
    )  # fmt: skip


@examples(60)
@given(symbols, seeds, st.sampled_from(TIMEFRAMES), instants)
def test_candles_agree_across_timeframes(
    symbol: str, seed: int, timeframe: int, second: int
) -> None:
    """A bot that builds its own five-minute candles from minutes must get the venue's."""
    flow = market(symbol, seed)
    whole = flow.candle(timeframe, second)
    for finer in TIMEFRAMES:
        if finer >= timeframe or timeframe % finer or timeframe // finer > SECONDS_COMPARED_MAX:
            continue
        parts = [flow.candle(finer, at) for at in range(whole.at, whole.at + timeframe, finer)]
        assert together(parts) == tuple(whole[1:6])
        assert [part.at for part in parts] == list(range(whole.at, whole.at + timeframe, finer))


@examples(100)
@given(symbols, seeds, st.sampled_from(TIMEFRAMES), instants)
def test_a_candle_opens_where_the_one_before_closed(
    symbol: str, seed: int, timeframe: int, second: int
) -> None:
    """Gaps between candles do not happen in a market that never sleeps."""
    flow = market(symbol, seed)
    row = [flow.candle(timeframe, second + n * timeframe) for n in range(4)]
    assert all(before.close == after.open for before, after in pairwise(row))
    for candle in row:
        assert 1 <= candle.low <= min(candle.open, candle.close)
        assert max(candle.open, candle.close) <= candle.high
        assert candle.low * candle.volume <= candle.cost <= candle.high * candle.volume


@examples(200)
@given(symbols, seeds, instants)
def test_prints_agree_with_their_second(symbol: str, seed: int, second: int) -> None:
    """Whoever adds up the public trades gets the candle: open, extremes, close and volume."""
    flow = market(symbol, seed)
    candle, prints = flow.second(second), flow.prints(second)
    if not prints:
        before = flow.second(second - 1).close
        assert candle == still(second, before)
        return
    ticks = [trade.ticks for trade in prints]
    assert (ticks[0], max(ticks), min(ticks), ticks[-1]) == tuple(candle[1:5])
    assert all(trade.lots >= 1 and trade.side in ("buy", "sell") for trade in prints)
    assert sum(trade.lots for trade in prints) == candle.volume


@examples(100)
@given(symbols, seeds, instants)
def test_the_last_print_took_the_best_offer(symbol: str, seed: int, second: int) -> None:
    """The last trade of a buyer was at the ask, a seller's at the bid."""
    flow = market(symbol, seed)
    prints, ((bid, _), (ask, _)) = flow.prints(second), flow.top(second)
    if prints:
        assert prints[-1].ticks == (ask if prints[-1].side == "buy" else bid)


@examples(100)
@given(symbols, seeds, instants)
def test_a_takers_prints_move_the_price_one_way(symbol: str, seed: int, second: int) -> None:
    """Clients take prints of one instant and side for one order that eats through the book."""
    prints = market(symbol, seed).prints(second)
    assert all(before.side != after.side for before, after in pairwise(prints))


@examples(60)
@given(seeds, instants, st.integers(1, 4_000))
def test_a_window_is_its_seconds(seed: int, start: int, length: int) -> None:
    """The ticker's 24 hours begin at any second."""
    flow = market(seed=seed)
    seconds = [flow.second(second) for second in range(start, start + length)]
    window = flow.window(start, start + length)
    assert together(seconds) == tuple(window[1:6])
    assert window.low * window.volume <= window.cost <= window.high * window.volume


@examples(40)
@given(symbols, seeds, instants, st.integers(1, 100_000))
def test_a_rolling_window_is_one_asked_for_afresh(
    symbol: str, seed: int, start: int, length: int
) -> None:
    """The ticker of each second reuses what it knows of the second before."""
    flow = market(symbol, seed)
    for later in (0, 1, 2, 9, 10, 11, 60, 3):
        begin, end = start + later, start + length + later
        assert flow.window(begin, end) == market(symbol, seed).window(begin, end)


def test_a_window_without_a_second_is_refused() -> None:
    """An empty candle has no price; the caller hears why."""
    with pytest.raises(ValueError, match="holds no second"):
        market().window(BIRTH, BIRTH)


@examples(60)
@given(symbols, seeds, instants)
def test_costs_of_long_candles_add_up(symbol: str, seed: int, second: int) -> None:
    """The average price of a day, of its halves and of its six parts is one and the same."""
    flow = market(symbol, seed)
    day = flow.candle(DAY, second)
    for part in (14_400, 28_800, 43_200):
        found = [flow.candle(part, at).cost for at in range(day.at, day.at + DAY, part)]
        assert sum(found) == day.cost


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_estimated_cost_is_near_the_exact_one(symbol: str) -> None:
    """What was paid on average in a day: by its candle, and by its minutes."""
    flow, off = market(symbol, 5), []
    for start in range(BIRTH, BIRTH + 8 * DAY, DAY):
        day = flow.candle(DAY, start)
        exact = sum(flow.candle(60, at).cost for at in range(start, start + DAY, 60))
        off.append(abs(day.cost / exact - 1))
    assert sum(off) / len(off) < 0.0025
    assert max(off) < 0.01


@examples(150)
@given(seeds, instants, st.integers(1, 3_000), st.integers(-150, 150), st.integers(-150, 150))
def test_first_touch_is_what_looking_at_each_second_finds(
    seed: int, start: int, length: int, down: int, up: int
) -> None:
    """Steps are skipped by this answer: a second too late and an order fills at a wrong time."""
    flow = market("SOL/USDT", seed)
    price = flow.second(start - 1).close
    for lower, upper in ((price - down, None), (None, price + up), (price - down, price + up)):
        found = (
            second for second in range(start, start + length)
            if (lower is not None and flow.second(second).low <= lower)
            or (upper is not None and flow.second(second).high >= upper)
        )  # fmt: skip
        assert flow.first_touch(start, start + length, lower, upper) == next(found, None)


Question = Callable[[SyntheticMarket], object]


def questions(second: int) -> list[Question]:
    return [
        lambda flow: flow.second(second),
        lambda flow: flow.prints(second + 7),
        lambda flow: flow.top(second - 3),
        lambda flow: [flow.candle(timeframe, second) for timeframe in TIMEFRAMES],
        lambda flow: flow.window(second - 5_000, second + 123),
        lambda flow: flow.first_touch(second, second + 10_000, 1, flow.second(second).close + 9),
        lambda flow: list(zip(flow.asks(second), flow.bids(second), range(300), strict=False)),
    ]


@given(symbols, seeds, instants, st.permutations(range(7)), st.integers(0, 7))
@settings(deadline=None, max_examples=15)
def test_nobody_who_looks_changes_what_others_see(
    symbol: str, seed: int, second: int, order: list[int], forgotten: int
) -> None:
    """The market's path must not depend on who asks what when; caches may drop all."""
    asked, flow = questions(second), market(symbol, seed)
    expected = [question(market(symbol, seed)) for question in asked]
    other = market(symbol, seed + 1)
    for place, number in enumerate(order):
        if place == forgotten:
            for far in range(600):  # more than is remembered
                flow.second(BIRTH + far * 14_400 * 7)
        asked[number](other)
        assert asked[number](flow) == expected[number]


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_a_thousand_candles_lie_before_the_start(symbol: str, timeframe: int) -> None:
    """Indicators of bots need history from the first call on."""
    flow = market(symbol)
    row = [flow.candle(timeframe, BIRTH - n * timeframe) for n in range(1_100)]
    assert len({candle.at for candle in row}) == len(row)
    assert all(candle.volume > 0 for candle in row) or timeframe == 1
    assert len({candle.close for candle in row}) > 5
