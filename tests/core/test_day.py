"""The statistics of 24 hours are the same whoever has asked for them before, and how often."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, strategies as st

from failing_exchange.background.profiles import PROFILES
from failing_exchange.background.synthetic import SyntheticMarket
from failing_exchange.core.candles import Bar
from failing_exchange.core.liquidity import Liquidity
from failing_exchange.core.tape import Tape
from failing_exchange.core.units import SECOND
from tests.examples import examples

NOON = 1_767_268_800


class Step(NamedTuple):
    """So many seconds later: a client trades, the price is moved, or neither; then somebody asks.

    `asks` as often within that second; with `after`, the trade comes behind the first question.
    """

    seconds: int
    trade: int
    move: int
    asks: int
    after: bool


STEPS = st.lists(
    st.builds(
        Step,
        seconds=st.sampled_from((0, 1, 1, 1, 1, 1, 2, 7, 45, 60, 61, 4_000)),
        trade=st.sampled_from((0, 0, 0, 0, 0, 3, 500)),
        move=st.sampled_from((0, 0, 0, 0, 0, 0, 0, 200)),
        asks=st.integers(0, 2),
        after=st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


def background() -> SyntheticMarket:
    """A quiet market: seconds without a trade are among the others."""
    return SyntheticMarket(
        "ETH/BTC", seed=3, birth=NOON, opening=6_000, profile=PROFILES["ETH/BTC"]
    )  # fmt: skip


def afresh(tape: Tape, now: int) -> Bar | None:
    """The same from a tape that nobody has asked yet."""
    fresh = Tape(tape.liquidity)
    for trade in tape.trades:
        fresh.add(trade.ticks, trade.lots, trade.side, at=trade.at)
    return fresh.day.at(fresh, now)


@examples(40)
@given(STEPS)
def test_a_day_does_not_depend_on_who_has_asked_before(steps: list[Step]) -> None:
    liquidity = Liquidity(background(), 600)
    tape, second = Tape(liquidity), NOON + 5
    for step in steps:
        second += step.seconds
        now = second * SECOND
        liquidity.to(second)
        if step.after:
            tape.day.at(tape, now)
        if step.trade:
            tape.add(6_100, step.trade, "buy", at=now)
        if step.move:
            liquidity.move(step.move)
            liquidity.remember(step.move * 1_000)
        for _ in range(step.asks):
            assert tape.day.at(tape, now) == afresh(tape, now)
    assert tape.day.at(tape, second * SECOND) == afresh(tape, second * SECOND)


def test_who_asks_each_second_is_told_the_minutes_of_one_day() -> None:
    liquidity = Liquidity(background())
    tape = Tape(liquidity)
    for second in range(NOON, NOON + 150):
        day = tape.day.at(tape, second * SECOND)
        minutes = range(second // 60 * 60 - 86_400 + 60, second // 60 * 60, 60)
        bars = [tape.bar(60, at, now=second * SECOND) for at in minutes]
        bars += [tape.bar(1, at, now=second * SECOND) for at in range(minutes.stop, second + 1)]
        there = [bar for bar in bars if bar is not None]
        assert day is not None
        assert (day.at, day.open, day.close) == (minutes.start, there[0].open, there[-1].close)
        assert day.volume == sum(bar.volume for bar in there)
        assert (day.high, day.low) == (max(b.high for b in there), min(b.low for b in there))
