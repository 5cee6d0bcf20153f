"""A linear perpetual: what orders need, what matches move, what is paid, what is refused."""

from __future__ import annotations

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.events import OrderExpired, PositionChanged, PositionLiquidated
from failing_exchange.core.ledger import INSURANCE
from failing_exchange.core.order import BUY, LIMIT, SELL, PositionSide
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS
from tests.core.contracts import BTC, Floor, S


@pytest.fixture
def floor() -> Floor:
    """Alice and Bob, 10,000 USDT each, leverage 20."""
    return Floor()


def refused(floor: Floor, command: object) -> Reason:
    with pytest.raises(Reject) as caught:
        floor.do(command)
    return caught.value.reason


def test_a_match_opens_a_long_and_a_short_position(floor: Floor) -> None:
    """Nobody needs the coin to sell it; the margin is a twentieth of the worth."""
    floor.cross("alice", "bob", 10_000, BTC)
    assert floor.positions == {"alice": BTC, "bob": -BTC}
    held = floor.position("alice")
    assert (held.entry, held.initial, held.notional) == (
        10_000 * ATOMS, 500 * ATOMS, 10_000 * ATOMS
    )  # fmt: skip
    assert floor.available("alice") == 10_000 - 500 - 2
    assert floor.available("bob") == 10_000 - 500 - 5


def test_closing_pays_the_profit(floor: Floor) -> None:
    """Half closed at a better price: half the profit, at the average entry price of all."""
    floor.cross("alice", "bob", 10_000, BTC)
    floor.cross("alice", "bob", 10_400, BTC)
    assert floor.position("alice").entry == 10_200 * ATOMS
    floor.limit("bob", BUY, 11_000, BTC)
    order = floor.limit("alice", SELL, 11_000, BTC)
    assert order.fills[0].profit == 800 * ATOMS
    changed = [e for e in floor.events if isinstance(e, PositionChanged)]
    assert [(e.account, e.lots, e.profit) for e in changed] == [
        ("bob", -BTC, -800 * ATOMS), ("alice", BTC, 800 * ATOMS)
    ]  # fmt: skip
    assert floor.position("alice").entry == 10_200 * ATOMS


def test_an_order_through_zero_turns_the_position(floor: Floor) -> None:
    """What is beyond the position opens the other side at the new price."""
    floor.cross("alice", "bob", 10_000, BTC)
    floor.limit("bob", BUY, 9_000, 3 * BTC)
    floor.limit("alice", SELL, 9_000, 3 * BTC)
    held = floor.position("alice")
    assert (held.lots, held.entry) == (-2 * BTC, 9_000 * ATOMS)


def test_open_orders_need_margin_for_the_larger_side_only(floor: Floor) -> None:
    """A bid and an ask can't both add to the position."""
    floor.limit("alice", BUY, 9_000, 10 * BTC)
    assert floor.available("alice") == 10_000 - 4_500
    order = floor.limit("alice", SELL, 11_000, 8 * BTC)
    assert floor.available("alice") == 10_000 - 4_500
    floor.do(c.CancelOrder("alice", S, order.id))
    floor.do(c.CancelAllOrders("alice"))
    assert floor.available("alice") == 10_000


def test_an_order_without_margin_is_refused(floor: Floor) -> None:
    """20 BTC at 10,001 with a leverage of 20 need more than 10,000 USDT."""
    order = c.PlaceOrder("alice", S, BUY, LIMIT, 20 * BTC, 1_000_100)
    assert refused(floor, order) is Reason.INSUFFICIENT_FUNDS
    floor.limit("alice", BUY, 10_000, 20 * BTC)
    assert floor.available("alice") == 0


def test_closing_needs_no_margin(floor: Floor) -> None:
    """An account whose money is all in a position can still get out of it."""
    floor.cross("alice", "bob", 10_000, 19 * BTC)
    floor.limit("alice", SELL, 10_000, 19 * BTC)
    floor.limit("bob", BUY, 10_000, 19 * BTC)
    assert floor.positions == {}


def test_leverage_is_bounded_by_the_notional(floor: Floor) -> None:
    """50,000 USDT at most with a leverage of 125."""
    floor.do(c.SetLeverage("alice", S, 125))
    floor.limit("alice", BUY, 10_000, 5 * BTC)
    with pytest.raises(Reject) as caught:
        floor.limit("alice", BUY, 10_000, 1)
    assert caught.value.reason is Reason.POSITION_LIMIT
    assert refused(floor, c.SetLeverage("alice", S, 126)) is Reason.LEVERAGE
    assert refused(floor, c.SetLeverage("alice", S, 0)) is Reason.LEVERAGE


def test_isolated_margin_is_set_aside(floor: Floor) -> None:
    """It is what the position may lose; it can be added to, and what is not needed removed."""
    floor.isolate("alice", 10)
    floor.cross("alice", "bob", 10_000, BTC)
    assert floor.wallet("alice") == ((10_000 - 1_000 - 2) * ATOMS, 1_000 * ATOMS)
    assert refused(floor, c.SetLeverage("alice", S, 5)) is Reason.LEVERAGE
    floor.do(c.AdjustMargin("alice", S, 500 * ATOMS))
    assert floor.position("alice").margin == 1_500 * ATOMS
    floor.do(c.AdjustMargin("alice", S, -500 * ATOMS))
    assert refused(floor, c.AdjustMargin("alice", S, -1)) is Reason.INSUFFICIENT_FUNDS
    floor.limit("bob", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC)
    assert floor.wallet("alice")[1] == 0


def test_modes_stay_while_there_are_orders_or_positions(floor: Floor) -> None:
    """The venue refuses to change them (-4067, -4068, -4047, -4048)."""
    order = floor.limit("alice", BUY, 10_000, BTC)
    assert refused(floor, c.SetPositionMode("alice", True)) is Reason.MODE_KEPT
    assert refused(floor, c.SetMarginMode("alice", S, MarginMode.ISOLATED)) is Reason.MODE_KEPT
    floor.limit("bob", SELL, 10_000, BTC)
    assert not order.is_open
    assert refused(floor, c.SetPositionMode("alice", True)) is Reason.MODE_KEPT
    assert refused(floor, c.SetPositionMode("alice", False)) is Reason.NO_CHANGE


def test_hedge_mode_keeps_two_positions(floor: Floor) -> None:
    """Long and short of the same contract at the same time, each closed by its own orders."""
    floor.do(c.SetPositionMode("alice", True))
    with pytest.raises(Reject) as caught:
        floor.limit("alice", BUY, 10_000, BTC)
    assert caught.value.reason is Reason.POSITION_SIDE
    floor.limit("bob", SELL, 10_000, 3 * BTC)
    floor.limit("alice", BUY, 10_000, 3 * BTC, position_side=PositionSide.LONG)
    floor.limit("bob", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC, position_side=PositionSide.SHORT)
    held = floor.engine.state.markets[S].positions
    lots = {side: p.lots for (name, side), p in held.items() if name == "alice"}
    assert lots == {PositionSide.LONG: 3 * BTC, PositionSide.SHORT: -BTC}
    with pytest.raises(Reject) as caught:
        floor.limit("alice", BUY, 10_000, 2 * BTC, position_side=PositionSide.SHORT)
    assert caught.value.reason is Reason.REDUCE_ONLY


def test_reduce_only_orders_shrink_with_the_position(floor: Floor) -> None:
    """They never turn it; when it is gone, they expire."""
    with pytest.raises(Reject) as caught:
        floor.limit("alice", SELL, 11_000, BTC, reduce_only=True)
    assert caught.value.reason is Reason.REDUCE_ONLY
    floor.cross("alice", "bob", 10_000, 2 * BTC)
    exits = [floor.limit("alice", SELL, 11_000 + i, 2 * BTC, reduce_only=True) for i in range(2)]
    floor.limit("bob", BUY, 10_500, BTC)
    floor.limit("alice", SELL, 10_500, BTC)
    assert [order.remaining for order in exits] == [BTC, BTC]
    floor.market("bob", BUY, 2 * BTC)
    assert floor.positions == {}
    assert [e.why for e in floor.events if isinstance(e, OrderExpired)][:1] == [
        "the position is closed"
    ]


def test_a_cross_position_is_liquidated_by_the_mark_price(floor: Floor) -> None:
    """Its wallet is gone, its orders are canceled, and the insurance fund is paid a fee."""
    floor.cross("alice", "bob", 10_000, 10 * BTC)
    other = floor.limit("alice", BUY, 8_000, 1)
    price = floor.position("alice").liquidation / ATOMS
    assert 9_000 < price < 9_050
    floor.open("carol", 1_000_000)
    floor.limit("carol", BUY, 9_040, 50 * BTC)
    floor.do(c.MoveMark(S, round((price - 10_000) * ATOMS) + 10**6))
    assert floor.positions["alice"] == 10 * BTC
    floor.do(c.MoveMark(S, round((price - 10_000) * ATOMS) - 10**6))
    [event] = [e for e in floor.events if isinstance(e, PositionLiquidated)]
    assert (event.account, event.lots) == ("alice", 10 * BTC)
    assert "alice" not in floor.positions
    assert not other.is_open
    assert floor.wallet("alice")[0] >= 0
    assert floor.engine.state.ledger.free(INSURANCE, "USDT") > 0


def test_an_isolated_position_loses_its_margin_only(floor: Floor) -> None:
    """The rest of the wallet is not touched, whatever the price at which it was closed."""
    floor.isolate("alice", 10)
    floor.cross("alice", "bob", 10_000, BTC)
    floor.do(c.MoveMark(S, -2_000 * ATOMS))
    assert "alice" not in floor.positions
    assert floor.wallet("alice") == ((10_000 - 1_000 - 2) * ATOMS, 0)


def test_money_moves_between_the_wallets(floor: Floor) -> None:
    """Profit that is not realised can't be taken out."""
    floor.do(c.TransferFunds("alice", "USDT", 4_000 * ATOMS, to_futures=False))
    assert floor.engine.state.ledger.free("alice", "USDT") == 4_000 * ATOMS
    floor.do(c.TransferFunds("alice", "USDT", 1_000 * ATOMS))
    floor.cross("alice", "bob", 10_000, BTC)
    floor.do(c.MoveMark(S, 1_000 * ATOMS))
    assert floor.available("alice") == 7_000 - 2 + 1_000 - 550
    take = c.TransferFunds("alice", "USDT", (7_000 - 2 - 550) * ATOMS + 1, to_futures=False)
    assert refused(floor, take) is Reason.INSUFFICIENT_FUNDS
    floor.do(take._replace(atoms=take.atoms - 1))


def test_a_trade_can_be_undone(floor: Floor) -> None:
    """An operator's bust gives back position and fee."""
    floor.cross("alice", "bob", 10_000, BTC)
    fill = floor.engine.state.accounts["bob"].fills[0]
    floor.do(c.BustTrade(S, fill.trade_id))
    assert floor.positions == {}
    assert floor.wallet("alice") == floor.wallet("bob") == (10_000 * ATOMS, 0)


def test_a_short_needs_as_much_as_a_long(floor: Floor) -> None:
    """The worth at the mark price is rounded the same way for both."""
    for name in ("alice", "bob"):
        floor.do(c.SetLeverage(name, S, 1))
    floor.cross("alice", "bob", 10_000, 3)
    floor.do(c.MoveMark(S, 12_345_678_901))
    long, short = floor.position("alice"), floor.position("bob")
    assert (long.initial, long.notional) == (short.initial, short.notional)


def test_an_undone_trade_leaves_no_order_that_reduces_nothing(floor: Floor) -> None:
    """Otherwise the reduce-only order would open a position."""
    floor.cross("alice", "bob", 10_000, BTC)
    order = floor.limit("alice", SELL, 11_000, BTC, reduce_only=True)
    floor.do(c.BustTrade(S, floor.engine.state.accounts["bob"].fills[0].trade_id))
    assert not order.is_open


def test_an_undone_trade_never_makes_a_long_position_short(floor: Floor) -> None:
    """The purchase is undone after its lots are sold: the rest is closed at the mark."""
    floor.do(c.SetPositionMode("alice", True))
    floor.limit("bob", SELL, 10_000, BTC)
    floor.limit("alice", BUY, 10_000, BTC, position_side=PositionSide.LONG)
    bought = floor.engine.state.accounts["alice"].fills[-1].trade_id
    floor.limit("bob", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC, position_side=PositionSide.LONG)
    floor.do(c.MoveMark(S, 100 * ATOMS))
    before = floor.wallet("alice")[0]
    floor.do(c.BustTrade(S, bought))
    assert "alice" not in floor.positions
    assert floor.wallet("alice")[0] == before + (5 - 100) * ATOMS, "the fee, and the rise"


def test_an_order_after_another_is_refused_where_margin_is_spent(floor: Floor) -> None:
    """What is available is not reckoned anew for each order; it is never too much."""
    for _ in range(20):
        floor.limit("alice", BUY, 10_000, BTC)
    assert floor.available("alice") == 0
    assert refused(floor, c.PlaceOrder("alice", S, BUY, LIMIT, 1, 1_000_000)) is (
        Reason.INSUFFICIENT_FUNDS
    )


@pytest.mark.parametrize("spent", ["transfer", "other order", "leverage"])
def test_margin_spent_otherwise_counts_at_once(floor: Floor, spent: str) -> None:
    """Whatever takes margin between two orders of the same second."""
    floor.do(c.PlaceOrder("alice", S, BUY, LIMIT, BTC, 1_000_000, test=True))
    floor.limit("alice", BUY, 10_000, 10 * BTC)
    if spent == "transfer":
        floor.do(c.TransferFunds("alice", "USDT", 5_000 * ATOMS, to_futures=False))
    elif spent == "other order":
        floor.limit("alice", BUY, 10_000, 10 * BTC)
    else:
        floor.do(c.SetLeverage("alice", S, 10))
    assert refused(floor, c.PlaceOrder("alice", S, BUY, LIMIT, BTC, 1_000_000)) is (
        Reason.INSUFFICIENT_FUNDS
    )
