"""Seconds in which no order can trade are skipped; who looks, and when, changes nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st

from failing_exchange.core import commands as c
from failing_exchange.core.auditor import audit
from failing_exchange.core.engine import Engine
from failing_exchange.core.order import Contingency, Order, OrderType, Side
from failing_exchange.core.queries import (
    FetchBalance,
    FetchBook,
    FetchCandles,
    FetchTicker,
    FetchTrades,
)
from failing_exchange.core.reject import Reject
from failing_exchange.venue.default_world import MARKETS, background_of
from tests.examples import examples

S = "BTC/USDT"
BIRTH = 1_767_225_600
SECOND = 10**9
OPEN = ("BTC", 10**12), ("USDT", 10**16)

Step = tuple[int, str, Side, int, int]  # seconds to wait, what, side, away from the price, lots
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(
            ["limit", "market", "stop", "trail", "bips", "oco", "oto", "move", "cancel", "cap"]
        ),
        st.sampled_from(list(Side)),
        st.integers(-3_000, 9_000),
        st.integers(1, 2_000_000),
    ),
    min_size=1,
    max_size=12,
)


def engine(seed: int, *, each_second: bool = False) -> Engine:
    made = Engine([(MARKETS[S], background_of(S, seed=seed, birth=BIRTH))])
    made.execute(c.OpenAccount("alice", OPEN), BIRTH * SECOND)
    if each_second:
        liquidity: Any = made.state.markets[S].liquidity
        liquidity.first_touch = lambda start, stop, lower, upper: start
    return made


def command(what: str, side: Side, away: int, lots: int, last: int) -> Any:
    sign = 1 if side is Side.SELL else -1
    ticks = last + sign * away
    order = c.PlaceOrder("alice", S, side, OrderType.LIMIT, lots, ticks)
    stop = last - sign * max(1, abs(away))
    if what == "market":
        return order._replace(kind=OrderType.MARKET, ticks=0)
    if what == "stop":
        return order._replace(kind=OrderType.STOP_LOSS, ticks=0, stop_ticks=stop)
    if what == "trail":
        return order._replace(kind=OrderType.TRAILING_STOP, ticks=0, trail_ticks=abs(away) + 1)
    if what == "bips":
        kind = OrderType.TAKE_PROFIT if lots % 3 else OrderType.STOP_LOSS
        at = last + sign * away if lots % 2 else 0
        return order._replace(kind=kind, ticks=0, trail_bips=abs(away) // 30 + 1, stop_ticks=at)
    if what == "oco":
        limit = order._replace(ticks=last + sign * (abs(away) + 1))
        leg = order._replace(kind=OrderType.STOP_LOSS_LIMIT, ticks=stop, stop_ticks=stop)
        return c.PlaceOrderList("alice", (limit, leg))
    if what == "oto":
        behind = order._replace(side=side.other, ticks=last + sign * abs(away))
        return c.PlaceOrderList("alice", (order, behind), Contingency.OTO)
    if what == "move":
        lasts = lots % 50 * SECOND or None
        return c.MovePrice(S, ticks=sign * away // 3, nanoseconds=lasts, at_once=lots % 2 == 0)
    if what == "cap":
        return c.CapNextFill("alice", 300_000, lots * 1_000)
    return c.CancelAllOrders("alice") if what == "cancel" else order


def live(made: Engine, story: list[Step], *, looks: bool = False) -> list[Any]:
    """Carry out a story; what can be seen of it in the end."""
    at = BIRTH * SECOND
    for wait, what, side, away, lots in story:
        if looks:
            for part in (1, 2):
                made.advance(at + wait * SECOND * part // 3)
                look(made, at + wait * SECOND * part // 3)
        at += wait * SECOND
        made.advance(at)
        last = made.execute(FetchTicker("alice", S), at)[1].last
        try:
            made.execute(command(what, side, away, lots, last), at)
        except Reject:
            continue
    at += 600 * SECOND
    made.advance(at)
    audit(made)
    return seen(made, at)


def look(made: Engine, at: int) -> None:
    made.execute(FetchTicker("alice", S), at)
    made.execute(FetchBook("alice", S, 5), at)
    made.execute(FetchCandles("alice", S, 60, 0, 5), at)
    made.execute(FetchTrades("alice", S), at)


def seen(made: Engine, at: int) -> list[Any]:
    account = made.state.accounts["alice"]
    orders = sorted([*account.open.values(), *account.ended.values()], key=lambda o: o.id)
    candles = made.execute(FetchCandles("alice", S, 60, 0, 60), at)[1].bars
    balances = made.execute(FetchBalance("alice"), at)[1].assets
    return [list(map(told, orders)), list(account.fills), balances, candles]


def told(order: Order) -> Any:
    return (order.id, order.status, order.filled, order.cost, order.ended_at, order.triggered_at)


@examples(40)
@given(st.integers(0, 5), steps)
def test_skipping_changes_nothing(seed: int, story: list[Step]) -> None:
    """The same orders, fills and balances as when each second is run."""
    assert live(engine(seed), story) == live(engine(seed, each_second=True), story)


@examples(40)
@given(st.integers(0, 5), steps)
def test_looking_changes_nothing(seed: int, story: list[Step]) -> None:
    """The market's path depends on the seed and the orders, never on who looks or when."""
    assert live(engine(seed), story) == live(engine(seed), story, looks=True)
