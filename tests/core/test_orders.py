"""Orders one by one: short stories of what each kind does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.market import MarketStatus, Prevention
from failing_exchange.core.order import OrderType, Status, TimeInForce
from failing_exchange.core.queries import FetchBalance
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import ENDED_ORDERS_KEPT_MAX
from tests.core.floor import BUY, LIMIT, MARKET, SELL, Floor, S, become


def test_price_goes_before_time(floor: Floor) -> None:
    """The better price first; at one price, who came first."""
    first, second, best = (floor.limit("bob", SELL, ticks, 1) for ticks in (105, 105, 104))
    floor.limit("alice", BUY, 105, 2)
    assert floor.order(best.order.id, "bob").status is Status.FILLED
    assert floor.order(first.order.id, "bob").status is Status.FILLED
    assert floor.order(second.order.id, "bob").status is Status.OPEN


def test_a_smaller_amount_keeps_its_place(floor: Floor) -> None:
    """An amended order is not sent to the back of the queue."""
    first, second = floor.limit("bob", SELL, 105, 5), floor.limit("bob", SELL, 105, 5)
    floor.do(c.AmendOrder("bob", S, first.order.id, 2))
    floor.limit("alice", BUY, 105, 2)
    assert floor.order(first.order.id, "bob").status is Status.FILLED
    assert floor.order(second.order.id, "bob").filled == 0


def test_ioc_takes_what_is_there_and_fok_all_or_nothing(floor: Floor) -> None:
    """What can't be had at once expires."""
    floor.limit("bob", SELL, 101, 3)
    none = floor.limit("alice", BUY, 101, 5, time_in_force=TimeInForce.FOK)
    assert (none.status, none.filled) == (Status.EXPIRED, 0)
    some = floor.limit("alice", BUY, 101, 5, time_in_force=TimeInForce.IOC)
    assert (some.status, some.filled) == (Status.EXPIRED, 3)
    assert floor.used("alice", "USDT") == 0


def test_post_only_is_refused_where_it_would_match(floor: Floor) -> None:
    """A maker that would take is no maker."""
    floor.limit("bob", SELL, 101, 1)
    with pytest.raises(Reject) as refused:
        floor.limit("alice", BUY, 101, 1, post_only=True)
    assert refused.value.reason is Reason.WOULD_MATCH


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        (Prevention.EXPIRE_MAKER, Status.EXPIRED, Status.OPEN),
        (Prevention.EXPIRE_TAKER, Status.OPEN, Status.EXPIRED),
        (Prevention.EXPIRE_BOTH, Status.EXPIRED, Status.EXPIRED),
        (Prevention.NONE, Status.FILLED, Status.FILLED),
    ],
)
def test_ones_own_orders_meet(floor: Floor, mode: Prevention, maker: Status, taker: Status) -> None:
    """Which of the two expires is the taker's choice."""
    resting = floor.limit("alice", SELL, 101, 2)
    coming = floor.limit("alice", BUY, 101, 2, prevention=mode)
    assert floor.order(resting.order.id).status is maker
    assert coming.status is taker


def test_a_stop_becomes_an_order_when_the_price_is_there(floor: Floor) -> None:
    """It waits, holds its money, and goes ahead at the next trade beyond its trigger."""
    floor.limit("bob", BUY, 90, 9)
    stop = floor.do(c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS, lots=3, stop_ticks=95))
    assert stop.status is Status.WAITING
    assert floor.used("alice", "BTC") == 3 * MARKET.amount_step
    floor.limit("bob", BUY, 94, 1)
    floor.do(c.PlaceOrder("alice", S, SELL, OrderType.MARKET, lots=1))
    done = floor.order(stop.order.id)
    assert (done.status, done.filled) == (Status.FILLED, 3)
    with pytest.raises(Reject) as refused:
        floor.do(c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS, lots=3, stop_ticks=95))
    assert refused.value.reason is Reason.WOULD_TRIGGER


def test_one_cancels_the_other(floor: Floor) -> None:
    """Two orders, one reservation; when one trades, the other is over."""
    limit = c.PlaceOrder("alice", S, SELL, LIMIT, 4, 105)
    stop = c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS_LIMIT, 4, 95, stop_ticks=95)
    first, second = floor.do(c.PlaceOrderList("alice", (limit, stop)))
    assert floor.used("alice", "BTC") == 4 * MARKET.amount_step
    floor.limit("bob", BUY, 105, 1)
    assert floor.order(first.order.id).filled == 1
    assert floor.order(second.order.id).status is Status.EXPIRED


def test_a_list_whose_limit_would_match_is_refused(floor: Floor) -> None:
    """Found by the state machine: its stop was accepted after it had ended."""
    floor.limit("bob", BUY, 101, 1)
    limit = c.PlaceOrder("alice", S, SELL, LIMIT, 1, 101)
    stop = c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS_LIMIT, 1, 99, stop_ticks=99)
    with pytest.raises(Reject) as refused:
        floor.do(c.PlaceOrderList("alice", (limit, stop)))
    assert refused.value.reason is Reason.WOULD_MATCH


def test_a_trailing_stop_follows_the_best_price(floor: Floor) -> None:
    """Up it goes with the market, down it stays."""
    floor.limit("bob", BUY, 80, 50)
    trail = floor.do(c.PlaceOrder("alice", S, SELL, OrderType.TRAILING_STOP, lots=2, trail_ticks=5))
    for ticks in (103, 110, 106):
        floor.limit("bob", BUY, ticks, 1)
        floor.limit("alice", SELL, ticks, 1)
        assert floor.order(trail.order.id).status is Status.WAITING
    floor.limit("bob", BUY, 105, 1)
    floor.limit("alice", SELL, 105, 1)
    assert floor.order(trail.order.id).status is Status.FILLED


def test_a_client_id_is_one_open_order(floor: Floor) -> None:
    """While it is open, the same id is refused; afterwards it may be used again."""
    placed = floor.limit("alice", BUY, 90, 1, client_id="mine")
    with pytest.raises(Reject) as refused:
        floor.limit("alice", BUY, 90, 1, client_id="mine")
    assert refused.value.reason is Reason.DUPLICATE_CLIENT_ID
    floor.do(c.CancelOrder("alice", client_id="mine"))
    assert floor.limit("alice", BUY, 90, 1, client_id="mine").order.id != placed.order.id


def test_a_replacement_may_succeed_by_half(floor: Floor) -> None:
    """The old order is gone, the new one refused: both answers are given."""
    old = floor.limit("alice", BUY, 90, 1)
    new = c.PlaceOrder("alice", S, BUY, LIMIT, 10**9, 10**6)
    both = floor.do(c.ReplaceOrder(c.CancelOrder("alice", S, old.order.id), new))
    assert both.canceled.status is Status.CANCELED
    assert both.placed.reason is Reason.INSUFFICIENT_FUNDS
    neither = floor.do(c.ReplaceOrder(c.CancelOrder("alice", S, old.order.id), new))
    assert neither.canceled.reason is Reason.ORDER_NOT_FOUND
    assert neither.placed is None


def test_a_capped_order_fills_in_part_and_later_whole(floor: Floor) -> None:
    """As the PARTIAL_FILL mode does: a part at once, the rest after a while."""
    floor.do(c.CapNextFill("alice", 300_000, 30 * 10**9))
    order = floor.limit("alice", BUY, 90, 10)
    assert (order.status, order.filled) == (Status.OPEN, 3)
    assert order.order.fills[0].operator
    floor.at += 31 * 10**9
    assert floor.order(order.order.id).status is Status.FILLED


def test_a_capped_order_is_kept_from_matching_more(floor: Floor) -> None:
    """Even one that crosses the book fills its part only, at its own price."""
    floor.limit("bob", SELL, 101, 50)
    floor.do(c.CapNextFill("alice", 500_000, None))
    order = floor.limit("alice", BUY, 102, 10)
    assert (order.status, order.filled) == (Status.OPEN, 5)
    floor.at += 2 * 10**9
    assert floor.order(order.order.id).status is Status.FILLED


@pytest.mark.parametrize(
    ("more", "lots", "filled"),
    [
        ({"time_in_force": TimeInForce.FOK}, 10, 10),
        ({"post_only": True}, 10, 0),
        ({}, 1, 1),
    ],
)
def test_some_orders_are_not_struck_by_a_cap(
    floor: Floor, more: dict[str, Any], lots: int, filled: int
) -> None:
    """FOK, post-only and orders of one step go their ordinary way."""
    floor.limit("bob", SELL, 101, 50)
    floor.do(c.CapNextFill("alice", 300_000, None))
    ticks = 100 if more.get("post_only") else 101
    assert floor.limit("alice", BUY, ticks, lots, **more).filled == filled


def test_a_busted_trade_is_undone_on_the_ledger(floor: Floor) -> None:
    """Both get back what they gave, fees included."""
    before = {name: floor.do(FetchBalance(name)).assets for name in ("alice", "bob")}
    floor.limit("alice", SELL, 100, 5)
    bought = floor.limit("bob", BUY, 100, 5)
    floor.do(c.BustTrade(S, bought.order.fills[0].trade_id))
    again = floor.refused(c.BustTrade(S, bought.order.fills[0].trade_id))
    assert "was undone already" in again.text
    for name, assets in before.items():
        assert floor.do(FetchBalance(name)).assets == assets


def test_a_test_order_leaves_no_trace(floor: Floor) -> None:
    """Not even a number: it never comes to the engine of the real one."""
    before, count = floor.engine.state.next_order_id, len(floor.events)
    tried = floor.limit("alice", BUY, 90, 1, test=True)
    assert tried.order.id == before == floor.limit("alice", BUY, 90, 1).order.id
    assert len(floor.events) == count + 1
    assert floor.used("alice", "USDT") == MARKET.cost_up(90, 1)


def test_a_change_of_rules_does_not_end_a_halt(floor: Floor) -> None:
    """What a market accepts has a command of its own."""
    floor.do(c.SetMarketStatus(S, MarketStatus.HALTED))
    floor.do(become(replace(MARKET, taker_fee=5)))
    now = floor.engine.state.markets[S].market
    assert (now.status, now.taker_fee) == (MarketStatus.HALTED, 5)


def test_the_oldest_of_very_many_ended_orders_are_forgotten(floor: Floor) -> None:
    """There are never more than the limit, and the newest are always there."""
    account = floor.engine.state.accounts["alice"]
    for _ in range(ENDED_ORDERS_KEPT_MAX + 250):
        placed = floor.engine.execute(c.PlaceOrder("alice", S, BUY, LIMIT, 1, 90), floor.at)[1]
        floor.engine.execute(c.CancelOrder("alice", S, placed.order.id), floor.at)
        assert len(account.ended) <= ENDED_ORDERS_KEPT_MAX
    assert len(account.ended) == len(account.spot_names) > ENDED_ORDERS_KEPT_MAX - 250
    assert placed.order.id in account.ended
