"""Rate limits: exact to the nanosecond, and equal to slow and obvious references."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from failing_exchange.core.rate_limits import (
    WINDOW_CALLS_MAX,
    BanLadder,
    DecayingCounter,
    FixedWindow,
    Limit,
    SlidingWindow,
    TokenBucket,
)
from failing_exchange.core.units import DAY, MINUTE, SECOND
from failing_exchange.errors import ConfigurationError

# Pauses before each call and the call's weight.
CALLS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3)), max_size=40)

MAKERS: dict[str, Callable[[], Limit]] = {
    "token bucket": lambda: TokenBucket(rate=3, period=7, burst=4),
    "sliding window": lambda: SlidingWindow(limit=4, window=17),
    "fixed window": lambda: FixedWindow(limit=4, window=17),
    "decaying counter": lambda: DecayingCounter(limit=4, decay=Fraction(3 * SECOND, 7)),
}


def bucket_reference(granted: list[tuple[int, int]], at: int, weight: int) -> bool:
    """A full bucket of 4, and 3/7 of a token each nanosecond, played again from the start."""
    level, last = Fraction(4), granted[0][0] if granted else at
    for then, cost in [*granted, (at, weight)]:
        level = min(Fraction(4), level + Fraction(3, 7) * (then - last)) - cost
        last = then
    return level >= 0


def sliding_reference(granted: list[tuple[int, int]], at: int, weight: int) -> bool:
    """All calls of the last 17 ns, this one included, weigh at most 4."""
    return sum(cost for then, cost in granted if then > at - 17) + weight <= 4


def fixed_reference(granted: list[tuple[int, int]], at: int, weight: int) -> bool:
    """All calls in this 17 ns of the calendar, this one included, weigh at most 4."""
    return sum(cost for then, cost in granted if then // 17 == at // 17) + weight <= 4


def counter_reference(granted: list[tuple[int, int]], at: int, weight: int) -> bool:
    """A counter that falls by 3/7 each nanosecond to zero at least, and stays at 4 at most."""
    count, last = Fraction(0), granted[0][0] if granted else at
    for then, cost in granted:
        count = max(Fraction(0), count - Fraction(3, 7) * (then - last)) + cost
        last = then
    return max(Fraction(0), count - Fraction(3, 7) * (at - last)) + weight <= 4


REFERENCES: dict[str, Callable[[list[tuple[int, int]], int, int], bool]] = {
    "token bucket": bucket_reference,
    "sliding window": sliding_reference,
    "fixed window": fixed_reference,
    "decaying counter": counter_reference,
}


@pytest.mark.parametrize("name", MAKERS)
@given(calls=CALLS)
def test_a_limit_grants_exactly_what_its_reference_grants(
    name: str, calls: list[tuple[int, int]]
) -> None:
    """And a refusal names the first instant that would do: not one nanosecond too early or late."""
    limit, allowed = MAKERS[name](), REFERENCES[name]
    granted: list[tuple[int, int]] = []
    at = 1_000
    for pause, weight in calls:
        at += pause
        then = limit.take(at, weight)
        if then is None:
            assert allowed(granted, at, weight)
            granted.append((at, weight))
        else:
            assert not any(allowed(granted, early, weight) for early in range(at, then))
            assert allowed(granted, then, weight)


@pytest.mark.parametrize("name", MAKERS)
@given(calls=CALLS)
def test_who_comes_back_when_told_is_let_in(name: str, calls: list[tuple[int, int]]) -> None:
    """`retry_after` is a promise: nobody has to guess a little more on top."""
    limit = MAKERS[name]()
    at = 0
    for pause, weight in calls:
        at += pause
        then = limit.take(at, weight)
        if then is not None:
            assert then > at
            assert limit.take(then - 1, weight) == then
            assert limit.take(then, weight) is None
            at = then


@pytest.mark.parametrize("name", MAKERS)
def test_time_never_runs_backwards_in_a_limit(name: str) -> None:
    """A clock that steps back must not hand out calls twice."""
    limit = MAKERS[name]()
    assert [limit.take(10_000) for _ in range(4)] == [None] * 4
    assert limit.take(0) == limit.take(10_000) is not None


@pytest.mark.parametrize("latency_ms", [0, 40, 90])
def test_sixty_calls_a_minute_let_at_most_sixty_of_a_hundred_pass(latency_ms: int) -> None:
    """The seed's first example: each refused call waits `retry_after`, as it was told."""
    bucket = TokenBucket.per_minute(60)
    at = passed = refused = 0
    for _ in range(100):
        at += latency_ms * 500_000  # half of it on the way in
        then = bucket.take(at)
        if then is None:
            passed += 1
        else:
            refused += 1
        at += latency_ms * 500_000
        if then is not None:
            retry_after = (then - at + latency_ms * 500_000) / SECOND
            at += round(retry_after * SECOND)
    assert refused
    assert passed <= 60


def test_a_minutes_bucket_lets_ten_seconds_worth_pass_at_once() -> None:
    """Then a call a second, at 60 a minute."""
    bucket = TokenBucket.per_minute(60)
    assert [bucket.take(0) for _ in range(10)] == [None] * 10
    assert bucket.take(0) == SECOND
    assert bucket.take(SECOND // 4) == SECOND


def test_even_the_smallest_rate_lets_one_call_pass() -> None:
    """Ten seconds' worth of one call a minute is none at all, which would refuse for ever."""
    bucket = TokenBucket.per_minute(1)
    assert bucket.take(0) is None
    assert bucket.take(0) == MINUTE


def test_a_fixed_window_forgets_at_its_edge() -> None:
    """The known weakness of calendar windows: twice the limit within a moment."""
    window = FixedWindow(limit=2, window=MINUTE)
    just_before = 5 * MINUTE - 1
    assert [window.take(just_before), window.take(just_before)] == [None, None]
    assert window.take(just_before) == 5 * MINUTE
    assert [window.take(5 * MINUTE), window.take(5 * MINUTE)] == [None, None]


def test_a_decay_in_decimals_is_exact() -> None:
    """Kraken's 0.33 a second has no exact float: a weight of 1 takes 3.030303031 s, rounded up."""
    counter = DecayingCounter(limit=1, decay="0.33")
    assert counter.take(0) is None
    assert counter.take(0) == 3_030_303_031


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TokenBucket(rate=0, period=1, burst=1), "rate is 0"),
        (lambda: TokenBucket(rate=1, period=1, burst=True), "burst is True"),
        (lambda: TokenBucket.per_minute(-5), "calls is -5"),
        (lambda: SlidingWindow(limit=WINDOW_CALLS_MAX + 1, window=1), "FixedWindow"),
        (lambda: FixedWindow(limit=1, window=1.5), "window is 1.5"),  # type: ignore[arg-type]
        (lambda: DecayingCounter(limit=1, decay="fast"), "decay is 'fast'"),
        (lambda: DecayingCounter(limit=1, decay=0.33), "decay is 0.33"),  # type: ignore[arg-type]
        (lambda: BanLadder(shortest=5, longest=4), "longest is 4"),
        (lambda: TokenBucket.per_minute(60).take(0, 11), "weight is 11; .* 1 to 10"),
        (lambda: SlidingWindow(limit=3, window=1).take(0, 0), "weight is 0"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(make: Callable[[], object], words: str) -> None:
    """The message shows the value, and what would do."""
    with pytest.raises(ConfigurationError, match=words):
        make()


def test_a_sliding_window_remembers_no_more_than_its_limit() -> None:
    """Memory must not grow with the number of calls made, granted or not."""
    window = SlidingWindow(limit=5, window=100)
    for at in range(10_000):
        window.take(at)
    assert len(window._granted) <= 5


def refuse(ladder: BanLadder, at: int, times: int) -> int | None:
    """The answer to the last of several refusals, a nanosecond apart."""
    return [ladder.refused(at + i) for i in range(times)][-1]


def test_refusals_lead_to_a_ban_that_doubles_up_to_three_days() -> None:
    """429 ignored becomes 418: two minutes, four, eight, and never more than three days."""
    ladder = BanLadder(refusals=3)
    at, lengths = 0, []
    for _ in range(14):
        until = refuse(ladder, at, 3)
        assert until is not None
        lengths.append(until - at - 2)
        at = until
    assert lengths[:4] == [2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE]
    assert lengths[-2:] == [3 * DAY, 3 * DAY]


def test_a_few_refusals_spread_out_are_forgiven() -> None:
    """Only going on at once is punished."""
    ladder = BanLadder(refusals=3, window=MINUTE)
    assert [ladder.refused(n * MINUTE // 2) for n in range(50)] == [None] * 50


def test_a_ban_ends_on_its_instant_and_knocking_does_not_lengthen_it() -> None:
    """The end that was told stays true."""
    ladder = BanLadder(refusals=2)
    until = refuse(ladder, 0, 2)
    assert until is not None
    assert ladder.refused(5) == until
    assert ladder.banned_until(until - 1) == until
    assert ladder.banned_until(until) is None


def test_a_quiet_day_takes_the_ladder_back_to_its_foot() -> None:
    """An old sin does not turn the next slip into days."""
    ladder = BanLadder(refusals=2)
    first = refuse(ladder, 0, 2)
    assert first is not None
    later = refuse(ladder, first + DAY, 2)
    assert later == first + DAY + 1 + 2 * MINUTE
