"""An account's own orders meet. The scenarios are those of the venue's FAQ (2026-07-21)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.events import OrderDecremented, OrderExpired
from failing_exchange.core.market import Prevention, Rules
from failing_exchange.core.order import Contingency, OrderType, Status, TimeInForce, Why
from failing_exchange.core.queries import FetchBook, FetchOrder, FetchPreventedMatches
from failing_exchange.core.reject import OrderRule
from tests.core.floor import BUY, LIMIT, MARKET, SELL, Floor, S, become

MAKERS = ((98, 12), (97, 13), (95, 81))  # scenarios B and C: bids of the account, best first


def meet(floor: Floor, mode: Prevention, lots: int, ticks: int, **more: Any) -> Any:
    """Alice's bids, then her offer that would match them."""
    makers = [floor.limit("alice", BUY, price, amount).order for price, amount in MAKERS]
    kind = OrderType.LIMIT if ticks else OrderType.MARKET
    taker = c.PlaceOrder("alice", S, SELL, kind, lots, ticks, prevention=mode, **more)
    return makers, floor.do(taker)


def matches(floor: Floor, **wanted: Any) -> Any:
    return floor.do(FetchPreventedMatches("alice", S, **wanted)).matches


def test_none_lets_them_trade(floor: Floor) -> None:
    """Scenario A."""
    makers, taker = meet(floor, Prevention.NONE, 12, 98)
    assert (taker.status, makers[0].status) == (Status.FILLED, Status.FILLED)
    assert matches(floor) == ()


def test_expire_maker_clears_the_way(floor: Floor) -> None:
    """Scenario B: three bids expire, the offer comes to rest, unharmed."""
    makers, taker = meet(floor, Prevention.EXPIRE_MAKER, 30, 95)
    assert (taker.status, taker.remaining, taker.order.prevented) == (Status.OPEN, 30, 0)
    assert [(one.status, one.prevented) for one in makers] == [
        (Status.EXPIRED, 12), (Status.EXPIRED, 13), (Status.EXPIRED, 81)]  # fmt: skip
    found = matches(floor)
    assert [(m.id, m.ticks, m.maker_lots, m.taker_lots) for m in found] == [
        (0, 98, 12, 0), (1, 97, 13, 0), (2, 95, 81, 0)]  # fmt: skip
    assert taker.order.prevented_matches == found
    assert makers[1].prevented_matches == found[1:2]
    assert {event.why for event in floor.events if isinstance(event, OrderExpired)} == {
        Why.SELF_TRADE
    }


def test_expire_taker_keeps_the_makers(floor: Floor) -> None:
    """Scenario C."""
    makers, taker = meet(floor, Prevention.EXPIRE_TAKER, 30, 95)
    assert (taker.status, taker.order.prevented) == (Status.EXPIRED, 30)
    assert [one.status for one in makers] == [Status.OPEN] * 3
    assert [(m.maker_lots, m.taker_lots) for m in matches(floor)] == [(0, 30)]


def test_expire_both_ends_both(floor: Floor) -> None:
    """Scenario D."""
    makers, taker = meet(floor, Prevention.EXPIRE_BOTH, 30, 95)
    assert (taker.status, makers[0].status) == (Status.EXPIRED, Status.EXPIRED)
    assert [one.status for one in makers[1:]] == [Status.OPEN] * 2
    assert [(m.maker_lots, m.taker_lots) for m in matches(floor)] == [(12, 30)]


def test_a_market_order_may_find_nothing_then(floor: Floor) -> None:
    """Scenario F: it expires as well, for another reason."""
    makers, taker = meet(floor, Prevention.EXPIRE_MAKER, 30, 0)
    assert [one.why for one in makers] == [Why.SELF_TRADE] * 3
    assert (taker.status, taker.order.why) == (Status.EXPIRED, Why.NOTHING_OFFERED)


def test_decrement_takes_from_both(floor: Floor) -> None:
    """Scenario G: the smaller one expires, the larger one goes on, smaller."""
    makers, taker = meet(floor, Prevention.DECREMENT, 20, 95)
    assert (taker.status, taker.order.prevented, taker.filled) == (Status.EXPIRED, 20, 0)
    first, second, third = makers
    assert (first.status, first.prevented) == (Status.EXPIRED, 12)
    assert (second.status, second.prevented, second.remaining) == (Status.OPEN, 8, 5)
    assert (second.original_lots, third.prevented) == (13, 0)
    assert [(m.maker_lots, m.taker_lots) for m in matches(floor)] == [(12, 12), (8, 8)]
    told = [event for event in floor.events if isinstance(event, OrderDecremented)]
    assert [(event.order_id, event.lots) for event in told] == [
        (taker.order.id, 12), (second.id, 8)]  # fmt: skip
    assert floor.used("alice", "USDT") == MARKET.cost_up(97, 5) + MARKET.cost_up(95, 81)
    assert floor.do(FetchBook("bob", S)).bids == ((97, 5), (95, 81))


def test_a_decremented_order_is_shown_as_it_was_at_an_earlier_instant(floor: Floor) -> None:
    """Its original amount is the same at all times, what of it has expired is not."""
    maker = floor.limit("alice", BUY, 98, 12).order
    before = floor.at
    floor.limit("alice", SELL, 98, 5, prevention=Prevention.DECREMENT)
    between = floor.at
    floor.limit("alice", SELL, 98, 7, prevention=Prevention.DECREMENT)
    seen = [floor.do(FetchOrder("alice", S, maker.id, as_of=at)) for at in (before, between, 0)]
    assert [(one.status, one.remaining, one.prevented) for one in seen] == [
        (Status.OPEN, 12, 0), (Status.OPEN, 7, 5), (Status.EXPIRED, 7, 12)]  # fmt: skip
    assert [one.original_lots for one in seen] == [12, 12, 12]


def test_what_is_left_of_a_decremented_order_trades(floor: Floor) -> None:
    """Never more than was left."""
    floor.limit("bob", BUY, 97, 50)
    taker = meet(floor, Prevention.DECREMENT, 20, 97)[1]
    assert (taker.status, taker.filled, taker.order.prevented) == (Status.FILLED, 8, 12)


def test_a_decremented_iceberg_shows_its_next_part(floor: Floor) -> None:
    """Part after part."""
    iceberg = floor.limit("alice", BUY, 98, 10, iceberg_lots=4)
    floor.limit("alice", SELL, 98, 6, prevention=Prevention.DECREMENT)
    assert floor.do(FetchBook("bob", S)).bids == ((98, 2),)
    assert (iceberg.order.prevented, iceberg.order.remaining) == (6, 4)


def test_a_decremented_leg_does_not_take_the_money_of_the_pair(floor: Floor) -> None:
    """The stop is as large as before, and can still sell."""
    maker = c.PlaceOrder("alice", S, SELL, LIMIT, 5, 110, post_only=True)
    stop = c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS, 5, stop_ticks=90)
    pair = floor.do(c.PlaceOrderList("alice", (maker, stop), Contingency.OCO))
    floor.limit("alice", BUY, 110, 3, prevention=Prevention.DECREMENT)
    assert pair[0].order.remaining == 2
    floor.last(90)
    floor.limit("bob", BUY, 80, 5)
    floor.last(89)
    assert floor.order(pair[1].order.id).status in (Status.FILLED, Status.EXPIRED)
    assert floor.used("alice", "BTC") == 0


def test_a_leg_that_expires_so_takes_the_other_one_along(floor: Floor) -> None:
    """The other one has met nobody: it expires because its list is over."""
    maker = c.PlaceOrder("alice", S, SELL, LIMIT, 5, 110, post_only=True)
    stop = c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS, 5, stop_ticks=90)
    pair = floor.do(c.PlaceOrderList("alice", (maker, stop), Contingency.OCO))
    floor.limit("alice", BUY, 110, 3, prevention=Prevention.EXPIRE_MAKER)
    first, second = (floor.order(one.order.id).order for one in pair)
    assert (first.why, second.why) == (Why.SELF_TRADE, Why.OTHER_ENDED)


def test_matches_are_found_by_order_and_number(floor: Floor) -> None:
    """And only by the account whose they are."""
    makers, taker = meet(floor, Prevention.EXPIRE_MAKER, 30, 95)
    assert [m.id for m in matches(floor, order_id=makers[1].id)] == [1]
    assert [m.id for m in matches(floor, order_id=taker.order.id, from_id=1)] == [1, 2]
    assert [m.id for m in matches(floor, order_id=taker.order.id, limit=1)] == [0]
    assert [m.id for m in matches(floor, match_id=2)] == [2]
    assert floor.do(FetchPreventedMatches("bob", S)).matches == ()


def test_a_market_may_allow_some_modes_only(floor: Floor) -> None:
    """An order that asks for another is refused; one that asks for none has the market's."""
    rules = Rules(preventions=(Prevention.EXPIRE_TAKER,))
    floor.do(become(replace(MARKET, rules=rules)))
    order = c.PlaceOrder("alice", S, SELL, LIMIT, 5, 110, prevention=Prevention.NONE)
    assert floor.refused(order).rule == OrderRule.PREVENTION
    floor.do(order._replace(prevention=None))


@pytest.mark.parametrize("force", [TimeInForce.IOC, TimeInForce.FOK])
def test_an_order_that_does_not_stay_is_decremented_all_the_same(
    floor: Floor, force: TimeInForce
) -> None:
    """It expires with what it could not have."""
    taker = meet(floor, Prevention.DECREMENT, 12, 98, time_in_force=force)[1]
    assert (taker.status, taker.order.prevented) == (Status.EXPIRED, 12)


@pytest.mark.parametrize(
    ("of_maker", "recorded"),
    [(Prevention.TRANSFER, Prevention.TRANSFER), (Prevention.NONE, Prevention.DECREMENT)],
)
def test_transfer_decrements_both(floor: Floor, of_maker: Prevention, recorded: Prevention) -> None:
    """Within one account nothing is transferred; both orders must ask for it to be called so."""
    maker = floor.limit("alice", BUY, 98, 12, prevention=of_maker).order
    taker = floor.limit("alice", SELL, 98, 5, prevention=Prevention.TRANSFER)
    assert (taker.status, maker.remaining, maker.prevented) == (Status.EXPIRED, 7, 5)
    assert [match.mode for match in matches(floor)] == [recorded]


def test_an_order_is_kept_from_its_own_account_only_so_often(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each match is kept with both orders; with the last one that is kept the rest expires."""
    monkeypatch.setattr("failing_exchange.core.matching.PREVENTED_MATCHES_MAX", 2)
    makers, taker = meet(floor, Prevention.EXPIRE_MAKER, 30, 95)
    assert [one.status for one in makers] == [Status.EXPIRED, Status.EXPIRED, Status.OPEN]
    assert (taker.status, taker.order.why) == (Status.EXPIRED, Why.SELF_TRADE)
    assert [match.taker_lots for match in matches(floor)] == [0, 30]
