"""What the operator commands is checked before anything changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.events import OperationRefused
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.queries import FetchBalance, FetchTime
from failing_exchange.core.units import ATOMS
from failing_exchange.errors import ConfigurationError
from tests.core.floor import BUY, MARKET, SELL, Floor, S, become
from tests.passes import run


def change(**rules: Any) -> c.ChangeRules:
    return c.ChangeRules(S, tuple(rules.items()))


WRONG: list[tuple[Any, str]] = [
    (c.CrossOrder(99), "no order 99"),
    (c.CrossOrder(-1), "no order -1"),
    (c.ReleaseOrder(99), "no order 99"),
    (c.OperatorCancel(99), "no order 99"),
    (c.OperatorCancel(symbol="XRP/USDT"), "XRP/USDT"),
    (c.Credit("alice", "BTCC", 5), "did you mean 'BTC'"),
    (c.Debit("alice", "usdt", 5), "did you mean 'USDT'"),
    (c.Freeze("alice", "DOGE", 5), "no asset 'DOGE'"),
    (c.Credit("carol", "BTC", 5), "carol"),
    (c.Credit("alice", "BTC", -5), "atoms"),
    (c.Credit("alice", "BTC", 10**30), "atoms"),
    (c.PullLiquidity(S, SELL, -1), "ppm"),
    (c.PullLiquidity(S, SELL, 1, -1), "lots"),
    (c.CapNextFill("alice", -1, None), "ppm"),
    (c.CapNextFill("alice", 1_000_001, None), "ppm"),
    (c.CapNextFill("alice", 1, -1), "rest_after"),
    (c.MovePrice(S, ppm=-1_000_000), "ppm"),
    (c.MovePrice(S, ppm=10, nanoseconds=0), "nanoseconds"),
    (c.MovePrice("XRP/USDT", ppm=10), "XRP/USDT"),
    (c.BustTrade(S, 1), "trade 1"),
    (become(replace(MARKET, maker_fee=-1)), "maker_fee"),
    (become(replace(MARKET, price_every=0)), "price_every"),
    (become(replace(MARKET, cost_min=10**300)), "cost_min"),
    (become(replace(MARKET, price_band=(2_000_000, 0))), "price_band"),
    (change(base="ETH"), "base of BTC/USDT is fixed"),
    (change(price_step=10), "price_every"),
    (change(status=MarketStatus.HALTED), "SetMarketStatus"),
    (change(taker_feee=5), "did you mean 'taker_fee'"),
    (change(taker_fee=None), "taker_fee"),
    (change(price_band=5), "two numbers"),
    (change(rules="none"), "must be a Rules"),
    (change(depth_memory=-1), "depth_memory"),
    (change(orders_max=5, depth_memory="600"), "depth_memory"),
]


@pytest.mark.parametrize(("command", "text"), WRONG)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    floor: Floor, command: Any, text: str
) -> None:
    """The refusal names what is wrong, and nothing unknown is silently passed over."""
    events = len(floor.events)
    market = floor.engine.state.markets[S].market
    assert text in floor.refused(command).text
    assert len(floor.events) == events
    assert floor.engine.state.markets[S].market == market


def test_changes_of_rules_add_up(floor: Floor) -> None:
    """The second change does not take back the first; halted stays halted."""
    floor.do(c.SetMarketStatus(S, MarketStatus.HALTED))
    floor.do(change(taker_fee=5, orders_max=3))
    floor.do(change(maker_fee=7))
    market = floor.engine.state.markets[S].market
    assert (market.taker_fee, market.maker_fee, market.orders_max) == (5, 7, 3)
    assert market.status is MarketStatus.HALTED


def test_an_order_that_has_ended_is_not_traded_against(floor: Floor) -> None:
    """Nor canceled a second time: the operator is told."""
    order = floor.limit("alice", BUY, 90, 5).order
    floor.do(c.OperatorCancel(order.id))
    for command in (c.CrossOrder(order.id), c.OperatorCancel(order.id)):
        assert "not open any more" in floor.refused(command).text


def test_in_process_the_error_is_a_public_one() -> None:
    """It shows the command and what is wrong with it."""

    async def story(x: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"Credit\(.*did you mean 'BTC'"):
            await x.operate(c.Credit("main", "BTX", 5))

    run(story)


def test_a_plan_that_makes_no_sense_any_more_is_told_in_the_first_column(floor: Floor) -> None:
    """The run goes on; what an incident has left to do for an order ends with it, in silence."""
    due = floor.at + 10**9
    floor.engine.schedule(due, c.Credit("nobody", "BTC", 5), floor.at)
    floor.engine.schedule(due, c.CrossOrder(99), floor.at)
    floor.engine.schedule(due, c.Credit("alice", "BTC", ATOMS), floor.at)
    floor.at += 2 * 10**9
    floor.do(FetchTime("alice"))
    refused = [event for event in floor.events if isinstance(event, OperationRefused)]
    assert refused == [OperationRefused("Credit", "Unknown account: 'nobody'", due)]
    assert floor.do(FetchBalance("alice")).assets["BTC"][0] == 11 * ATOMS
