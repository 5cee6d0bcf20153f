"""The operator trades against an order that has not met the market yet."""

from __future__ import annotations

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.order import Contingency, OrderType, Side, Status
from tests.core.floor import BUY, SELL, Floor, S


@pytest.mark.parametrize("side", [BUY, SELL])
def test_the_other_order_of_a_pair_ends_when_its_stop_is_crossed(floor: Floor, side: Side) -> None:
    """One goes ahead, the other expires, as when the market triggers it."""
    near, far = (110, 90) if side is SELL else (90, 110)
    maker = c.PlaceOrder("alice", S, side, OrderType.LIMIT, 5, near, post_only=True)
    stop = c.PlaceOrder("alice", S, side, OrderType.STOP_LOSS, 5, stop_ticks=far)
    first, second = floor.do(c.PlaceOrderList("alice", (maker, stop), Contingency.OCO))
    floor.do(c.CrossOrder(second.order.id, 2))
    assert first.order.status is Status.EXPIRED
    assert (second.order.status, second.order.filled) == (Status.OPEN, 2)
    floor.do(c.CrossOrder(second.order.id))
    assert second.order.status is Status.FILLED
    assert floor.used("alice", "BTC") == floor.used("alice", "USDT") == 0


def test_a_pending_order_is_not_crossed(floor: Floor) -> None:
    """It is not placed before the working order of its list is filled."""
    working = c.PlaceOrder("alice", S, BUY, OrderType.LIMIT, 5, 90)
    pending = c.PlaceOrder("alice", S, SELL, OrderType.LIMIT, 5, 120)
    _, second = floor.do(c.PlaceOrderList("alice", (working, pending), Contingency.OTO))
    assert "no price" in floor.refused(c.CrossOrder(second.order.id)).text
    assert (second.order.status, second.order.filled) == (Status.PENDING, 0)
