"""Funding: when it is paid, by whom, out of what, and how its terms change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c, contract_queries as cq
from failing_exchange.core.contract_prices import RATES_KEPT_MAX, index_of, mark_of, rate_of
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import FundingPaid, FuturesBalanceChanged, PositionChanged
from failing_exchange.core.ledger import BACKGROUND
from failing_exchange.core.order import BUY, LIMIT, SELL
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS, HOUR, HOUR_S, SECOND
from tests.core.contracts import BTC, PERPETUAL, START, Floor, S, world

EIGHT = 8 * HOUR_S


def of(kind: type, events: Iterable[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_longs_pay_shorts_every_eight_hours() -> None:
    """Without a premium the rate is the interest, 0.01 %."""
    floor = Floor()
    floor.cross("alice", "bob", 10_000, BTC)
    events = floor.wait(2 * EIGHT)
    paid = of(FundingPaid, events)
    assert [(e.rate, (e.at - START) // HOUR) for e in paid] == [(10_000, 8), (10_000, 16)]
    changes = of(FuturesBalanceChanged, events)
    assert [(e.account, e.change) for e in changes] == [
        ("alice", -ATOMS), ("bob", ATOMS), ("alice", -ATOMS), ("bob", ATOMS)
    ]  # fmt: skip
    assert {e.why for e in changes} == {"funding"}
    floor.limit("bob", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC)
    floor.wait(EIGHT)
    assert not of(FundingPaid, floor.wait(EIGHT)), "nobody holds anything"


def test_an_isolated_position_pays_from_its_margin() -> None:
    """Its liquidation price moves; the wallet beside it stays."""
    floor = Floor()
    floor.isolate("alice", 10)
    floor.cross("alice", "bob", 10_000, BTC)
    before, price = floor.wallet("alice"), floor.position("alice").liquidation
    events = floor.wait(EIGHT)
    assert floor.wallet("alice") == (before[0], before[1] - ATOMS)
    assert floor.position("alice").liquidation > price
    assert [e.why for e in of(PositionChanged, events)] == ["funding"]


def test_the_interval_can_change_while_the_market_is_open() -> None:
    """Every hour from now on; the rate of an hour is an eighth."""
    floor = Floor()
    floor.cross("alice", "bob", 10_000, BTC)
    floor.wait(60)
    floor.do(c.ChangeFunding(S, hours=1))
    paid = of(FundingPaid, floor.wait(3 * HOUR_S))
    assert [((e.at - START) // HOUR, e.rate) for e in paid] == [(n, 1_250) for n in (1, 2, 3)]
    with pytest.raises(Reject) as refused:
        floor.do(c.ChangeFunding(S, hours=3))
    assert refused.value.reason is Reason.BAD_REQUEST


def history(floor: Floor, **more: Any) -> list[tuple[float, int]]:
    """(hours since the start, rate) of past fundings."""
    found = floor.do(cq.FetchFundingRates("alice", S, **more)).rates
    return [((one.at - START) / HOUR, one.rate) for one in found]


def test_a_change_of_terms_leaves_the_past_as_it_was() -> None:
    """Times, rates and mark prices of before stay; later ones are hourly, and then again not."""
    floor = world()
    floor.wait(2 * EIGHT + 2 * HOUR_S + 1_800)
    before, marks = history(floor), mark_prices(floor, START, floor.at)
    assert [at for at, _ in before[-3:]] == [0, 8, 16]
    floor.do(c.ChangeFunding(S, hours=1, cap=50, floor=-50))
    assert history(floor) == before
    floor.engine.state.markets[S].funding_rates.clear()  # as they are forgotten in the end
    assert history(floor) == before
    assert mark_prices(floor, START, floor.at) == marks
    floor.wait(2 * HOUR_S)
    assert history(floor)[-4:] == [*before[-2:], (19, -50), (20, -50)]
    floor.do(c.ChangeFunding(S, hours=4))
    floor.wait(8 * HOUR_S)
    assert [at for at, _ in history(floor, since=START)] == [0, 8, 16, 19, 20, 24, 28]
    assert [at for at, _ in history(floor, since=START + 9 * HOUR, limit=3)] == [16, 19, 20]
    assert [at for at, _ in history(floor, limit=3, until=START + 26 * HOUR)] == [19, 20, 24]


def mark_prices(floor: Floor, first: int, last: int) -> list[int]:
    ms = floor.engine.state.markets[S]
    return [mark_of(ms, at) for at in range(first, last, 1_800 * SECOND)]


def test_rates_of_times_without_a_position_are_told() -> None:
    """What was not paid for want of positions is no gap between what was paid."""
    floor = Floor()
    floor.cross("alice", "bob", 10_000, BTC)
    floor.wait(EIGHT)
    floor.limit("bob", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC)
    floor.wait(3 * EIGHT)
    floor.cross("alice", "bob", 10_000, BTC)
    floor.do(c.PayFunding(S, 700))
    history(floor, limit=RATES_KEPT_MAX)  # what is reckoned anew pushes out nothing that was paid
    floor.wait(EIGHT)
    assert history(floor, since=START) == [
        (0, 10_000), (8, 10_000), (16, 10_000), (24, 10_000), (32, 700), (40, 10_000)
    ]  # fmt: skip


def test_funding_now_and_at_any_rate() -> None:
    """A rehearsal of a wild day: 2 % out of turn, from the shorts to the longs."""
    floor = Floor()
    floor.cross("alice", "bob", 10_000, BTC)
    floor.do(c.PayFunding(S, -2_000_000))
    changes = of(FuturesBalanceChanged, floor.events)
    assert [(e.account, e.change // ATOMS) for e in changes] == [("alice", 200), ("bob", -200)]


def test_the_premium_of_the_background_decides_the_rate() -> None:
    """The rates of four days differ, and are the same whoever asks, and in which order."""
    floor, other = world(), world()
    ms, twin = floor.engine.state.markets[S], other.engine.state.markets[S]
    times = [START + n * 8 * HOUR for n in range(-4, 9)]
    rates = [rate_of(ms, at) for at in times]
    assert len(set(rates)) >= 3
    assert all(abs(rate) <= 300_000 for rate in rates)
    assert [rate_of(twin, at) for at in reversed(times)] == rates[::-1]


def test_mark_index_and_last_price_are_three() -> None:
    """They differ a little, and a client's trade moves the last price only."""
    floor = world()
    floor.wait(3_600)
    ms = floor.engine.state.markets[S]
    index, mark = index_of(ms, floor.at), mark_of(ms, floor.at)
    last = ms.tape.last(floor.at // SECOND)
    assert 0 < abs(mark - index) < index // 200
    assert abs(last * PERPETUAL.price_step - index) < index // 200
    bid = floor.engine.state.market(S, floor.at).best(BUY)
    floor.market("alice", SELL, 100)
    assert mark_of(ms, floor.at) == pytest.approx(mark, rel=1e-4)
    assert ms.tape.last(floor.at // SECOND) == bid


def test_a_fall_of_the_mark_price_liquidates_at_its_second() -> None:
    """Found by bounds of stretches of time, and the same second as looking at each of them."""
    floor = world()
    floor.wait(3_600)
    floor.do(c.SetLeverage("alice", S, 125))
    ms = floor.engine.state.markets[S]
    lots = 45_000 * ATOMS * BTC // mark_of(ms, floor.at)
    floor.do(c.TransferFunds("alice", "USDT", 9_550 * ATOMS, to_futures=False))
    floor.market("alice", BUY, lots)
    price = floor.position("alice").liquidation
    seconds = range(floor.at // SECOND + 1, floor.at // SECOND + 30 * 86_400)
    expected = next(n for n in seconds if mark_of_background(ms, n) <= price)
    events = floor.wait(expected - floor.at // SECOND - 1)
    assert floor.positions["alice"] > 0, events
    floor.wait(1)
    assert "alice" not in floor.positions


def mark_of_background(ms: Any, second: int) -> int:
    return mark_of(ms, second * SECOND)


def test_a_moved_price_is_looked_at_again() -> None:
    """The operator's fall of a tenth takes the mark price along: within half a minute."""
    floor = world()
    floor.wait(3_600)
    floor.do(c.TransferFunds("alice", "USDT", 9_000 * ATOMS, to_futures=False))
    floor.market("alice", BUY, 20_000)
    floor.wait(60)
    floor.do(c.MovePrice(S, ppm=-120_000))
    floor.wait(60)
    assert "alice" not in floor.positions


def test_a_wallet_that_owes_can_still_open_an_isolated_position() -> None:
    """Open profit carries the order; nothing is set aside, and the match is done whole."""
    other = replace(PERPETUAL, symbol="ETH/USDT:USDT", base="ETH")
    floor = Floor()
    floor.engine = Engine([(PERPETUAL, None), (other, None)])
    for name, usdt in (("alice", 10_000), ("bob", 1_000_000)):
        floor.open(name, usdt)
    floor.do(c.SetMarginMode("alice", other.symbol, MarginMode.ISOLATED))
    floor.cross("alice", "bob", 10_000, 10 * BTC)
    floor.do(c.MoveMark(S, 3_000 * ATOMS))
    floor.do(c.PayFunding(S, 9_000_000))
    assert floor.wallet("alice")[0] < 0
    for name, side in (("bob", SELL), ("alice", BUY)):
        floor.do(c.PlaceOrder(name, other.symbol, side, LIMIT, BTC // 10, 100_000))
    held = floor.engine.state.markets[other.symbol].positions
    assert {name: p.lots for (name, _), p in held.items()} == {
        "bob": -BTC // 10, BACKGROUND: BTC // 10
    }, "without margin it is liquidated at once"  # fmt: skip
