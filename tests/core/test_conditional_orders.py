"""Conditional orders: they wait beside the book, trigger, and end with what they protect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c, queries as q
from failing_exchange.core.conditional_order import ConditionalSnapshot, ConditionalStatus
from failing_exchange.core.conditional_orders import CONDITIONAL_ORDERS_MAX
from failing_exchange.core.contract import brackets_of
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.events import ConditionalChanged, OrderAccepted, OrderFilled
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.order import BUY, SELL, OrderType, Peg, PegPrice, PositionSide, TriggerBy
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS, HOUR_S, SECOND
from failing_exchange.durable.serialize import Graph, from_graph
from failing_exchange.journal.serialize import plain
from failing_exchange.report.text import answer_text
from tests.core.contracts import BTC, PERPETUAL, USD, Floor, S, world

STOP, STOP_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
PROFIT, TRAILING = OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP
NEW, CANCELED = ConditionalStatus.NEW, ConditionalStatus.CANCELED
EXPIRED, REJECTED = ConditionalStatus.EXPIRED, ConditionalStatus.REJECTED
FIRES = [ConditionalStatus.TRIGGERING, ConditionalStatus.TRIGGERED, ConditionalStatus.FINISHED]


class Waiting(Floor):
    """Alice is long 1 BTC from 10,000; Carol offers and bids far away."""

    def __init__(self) -> None:
        super().__init__()
        self.open("carol", 10_000_000)
        self.cross("alice", "bob", 10_000, BTC)
        self.limit("carol", BUY, 9_100, 100 * BTC)
        self.limit("carol", SELL, 12_000, 100 * BTC)

    def wait_for(self, price: float, **more: Any) -> ConditionalSnapshot:
        """Place a conditional order of Alice's; a stop that sells 1 BTC unless more is said."""
        terms = {"side": SELL, "kind": STOP, **more}
        if not terms.get("close_position"):
            terms.setdefault("lots", BTC)
        stop = round(price * USD)
        placed: ConditionalSnapshot = self.do(
            c.PlaceConditional("alice", S, stop_ticks=stop, **terms)
        )
        return placed

    def trade_at(self, price: float) -> None:
        """Print a trade between Bob and Carol."""
        self.limit("bob", BUY, price, 1)
        self.limit("carol", SELL, price, 1)

    @property
    def changes(self) -> list[ConditionalStatus]:
        """What was told of conditional orders in the last step."""
        return [e.status for e in self.events if isinstance(e, ConditionalChanged)]

    def state_of(self, one: ConditionalSnapshot) -> ConditionalSnapshot:
        found: ConditionalSnapshot = self.do(q.FetchConditional("alice", S, one.id))
        return found


@pytest.fixture
def floor() -> Waiting:
    return Waiting()


def refused(floor: Waiting, price: float, **more: Any) -> Reason:
    with pytest.raises(Reject) as caught:
        floor.wait_for(price, **more)
    return caught.value.reason


def test_a_stop_triggers_and_places_a_new_order(floor: Waiting) -> None:
    """The order has its own id, the client id of the stop, and is filled in the same step."""
    one = floor.wait_for(9_500, client_id="stop-1", reduce_only=True)
    assert floor.changes == [NEW]
    assert one.client_id == "stop-1"
    assert not floor.engine.state.accounts["alice"].open
    floor.trade_at(9_501)
    assert floor.changes == []
    floor.trade_at(9_500)
    assert floor.changes == FIRES
    told = [e for e in floor.events if isinstance(e, (ConditionalChanged, OrderAccepted))]
    accepted = [e for e in floor.events if isinstance(e, OrderAccepted)][-1]
    assert accepted.client_id == "stop-1"
    assert told.index(accepted) == len(told) - 3  # TRIGGERING, accepted, TRIGGERED, FINISHED
    done = floor.state_of(one)
    assert done.status is ConditionalStatus.FINISHED
    assert done.order is not None
    assert (done.order.order.id, done.order.filled) == (accepted.order_id, BTC)
    assert done.order.order.conditional_id == one.id
    assert "alice" not in floor.positions


def test_no_margin_is_held_before_the_trigger(floor: Waiting) -> None:
    """An order that its account can't carry is only refused when its price is reached."""
    before = floor.available("alice")
    one = floor.wait_for(11_000, side=BUY, lots=500 * BTC)
    assert floor.available("alice") == before
    floor.trade_at(11_000)
    assert floor.changes == [ConditionalStatus.TRIGGERING, REJECTED]
    done = floor.state_of(one)
    assert done.reason is Reason.POSITION_LIMIT
    assert "Position too large" in done.why
    assert done.order is None


def test_a_triggered_order_has_a_least_worth_unless_it_reduces(floor: Waiting) -> None:
    """As any other order of the contract."""
    ms = floor.engine.state.markets[S]
    ms.market = replace(ms.market, cost_min=100 * ATOMS)
    small, exit_ = floor.wait_for(9_500, lots=1), floor.wait_for(9_500, lots=1, reduce_only=True)
    floor.limit("bob", BUY, 9_500, BTC)
    floor.limit("carol", SELL, 9_500, BTC)
    assert floor.state_of(small).reason is Reason.INVALID_COST
    assert floor.state_of(exit_).status is ConditionalStatus.FINISHED


def test_a_stop_limit_rests_after_its_trigger(floor: Waiting) -> None:
    """It has triggered while its order is open, and is finished when that is canceled."""
    one = floor.wait_for(9_500, kind=STOP_LIMIT, ticks=9_600 * USD)
    floor.trade_at(9_500)
    resting = floor.state_of(one)
    assert resting.status is ConditionalStatus.TRIGGERED
    assert resting.order is not None
    with pytest.raises(Reject):
        floor.do(c.CancelConditional("alice", S, one.id))
    floor.do(c.CancelOrder("alice", S, resting.order.order.id))
    assert floor.changes == [ConditionalStatus.FINISHED]


def test_the_mark_price_triggers_by_itself(floor: Waiting) -> None:
    """No trade is needed, and a last price beyond the stop does not matter."""
    one = floor.wait_for(9_500, by=TriggerBy.MARK)
    floor.do(c.MoveMark(S, 100 * ATOMS))
    floor.trade_at(9_500)  # the mark price is 9,600
    assert floor.state_of(one).status is NEW
    floor.do(c.MoveMark(S, 0))
    assert floor.changes == FIRES


def test_a_mark_price_that_trades_have_moved_triggers(floor: Waiting) -> None:
    """It is looked at after each match, not only when the background moves."""
    floor.wait_for(9_500, by=TriggerBy.MARK)
    floor.trade_at(9_500)
    assert floor.changes == FIRES


def test_price_protection_waits_for_mark_and_last_price_to_agree(floor: Waiting) -> None:
    """5 % apart at most; a single wild trade does not trigger it."""
    floor.do(c.MoveMark(S, 1_000 * ATOMS))
    one = floor.wait_for(9_500, protected=True)
    floor.trade_at(9_400)
    assert floor.state_of(one).status is NEW
    floor.do(c.MoveMark(S, 100 * ATOMS))
    assert floor.changes == FIRES


def test_a_trailing_stop_follows_the_price_once_it_is_activated(floor: Waiting) -> None:
    """It sells 1 % below the highest price after 10,500 was reached."""
    assert refused(floor, 9_900, kind=TRAILING, trail_bips=100) is Reason.WOULD_TRIGGER
    one = floor.wait_for(10_500, kind=TRAILING, trail_bips=100)
    floor.trade_at(10_300)
    floor.trade_at(10_100)  # 1.9 % lower: it does not trail yet
    assert not floor.state_of(one).activated
    floor.trade_at(10_500)
    assert floor.changes == [NEW]
    assert floor.state_of(one).activated
    floor.trade_at(10_600)
    floor.trade_at(10_495)
    assert floor.changes == []
    floor.trade_at(10_494)
    assert floor.changes == FIRES


def test_a_trailing_stop_may_follow_the_mark_price_at_once(floor: Waiting) -> None:
    """Without an activation price it trails from the present one."""
    one = floor.wait_for(0, kind=TRAILING, trail_bips=500, by=TriggerBy.MARK)
    assert one.activated
    floor.do(c.MoveMark(S, 1_000 * ATOMS))
    floor.do(c.MoveMark(S, 451 * ATOMS))
    assert floor.state_of(one).status is NEW
    floor.do(c.MoveMark(S, 450 * ATOMS))
    assert floor.changes == FIRES


def test_an_order_that_closes_the_position_takes_all_of_it(floor: Waiting) -> None:
    """How much that is, is decided at the trigger."""
    floor.wait_for(9_500, close_position=True)
    floor.limit("bob", SELL, 10_000, BTC)
    floor.limit("alice", BUY, 10_000, BTC)
    floor.trade_at(9_500)
    filled = [e for e in floor.events if isinstance(e, OrderFilled) and e.fill.account == "alice"]
    assert [e.fill.lots for e in filled] == [2 * BTC]
    assert "alice" not in floor.positions


def test_a_position_is_closed_however_large_it_is(floor: Waiting) -> None:
    """The largest market order of the contract does not bound it; other orders it does."""
    one = floor.wait_for(9_500, close_position=True)
    other = floor.wait_for(9_499)
    ms = floor.engine.state.markets[S]
    ms.market = replace(ms.market, market_amount_max=BTC // 2)
    floor.trade_at(9_500)
    closed = floor.state_of(one).order
    assert closed is not None
    assert closed.filled == BTC
    assert floor.state_of(other).reason is Reason.INVALID_AMOUNT


def test_one_stop_and_one_take_profit_may_close_a_position(floor: Waiting) -> None:
    """A second of its kind is refused (-4130 on Binance)."""
    floor.wait_for(9_500, close_position=True)
    floor.wait_for(11_000, kind=PROFIT, close_position=True)
    assert refused(floor, 9_400, close_position=True) is Reason.CLOSE_EXISTS
    assert refused(floor, 11_500, kind=PROFIT, close_position=True) is Reason.CLOSE_EXISTS
    assert refused(floor, 9_400, close_position=True, lots=1) is Reason.INVALID_ORDER


def test_it_ends_with_the_position(floor: Waiting) -> None:
    """Closed by another order, the position takes its stop with it; other stops stay."""
    with_it = floor.wait_for(9_500, close_position=True, ends_with_position=True)
    other = floor.wait_for(9_400)
    floor.limit("bob", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC)
    assert floor.changes == [EXPIRED]
    assert floor.state_of(with_it).why == "the position is closed"
    assert floor.state_of(other).status is NEW
    again = {"close_position": True, "ends_with_position": True}
    assert refused(floor, 9_300, **again) is Reason.POSITION_NOT_FOUND


def test_an_incident_fills_a_triggered_order_in_part(floor: Waiting) -> None:
    """A stop that leaves half of the position open is one that bots must notice."""
    one = floor.wait_for(9_500, close_position=True)
    floor.do(c.CapNextFill("alice", 500_000, None))
    floor.trade_at(9_500)
    assert floor.positions["alice"] == BTC // 2
    assert floor.state_of(one).status is ConditionalStatus.FINISHED


def test_a_liquidation_takes_it_along(floor: Waiting) -> None:
    """The stop of a position that the venue has closed would open another one."""
    floor.do(c.TransferFunds("alice", "USDT", 9_400 * ATOMS, to_futures=False))
    one = floor.wait_for(5_000, ends_with_position=True)
    floor.do(c.MoveMark(S, -700 * ATOMS))
    assert "alice" not in floor.positions
    assert floor.state_of(one).status is EXPIRED


def test_a_stop_placed_before_its_entry_waits_for_the_position(floor: Waiting) -> None:
    """It may be placed while the entry is open, and ends with the position only later."""
    floor.limit("bob", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC)
    floor.limit("alice", BUY, 9_900, BTC)
    one = floor.wait_for(9_500, close_position=True, ends_with_position=True)
    floor.limit("bob", SELL, 9_900, BTC)
    assert floor.state_of(one).status is NEW
    floor.limit("alice", SELL, 9_950, BTC)
    floor.limit("bob", BUY, 9_950, BTC)
    assert floor.changes == [EXPIRED]


def test_a_closing_order_without_a_position_is_rejected(floor: Waiting) -> None:
    """Its trigger finds nothing to close."""
    one = floor.wait_for(9_500, close_position=True)
    floor.limit("bob", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC)
    floor.trade_at(9_500)
    assert floor.state_of(one).status is REJECTED
    assert floor.state_of(one).reason is Reason.REDUCE_ONLY


def test_what_is_met_already_or_does_not_fit_is_refused(floor: Waiting) -> None:
    """Nothing of it is kept."""
    assert refused(floor, 10_000) is Reason.WOULD_TRIGGER
    assert refused(floor, 10_001, by=TriggerBy.MARK) is Reason.WOULD_TRIGGER
    assert refused(floor, 10_000, kind=PROFIT) is Reason.WOULD_TRIGGER
    assert refused(floor, 0) is Reason.INVALID_PRICE
    assert refused(floor, 9_000, trail_bips=5) is Reason.INVALID_ORDER
    far = refused(floor, 11_000, kind=TRAILING, trail_bips=10_000)
    assert far is Reason.INVALID_ORDER
    assert refused(floor, 9_000, kind=OrderType.LIMIT) is Reason.INVALID_ORDER
    assert refused(floor, 9_000, position_side=PositionSide.LONG) is Reason.POSITION_SIDE
    assert refused(floor, 9_000, lots=0) is Reason.INVALID_AMOUNT
    floor.wait_for(9_500, client_id="mine")
    assert refused(floor, 9_400, client_id="mine") is Reason.DUPLICATE_CLIENT_ID
    assert len(floor.engine.state.conditionals) == 1
    floor.do(c.SetMarketStatus(S, MarketStatus.HALTED))
    assert refused(floor, 9_400) is Reason.MARKET_HALTED


def test_an_account_has_at_most_200(floor: Waiting) -> None:
    """Over all symbols (-4045 on Binance); those that are over do not count."""
    for i in range(CONDITIONAL_ORDERS_MAX):
        floor.engine.execute(c.PlaceConditional("alice", S, SELL, STOP, 1, 500_000 + i), floor.at)
    assert refused(floor, 9_000) is Reason.TOO_MANY_ORDERS
    assert len(floor.do(c.CancelAllConditionals("alice", S))) == CONDITIONAL_ORDERS_MAX
    floor.wait_for(9_000)


def test_they_are_canceled_by_id_or_client_id(floor: Waiting) -> None:
    """They are no orders: what cancels all orders leaves them alone."""
    one, two = floor.wait_for(9_500, client_id="one"), floor.wait_for(9_400)
    floor.do(c.CancelAllOrders("alice"))
    assert len(floor.do(q.FetchConditionals("alice")).conditionals) == 2
    floor.do(c.CancelConditional("alice", S, client_id="one"))
    assert floor.changes == [CANCELED]
    floor.do(c.CancelConditional("alice", S, two.id))
    with pytest.raises(Reject) as caught:
        floor.do(c.CancelConditional("alice", S, one.id))
    assert caught.value.reason is Reason.ORDER_NOT_FOUND


def test_the_history_reads_earlier_instants(floor: Waiting) -> None:
    """A stale read shows a stop that has triggered since as if it still waited."""
    one = floor.wait_for(9_500)
    placed = floor.at
    floor.at += 10 * SECOND
    floor.trade_at(9_500)
    other = floor.wait_for(7_000)
    ids = [s.id for s in floor.do(q.FetchConditionals("alice")).conditionals]
    assert ids == [other.id]
    everything = q.FetchConditionals("alice", S, "all")
    assert len(floor.do(everything).conditionals) == 2
    assert len(floor.do(everything._replace(limit=1, since=1)).conditionals) == 1
    assert len(floor.do(everything._replace(since=placed + 1)).conditionals) == 1
    assert len(floor.do(everything._replace(until=placed)).conditionals) == 1
    [stale] = floor.do(q.FetchConditionals("alice", as_of=placed + 1)).conditionals
    assert (stale.id, stale.status, stale.order) == (one.id, NEW, None)
    with pytest.raises(Reject):
        floor.do(q.FetchConditional("alice", S, other.id, as_of=placed))


def test_a_matched_price_is_read_at_the_trigger(floor: Waiting) -> None:
    """A stop limit that takes the best offer's price of that moment."""
    peg = Peg(PegPrice.MARKET)
    one = floor.wait_for(9_500, kind=STOP_LIMIT, peg=peg)
    floor.trade_at(9_500)
    done = floor.state_of(one)
    assert done.order is not None
    assert done.order.ticks == 9_100 * USD


def test_modes_stay_while_conditional_orders_wait(floor: Waiting) -> None:
    """An order for both sides could not be placed in hedge mode."""
    floor.limit("bob", BUY, 10_000, BTC)
    floor.limit("alice", SELL, 10_000, BTC)
    floor.wait_for(9_500)
    with pytest.raises(Reject) as caught:
        floor.do(c.SetPositionMode("alice", True))
    assert caught.value.reason is Reason.MODE_KEPT


def test_a_restart_that_loses_orders_loses_them(floor: Waiting) -> None:
    """They expire, and nothing waits any more."""
    floor.wait_for(9_500, by=TriggerBy.MARK)
    floor.do(c.Restart(lose_orders=True))
    assert floor.changes == [EXPIRED]
    assert not floor.engine.state.markets[S].mark_watched.keys() & {"algo:1"}


def test_a_contract_that_is_settled_has_none(floor: Waiting) -> None:
    """Its market never trades again."""
    floor.wait_for(9_500)
    floor.do(c.SettleContract(S))
    assert floor.changes == [EXPIRED]


def test_answers_can_be_written_down(floor: Waiting) -> None:
    """A journal holds the whole of it, and the report a few words."""
    one = floor.wait_for(9_500, kind=STOP_LIMIT, ticks=12_500 * USD)
    floor.trade_at(9_500)
    row = plain(floor.state_of(one))
    assert (row["status"], row["order"]["status"]) == ("triggered", "open")
    assert row["command"]["stop_ticks"] == 9_500 * USD
    assert answer_text(floor.state_of(one), None) == f"conditional order {one.id} triggered"
    shown = answer_text(floor.do(q.FetchConditionals("alice", which="all")), None)
    assert shown == "1 conditional orders"


def test_they_survive_a_snapshot(floor: Waiting) -> None:
    """A venue that comes back after a crash still knows what protects a position."""
    floor.wait_for(9_500)
    floor.wait_for(9_500, by=TriggerBy.MARK)
    floor.wait_for(9_700, kind=STOP_LIMIT, ticks=12_500 * USD, lots=5)
    floor.trade_at(9_700)
    text = Graph({}).to_text(floor.engine.state)
    floor.engine.restore(from_graph(text, {}))
    floor.trade_at(9_500)
    assert floor.changes == 2 * FIRES
    [resting] = floor.engine.state.accounts["alice"].open
    floor.do(c.CancelOrder("alice", S, resting))
    assert floor.changes == [ConditionalStatus.FINISHED]


def test_hedge_mode_closes_each_side_by_its_own_orders(floor: Waiting) -> None:
    """A buy can't close a long position; the stop of one side leaves the other alone."""
    floor.open("dave", 10_000)
    floor.do(c.SetPositionMode("dave", True))
    long, short = PositionSide.LONG, PositionSide.SHORT
    stop = c.PlaceConditional(
        "dave", S, SELL, STOP, 0, 9_500 * USD, close_position=True, position_side=long
    )
    buys = stop._replace(side=BUY, stop_ticks=11_000 * USD)
    for wrong in buys, stop._replace(position_side=short):
        with pytest.raises(Reject) as caught:
            floor.do(wrong)
        assert caught.value.reason is Reason.INVALID_ORDER
    floor.limit("bob", SELL, 10_000, 5)
    floor.limit("dave", BUY, 10_000, 5, position_side=long)
    floor.limit("bob", BUY, 10_000, 3)
    floor.limit("dave", SELL, 10_000, 3, position_side=short)
    floor.do(stop)
    floor.trade_at(9_500)
    held = floor.engine.state.markets[S].positions
    assert ("dave", long) not in held
    assert held["dave", short].lots == -3


# ---- beside a background


@pytest.mark.parametrize("by", list(TriggerBy))
def test_a_stop_triggers_at_the_second_in_which_its_price_is_reached(by: TriggerBy) -> None:
    """The same second as looking at each of them, though most are skipped."""
    floor, prices = world(), world().engine.state.markets[S]
    floor.wait(HOUR_S)
    start = floor.at // SECOND
    stop = prices.tape.last(start) * 998 // 1000
    one = floor.do(c.PlaceConditional("alice", S, SELL, STOP, 10, stop, by=by))
    seconds = range(start + 1, start + 4 * HOUR_S)
    if by is TriggerBy.MARK:
        expected = next(n for n in seconds if mark_of(prices, n * SECOND) <= stop * 10**6)
    else:
        prints = ((n, prices.tape.second(n)) for n in seconds)
        expected = next(n for n, found in prints if found and found.low <= stop)
    floor.wait(4 * HOUR_S)
    done = floor.do(q.FetchConditional("alice", S, one.id))
    assert done.triggered_at == expected * SECOND
    assert done.order.filled == 10


def test_a_trailing_stop_follows_a_moving_mark_price() -> None:
    """It buys when the mark price is 0.2 % above its lowest since."""
    floor, prices = world(), world().engine.state.markets[S]
    floor.wait(HOUR_S)
    start = floor.at // SECOND
    one = floor.do(c.PlaceConditional(
        "alice", S, BUY, TRAILING, 10, by=TriggerBy.MARK, trail_bips=20
    ))  # fmt: skip
    lowest = mark_of(prices, floor.at)
    for second in range(start + 1, start + 4 * HOUR_S):
        mark = mark_of(prices, second * SECOND)
        if mark * 10_000 >= lowest * 10_020:
            break
        lowest = min(lowest, mark)
    floor.wait(4 * HOUR_S)
    done = floor.do(q.FetchConditional("alice", S, one.id))
    kept = floor.engine.state.accounts["alice"].ended_conditionals[one.id]
    assert (done.triggered_at, kept.trigger.extreme) == (second * SECOND, lowest)


def test_a_stop_triggers_where_a_large_order_has_moved_the_mark_price_to() -> None:
    """It was searched for before that order, and nothing was found for the next hour."""
    assert PERPETUAL.contract is not None
    brackets = brackets_of([(10**11 * ATOMS, 125, 4_000)])
    wide = replace(PERPETUAL, contract=replace(PERPETUAL.contract, brackets=brackets))
    floor, alike = world(wide), world(wide)
    prices = alike.engine.state.markets[S]
    stop = mark_of(prices, floor.at) * 10_050 // 10_000 // PERPETUAL.price_step
    placed = floor.do(c.PlaceConditional("alice", S, BUY, STOP, 10, stop, by=TriggerBy.MARK))
    assert floor.engine.state.wake_at > floor.at + HOUR_S * SECOND
    for one in (floor, alike):
        one.open("whale", 10**11)
        one.market("whale", BUY, 9_000 * BTC)
    begin, level = floor.at // SECOND, stop * PERPETUAL.price_step
    expected = next(n for n in range(begin, begin + 600) if mark_of(prices, n * SECOND) >= level)
    floor.wait(600)
    done = floor.do(q.FetchConditional("alice", S, placed.id))
    assert done.triggered_at == expected * SECOND
