"""Orders that belong together: OCO, OTO, OTOCO."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.events import OrderActivated, OrderListChanged
from failing_exchange.core.order import (
    Contingency,
    ListStatus,
    ListUpdate,
    OrderType,
    Side,
    Status,
    TimeInForce,
    Why,
)
from failing_exchange.core.queries import FetchFills, FetchOrderList, FetchOrderLists
from failing_exchange.core.reject import OrderRule, Reason
from tests.core.floor import BUY, LIMIT, MARKET, SELL, Floor, S

STOP, STOP_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
PROFIT, PROFIT_LIMIT = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT


def leg(side: Side, kind: OrderType, lots: int, ticks: int = 0, stop: int = 0, **more: Any) -> Any:
    return c.PlaceOrder("alice", S, side, kind, lots, ticks, stop_ticks=stop, **more)


def maker(side: Side, lots: int, ticks: int, **more: Any) -> Any:
    return leg(side, LIMIT, lots, ticks, post_only=True, **more)


def oco(above: Any, below: Any, **more: Any) -> Any:
    return c.PlaceOrderList("alice", (above, below), Contingency.OCO, **more)


def oto(*legs: Any, **more: Any) -> Any:
    return c.PlaceOrderList("alice", legs, Contingency.OTO, **more)


def bracket(**more: Any) -> Any:
    """Buy 4 at 99; then sell them at 110, or below 90."""
    return oto(
        leg(BUY, LIMIT, 4, 99), maker(SELL, 4, 110), leg(SELL, STOP_LIMIT, 4, 89, 90), **more
    )


def statuses(floor: Floor, placed: Any) -> list[Status]:
    return [floor.order(snapshot.order.id).status for snapshot in placed]


def told(floor: Floor) -> list[ListUpdate]:
    return [event.what for event in floor.events if isinstance(event, OrderListChanged)]


# ---- one cancels the other


@pytest.mark.parametrize(
    ("above", "below"),
    [
        (maker(SELL, 4, 105), leg(SELL, STOP, 4, stop=95)),
        (maker(SELL, 4, 105), leg(SELL, STOP_LIMIT, 4, 94, 95)),
        (leg(SELL, PROFIT, 4, stop=105), leg(SELL, STOP, 4, stop=95)),
        (leg(SELL, PROFIT_LIMIT, 4, 104, 103), leg(SELL, STOP_LIMIT, 4, 94, 95)),
        (leg(BUY, STOP_LIMIT, 4, 106, 105), maker(BUY, 4, 95)),
        (leg(BUY, STOP, 4, stop=105), leg(BUY, PROFIT_LIMIT, 4, 95, 96)),
    ],
)
def test_a_pair_holds_the_money_of_one(floor: Floor, above: Any, below: Any) -> None:
    """Only one of the two can ever trade."""
    placed = floor.do(oco(above, below))
    side = above.side
    most = max(4 * (leg.ticks or leg.stop_ticks) for leg in (above, below))
    held = MARKET.cost_up(most, 1) if side is BUY else 4 * MARKET.amount_step
    assert floor.used("alice", "USDT" if side is BUY else "BTC") == held
    floor.do(c.CancelOrder("alice", S, placed[1].order.id))
    assert statuses(floor, placed) == [Status.CANCELED, Status.CANCELED]
    assert floor.used("alice", "USDT") == floor.used("alice", "BTC") == 0
    assert told(floor) == [ListUpdate.STARTED, ListUpdate.DONE]


def test_a_pair_is_over_when_its_last_order_is(floor: Floor) -> None:
    """One goes ahead, the other expires; the list executes until the first is filled."""
    placed = floor.do(oco(maker(SELL, 4, 105), leg(SELL, STOP, 4, stop=95)))
    floor.limit("bob", BUY, 105, 1)
    assert statuses(floor, placed) == [Status.OPEN, Status.EXPIRED]
    assert placed[1].order.why == Why.OTHER_WENT_AHEAD
    assert told(floor) == [ListUpdate.STARTED]
    floor.limit("bob", BUY, 105, 3)
    assert told(floor) == [ListUpdate.STARTED, ListUpdate.DONE]
    found = floor.do(FetchOrderList("alice", placed[0].order.list_id))
    assert found.status is ListStatus.ALL_DONE
    assert [one.status for one in found.orders] == [Status.FILLED, Status.EXPIRED]


def test_a_triggered_leg_ends_the_other(floor: Floor) -> None:
    """And holds no more than it needs from then on."""
    placed = floor.do(oco(leg(BUY, STOP_LIMIT, 4, 105, 104), maker(BUY, 4, 90)))
    floor.limit("bob", BUY, 91, 1)
    floor.last(104)
    assert statuses(floor, placed) == [Status.OPEN, Status.EXPIRED]
    assert floor.used("alice", "USDT") == MARKET.cost_up(105, 4)


@pytest.mark.parametrize(
    ("above", "below", "rule"),
    [
        (maker(SELL, 4, 99), leg(SELL, STOP, 4, stop=95), OrderRule.LIST_PRICES),
        (maker(SELL, 4, 105), leg(SELL, STOP, 4, stop=101), OrderRule.LIST_PRICES),
        (leg(SELL, STOP, 4, stop=105), maker(SELL, 4, 95), OrderRule.LIST_PRICES),
        (maker(SELL, 4, 105), leg(SELL, STOP, 3, stop=95), OrderRule.LIST_SHAPE),
        (maker(SELL, 4, 105), leg(BUY, STOP, 4, stop=95), OrderRule.LIST_SHAPE),
        (leg(SELL, LIMIT, 4, 105), leg(SELL, STOP, 4, stop=95), OrderRule.LIST_SHAPE),
        (maker(SELL, 4, 105), maker(SELL, 4, 95), OrderRule.LIST_SHAPE),
    ],
)
def test_a_pair_stands_on_both_sides_of_the_price(
    floor: Floor, above: Any, below: Any, rule: OrderRule
) -> None:
    """A profit is taken on one side, a loss stopped on the other."""
    refusal = floor.refused(oco(above, below))
    assert (refusal.reason, refusal.rule) == (Reason.INVALID_ORDER, rule)
    assert floor.used("alice", "BTC") == 0


def test_names_are_used_once(floor: Floor) -> None:
    """Of the list while it executes, and of the orders in it."""
    pair = (maker(SELL, 4, 105), leg(SELL, STOP, 4, stop=95))
    floor.do(oco(*pair, client_id="mine"))
    assert floor.refused(oco(*pair, client_id="mine")).reason is Reason.DUPLICATE_CLIENT_ID
    twins = [one._replace(client_id="twin") for one in pair]
    assert floor.refused(oco(*twins)).reason is Reason.DUPLICATE_CLIENT_ID
    floor.do(c.CancelOrderList("alice", S, client_id="mine"))
    floor.do(oco(*pair, client_id="mine"))


# ---- one triggers the other


def test_a_pending_order_comes_when_the_working_one_is_filled(floor: Floor) -> None:
    """Not at the first part; the money of both is held from the start."""
    placed = floor.do(oto(leg(BUY, LIMIT, 4, 99), leg(SELL, LIMIT, 2, 108)))
    assert statuses(floor, placed) == [Status.OPEN, Status.PENDING]
    assert floor.used("alice", "USDT") == MARKET.cost_up(99, 4)
    assert floor.used("alice", "BTC") == 2 * MARKET.amount_step
    floor.limit("bob", SELL, 99, 3)
    assert statuses(floor, placed) == [Status.OPEN, Status.PENDING]
    floor.limit("bob", SELL, 99, 1)
    assert statuses(floor, placed) == [Status.FILLED, Status.OPEN]
    assert placed[1].order.activated_at == floor.at - 2_000_000
    assert told(floor) == [ListUpdate.STARTED]
    floor.limit("bob", BUY, 108, 2)
    assert told(floor) == [ListUpdate.STARTED, ListUpdate.DONE]


def test_a_list_that_is_filled_at_once_still_answers_pending(floor: Floor) -> None:
    """As the venue does: look again to see it working."""
    floor.limit("bob", SELL, 99, 4)
    placed = floor.do(oto(leg(BUY, LIMIT, 4, 99), leg(SELL, LIMIT, 2, 108)))
    assert [one.status for one in placed] == [Status.FILLED, Status.PENDING]
    assert statuses(floor, placed) == [Status.FILLED, Status.OPEN]
    assert any(isinstance(event, OrderActivated) for event in floor.events)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_canceling_any_order_cancels_the_list(floor: Floor, which: int) -> None:
    """The working one and the pending ones share their fate."""
    placed = floor.do(bracket())
    floor.do(c.CancelOrder("alice", S, placed[which].order.id))
    assert statuses(floor, placed) == [Status.CANCELED] * 3
    assert floor.used("alice", "USDT") == floor.used("alice", "BTC") == 0
    assert told(floor) == [ListUpdate.STARTED, ListUpdate.DONE]


def test_a_bracket_becomes_a_pair(floor: Floor) -> None:
    """Bought, then sold at a profit: the stop is over."""
    placed = floor.do(bracket())
    floor.limit("bob", SELL, 99, 4)
    assert statuses(floor, placed) == [Status.FILLED, Status.OPEN, Status.WAITING]
    floor.limit("bob", BUY, 110, 4)
    assert statuses(floor, placed) == [Status.FILLED, Status.FILLED, Status.EXPIRED]
    assert told(floor) == [ListUpdate.STARTED, ListUpdate.DONE]


def test_a_bracket_may_be_stopped_at_once(floor: Floor) -> None:
    """The fill of the working order may be the very trade after which the pair makes no sense."""
    placed = floor.do(
        oto(leg(BUY, LIMIT, 4, 99), maker(SELL, 4, 98), leg(SELL, STOP_LIMIT, 4, 89, 90))
    )
    floor.limit("bob", SELL, 99, 4)
    assert statuses(floor, placed) == [Status.FILLED, Status.EXPIRED, Status.EXPIRED]
    assert placed[1].order.why == placed[2].order.why == Why.REFUSED
    assert floor.used("alice", "BTC") == 0


def test_a_working_order_that_expires_takes_the_others_along(floor: Floor) -> None:
    """Immediate or cancel, and nothing was there."""
    working = leg(BUY, LIMIT, 4, 99, time_in_force=TimeInForce.IOC)
    placed = floor.do(oto(working, leg(SELL, LIMIT, 2, 108)))
    assert [one.status for one in placed] == [Status.EXPIRED, Status.EXPIRED]
    assert placed[1].order.why == Why.WORKING_ENDED


def test_a_pending_market_order_buys_with_what_is_free_then(floor: Floor) -> None:
    """Nobody knows before what it will cost; without money it expires."""
    floor.limit("bob", SELL, 120, 9)
    placed = floor.do(oto(leg(SELL, LIMIT, 2, 101), leg(BUY, OrderType.MARKET, 3)))
    assert floor.used("alice", "USDT") == 0
    floor.limit("bob", BUY, 101, 2)
    assert statuses(floor, placed) == [Status.FILLED, Status.FILLED]
    again = floor.do(oto(leg(SELL, LIMIT, 2, 101), leg(BUY, OrderType.MARKET, 3)))
    floor.do(c.Debit("alice", "USDT", 10**15))
    floor.limit("bob", BUY, 101, 2)
    assert statuses(floor, again) == [Status.FILLED, Status.EXPIRED]
    assert again[1].order.why == Why.REFUSED


def test_a_list_without_money_leaves_nothing_behind(floor: Floor) -> None:
    """The working order could be paid, the pending one could not."""
    floor.do(c.Debit("alice", "BTC", 10**15))
    refusal = floor.refused(bracket())
    assert refusal.reason is Reason.INSUFFICIENT_FUNDS
    assert floor.used("alice", "USDT") == 0
    assert floor.do(FetchOrderLists("alice")).lists == ()


def test_lists_are_found(floor: Floor) -> None:
    """By id, by name, by time; and as they were."""
    first = floor.do(bracket(client_id="first"))
    before = floor.at
    floor.do(c.CancelOrderList("alice", S, client_id="first"))
    second = floor.do(bracket(client_id="second"))
    found = floor.do(FetchOrderLists("alice", "open")).lists
    assert [(one.id, one.client_id) for one in found] == [(second[0].order.list_id, "second")]
    everything = floor.do(FetchOrderLists("alice")).lists
    assert [one.client_id for one in everything] == ["first", "second"]
    assert floor.do(FetchOrderLists("alice", from_id=everything[1].id)).lists == everything[1:]
    assert floor.do(FetchOrderLists("alice", until=before)).lists == everything[:1]
    assert floor.do(FetchOrderLists("alice", limit=1)).lists == everything[1:]
    past = floor.do(FetchOrderList("alice", client_id="first", as_of=before))
    assert past.status is ListStatus.EXECUTING
    assert [one.status for one in past.orders] == [Status.OPEN, Status.PENDING, Status.PENDING]
    assert floor.refused(FetchOrderList("alice", 99)).reason is Reason.ORDER_NOT_FOUND
    wrong = c.CancelOrderList("alice", S, second[0].order.list_id, "first")
    assert floor.refused(wrong).reason is Reason.CLIENT_ID_MISMATCH
    assert floor.refused(c.CancelOrderList("alice", S, first[0].order.list_id)).reason is (
        Reason.ORDER_NOT_FOUND
    )


def test_a_list_placed_as_before_is_silent(floor: Floor) -> None:
    """In process nobody listens to lists: what happened reads as it always did."""
    limit, stop = leg(SELL, LIMIT, 4, 105), leg(SELL, STOP_LIMIT, 4, 95, 95)
    placed = floor.do(c.PlaceOrderList("alice", (limit, stop)))
    floor.do(c.CancelOrder("alice", S, placed[0].order.id))
    assert told(floor) == []
    assert len(floor.do(FetchOrderLists("alice")).lists) == 1


def test_every_order_of_a_list_counts(floor: Floor) -> None:
    """A list that would exceed the limit of open orders is refused as a whole."""
    small = Floor(replace(MARKET, orders_max=2))
    assert small.refused(bracket()).reason is Reason.TOO_MANY_ORDERS
    small.do(oto(leg(BUY, LIMIT, 4, 99), leg(SELL, LIMIT, 2, 108)))
    assert small.refused(leg(BUY, LIMIT, 1, 98)).reason is Reason.TOO_MANY_ORDERS


def test_a_trade_knows_the_list_of_its_order(floor: Floor) -> None:
    """As the account's trades show it; an order of none has 0."""
    placed = floor.do(oco(maker(SELL, 4, 105), leg(SELL, STOP, 4, stop=95)))
    floor.limit("bob", BUY, 105, 4)
    assert [fill.list_id for fill in placed[0].order.fills] == [placed[0].order.list_id]
    assert [fill.list_id for fill in floor.do(FetchFills("bob", S)).fills] == [0]


def test_the_orders_of_a_pair_may_be_given_in_either_order(floor: Floor) -> None:
    """Which is above and which below follows from what they are; they are kept as given."""
    placed = floor.do(oco(leg(SELL, STOP, 4, stop=95), maker(SELL, 4, 105)))
    assert [one.order.kind for one in placed] == [STOP, LIMIT]
    assert placed[0].order.order_list.orders == (placed[0].order, placed[1].order)
    floor.last(95)
    assert statuses(floor, placed)[1] is Status.EXPIRED
