"""The reference price and the range around it (faq "price_range_execution_rules", 2026-07-21)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.market import Rules
from failing_exchange.core.order import OrderType, Status, TimeInForce, Why
from failing_exchange.core.reference_price import BUCKET, WINDOW, allows, reference
from failing_exchange.core.reject import Reason
from tests.core.floor import BUY, LIMIT, MARKET, SELL, Floor, S, become

RANGED = replace(MARKET, rules=Rules(price_range=(850_000, 1_150_000)))
ONE_PERCENT = (990_000, 1_010_000)


def traded(floor: Floor, at: int, *ticks: int) -> None:
    """A trade of one lot at each price."""
    floor.at = at
    floor.last(*ticks)


def now(floor: Floor) -> tuple[int, int]:
    return reference(floor.engine.state.markets[S].tape, floor.at)


@pytest.fixture
def floor() -> Floor:
    """Nothing was traded in the last minutes."""
    found = Floor(RANGED)
    found.at += 2 * WINDOW
    return found


def test_the_price_is_the_average_of_the_trades_whatever_their_amounts(floor: Floor) -> None:
    """Without a trade in the window there is none."""
    assert now(floor) == (0, 1)
    traded(floor, floor.at, 100)
    floor.limit("bob", SELL, 106, 50)
    floor.limit("alice", BUY, 106, 50)
    total, count = now(floor)
    assert total == 103 * count


def test_the_oldest_bucket_counts_for_its_part_in_the_window(floor: Floor) -> None:
    """A trade fades out while its bucket leaves."""
    start = floor.at // BUCKET * BUCKET + BUCKET
    traded(floor, start + 1, 100)
    traded(floor, start + 2 * BUCKET, 110)
    tape = floor.engine.state.markets[S].tape
    for gone in (0, 1, 3):
        total, count = reference(tape, start + WINDOW + gone * BUCKET // 4)
        assert total * (8 - gone) == count * (100 * (4 - gone) + 110 * 4)
    assert reference(tape, start + WINDOW + BUCKET) == (110 * BUCKET, BUCKET)
    assert reference(tape, start + WINDOW + 4 * BUCKET) == (0, 1)


def test_a_price_is_allowed_or_not_by_the_average_itself(floor: Floor) -> None:
    """Highest and lowest price only spare the work."""
    traded(floor, floor.at, 100, 100, 100, 108)
    tape = floor.engine.state.markets[S].tape
    found = [ticks for ticks in range(90, 120) if allows(tape, ticks, ONE_PERCENT, floor.at)]
    assert found == [101, 102, 103]


def test_a_taker_expires_at_a_price_outside_of_the_range(floor: Floor) -> None:
    """What it could take within it is done. The average follows: the next order gets further."""
    traded(floor, floor.at, 100)
    for ticks in (110, 114, 120):
        floor.limit("bob", SELL, ticks, 2)
    taker = floor.do(c.PlaceOrder("alice", S, BUY, OrderType.MARKET, 6))
    assert (taker.status, taker.filled) == (Status.EXPIRED, 4)
    assert taker.order.why == Why.OUT_OF_RANGE
    rest = floor.limit("alice", BUY, 120, 1)
    assert (rest.status, rest.filled) == (Status.FILLED, 1)


def test_fill_or_kill_is_killed_where_a_part_is_out_of_range(floor: Floor) -> None:
    """All or nothing."""
    traded(floor, floor.at, 100)
    for ticks in (110, 120):
        floor.limit("bob", SELL, ticks, 2)
    order: Any = c.PlaceOrder("alice", S, BUY, LIMIT, 4, 130, time_in_force=TimeInForce.FOK)
    taker = floor.do(order)
    assert (taker.status, taker.filled, taker.order.why) == (
        Status.EXPIRED, 0, Why.OUT_OF_RANGE)  # fmt: skip


def test_the_band_of_prices_lies_around_it(floor: Floor) -> None:
    """PERCENT_PRICE_BY_SIDE: of the reference price where there is one, whatever was traded."""
    rules = replace(RANGED.rules, buy_prices=ONE_PERCENT) if RANGED.rules else None
    traded(floor, floor.at, 100, 104)
    floor.limit("bob", SELL, 106, 40)
    floor.limit("alice", BUY, 106, 40)
    floor.do(become(replace(RANGED, rules=rules)))
    assert floor.refused(c.PlaceOrder("alice", S, BUY, LIMIT, 1, 105)).reason is Reason.PRICE_BAND
    assert floor.limit("alice", BUY, 104, 1).status is Status.OPEN
