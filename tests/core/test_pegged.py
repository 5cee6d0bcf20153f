"""Orders whose price is read off the book (faq "pegged_orders", 2026-07-21)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.market import Rules
from failing_exchange.core.order import (
    Contingency,
    OrderType,
    Peg,
    PegPrice,
    Side,
    Status,
    TimeInForce,
    Why,
)
from failing_exchange.core.reject import OrderRule, Reason
from failing_exchange.core.units import PPM
from tests.core.floor import BUY, LIMIT, MARKET, SELL, Floor, S, become

PRIMARY, OPPOSITE = Peg(PegPrice.PRIMARY), Peg(PegPrice.MARKET)
STOP_LIMIT = OrderType.STOP_LOSS_LIMIT


@pytest.fixture
def floor() -> Floor:
    """Bids of bob at 99, 98, 96, asks at 101, 103, 104."""
    found = Floor()
    for ticks in (99, 98, 96):
        found.limit("bob", BUY, ticks, 5)
    for ticks in (101, 103, 104):
        found.limit("bob", SELL, ticks, 5)
    return found


def pegged(side: Side, peg: Peg, kind: OrderType = LIMIT, **more: Any) -> Any:
    return c.PlaceOrder("alice", S, side, kind, 2, peg=peg, **more)


@pytest.mark.parametrize(
    ("side", "peg", "ticks"),
    [
        (BUY, PRIMARY, 99),
        (SELL, PRIMARY, 101),
        (BUY, Peg(PegPrice.PRIMARY, 1), 98),
        (BUY, Peg(PegPrice.PRIMARY, 2), 96),
        (SELL, Peg(PegPrice.PRIMARY, 2), 104),
    ],
)
def test_the_price_is_one_of_its_own_side(floor: Floor, side: Side, peg: Peg, ticks: int) -> None:
    """Levels that exist are counted, deeper into the book."""
    placed = floor.do(pegged(side, peg))
    assert (placed.status, placed.ticks, placed.order.resting) == (Status.OPEN, ticks, True)


def test_the_price_of_the_other_side_trades_at_once(floor: Floor) -> None:
    """And only there: what is left of an IOC order expires."""
    placed = floor.do(
        c.PlaceOrder("alice", S, BUY, LIMIT, 8, time_in_force=TimeInForce.IOC, peg=OPPOSITE)
    )
    assert (placed.filled, placed.ticks, placed.status) == (5, 101, Status.EXPIRED)


def test_the_price_stays(floor: Floor) -> None:
    """A better bid of somebody else is not followed."""
    placed = floor.do(pegged(BUY, PRIMARY))
    floor.limit("bob", BUY, 100, 1)
    assert floor.order(placed.order.id).ticks == 99


def test_a_book_without_that_level_refuses(floor: Floor) -> None:
    """There is nothing to be pegged to."""
    refusal = floor.refused(pegged(BUY, Peg(PegPrice.PRIMARY, 3)))
    assert (refusal.reason, refusal.rule) == (Reason.INVALID_PRICE, OrderRule.PEG_LIQUIDITY)
    refusal = floor.refused(pegged(BUY, PRIMARY, OrderType.STOP_LOSS, stop_ticks=110))
    assert (refusal.reason, refusal.rule) == (Reason.INVALID_ORDER, OrderRule.PEG_TYPE)


def test_a_price_beside_the_peg_keeps_the_rules_too(floor: Floor) -> None:
    """Both are validated; the order works at the price of the book."""
    floor.do(become(replace(MARKET, price_max=105)))
    refusal = floor.refused(pegged(BUY, PRIMARY, ticks=106))
    assert (refusal.reason, refusal.rule) == (Reason.INVALID_PRICE, OrderRule.PRICE)
    placed = floor.do(pegged(BUY, PRIMARY, ticks=105))
    assert (placed.ticks, placed.order.peg.asked) == (99, 105)


def test_a_stop_takes_the_price_of_the_moment_it_is_triggered(floor: Floor) -> None:
    """Before, it has none; it holds what its stop price would cost, then what it needs."""
    placed = floor.do(pegged(BUY, PRIMARY, STOP_LIMIT, stop_ticks=104))
    assert (placed.status, placed.ticks) == (Status.WAITING, 0)
    assert floor.used("alice", "USDT") == MARKET.cost_up(104, 2)
    floor.limit("bob", BUY, 100, 1)
    for _ in range(3):
        floor.do(c.PlaceOrder("buyer", S, BUY, OrderType.MARKET, 5))
    floor.last(104)
    found = floor.order(placed.order.id)
    assert (found.status, found.ticks) == (Status.OPEN, 100)
    assert floor.used("alice", "USDT") == MARKET.cost_up(100, 2)
    before = placed.order.as_of(placed.updated_at)
    assert (before.status, before.ticks) == (Status.WAITING, 0)


def test_a_stop_that_breaks_a_rule_when_triggered_expires(floor: Floor) -> None:
    """It is validated again at that moment."""
    placed = floor.do(pegged(SELL, OPPOSITE, STOP_LIMIT, stop_ticks=98))
    floor.do(become(replace(MARKET, rules=Rules(sell_prices=(900_000, 2 * PPM)))))
    floor.do(c.CancelAllOrders("bob", S))
    floor.limit("bob", BUY, 80, 5)
    floor.last(98)
    found = floor.order(placed.order.id)
    assert (found.status, found.order.why) == (Status.EXPIRED, Why.REFUSED)
    assert floor.used("alice", "BTC") == 0


def test_orders_of_lists_are_pegged_when_their_turn_comes(floor: Floor) -> None:
    """A limit maker of a pair at once; a pending order after the working one."""
    maker = pegged(SELL, PRIMARY, post_only=True)
    stop = pegged(SELL, PRIMARY, STOP_LIMIT, stop_ticks=95)
    pair = floor.do(c.PlaceOrderList("alice", (maker, stop), Contingency.OCO))
    assert [one.ticks for one in pair] == [101, 0]
    floor.do(c.CancelAllOrders("alice", S))
    working = c.PlaceOrder("alice", S, SELL, LIMIT, 2, 100)
    placed = floor.do(c.PlaceOrderList("alice", (working, pegged(BUY, PRIMARY)), Contingency.OTO))
    assert (placed[1].status, placed[1].ticks, floor.used("alice", "USDT")) == (
        Status.PENDING, 0, 0)  # fmt: skip
    floor.limit("bob", BUY, 100, 2)
    found = floor.order(placed[1].order.id)
    assert (found.status, found.ticks) == (Status.OPEN, 99)
    assert floor.used("alice", "USDT") == MARKET.cost_up(99, 2)


def test_a_replacement_may_be_pegged(floor: Floor) -> None:
    """Its price is checked before anything is canceled."""
    old = floor.limit("alice", BUY, 90, 1)
    cancel = c.CancelOrder("alice", S, old.order.id)
    refusal = floor.refused(
        c.ReplaceOrder(cancel, pegged(BUY, Peg(PegPrice.PRIMARY, 9)), check_first=True)
    )
    assert refusal.rule == OrderRule.PEG_LIQUIDITY
    done = floor.do(c.ReplaceOrder(cancel, pegged(BUY, PRIMARY), check_first=True))
    assert done.placed.ticks == 99
