"""Triggers: when a fault strikes, alone and combined."""

from __future__ import annotations

from itertools import pairwise

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.units import SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults import triggers as t
from failing_exchange.faults.triggers import RequestKey, When, parse
from tests.faults.matches import Meeting
from tests.faults.stories import buy, said

YES, NO = True, False


def hits(when: When, times: int = 6) -> list[bool]:
    return Meeting(when).hits(times)


def test_counting_triggers_count_the_requests_that_the_rule_has_met() -> None:
    """From one, as people count."""
    assert hits(t.nth(2)) == [NO, YES, NO, NO, NO, NO]
    assert hits(t.first(2)) == [YES, YES, NO, NO, NO, NO]
    assert hits(t.every(3)) == [NO, NO, YES, NO, NO, YES]
    assert hits(t.after(4)) == [NO, NO, NO, NO, YES, YES]
    assert hits(t.sequence(True, False, True)) == [YES, NO, YES, NO, NO, NO]
    assert hits(t.sequence(True, False, repeat=True)) == [YES, NO, YES, NO, YES, NO]
    assert hits(t.always) == [YES] * 6
    assert hits(t.never) == [NO] * 6


def test_chance_strikes_about_as_often_as_it_says_and_the_same_way_each_time() -> None:
    """A draw belongs to the rule and the request, so a run can be repeated."""
    one = Meeting(t.chance(0.2), seed=1).hits(2_000)
    assert 320 < sum(one) < 480
    assert one == Meeting(t.chance(0.2), seed=1).hits(2_000)
    assert one != Meeting(t.chance(0.2), seed=2).hits(2_000)
    assert hits(t.chance(0)) == [NO] * 6
    assert hits(t.chance(1)) == [YES] * 6


def test_two_chances_combined_are_independent() -> None:
    """A half of a half is a quarter: the parts of a trigger have draws of their own."""
    both = Meeting(t.chance(0.5) & t.chance(0.5)).hits(2_000)
    assert 420 < sum(both) < 580
    one_of = Meeting(t.chance(0.5) | t.chance(0.5)).hits(2_000)
    assert 1_420 < sum(one_of) < 1_580


def test_triggers_are_combined() -> None:
    """And, or, not, as in Python, with its precedence."""
    assert hits(t.first(4) & t.every(2)) == [NO, YES, NO, YES, NO, NO]
    assert hits(t.nth(1) | t.nth(6)) == [YES, NO, NO, NO, NO, YES]
    assert hits(~t.first(2)) == [NO, NO, YES, YES, YES, YES]
    assert hits(t.nth(1) | t.after(3) & ~t.nth(5)) == [YES, NO, NO, YES, NO, YES]


def test_times_and_hours_are_the_venues() -> None:
    """Hours are UTC; a span may pass midnight."""
    hour = 3_600
    meeting = Meeting(t.hours(22, 2))
    assert [meeting.meet(h * hour) for h in (21.9, 22, 23.9, 24, 25.9, 26)] == [
        NO, YES, YES, YES, YES, NO,
    ]  # fmt: skip
    meeting = Meeting(t.hours(9, 11))
    assert [meeting.meet(h * hour) for h in (8.9, 9, 10.9, 11)] == [NO, YES, YES, NO]
    year = 366 * 86_400
    meeting = Meeting(t.between((year + 5) * SECOND, (year + 7) * SECOND))
    assert [meeting.meet(year + s) for s in (4.9, 5, 6.9, 7)] == [NO, YES, YES, NO]


def test_seconds_can_be_counted_from_the_start_of_the_venue() -> None:
    """As the incidents of a scenario file are; numbers of requests say nothing about time."""
    meeting = Meeting(t.elapsed(60, "2m"))
    meeting.plan.began = 1_000 * SECOND
    assert [meeting.meet(1_000 + s) for s in (0, 59.9, 60, 119.9, 120)] == [NO, NO, YES, YES, NO]
    meeting = Meeting(t.elapsed(60))
    assert [meeting.meet(s) for s in (59, 60, 10**6)] == [NO, YES, YES]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("between(60, 3660)", "there is elapsed(60, 3660)"),
        ("between(1767225600, 1767229200)", "nanoseconds since 1970"),
        ("elapsed(60, 60)", "end must be later"),
        ("hours(5, 5)", "hours(0, 24)"),
        ("hours(24, 0)", "hours(0, 24)"),
    ],
)
def test_a_time_that_never_comes_is_refused(text: str, says: str) -> None:
    """A rule that never strikes looks like a bot that withstands it."""
    with pytest.raises(ConfigurationError) as error:
        parse(text)
    assert says in str(error.value)


def test_a_rate_by_the_hour_is_asked_for_the_hour_of_the_day() -> None:
    """The founding document's pattern: more failures at peak hours."""
    asked: list[int] = []

    def rate(hour: int) -> float:
        asked.append(hour)
        return 1.0 if hour == 9 else 0.0

    meeting = Meeting(t.by_hour(rate))
    assert [meeting.meet(h * 3_600) for h in (8, 9, 33)] == [NO, YES, YES]
    assert asked == [8, 9, 9]
    with pytest.raises(ConfigurationError, match="the rate for hour 0 must be"):
        Meeting(t.by_hour(lambda hour: 2.0)).meet()


def test_a_ramp_grows_from_the_first_request_on() -> None:
    """Like a venue that gets slower before it falls over."""
    meeting = Meeting(t.ramp(0, 1, 100))
    early = sum(meeting.hits(500, every=0.02, start=50))
    late = sum(meeting.hits(500, every=0.02, start=140))
    after = meeting.hits(100, start=200)
    assert early < 60
    assert late > 420
    assert all(after)


def test_bursts_come_in_spells() -> None:
    """Correlated failures: after one, the next request is likely to fail too."""
    seen = Meeting(t.burst(0.02, 0.2)).hits(5_000)
    share = sum(seen) / len(seen)
    after_one = [b for a, b in pairwise(seen) if a]
    assert 0.05 < share < 0.15
    assert sum(after_one) / len(after_one) > 0.7


def test_load_looks_back_over_a_sliding_window() -> None:
    """The sixth request of a second is too many; a second later all is well."""
    meeting = Meeting(t.load(above=5, seconds=1))
    assert meeting.hits(7) == [NO] * 5 + [YES] * 2
    assert meeting.meet(1.0) is NO


def test_a_rule_can_follow_another() -> None:
    """When the first fails, the second does too: a correlated pair."""

    async def main() -> list[str]:
        async with FailingExchange(latency=None) as x:
            x.arm("rate_limited", t.every(2), name="limits", operations="fetch_time")
            follow = t.while_failing("limits")
            x.arm("reject_request", follow, operations="fetch_status")
            seen = []
            for _ in range(4):
                await said(x.fetch_time())
                answer = await said(x.fetch_status())
                seen.append(answer if isinstance(answer, str) else "ok")
            return seen

    assert simulate(main()) == ["ok", "ExchangeUnavailableError"] * 2


def test_a_fault_can_wait_until_an_order_is_partly_filled() -> None:
    """The state of the ledger is a moment too: filled to 40 %, then the cancel is lost."""

    async def main() -> list[str]:
        async with FailingExchange(latency=None) as x:
            x.arm("reject_request", t.filled(0.4), operations="fetch_order")
            order = await buy(x, 40_000, 1.0)
            seen = []
            for _ in range(3):
                answer = await said(x.fetch_order(order["id"]))
                seen.append(answer if isinstance(answer, str) else "ok")
                with x.arm("fill_order", t.nth(1), operations="fetch_time", fill_ratio=0.3):
                    await x.fetch_time()
            assert await said(x.fetch_order("77")) == "OrderNotFoundError"
            return seen

    assert simulate(main()) == ["ok", "ok", "ExchangeUnavailableError"]


def test_exactly_names_requests_by_client_operation_symbol_and_number() -> None:
    """What a recorded plan is made of."""
    meeting = Meeting(t.exactly([RequestKey("main", "fetch_ticker", "BTC/USDT", 2)]))
    assert meeting.hits(3) == [NO, YES, NO]


@pytest.mark.parametrize(
    "text",
    [
        "always", "never", "nth(3)", "first(2) & ~nth(1)", "every(2) | after(5)", "chance(0.25)",
        "hours(22, 2)", "ramp(0, 0.5, 60)", "burst(0.1, 0.5, 1)", "load(above=5, seconds=1)",
        "sequence(True, False, repeat=True)", "while_failing('limits')", "filled(0.4)",
        "between(31536000000000000, 31536000000000001)", "elapsed(60)", "elapsed(0.5, 3660)",
        "(nth(1) | nth(2)) & chance(0.5)",
    ],
)  # fmt: skip
def test_a_trigger_is_read_from_its_text_and_reads_the_same_again(text: str) -> None:
    """Scenario files and the command line write triggers as Python does."""
    made = parse(text)
    assert parse(repr(made)) == made


@pytest.mark.parametrize(
    "text",
    [
        "nht(3)", "chance(2)", "chance", "nth(1) and nth(2)", "__import__('os')", "nth(1",
        "first(n=x)", "by_hour(print)", "nth(1, **{})", "", "3", "nth(1, 2, 3)",
    ],
)  # fmt: skip
def test_a_text_that_is_no_trigger_is_refused(text: str) -> None:
    """Nothing but triggers is ever called, and the same text gets the same error."""
    with pytest.raises(ConfigurationError) as refused:
        parse(text)
    assert "0x" not in str(refused.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: t.chance(1.5), lambda: t.chance(True), lambda: t.nth(0), lambda: t.first(True),
        lambda: t.every(0), lambda: t.after(-1), lambda: t.burst(2, 0), lambda: t.filled(7),
    ],
)  # fmt: skip
def test_wrong_numbers_are_refused_when_the_trigger_is_made(make: object) -> None:
    """Not when it is asked for the first time."""
    with pytest.raises(ConfigurationError):
        make()  # type: ignore[operator]
