"""Orders of which only a part is shown."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.order import OrderType, Status, TimeInForce
from failing_exchange.core.queries import FetchBook, FetchTicker
from failing_exchange.core.reject import OrderRule, Reason
from tests.core.floor import BUY, LIMIT, SELL, Floor, S


def asks(floor: Floor) -> Any:
    return floor.do(FetchBook("alice", S)).asks


def test_a_part_is_shown_and_all_can_be_traded(floor: Floor) -> None:
    """The book shows two of ten; whoever takes seven gets seven."""
    iceberg = floor.limit("alice", SELL, 105, 10, iceberg_lots=2)
    assert asks(floor) == ((105, 2),)
    assert floor.do(FetchTicker("bob", S)).ask == (105, 2)
    assert floor.limit("bob", BUY, 105, 7).status is Status.FILLED
    assert floor.order(iceberg.order.id).filled == 7
    assert asks(floor) == ((105, 1),)  # what is left of the fourth part
    fok = floor.limit("bob", BUY, 105, 3, time_in_force=TimeInForce.FOK)
    assert fok.status is Status.FILLED


def test_each_part_queues_up_behind_the_others(floor: Floor) -> None:
    """What was not shown did not wait in line."""
    iceberg = floor.limit("alice", SELL, 105, 6, iceberg_lots=2)
    other = floor.limit("bob", SELL, 105, 3)
    floor.do(c.OpenAccount("carol", (("USDT", 10**9),)))
    taken = floor.limit("carol", BUY, 105, 6)
    assert [fill.lots for fill in taken.order.fills] == [2, 3, 1]
    assert floor.order(other.order.id, "bob").status is Status.FILLED
    assert floor.order(iceberg.order.id).filled == 3


def test_an_iceberg_takes_with_all_of_it(floor: Floor) -> None:
    """Only what comes to rest is hidden."""
    floor.limit("bob", SELL, 101, 4)
    iceberg = floor.limit("alice", BUY, 101, 10, iceberg_lots=5)
    assert iceberg.filled == 4
    assert floor.do(FetchBook("bob", S)).bids == ((101, 5),)


def test_a_smaller_iceberg_shows_less_only_when_it_must(floor: Floor) -> None:
    """Amended to 5 of 10 it still shows 3; amended to 2 it shows 2."""
    iceberg = floor.limit("alice", SELL, 105, 10, iceberg_lots=3)
    floor.do(c.AmendOrder("alice", S, iceberg.order.id, 5))
    assert asks(floor) == ((105, 3),)
    floor.do(c.AmendOrder("alice", S, iceberg.order.id, 2))
    assert asks(floor) == ((105, 2),)
    floor.do(c.CancelOrder("alice", S, iceberg.order.id))
    assert asks(floor) == ()


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"iceberg_lots": 11}, OrderRule.ICEBERG_SIZE),
        ({"iceberg_lots": 2, "time_in_force": TimeInForce.IOC}, ""),
        ({"iceberg_lots": 2, "kind": OrderType.MARKET}, ""),
    ],
)
def test_an_iceberg_is_a_limit_order_that_stays(
    floor: Floor, more: dict[str, Any], rule: str
) -> None:
    """And its parts are no larger than itself."""
    refusal = floor.refused(c.PlaceOrder("alice", S, SELL, LIMIT, 10, 105)._replace(**more))
    assert (refusal.reason, refusal.rule) == (Reason.INVALID_ORDER, rule)


def test_a_stop_may_become_an_iceberg(floor: Floor) -> None:
    """It hides itself when it is triggered."""
    stop = c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS_LIMIT, 9, 95, stop_ticks=96)
    placed = floor.do(stop._replace(iceberg_lots=4))
    floor.last(96)
    assert floor.order(placed.order.id).status is Status.OPEN
    assert asks(floor) == ((95, 4),)
