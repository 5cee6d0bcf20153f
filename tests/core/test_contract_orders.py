"""Orders of contracts: good till a date, changed, in batches, counted down, bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from failing_exchange.core import commands as c, queries as q
from failing_exchange.core.change_order import CHANGES_MAX
from failing_exchange.core.events import OrderAmended, OrderCanceled, OrderExpired, OrderFilled
from failing_exchange.core.market import MarketStatus, Prevention
from failing_exchange.core.order import (
    BUY,
    EXPIRED,
    LIMIT,
    MARKET,
    OPEN,
    SELL,
    Order,
    OrderSnapshot,
    OrderType,
    Peg,
    PegPrice,
    PositionSide,
    TimeInForce,
    Why,
)
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.units import ATOMS, HOUR_S, SECOND
from tests.core.contracts import BTC, PERPETUAL, USD, Floor, S


@pytest.fixture
def floor() -> Floor:
    """Alice and Bob, 10,000 USDT each, leverage 20."""
    return Floor()


def refused(floor: Floor, command: object) -> Reject:
    with pytest.raises(Reject) as caught:
        floor.do(command)
    return caught.value


def changed(floor: Floor, order: Order, price: float, lots: int, change_id: str = "") -> Order:
    command = c.ChangeOrder("alice", S, order.id, "", lots, round(price * USD), None, change_id)
    after: OrderSnapshot = floor.do(command)
    return after.order


# ---- by time


def test_an_order_ends_at_its_date(floor: Floor) -> None:
    """The venue ends it at that instant, whether or not anybody looks."""
    later = floor.limit("alice", BUY, 9_000, 5, expires_at=floor.at + 900 * SECOND)
    first = floor.limit("alice", BUY, 9_000, 5, expires_at=floor.at + 600 * SECOND)
    floor.wait(599)
    assert first.is_open
    told = floor.wait(1)
    assert [(e.order_id, e.why) for e in told if isinstance(e, OrderExpired)] == [
        (first.id, Why.TIME_IS_UP)
    ]
    floor.wait(HOUR_S)
    assert (later.status, later.ended_at) == (EXPIRED, later.expires_at)
    assert not floor.engine.state.agenda or not floor.engine.state.ends_at
    late = c.PlaceOrder("alice", S, BUY, LIMIT, 5, 9_000 * USD, expires_at=floor.at)
    assert refused(floor, late).rule is OrderRule.EXPIRY


def test_a_conditional_order_ends_at_its_date(floor: Floor) -> None:
    """Before its trigger by itself; after it, the order that it has placed."""
    floor.cross("alice", "bob", 10_000, BTC)
    ends, stop = floor.at + 600 * SECOND, OrderType.STOP_LOSS_LIMIT
    for trigger in (9_900, 9_000):
        floor.do(c.PlaceConditional(
            "alice", S, SELL, stop, 5, trigger * USD, 12_000 * USD, expires_at=ends
        ))  # fmt: skip
    floor.cross("bob", "alice", 9_900, 1)
    [order] = floor.engine.state.accounts["alice"].open.values()
    floor.wait(600)
    assert order.why == Why.TIME_IS_UP
    found = floor.do(q.FetchConditionals("alice", which="all")).conditionals
    assert [one.status for one in found] == ["finished", "expired"]


def test_a_countdown_cancels_all_orders_of_a_symbol(floor: Floor) -> None:
    """A dead man's switch: a bot that is cut off leaves no orders behind."""
    minute = 60 * SECOND
    order = floor.limit("alice", BUY, 9_000, 5)
    assert floor.do(c.SetCountdown("alice", S, minute)).due_at == floor.at + minute
    floor.wait(50)
    floor.do(c.SetCountdown("alice", S, minute))
    floor.wait(59)
    assert order.is_open
    told = floor.wait(1)
    assert [e.why for e in told if isinstance(e, OrderCanceled)] == [Why.COUNTDOWN]
    kept = floor.limit("alice", BUY, 9_000, 5)
    floor.do(c.SetCountdown("alice", S, minute))
    floor.do(c.SetCountdown("alice", S, 0))
    floor.wait(HOUR_S)
    assert kept.is_open
    assert refused(floor, c.SetCountdown("alice", S, -1)).reason is Reason.BAD_REQUEST


def test_a_countdown_that_is_set_again_and_again_keeps_one_plan(floor: Floor) -> None:
    """Bots send it with every heartbeat, for weeks."""
    for _ in range(50):
        floor.do(c.SetCountdown("alice", S, 120 * SECOND))
        floor.wait(1)
    assert len(floor.engine.state.agenda) == 1


# ---- changes


def test_a_changed_order_keeps_its_id_and_loses_its_place(floor: Floor) -> None:
    """It is behind those that stood at its price before."""
    mine = floor.limit("alice", BUY, 9_000, 10)
    floor.open("carol", 10_000)
    other = floor.limit("carol", BUY, 9_000, 10)
    changed(floor, mine, 9_000, 12, change_id="7")
    told = [e for e in floor.events if isinstance(e, OrderAmended)]
    assert [(e.order_id, e.lots, e.ticks, e.change_id) for e in told] == [
        (mine.id, 12, 9_000 * USD, "7")
    ]
    floor.market("bob", SELL, 10)
    assert (mine.filled, other.filled) == (0, 10)
    [kept] = floor.do(q.FetchAmendments("alice", S, mine.id)).amendments
    assert (kept.old_lots, kept.new_lots, kept.nth, kept.change_id) == (10, 12, 1, "7")


def test_a_changed_price_may_match_at_once(floor: Floor) -> None:
    """The order takes as a new one would; what is filled counts to the new amount."""
    mine = floor.limit("alice", BUY, 9_000, 10)
    floor.limit("bob", SELL, 9_000, 4)
    floor.limit("bob", SELL, 9_100, 3)
    changed(floor, mine, 9_100, 12)
    assert (mine.filled, mine.remaining, mine.ticks) == (7, 5, 9_100 * USD)
    assert [e.lots_left for e in floor.events if isinstance(e, OrderFilled)] == [5, 0]
    assert mine.as_of(mine.created_at) is not None


def test_a_change_leaves_an_order_where_an_incident_keeps_it(floor: Floor) -> None:
    """Off the book, until it is released: at its new price, then."""
    floor.limit("bob", SELL, 9_000, 10)
    floor.do(c.CapNextFill("alice", 100_000, None))
    mine = floor.limit("alice", BUY, 9_000, 10)
    changed(floor, mine, 8_900, 9)
    assert (mine.held, mine.resting, mine.filled) == (True, False, 1)
    floor.wait(1)
    assert (mine.held, mine.resting, mine.ticks) == (False, True, 8_900 * USD)


def test_a_change_needs_its_margin(floor: Floor) -> None:
    """Without it the order stays as it is."""
    mine = floor.limit("alice", BUY, 9_000, 10 * BTC)
    assert floor.available("alice") == 10_000 - 4_500
    command = c.ChangeOrder("alice", S, mine.id, "", 30 * BTC, 9_000 * USD)
    assert refused(floor, command).reason is Reason.INSUFFICIENT_FUNDS
    assert (mine.lots, mine.status, floor.available("alice")) == (10 * BTC, OPEN, 5_500)
    changed(floor, mine, 8_000, 5 * BTC)
    assert floor.available("alice") == 10_000 - 2_000


def test_a_change_cancels_what_is_filled_or_would_match(floor: Floor) -> None:
    """As the venue documents it: an amount that is filled already, a post-only order that meets."""
    mine = floor.limit("alice", BUY, 9_000, 10)
    floor.limit("bob", SELL, 9_000, 4)
    changed(floor, mine, 9_000, 4)
    assert (mine.status, mine.why) == ("canceled", Why.CHANGED)
    floor.limit("bob", SELL, 9_500, 4)
    maker = floor.limit("alice", BUY, 9_000, 10, post_only=True)
    changed(floor, maker, 9_500, 10)
    assert (maker.status, maker.filled) == ("canceled", 0)


def test_what_cannot_be_changed_is_refused(floor: Floor) -> None:
    """And stays as it is."""
    floor.engine.state.markets[S].market = replace(PERPETUAL, cost_min=5 * ATOMS)
    mine = floor.limit("alice", BUY, 9_000, 100)
    command = c.ChangeOrder("alice", S, mine.id, "", 100, 9_000 * USD)
    assert refused(floor, command).reason is Reason.NO_CHANGE
    assert refused(floor, command._replace(lots=50)).reason is Reason.INVALID_COST
    assert refused(floor, command._replace(lots=0)).reason is Reason.INVALID_AMOUNT
    assert refused(floor, command._replace(order_id=99)).reason is Reason.ORDER_NOT_FOUND
    changed(floor, mine, 9_000, 101)
    mine.amendments = (mine.amendments[0]._replace(nth=CHANGES_MAX),)
    assert refused(floor, command).rule is OrderRule.AMENDS
    floor.do(c.SetMarketStatus(S, MarketStatus.HALTED))
    assert refused(floor, command).reason is Reason.MARKET_HALTED
    assert mine.lots == 101


def test_a_price_may_be_read_off_the_book(floor: Floor) -> None:
    """The best own price, or the second of the other side; refused where there is none."""
    floor.limit("bob", SELL, 9_500, 4)
    floor.limit("bob", SELL, 9_600, 4)
    second = Peg(PegPrice.MARKET, 1)
    order = floor.limit("alice", BUY, 0, 10, peg=second)
    assert (order.ticks, order.filled) == (9_600 * USD, 8)
    none = c.ChangeOrder("alice", S, order.id, lots=20, peg=second)
    assert refused(floor, none).rule is OrderRule.PEG_LIQUIDITY
    floor.limit("alice", BUY, 9_000, 1)
    floor.do(none._replace(peg=Peg(PegPrice.PRIMARY, 1)))
    assert order.ticks == 9_000 * USD


# ---- batches


def test_a_batch_has_a_result_for_each(floor: Floor) -> None:
    """One that is refused stops no other."""
    old = floor.limit("alice", BUY, 9_000, 5)
    good = c.PlaceOrder("alice", S, BUY, LIMIT, 5, 9_100 * USD)
    batch = c.BatchOrders("alice", (
        good,
        good._replace(lots=0),
        c.ChangeOrder("alice", S, old.id, lots=7, ticks=9_000 * USD),
        c.CancelOrder("alice", S, 99),
        c.CancelOrder("alice", S, old.id),
    ))  # fmt: skip
    results = floor.do(batch).results
    assert [isinstance(one, Reject) for one in results] == [False, True, False, True, False]
    assert (old.status, old.lots) == ("canceled", 7)
    assert len(floor.engine.state.accounts["alice"].open) == 1
    assert refused(floor, c.BatchOrders("alice", ())).reason is Reason.BAD_REQUEST
    assert refused(floor, c.BatchOrders("alice", (good,) * 11)).reason is Reason.BAD_REQUEST
    foreign = c.BatchOrders("bob", (good,))
    assert refused(floor, foreign).reason is Reason.PERMISSION_DENIED


# ---- what contracts accept


def test_a_market_order_stays_near_the_mark_price(floor: Floor) -> None:
    """Within 5 %; the rest expires instead of being filled at any price."""
    floor.cross("bob", "alice", 10_000, 1)
    floor.limit("bob", SELL, 10_500, 5)
    floor.limit("bob", SELL, 10_501, 5)
    order = floor.market("alice", BUY, 8)
    assert (order.filled, order.status) == (5, EXPIRED)
    floor.limit("bob", BUY, 9_900, 5)
    floor.do(c.MoveMark(S, 500 * ATOMS))
    assert floor.market("alice", SELL, 2).filled == 0


def test_a_fill_or_kill_or_post_only_order_is_refused(floor: Floor) -> None:
    """It leaves no trace: the venue answers -5021 and -5022, and records no order."""
    floor.limit("bob", SELL, 9_500, 4)
    kill = c.PlaceOrder("alice", S, BUY, LIMIT, 5, 9_500 * USD)
    found = refused(floor, kill._replace(time_in_force=TimeInForce.FOK))
    assert found.reason is Reason.NOT_FILLABLE
    assert refused(floor, kill._replace(post_only=True)).reason is Reason.WOULD_MATCH
    assert not floor.do(q.FetchOrders("alice", S, "all")).orders
    floor.do(kill._replace(lots=4, time_in_force=TimeInForce.FOK))
    assert floor.positions["alice"] == 4


def test_orders_that_reduce_have_no_least_worth(floor: Floor) -> None:
    """Else what is left of a position could not be closed."""
    market = replace(PERPETUAL, cost_min=100 * ATOMS)
    floor = Floor(market=market)
    floor.cross("alice", "bob", 10_000, BTC)
    small = c.PlaceOrder("alice", S, SELL, LIMIT, 1, 10_000 * USD)
    assert refused(floor, small).reason is Reason.INVALID_COST
    floor.do(small._replace(reduce_only=True))
    floor.do(c.PlaceOrder("bob", S, BUY, MARKET, 1, reduce_only=True))
    assert floor.positions == {"alice": BTC - 1, "bob": 1 - BTC}


@pytest.mark.parametrize(
    ("mode", "taker", "maker"),
    [
        (Prevention.EXPIRE_TAKER, EXPIRED, OPEN),
        (Prevention.EXPIRE_MAKER, OPEN, EXPIRED),
        (Prevention.EXPIRE_BOTH, EXPIRED, EXPIRED),
    ],
)
def test_an_account_does_not_trade_with_itself(
    floor: Floor, mode: Prevention, taker: str, maker: str
) -> None:
    """The taker's mode decides; nothing of the margin stays behind."""
    resting = floor.limit("alice", BUY, 9_000, 10)
    taking = floor.limit("alice", SELL, 9_000, 10, prevention=mode)
    assert (taking.status, resting.status) == (taker, maker)
    assert floor.positions.keys() <= {"alice"}
    floor.do(c.CancelAllOrders("alice"))
    assert floor.available("alice") == 10_000


def test_a_fill_or_kill_order_may_trade_with_its_own_account(floor: Floor) -> None:
    """Self-trade prevention leaves it alone; both sides pay their fee."""
    floor.limit("alice", BUY, 9_000, 10)
    taking = floor.limit("alice", SELL, 9_000, 10, time_in_force=TimeInForce.FOK)
    assert (taking.filled, floor.positions) == (10, {})


def test_both_sides_of_a_hedge_are_changed_alone(floor: Floor) -> None:
    """A closing order is bounded by its own position."""
    floor.do(c.SetPositionMode("alice", True))
    floor.limit("bob", SELL, 9_000, 10)
    floor.limit("alice", BUY, 9_000, 10, position_side=PositionSide.LONG)
    close = floor.limit("alice", SELL, 9_500, 5, position_side=PositionSide.LONG)
    changed(floor, close, 9_400, 10)
    command = c.ChangeOrder("alice", S, close.id, "", 11, 9_400 * USD)
    assert refused(floor, command).reason is Reason.REDUCE_ONLY
    assert (close.lots, close.ticks) == (10, 9_400 * USD)
