"""The rules of a market, one by one: what breaks which, and what just passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.engine import Engine
from failing_exchange.core.market import Market, Rules
from failing_exchange.core.order import Contingency, OrderType, Side, TimeInForce
from failing_exchange.core.queries import FetchAveragePrice
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.units import PPM
from failing_exchange.venue.default_world import MARKETS, background_of
from tests.core.floor import BUY, LIMIT, MARKET, SELL, START, Floor, S, become

STOP_LIMIT, PROFIT = OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT
STRICT = replace(
    MARKET,
    price_every=2, amount_every=2, price_min=20, price_max=400, amount_min=4, amount_max=100,
    market_amount_max=60, cost_min=MARKET.cost(100, 4), orders_max=4,
    rules=Rules(
        algo_orders_max=2, iceberg_orders_max=1, order_lists_max=1, amends_max=2,
        iceberg_parts_max=3, position_max=MARKET.base_atoms(1_000_000 + 96),
        market_amount_min=8, market_amount_every=4, cost_max=MARKET.cost(300, 60),
        buy_prices=(PPM // 2, PPM * 5), sell_prices=(PPM * 4 // 5, PPM * 2),
        trail_above=(10, 2_000), trail_below=(20, 1_000),
    ),
)  # fmt: skip


def order(
    side: Side = BUY, kind: OrderType = LIMIT, lots: int = 10, ticks: int = 100, **more: Any
) -> Any:
    return c.PlaceOrder("alice", S, side, kind, lots, ticks, **more)


def stop(side: Side, kind: OrderType, stop_ticks: int, **more: Any) -> Any:
    ticks = stop_ticks if kind is STOP_LIMIT else 0
    return order(side, kind, 10, ticks, stop_ticks=stop_ticks, **more)


@pytest.fixture
def strict() -> Floor:
    """Alice has 10 BTC: a million lots; the average price is 100."""
    floor = Floor()
    floor.do(become(STRICT))
    return floor


PASSES = [
    order(), order(lots=4), order(lots=100), order(ticks=50), order(SELL, ticks=200),
    order(SELL, ticks=80), order(lots=90, ticks=200), order(lots=30, iceberg_lots=10),
    stop(BUY, STOP_LIMIT, 102), stop(SELL, STOP_LIMIT, 98),
    stop(SELL, PROFIT, 120, trail_bips=10), stop(BUY, PROFIT, 80, trail_bips=1_000),
]  # fmt: skip
BREACHES = [
    (order(ticks=101), OrderRule.PRICE),
    (order(ticks=18), OrderRule.PRICE),
    (order(ticks=402), OrderRule.PRICE),
    (stop(BUY, STOP_LIMIT, 102)._replace(stop_ticks=103), OrderRule.PRICE),
    (stop(BUY, STOP_LIMIT, 102)._replace(stop_ticks=402), OrderRule.PRICE),
    (order(lots=11), OrderRule.AMOUNT),
    (order(lots=2), OrderRule.AMOUNT),
    (order(lots=102), OrderRule.AMOUNT),
    (order(lots=20, iceberg_lots=2), OrderRule.AMOUNT),
    (order(lots=20, iceberg_lots=7), OrderRule.AMOUNT),
    (order(lots=6, ticks=60), OrderRule.NOTIONAL),
    (order(lots=100, ticks=200), OrderRule.NOTIONAL),
    (order(ticks=48), OrderRule.PRICE_BAND),
    (order(SELL, ticks=202), OrderRule.PRICE_BAND),
    (order(SELL, ticks=78), OrderRule.PRICE_BAND),
    (order(kind=OrderType.MARKET, lots=62), OrderRule.MARKET_AMOUNT),
    (order(kind=OrderType.MARKET, lots=4), OrderRule.MARKET_AMOUNT),
    (order(kind=OrderType.MARKET, lots=10), OrderRule.MARKET_AMOUNT),
    (order(kind=OrderType.MARKET, lots=0, cost=1), OrderRule.NOTIONAL),
    (order(kind=OrderType.MARKET, lots=0, cost=10**9), OrderRule.NOTIONAL),
    (order(kind=OrderType.MARKET, lots=0, cost=10**4), OrderRule.LIQUIDITY),
    (order(lots=40, iceberg_lots=10), OrderRule.ICEBERG_PARTS),
    (order(lots=98), OrderRule.POSITION),
    (stop(BUY, STOP_LIMIT, 102, trail_bips=9), OrderRule.TRAILING_DELTA),
    (stop(SELL, PROFIT, 120, trail_bips=2_001), OrderRule.TRAILING_DELTA),
    (stop(SELL, STOP_LIMIT, 98, trail_bips=19), OrderRule.TRAILING_DELTA),
    (stop(BUY, PROFIT, 80, trail_bips=1_001), OrderRule.TRAILING_DELTA),
]


@pytest.mark.parametrize("command", PASSES)
def test_at_the_limit_it_passes(strict: Floor, command: Any) -> None:
    """A rule that is one step too strict refuses honest orders."""
    command = command._replace(lots=min(command.lots, 96)) if command.side is BUY else command
    assert strict.do(command).order.id


@pytest.mark.parametrize(("command", "rule"), BREACHES)
def test_beyond_it_the_rule_is_named(strict: Floor, command: Any, rule: OrderRule) -> None:
    """A dialect prints the venue's name of the filter from it."""
    assert strict.refused(command).rule == rule


def test_open_orders_are_counted_by_kind(strict: Floor) -> None:
    """All of them, the triggered ones, those shown in parts."""
    strict.do(stop(BUY, STOP_LIMIT, 102))
    strict.do(stop(SELL, STOP_LIMIT, 98))
    assert strict.refused(stop(SELL, STOP_LIMIT, 98)).rule == OrderRule.ALGO_ORDERS
    strict.do(order(lots=30, iceberg_lots=10))
    assert strict.refused(order(lots=30, iceberg_lots=10)).rule == OrderRule.ICEBERG_ORDERS
    strict.do(order())
    assert strict.refused(order()).rule == OrderRule.ORDERS


def test_a_list_is_counted_with_all_its_orders(strict: Floor) -> None:
    """It is refused as a whole; and there is a limit of lists."""
    maker = order(SELL, ticks=120, post_only=True)
    pair = c.PlaceOrderList("alice", (maker, stop(SELL, STOP_LIMIT, 90)), Contingency.OCO)
    both = pair._replace(legs=(stop(SELL, PROFIT, 120), stop(SELL, STOP_LIMIT, 90)))
    strict.do(stop(BUY, STOP_LIMIT, 102))
    assert strict.refused(both).rule == OrderRule.ALGO_ORDERS
    strict.do(c.CancelAllOrders("alice"))
    strict.do(pair)
    assert strict.refused(pair).rule == OrderRule.ORDER_LISTS
    strict.do(c.CancelAllOrders("alice"))
    strict.do(pair)


def test_an_order_is_amended_so_often_only(strict: Floor) -> None:
    """Each amendment counts."""
    placed = strict.do(order(lots=20, ticks=100))
    for lots in (18, 16):
        strict.do(c.AmendOrder("alice", S, placed.order.id, lots))
    assert strict.refused(c.AmendOrder("alice", S, placed.order.id, 14)).rule == OrderRule.AMENDS


def test_what_is_about_to_be_bought_counts_as_position(strict: Floor) -> None:
    """Open buy orders included; selling is free."""
    strict.do(order(lots=90))
    assert strict.refused(order(lots=8)).rule == OrderRule.POSITION
    strict.do(order(lots=6))
    strict.do(order(SELL, lots=50, ticks=120))


def test_a_pending_order_is_held_to_the_average_of_its_turn(strict: Floor) -> None:
    """The price has moved away meanwhile: it expires."""
    pending = order(SELL, ticks=90, time_in_force=TimeInForce.GTC)
    legs = (order(SELL, ticks=120), pending)
    first, second = strict.do(c.PlaceOrderList("alice", legs, Contingency.OTO))
    strict.do(become(replace(STRICT, orders_max=None)))
    strict.limit("bob", BUY, 120, 10)
    assert strict.order(first.order.id).remaining == 0
    assert strict.order(second.order.id).status == "expired"


# ---- the average price


def test_the_average_is_weighted_by_amount_over_its_minutes() -> None:
    """Three lots at 110 weigh more than one at 100; after five minutes they are forgotten."""
    floor = Floor()
    floor.limit("bob", SELL, 110, 3)
    floor.limit("alice", BUY, 110, 3)
    average = floor.do(FetchAveragePrice("alice", S))
    assert (average.ticks, average.weight) == (100 + 3 * 110, 4)
    floor.at += 100 * 10**9
    floor.last(120)
    average = floor.do(FetchAveragePrice("alice", S))
    assert (average.ticks, average.weight) == (100 + 3 * 110 + 120, 5)
    floor.at += 250 * 10**9
    average = floor.do(FetchAveragePrice("alice", S))
    assert (average.ticks, average.weight) == (120, 1)
    assert floor.do(FetchAveragePrice("alice", S, 0)).ticks == 120


def test_the_average_of_the_background_follows_it() -> None:
    """It is that of its candles."""
    flow = background_of(S, seed=3, birth=START // 10**9)
    engine = Engine([(MARKETS[S], flow)])
    engine.execute(c.OpenAccount("alice"), START)
    at = START + 4_000 * 10**9 - 1
    average = engine.execute(FetchAveragePrice("alice", S, 1), at)[1]
    second = at // 10**9
    bars = [flow.second(n) for n in range(second - 59, second + 1)] if flow is not None else []
    lowest, highest = min(bar.low for bar in bars), max(bar.high for bar in bars)
    assert lowest * average.weight <= average.ticks <= highest * average.weight
    assert average.weight == sum(bar.volume for bar in bars)


def test_a_market_without_more_rules_has_none() -> None:
    """As all markets of the default world: nothing is refused that was not before."""
    assert Market(symbol=S, base="BTC", quote="USDT", price_step=1, amount_step=1).rules is None
    assert all(market.rules is None for market in MARKETS.values())


def test_refusals_with_other_rules_differ() -> None:
    """The rule is part of what was said."""
    one, other = (Reject(Reason.INVALID_AMOUNT, "no", rule=rule) for rule in ("", OrderRule.AMOUNT))
    assert one != other
