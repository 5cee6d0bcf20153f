"""Canceling with conditions, amending, replacing; what is remembered of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.events import OrderAmended, OrderListChanged
from failing_exchange.core.order import Contingency, ListUpdate, OrderType, Status
from failing_exchange.core.queries import FetchAmendments, FetchOrder
from failing_exchange.core.reject import OrderRule, Reason
from tests.core.floor import BUY, LIMIT, MARKET, SELL, Floor, S, become


def pair(floor: Floor, **more: Any) -> Any:
    maker = c.PlaceOrder("alice", S, SELL, LIMIT, 5, 110, post_only=True, client_id="profit")
    stop = c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS, 5, stop_ticks=90)
    return floor.do(c.PlaceOrderList("alice", (maker, stop), Contingency.OCO, **more))


# ---- canceling


@pytest.mark.parametrize(
    ("only", "filled", "goes"),
    [
        (c.CancelOnly.NEW, 0, True),
        (c.CancelOnly.NEW, 1, False),
        (c.CancelOnly.PARTIALLY_FILLED, 0, False),
        (c.CancelOnly.PARTIALLY_FILLED, 1, True),
    ],
)
def test_a_cancel_may_be_meant_for_some_orders_only(
    floor: Floor, only: c.CancelOnly, filled: int, goes: bool
) -> None:
    """A client that races with a fill says which of the two it can live with."""
    order = floor.limit("alice", SELL, 105, 5).order
    if filled:
        floor.limit("bob", BUY, 105, filled)
    command = c.CancelOrder("alice", S, order.id, only=only)
    if goes:
        assert floor.do(command).status is Status.CANCELED
    else:
        assert floor.refused(command).reason is Reason.CANCEL_RESTRICTED
        assert order.status is Status.OPEN


def test_both_names_of_an_order_must_fit(floor: Floor) -> None:
    """The id is searched first, then the client id is compared."""
    order = floor.limit("alice", SELL, 105, 5, client_id="mine").order
    for command in (
        c.CancelOrder("alice", S, order.id, "other"),
        c.AmendOrder("alice", S, order.id, 3, "other"),
        FetchOrder("alice", S, order.id, "other"),
    ):
        assert floor.refused(command).reason is Reason.CLIENT_ID_MISMATCH
    assert floor.refused(c.CancelOrder("alice", S, 99, "mine")).reason is Reason.ORDER_NOT_FOUND
    assert floor.do(FetchOrder("alice", S, order.id, "mine")).order is order
    floor.do(c.CancelOrder("alice", S, order.id, "mine", cancel_id="away with it"))
    assert (order.client_id, order.canceled_as) == ("mine", "away with it")


def test_the_name_of_a_cancel_is_that_of_the_whole_list(floor: Floor) -> None:
    """All its orders end by one request."""
    placed = pair(floor)
    floor.do(c.CancelOrder("alice", S, placed[1].order.id, cancel_id="one"))
    assert [one.order.canceled_as for one in placed] == ["one", "one"]
    again = pair(floor)
    floor.do(c.CancelOrderList("alice", S, again[0].order.list_id, cancel_id="two"))
    assert [one.order.canceled_as for one in again] == ["two", "two"]
    third = pair(floor)
    floor.do(c.CancelAllOrders("alice", S, cancel_id="three"))
    assert [one.order.canceled_as for one in third] == ["three", "three"]


def test_rules_may_be_checked_before_anything_is_canceled(floor: Floor) -> None:
    """On the venue a replacement that breaks a filter leaves the old order alone."""
    floor.do(become(replace(MARKET, amount_max=9)))
    old = floor.limit("alice", SELL, 105, 5, client_id="mine").order
    new = c.PlaceOrder("alice", S, SELL, LIMIT, 10, 106, client_id="mine")
    command = c.ReplaceOrder(c.CancelOrder("alice", S, old.id), new, check_first=True)
    assert floor.refused(command).rule == OrderRule.AMOUNT
    assert old.status is Status.OPEN
    both = floor.do(command._replace(place=new._replace(lots=9)))
    assert (both.canceled.status, both.placed.status) == (Status.CANCELED, Status.OPEN)


# ---- amending


def test_an_amended_order_may_have_a_new_name(floor: Floor) -> None:
    """It is found by the new one only; the record keeps both."""
    order = floor.limit("alice", SELL, 105, 5, client_id="a").order
    floor.do(c.AmendOrder("alice", S, order.id, 4, new_client_id="b"))
    floor.do(c.AmendOrder("alice", S, order.id, 3, new_client_id=""))
    floor.do(c.AmendOrder("alice", S, order.id, 2))
    made = order.client_id
    assert re.fullmatch("[0-9A-Za-z]{22}", made)
    assert floor.refused(FetchOrder("alice", S, client_id="a")).reason is Reason.ORDER_NOT_FOUND
    found = floor.do(FetchAmendments("alice", S, order.id)).amendments
    assert [(one.old_client_id, one.new_client_id) for one in found] == [
        ("a", "b"), ("b", made), (made, made)]  # fmt: skip
    assert [(one.old_lots, one.new_lots) for one in found] == [(5, 4), (4, 3), (3, 2)]
    from_second = FetchAmendments("alice", S, order.id, found[1].execution_id, 1)
    assert floor.do(from_second).amendments == found[1:2]
    assert floor.do(FetchAmendments("bob", S, order.id)).amendments == ()


def test_a_name_in_use_is_not_given_again(floor: Floor) -> None:
    """Nor does a refused amendment change anything."""
    floor.limit("alice", SELL, 106, 5, client_id="b")
    order = floor.limit("alice", SELL, 105, 5, client_id="a").order
    taken = c.AmendOrder("alice", S, order.id, 4, new_client_id="b")
    assert floor.refused(taken).reason is Reason.DUPLICATE_CLIENT_ID
    assert (order.lots, order.client_id, order.amendments) == (5, "a", ())


@pytest.mark.parametrize(
    ("lots", "rule"), [(5, OrderRule.AMEND_SAME), (6, OrderRule.AMEND_INCREASE), (2, ""), (1, "")]
)
def test_an_order_only_becomes_smaller(floor: Floor, lots: int, rule: str) -> None:
    """And not smaller than what is filled."""
    order = floor.limit("alice", SELL, 105, 5).order
    floor.limit("bob", BUY, 105, 2)
    assert floor.refused(c.AmendOrder("alice", S, order.id, lots)).rule == rule


def test_both_orders_of_a_pair_are_amended(floor: Floor) -> None:
    """Only one of them can trade, so both have one amount; the list tells of the new name."""
    placed = pair(floor)
    floor.do(c.AmendOrder("alice", S, placed[0].order.id, 3, new_client_id="less"))
    assert [one.order.lots for one in placed] == [3, 3]
    assert floor.used("alice", "BTC") == 3 * MARKET.amount_step
    amended = [event for event in floor.events if isinstance(event, OrderAmended)]
    assert [event.order_id for event in amended] == [one.order.id for one in placed]
    last = [event for event in floor.events if isinstance(event, OrderListChanged)][-1]
    assert (last.what, last.orders[0]) == (ListUpdate.UPDATED, (placed[0].order.id, "less"))
    floor.limit("bob", BUY, 110, 3)
    assert floor.used("alice", "BTC") == 0


def test_pending_orders_are_amended_alone(floor: Floor) -> None:
    """A working order and the one behind it have amounts of their own."""
    working = c.PlaceOrder("alice", S, BUY, LIMIT, 4, 99)
    pending = c.PlaceOrder("alice", S, SELL, LIMIT, 4, 108)
    placed = floor.do(c.PlaceOrderList("alice", (working, pending), Contingency.OTO))
    floor.do(c.AmendOrder("alice", S, placed[1].order.id, 2))
    assert [one.order.lots for one in placed] == [4, 2]
    assert floor.used("alice", "BTC") == 2 * MARKET.amount_step


# ---- what is remembered


def test_events_are_numbered(floor: Floor) -> None:
    """A venue's execution ids: those of a step are the last ones, in its order."""
    order = floor.limit("alice", SELL, 105, 5).order
    before = floor.engine.executions
    events, _ = floor.engine.execute(c.AmendOrder("alice", S, order.id, 3), floor.at)
    assert floor.engine.executions == before + len(events)
    assert order.amendments[0].execution_id == before + 1
    assert len(floor.events) + len(events) == floor.engine.executions


def test_an_order_keeps_its_labels_and_when_it_began_to_work(floor: Floor) -> None:
    """What the venue adds is not read; a stop works from its trigger on."""
    plain = floor.limit("alice", SELL, 105, 5, extra=(("label", 7),)).order
    assert plain.extra == (("label", 7),)
    assert plain.working_at == plain.created_at
    stop = c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS_LIMIT, 3, 95, stop_ticks=96)
    waiting = floor.do(stop).order
    assert (waiting.extra, waiting.working_at) == ((), 0)
    floor.last(96)
    assert waiting.working_at == waiting.triggered_at > waiting.created_at
    behind = c.PlaceOrder("alice", S, BUY, LIMIT, 2, 90)
    first, second = floor.do(
        c.PlaceOrderList("alice", (stop._replace(kind=LIMIT, ticks=104), behind), Contingency.OTO)
    )
    assert (first.order.working_at, second.order.working_at) == (first.order.created_at, 0)
    floor.limit("bob", BUY, 104, 20)
    assert second.order.working_at == second.order.activated_at > first.order.created_at
