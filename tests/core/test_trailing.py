"""Orders that trail the market by basis points.

The scenarios are those of the venue's FAQ on trailing stops (2026-07-21), in tenths of a dollar.
"""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.order import Contingency, OrderType, Side, Status
from failing_exchange.core.reject import Reason
from failing_exchange.core.stop_triggers import stop_of
from tests.core.floor import BUY, LIMIT, MARKET, SELL, Floor, S

STOP, STOP_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
PROFIT, PROFIT_LIMIT = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT

# kind, side, limit, stop price, basis points, [(trades, the trigger price then)...], what triggers
SCENARIOS: dict[str, Any] = {
    "A": (STOP_LIMIT, BUY, 45_000, 44_000, 500, [
        ((37_000, 43_000), 44_000), ((44_000,), 46_200), ((45_000, 46_000), 46_200),
        ((42_000,), 44_100), ((44_099,), 44_100)], 44_100),
    "B": (STOP_LIMIT, SELL, 38_000, 39_000, 1_000, [
        ((41_500,), 39_000), ((39_000,), 35_100), ((37_000,), 35_100), ((41_000,), 36_900),
        ((36_901,), 36_900)], 36_900),
    "C": (PROFIT_LIMIT, BUY, 38_500, 38_000, 850, [
        ((42_000,), 38_000), ((38_000,), 41_230), ((37_000,), 40_145), ((39_000, 38_000), 40_145),
        ((40_144,), 40_145)], 40_145),
    "D": (PROFIT_LIMIT, SELL, 41_000, 42_000, 750, [
        ((41_500, 39_000), 42_000), ((42_000,), 38_850), ((45_000, 44_000), 41_625),
        ((46_500,), 43_012.5), ((43_013,), 43_012.5)], 43_012.5),
    "E": (STOP_LIMIT, SELL, 39_000, 0, 700, [
        ((), 37_200), ((42_000, 39_500), 39_060), ((45_500,), 42_315), ((42_316,), 42_315)],
        42_315),
}  # fmt: skip


def trailing(side: Side, kind: OrderType, bips: int, stop: int = 0, limit: int = 0) -> Any:
    order = c.PlaceOrder("alice", S, side, kind, 2, limit, stop_ticks=stop)
    return order._replace(trail_bips=bips)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenarios_of_the_venue(name: str) -> None:
    """When it begins to trail, how it follows, and where it triggers."""
    kind, side, limit, stop, bips, steps, trigger = SCENARIOS[name]
    floor = Floor()
    floor.last(400_000)
    placed = floor.do(trailing(side, kind, bips, stop * 10, limit * 10))
    for trades, follows in steps:
        floor.last(*(10 * ticks for ticks in trades))
        assert floor.order(placed.order.id).status is Status.WAITING
        assert stop_of(placed.order) == follows * 10
    floor.last(int(trigger * 10))
    assert floor.order(placed.order.id).status in (Status.OPEN, Status.FILLED)


def test_it_is_known_since_when_it_trails(floor: Floor) -> None:
    """At once without a stop price, else since the trade that reached it."""
    at_once = floor.do(trailing(SELL, STOP, 500))
    later = floor.do(trailing(SELL, PROFIT, 500, 110))
    assert at_once.order.trailing_at == at_once.order.created_at
    assert later.order.trailing_at == 0
    floor.last(110)
    assert later.order.trailing_at > later.order.created_at


def test_a_market_order_that_trails_holds_money_and_sells(floor: Floor) -> None:
    """Bought from above: five percent over the last price is held, and more is topped up."""
    buys = floor.do(trailing(BUY, STOP, 500))
    assert floor.used("alice", "USDT") == MARKET.cost_up(105, 2)
    floor.limit("bob", SELL, 120, 2)
    floor.last(105)
    assert floor.order(buys.order.id).status is Status.FILLED
    assert floor.used("alice", "USDT") == 0


def test_the_pair_of_an_oco_may_trail(floor: Floor) -> None:
    """The stop follows the price up; when it triggers, the limit order expires."""
    maker = c.PlaceOrder("alice", S, SELL, LIMIT, 2, 150, post_only=True)
    pair = (maker, trailing(SELL, STOP_LIMIT, 1_000, 0, 80))
    limit, stop = floor.do(c.PlaceOrderList("alice", pair, Contingency.OCO))
    floor.last(120)
    assert stop_of(stop.order) == 108
    floor.last(108)
    assert floor.order(limit.order.id).status is Status.EXPIRED
    assert floor.order(stop.order.id).status in (Status.OPEN, Status.FILLED)


def test_a_pending_order_trails_from_its_turn_on(floor: Floor) -> None:
    """What was traded before the working order was filled does not count."""
    working = c.PlaceOrder("alice", S, BUY, LIMIT, 2, 99)
    legs = (working, trailing(SELL, STOP, 1_000))
    placed = floor.do(c.PlaceOrderList("alice", legs, Contingency.OTO))
    pending = placed[1].order
    floor.last(130)
    assert pending.trailing_at == 0
    floor.limit("bob", SELL, 99, 2)
    assert (pending.status, stop_of(pending)) == (Status.WAITING, 89)


@pytest.mark.parametrize("kind", [OrderType.MARKET, LIMIT, OrderType.TRAILING_STOP])
def test_only_stops_and_profits_trail_by_bips(floor: Floor, kind: OrderType) -> None:
    """Nothing else has a trigger that could."""
    refusal = floor.refused(trailing(SELL, kind, 500, 0, 100))
    assert refusal.reason is Reason.INVALID_ORDER


def test_a_stop_price_that_is_met_already_is_refused(floor: Floor) -> None:
    """As for a stop that does not trail."""
    assert floor.refused(trailing(SELL, STOP, 500, 101)).reason is Reason.WOULD_TRIGGER
