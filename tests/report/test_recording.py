"""What a recording shows of a breach: the trips around it, in both columns."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.core.units import SECOND
from failing_exchange.faults.triggers import nth
from failing_exchange.journal.trip import MARKET, Decision, Limited, Stage, Trip, faults_of
from failing_exchange.report.recorder import AROUND, trip_rows

MARKETS = FailingExchange(seed=1).venue.markets
BEGAN = 1_000 * SECOND


def trips_of(numbers: range, *, operations: Mapping[int, str] = {}) -> dict[int, Trip]:
    """Requests of those numbers, one each 1.5 seconds."""
    return {
        n: Trip(n, BEGAN + n * 3 * SECOND // 2, "main", operations.get(n, "fetch_time"), None, "")
        for n in numbers
    }


def numbers_of(found: list[dict[str, Any]]) -> list[int]:
    return [row["number"] for row in found]


def test_a_breach_is_shown_with_three_trips_before_and_after_it() -> None:
    """What led to it, and what came of it; those that it names stand out."""
    found = trip_rows([10], trips_of(range(1, 21)), MARKETS, BEGAN)
    assert numbers_of(found) == [7, 8, 9, 10, 11, 12, 13]
    assert numbers_of([row for row in found if row["named"]]) == [10]
    assert [row["at"] for row in found[:2]] == [10_500, 12_000], "milliseconds from the start"


def test_the_trips_of_a_breach_are_shown_in_their_order_and_once() -> None:
    """The last is named first; what lies around two of them is not told twice."""
    found = trip_rows([1000, 10, 9], trips_of(range(1, 1001)), MARKETS, BEGAN)
    assert numbers_of(found) == [*range(6, 14), *range(997, 1001)]
    assert numbers_of([row for row in found if row["named"]]) == [9, 10, 1000]


def test_what_the_market_did_and_what_was_forgotten_leaves_a_gap() -> None:
    """A journal forgets its oldest trips; the market's own doings are nobody's request."""
    trips = trips_of(range(9, 21), operations={11: MARKET})
    assert numbers_of(trip_rows([10], trips, MARKETS, BEGAN)) == [9, 10, 12, 13]
    assert trip_rows([], trips, MARKETS, BEGAN) == []


def test_a_breach_of_very_many_trips_shows_the_first() -> None:
    """A page with a thousand rows is read by nobody."""
    found = trip_rows(range(20, 60), trips_of(range(1, 100)), MARKETS, BEGAN)
    assert numbers_of(found) == list(range(17, 17 + 4 * AROUND))


def test_a_row_has_both_columns_and_the_faults() -> None:
    """Each under its own name: "happened" under "told" would say the opposite of the truth."""
    exchange = FailingExchange(seed=7)
    exchange.arm("lose_answer", nth(2), operations="create_order")

    async def main() -> None:
        for price in (60_000, 40_000):
            with suppress(FailingExchangeError):
                await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, price)

    simulate(main())
    trips = {trip.number: trip for trip in exchange.journal.trips}
    filled, lost = trip_rows([2], trips, MARKETS, trips[2].born_at)
    assert filled["asked"] == "create_order: buy 0.1 BTC at 60000"
    assert filled["happened"].startswith("order 1 accepted; order 1: buy 0.1 at ")
    assert filled["told"] == "order 1 filled: 0.1 of 0.1 filled"
    assert (filled["faults"], filled["named"]) == ([], True)
    assert lost == {
        "number": 3, "at": (trips[3].born_at - trips[2].born_at) // 1_000_000,
        "asked": "create_order: buy 0.1 BTC at 40000", "happened": "order 2 accepted",
        "told": "nothing", "faults": ["lose_answer"], "named": False,
    }  # fmt: skip


def test_each_fault_is_told_once_and_a_limit_is_none() -> None:
    """A fault that struck a request and its answer is one; a limit is the bot's own doing."""
    trip = trips_of(range(1, 2))[1]
    struck = [Decision(one, one, Stage.ANSWER, None) for one in ("delay", "lose", "delay")]
    trip.struck = (*struck, Limited("rate limit", "rate limit", Stage.REQUEST, None))
    assert faults_of(trip) == ["delay", "lose"]
