"""One pays the other: what an order buys is sold by those behind it (faq "opo", 2026-07-21)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.market import Rules
from failing_exchange.core.order import Contingency, OrderType, Side, Status, Why
from failing_exchange.core.reject import OrderRule, Reason
from failing_exchange.core.units import ATOMS
from tests.core.floor import BUY, LIMIT, MARKET, SELL, Floor, S, become

FREE = replace(MARKET, maker_fee=0, taker_fee=0)
STEP = MARKET.amount_step


def leg(side: Side, kind: OrderType, lots: int, ticks: int = 0, stop: int = 0, **more: Any) -> Any:
    return c.PlaceOrder("alice", S, side, kind, lots, ticks, stop_ticks=stop, **more)


def paid(*pending: Any, lots: int = 4_000) -> Any:
    """Buy at 99; then sell what that has brought."""
    legs = (leg(BUY, LIMIT, lots, 99), *pending)
    return c.PlaceOrderList("alice", legs, Contingency.OTO, proceeds_pay=True)


PENDING = leg(SELL, LIMIT, 0, 110)
PAIR = (leg(SELL, LIMIT, 0, 110, post_only=True), leg(SELL, OrderType.STOP_LOSS, 0, stop=90))


@pytest.fixture
def floor() -> Floor:
    """Alice has no coin to sell yet."""
    found = Floor()
    found.do(c.Debit("alice", "BTC", 10 * ATOMS))
    return found


def free(floor: Floor) -> int:
    return floor.engine.state.ledger.free("alice", "BTC")


def test_what_is_bought_is_locked_until_the_working_order_is_filled(floor: Floor) -> None:
    """Each part of it; the pending order has no amount before, and sells it all then."""
    floor.do(become(FREE))
    placed = floor.do(paid(PENDING))
    assert (placed[1].status, placed[1].lots, floor.used("alice", "BTC")) == (Status.PENDING, 0, 0)
    floor.limit("bob", SELL, 99, 1_000)
    assert (free(floor), floor.used("alice", "BTC")) == (0, 1_000 * STEP)
    floor.limit("bob", SELL, 99, 3_000)
    found = floor.order(placed[1].order.id)
    assert (found.status, found.lots) == (Status.OPEN, 4_000)
    assert (free(floor), floor.used("alice", "BTC")) == (0, 4_000 * STEP)
    earlier = found.order.as_of(placed[1].updated_at)
    assert (earlier.status, earlier.lots) == (Status.PENDING, 0)


def test_a_canceled_list_unlocks_what_was_bought(floor: Floor) -> None:
    """It was part of the way."""
    floor.do(become(FREE))
    placed = floor.do(paid(*PAIR))
    floor.limit("bob", SELL, 99, 1_000)
    floor.do(c.CancelOrderList("alice", S, placed[0].order.list_id))
    assert (free(floor), floor.used("alice", "BTC")) == (1_000 * STEP, 0)


def test_the_fee_comes_from_what_was_bought_where_nothing_else_is_free(floor: Floor) -> None:
    """What is no whole step is given back."""
    placed = floor.do(paid(PENDING, lots=4_500))
    floor.limit("bob", SELL, 99, 4_500)
    fee = 4_500 * STEP // 1_000
    assert floor.order(placed[1].order.id).lots == (4_500 * STEP - fee) // STEP
    assert free(floor) == (4_500 * STEP - fee) % STEP


def test_the_fee_comes_from_what_is_free_where_that_is_enough(floor: Floor) -> None:
    """Then all that was bought is sold."""
    floor.do(c.Credit("alice", "BTC", ATOMS))
    placed = floor.do(paid(PENDING))
    floor.limit("bob", SELL, 99, 4_000)
    assert floor.order(placed[1].order.id).lots == 4_000
    assert free(floor) == ATOMS - 4_000 * STEP // 1_000


def test_a_pair_shares_what_was_bought(floor: Floor) -> None:
    """Only one of it can be sold."""
    floor.do(become(FREE))
    placed = floor.do(paid(*PAIR))
    floor.limit("bob", SELL, 99, 4_000)
    found = [floor.order(one.order.id) for one in placed[1:]]
    assert [(one.status, one.lots) for one in found] == [
        (Status.OPEN, 4_000), (Status.WAITING, 4_000)]  # fmt: skip
    assert floor.used("alice", "BTC") == 4_000 * STEP
    floor.limit("bob", BUY, 110, 4_000)
    assert floor.order(placed[1].order.id).status is Status.FILLED
    assert floor.used("alice", "BTC") == free(floor) == 0


def test_a_market_order_sells_by_the_steps_of_market_orders(floor: Floor) -> None:
    """The rest is free again."""
    floor.do(become(replace(FREE, rules=Rules(market_amount_every=1_000))))
    floor.limit("bob", BUY, 90, 9_000)
    placed = floor.do(paid(leg(SELL, OrderType.MARKET, 0), lots=4_500))
    floor.limit("bob", SELL, 99, 4_500)
    found = floor.order(placed[1].order.id)
    assert (found.status, found.filled, free(floor)) == (Status.FILLED, 4_000, 500 * STEP)


def test_an_amount_that_breaks_a_rule_expires_the_pending_order(floor: Floor) -> None:
    """It is evaluated when the working order is filled."""
    floor.do(become(replace(FREE, amount_min=2_000, amount_every=1_000)))
    placed = floor.do(paid(PENDING))
    floor.do(become(replace(FREE, amount_min=5_000, amount_every=1_000)))
    floor.limit("bob", SELL, 99, 5_000)
    found = floor.order(placed[1].order.id)
    assert (found.status, found.order.why) == (Status.EXPIRED, Why.REFUSED)
    assert (free(floor), floor.used("alice", "BTC")) == (4_000 * STEP, 0)


def test_an_amount_that_is_not_known_is_not_amended(floor: Floor) -> None:
    """Afterwards it may be."""
    floor.do(become(FREE))
    placed = floor.do(paid(PENDING))
    number = placed[1].order.id
    assert floor.refused(c.AmendOrder("alice", S, number, 10)).rule == OrderRule.AMEND_PENDING
    floor.limit("bob", SELL, 99, 4_000)
    assert floor.do(c.AmendOrder("alice", S, number, 10)).lots == 10


def test_only_a_purchase_pays_and_only_sales_are_paid(floor: Floor) -> None:
    """And no other order is placed without an amount."""
    sale = c.PlaceOrderList("alice", (leg(SELL, LIMIT, 4, 99), leg(BUY, LIMIT, 0, 90)),
                            Contingency.OTO, proceeds_pay=True)  # fmt: skip
    assert floor.refused(sale).rule == OrderRule.LIST_SHAPE
    plain = paid(PENDING)._replace(proceeds_pay=False)
    assert floor.refused(plain).reason is Reason.INVALID_AMOUNT
