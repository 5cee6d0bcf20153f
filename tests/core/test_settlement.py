"""A market's kind decides what moves: a second kind, on margin, beside the spot markets.

It is a proof of the seam, not a product: orders hold a tenth of their worth, a match moves a
position, funding falls due every hour, and a position whose margin is used up is closed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.auditor import Auditor, audit
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import BalanceChanged
from failing_exchange.core.ledger import BACKGROUND
from failing_exchange.core.market import Market
from failing_exchange.core.order import (
    BUY,
    LIMIT,
    LIMIT_TYPES,
    MARKET,
    SELL,
    Fill,
    Order,
    OrderType,
    Side,
)
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.settlement import SETTLEMENTS, Settlement
from failing_exchange.core.state import Account, MarketState, Position, State
from failing_exchange.core.stop_triggers import stop_of
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.durable.serialize import Graph, from_graph

S = "BTC/USDT:USDT"
PERPETUAL = Market(
    symbol=S, base="BTC", quote="USDT", price_step=10**6, amount_step=10**3, kind="margin",
    maker_fee=0, taker_fee=1_000,
)  # fmt: skip
SPOT = replace(PERPETUAL, symbol="BTC/USDT", kind="spot")
LEVERAGE = 10
HOUR = 3_600 * SECOND
START = 1_767_225_600 * SECOND  # an hour begins
FUNDING_PPM = 1_000  # of a position's worth, from the longs to the shorts


class Margin(Settlement):
    """Linear, margined in the quote asset."""

    def assets(self, market: Market) -> tuple[str, ...]:
        return (market.quote,)

    def held_asset(self, market: Market, side: Side) -> str:
        return market.quote

    def holds_cost(self, side: Side) -> bool:
        return True

    def need(self, market: Market, order: Order, cost: int | None = None) -> int:
        if cost is None:
            priced = order.kind in LIMIT_TYPES
            ticks = order.ticks if priced else order.stop_ticks or stop_of(order)
            cost = market.cost_up(ticks, order.lots - order.filled)
        return -(-cost // LEVERAGE)

    def affordable(self, market: Market, order: Order, ticks: int, lots: int) -> int:
        return min(lots, market.lots_for(order.reserved * LEVERAGE, ticks))

    def position(self, state: State, ms: MarketState, account: Account) -> int:
        held = ms.positions.get(account.name)
        return 0 if held is None else held.lots * ms.market.amount_step

    def proceeds(self, market: Market, side: Side, lots: int, cost: int) -> tuple[str, int]:
        return market.quote, cost

    def settle(
        self, state: State, ms: MarketState, buyer: Order | None, seller: Order | None,
        lots: int, cost: int, at: int,
    ) -> None:  # fmt: skip
        for order, sign in ((buyer, 1), (seller, -1)):
            if order is not None:
                margin = min(order.reserved, -(-cost // LEVERAGE))
                order.reserved -= margin
                self.change(state, ms, order.account, sign * lots, sign * cost, margin, at)

    def change(
        self,
        state: State,
        ms: MarketState,
        account: str,
        lots: int,
        cost: int,
        margin: int,
        at: int,
    ) -> None:
        """Add to a position, `margin` atoms being held for it; what is closed is paid out."""
        held = ms.positions.setdefault(account, Position(account, ms.market.quote))
        held.lots, held.cost, held.margin = held.lots + lots, held.cost + cost, held.margin + margin
        if held.lots == 0:
            state.ledger.release(account, held.asset, held.margin, at=at)
            profit, free = -held.cost, state.ledger.free(account, held.asset)
            if profit < 0:
                state.ledger.transfer(account, BACKGROUND, held.asset, min(-profit, free), at=at)
            else:
                state.ledger.transfer(BACKGROUND, account, held.asset, profit, at=at)
            del ms.positions[account]
            state.watch(ms, account, None, at)
            return
        self.schedule_due(state, ms, (at // HOUR + 1) * HOUR)
        away = abs(ms.market.lots_for(held.margin, 1) // held.lots)
        entry = held.cost * ATOMS // (held.lots * ms.market.price_step * ms.market.amount_step)
        bounds = (entry - away, None) if held.lots > 0 else (None, entry + away)
        state.watch(ms, account, bounds, at)

    def undo(self, state: State, ms: MarketState, fill: Fill, at: int) -> None:
        sign = -1 if fill.side is BUY else 1
        self.change(state, ms, fill.account, sign * fill.lots, sign * fill.cost, 0, at)

    def due(self, state: State, ms: MarketState, at: int) -> None:
        for held in ms.positions.values():
            worth = ms.market.cost(ms.tape.last(at // SECOND), abs(held.lots))
            atoms = worth * FUNDING_PPM // 10**6
            payer, payee = (held.account, BACKGROUND)[:: 1 if held.lots > 0 else -1]
            state.ledger.transfer(payer, payee, held.asset, atoms, at=at)
            free = -atoms if held.lots > 0 else atoms
            state.events.append(BalanceChanged(held.account, held.asset, free, 0, at, "funding"))
        if ms.positions:
            self.schedule_due(state, ms, at + HOUR)

    def reached(self, state: State, ms: MarketState, low: int, high: int, at: int) -> None:
        for name, (lower, upper) in list(ms.watched.items()):
            if (lower is not None and low <= lower) or (upper is not None and high >= upper):
                held, ticks = ms.positions[name], low if lower is not None else high
                sign = -1 if held.lots > 0 else 1
                cost = ms.market.cost(ticks, abs(held.lots))
                loss = held.margin
                self.change(state, ms, name, -held.lots, sign * cost, 0, at)
                state.events.append(
                    BalanceChanged(name, ms.market.quote, 0, -loss, at, "liquidation")
                )


class Floor:
    """An engine with a spot and a margin market, watched by the auditor."""

    def __init__(self) -> None:
        self.at = START
        self.engine = Engine([(PERPETUAL, None), (SPOT, None)])
        self.engine.auditor = Auditor(self.engine)
        for name in ("alice", "bob"):
            self.do(c.OpenAccount(name, (("USDT", 100 * ATOMS),)))

    def do(self, command: Any) -> Any:
        self.engine.advance(self.at)
        events, answer = self.engine.execute(command, self.at)
        self.events = events
        audit(self.engine)
        return answer

    def limit(self, name: str, side: Side, ticks: int, lots: int) -> Any:
        return self.do(c.PlaceOrder(name, S, side, LIMIT, lots, ticks)).order

    def balance(self, name: str) -> tuple[int, int]:
        ledger = self.engine.state.ledger
        return ledger.free(name, "USDT"), ledger.used(name, "USDT")

    @property
    def positions(self) -> dict[str, int]:
        held = self.engine.state.markets[S].positions
        return {name: one.lots for name, one in held.items()}


@pytest.fixture
def floor(monkeypatch: pytest.MonkeyPatch) -> Floor:
    """Two accounts of 100 USDT each; a lot of 0.00001 BTC at 1 tick of 0.01 USDT."""
    monkeypatch.setitem(SETTLEMENTS, "margin", Margin())
    return Floor()


TICKS, LOTS, WORTH = 1_000_000, 1_000, 100 * ATOMS  # 0.01 BTC at 10,000 USDT


def test_an_order_holds_margin_and_a_cancel_frees_it(floor: Floor) -> None:
    """Nobody needs the coin to sell it, nor the whole price to buy it."""
    order = floor.limit("alice", SELL, TICKS, 5 * LOTS)
    assert floor.balance("alice") == (50 * ATOMS, 50 * ATOMS)
    floor.do(c.AmendOrder("alice", S, order.id, 2 * LOTS))
    assert floor.balance("alice") == (80 * ATOMS, 20 * ATOMS)
    floor.do(c.CancelOrder("alice", S, order.id))
    assert floor.balance("alice") == (100 * ATOMS, 0)
    with pytest.raises(Reject) as refused:
        floor.limit("alice", BUY, TICKS, 11 * LOTS)
    assert refused.value.reason is Reason.INSUFFICIENT_FUNDS


def test_a_match_moves_positions_and_what_is_closed_is_paid_out(floor: Floor) -> None:
    """Short against long; the margin stays held, and the profit comes with the closing trade."""
    floor.limit("alice", SELL, TICKS, LOTS)
    floor.do(c.PlaceOrder("bob", S, BUY, MARKET, LOTS))
    assert floor.positions == {"alice": -LOTS, "bob": LOTS}
    fee = WORTH // 1_000
    assert (floor.balance("alice"), floor.balance("bob")) == (
        (90 * ATOMS, 10 * ATOMS), (90 * ATOMS - fee, 10 * ATOMS)
    )  # fmt: skip
    floor.limit("alice", BUY, TICKS * 99 // 100, LOTS)
    floor.limit("bob", SELL, TICKS * 99 // 100, LOTS)
    assert floor.positions == {}
    assert floor.balance("alice") == (101 * ATOMS, 0)
    assert floor.balance("bob") == (99 * ATOMS - fee - fee * 99 // 100, 0)


def test_funding_falls_due_each_hour_while_there_are_positions(floor: Floor) -> None:
    """It comes by itself, before whatever comes later, and ends with the last position."""
    floor.limit("alice", SELL, TICKS, LOTS)
    floor.limit("bob", BUY, TICKS, LOTS)
    before, due = floor.balance("alice"), WORTH // 1_000
    assert floor.engine.wake_at == START + HOUR
    events = floor.engine.advance(START + 2 * HOUR + 1)
    assert [(e.account, e.free, e.at) for e in events if isinstance(e, BalanceChanged)] == [
        ("bob", -due, START + HOUR), ("alice", due, START + HOUR),
        ("bob", -due, START + 2 * HOUR), ("alice", due, START + 2 * HOUR),
    ]  # fmt: skip
    assert floor.balance("alice") == (before[0] + 2 * due, before[1])
    floor.at = START + 2 * HOUR + 1
    floor.limit("bob", SELL, TICKS, LOTS)
    floor.limit("alice", BUY, TICKS, LOTS)
    floor.engine.advance(START + 3 * HOUR)
    assert floor.engine.advance(START + 9 * HOUR) == ()


def test_a_print_beyond_the_bounds_of_a_position_closes_it(floor: Floor) -> None:
    """What waits for a price need not be an order."""
    floor.limit("alice", SELL, TICKS, LOTS)
    floor.limit("bob", BUY, TICKS, LOTS)
    ms = floor.engine.state.markets[S]
    assert ms.watched == {"alice": (None, TICKS * 11 // 10), "bob": (TICKS * 9 // 10, None)}
    floor.do(c.OpenAccount("carol", (("USDT", 100 * ATOMS),)))
    floor.limit("carol", BUY, TICKS * 9 // 10, 1)
    floor.limit("alice", SELL, TICKS * 9 // 10, 1)
    assert [e.account for e in floor.events if isinstance(e, BalanceChanged)] == ["bob"]
    assert floor.positions == {"alice": -LOTS - 1, "carol": 1}
    assert "bob" not in ms.watched


def test_positions_are_part_of_a_snapshot(floor: Floor) -> None:
    """A venue that survives its process goes on with them."""
    floor.limit("alice", SELL, TICKS, LOTS)
    floor.limit("bob", BUY, TICKS, LOTS)
    floor.engine.restore(from_graph(Graph({}).to_text(floor.engine.state), {}))
    assert floor.positions == {"alice": -LOTS, "bob": LOTS}
    assert floor.engine.wake_at == START + HOUR
    assert any(isinstance(e, BalanceChanged) for e in floor.engine.advance(START + HOUR))


def test_a_trade_on_margin_can_be_undone(floor: Floor) -> None:
    """An operator's bust asks the settlement, too."""
    floor.limit("alice", SELL, TICKS, LOTS)
    fill = floor.limit("bob", BUY, TICKS, LOTS).fills[0]
    floor.do(c.BustTrade(S, fill.trade_id))
    assert floor.positions == {}
    assert floor.balance("alice") == (100 * ATOMS, 0)


def test_a_pair_on_margin_holds_what_one_of_it_needs(floor: Floor) -> None:
    """Lists ask the settlement as single orders do."""
    floor.limit("bob", SELL, TICKS, 1)
    floor.limit("bob", BUY, TICKS, 1)
    legs = (
        c.PlaceOrder("alice", S, SELL, LIMIT, LOTS, 2 * TICKS),
        c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS, LOTS, stop_ticks=TICKS // 2),
    )
    floor.do(c.PlaceOrderList("alice", legs))
    assert floor.balance("alice") == (80 * ATOMS, 20 * ATOMS)
    floor.do(c.CancelAllOrders("alice"))
    assert floor.balance("alice") == (100 * ATOMS, 0)


def test_a_market_of_an_unknown_kind_is_refused() -> None:
    """At once, and not at its first order."""
    with pytest.raises(ValueError, match="kind must be one of spot"):
        Engine([(replace(SPOT, kind="spott"), None)])
