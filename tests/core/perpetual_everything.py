"""Random steps of all that can happen to perpetuals, conditional orders and incidents included.

No reference follows here: the auditor says whether the exchange is sound after each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from failing_exchange.core import commands as c, queries as q
from failing_exchange.core.auditor import Auditor, audit
from failing_exchange.core.collateral import ChangeCollateral, SetFeeBurn, SetMultiAssets
from failing_exchange.core.engine import Engine
from failing_exchange.core.market import MarketStatus, Prevention
from failing_exchange.core.order import (
    LIMIT,
    MARKET,
    OrderType,
    Peg,
    PegPrice,
    PositionSide,
    Side,
    TimeInForce,
    TriggerBy,
)
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.venue.perpetuals import COLLATERAL
from tests.core.perpetual_pair import BTC, ETH_IN_USDC, NAMES, PRICE, START

SYMBOLS = (BTC.symbol, ETH_IN_USDC.symbol)
ASSETS = ("USDT", "USDT", "USDC", "BTC", "BNB")
TRIGGERED = (
    OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT,
    OrderType.TAKE_PROFIT_LIMIT, OrderType.TRAILING_STOP,
)  # fmt: skip
FORCES = (*[TimeInForce.GTC] * 6, TimeInForce.IOC, TimeInForce.FOK)


class Everything:
    """An engine with two contracts in two assets, and four accounts; audited after each step."""

    def __init__(self) -> None:
        self.at = START
        bnb = replace(BTC, symbol="BNB/USDT:USDT", base="BNB")  # tells what BNB is worth
        self.engine = Engine([(BTC, None), (ETH_IN_USDC, None), (bnb, None)], COLLATERAL)
        self.engine.auditor = Auditor(self.engine)
        self.told: list[str] = []
        for name, usdt in zip(NAMES, (300, 1_000, 5_000, 50_000), strict=True):
            self.do(c.OpenAccount(name, (("USDT", 10**10),), None, (("USDT", usdt * ATOMS),)))
        for name in NAMES[:2]:
            self.do(SetMultiAssets(name, True))
            self.do(c.OpenAccount(name, (), None, (("USDC", 10**10), ("BTC", 10**6))))
        for name in NAMES[2:]:
            self.do(c.OpenAccount(name, (), None, (("USDC", 10**12), ("BNB", 10**6))))
        for symbol in (*SYMBOLS, bnb.symbol):
            for name, side in (("carol", Side.SELL), ("dave", Side.BUY)):
                self.do(c.PlaceOrder(name, symbol, side, LIMIT, 1, PRICE))

    def do(self, command: Any) -> Any:
        """Carry out a command; a refusal is an answer, too."""
        self.told = [*self.told[-30:], f"{command}"]
        self.at += 1_000_000
        self.engine.advance(self.at)
        try:
            answer = self.engine.execute(command, self.at)[1]
        except Reject as refused:
            answer = refused
        audit(self.engine)
        return answer

    def step(self, kind: str, random: Random) -> None:
        """Take one step of a kind."""
        self.do(STEPS[kind](self, random))

    def side(self, name: str, random: Random) -> PositionSide:
        """A position side that mostly fits the mode of an account."""
        hedge = self.engine.state.accounts[name].margin.hedge
        if hedge is (random.randrange(20) == 0):
            return PositionSide.BOTH
        return random.choice((PositionSide.LONG, PositionSide.SHORT))

    def price(self, symbol: str, random: Random, most: int = 4) -> int:
        """A price near the last one, in ticks."""
        last = self.engine.state.markets[symbol].tape.last(self.at // SECOND)
        return max(1, (last if random.randrange(4) else PRICE) + random.randint(-most, most))


def _order(world: Everything, random: Random) -> c.PlaceOrder:
    name, symbol = random.choice(NAMES), random.choice(SYMBOLS)
    kind = MARKET if random.randrange(4) == 0 else LIMIT
    order = c.PlaceOrder(
        name, symbol, random.choice(list(Side)), kind, random.randint(1, 15),
        world.price(symbol, random) if kind is LIMIT else 0,
        prevention=random.choice((None, *Prevention)), reduce_only=random.randrange(5) == 0,
        position_side=world.side(name, random), test=random.randrange(20) == 0,
    )  # fmt: skip
    if kind is LIMIT:
        order = order._replace(
            time_in_force=random.choice(FORCES), post_only=random.randrange(6) == 0,
            expires_at=random.choice((0, 0, 0, world.at + random.randint(-1, 90) * SECOND)),
            peg=_peg(random),
        )  # fmt: skip
    return order


def _peg(random: Random) -> Peg | None:
    levels = (None, None, 1, 3)
    if random.randrange(6):
        return None
    return Peg(random.choice(list(PegPrice)), random.choice(levels))


def _conditional(world: Everything, random: Random) -> c.PlaceConditional:
    name, symbol, kind = random.choice(NAMES), random.choice(SYMBOLS), random.choice(TRIGGERED)
    close = random.randrange(5) == 0 and kind is not OrderType.TRAILING_STOP
    trails = kind is OrderType.TRAILING_STOP
    limited = kind in (OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
    return c.PlaceConditional(
        name, symbol, random.choice(list(Side)), kind, 0 if close else random.randint(1, 30),
        stop_ticks=0 if trails and random.randrange(2) else world.price(symbol, random, 6),
        ticks=world.price(symbol, random) if limited else 0,
        by=random.choice(list(TriggerBy)), trail_bips=random.choice((100, 300)) if trails else 0,
        reduce_only=not close and random.randrange(3) == 0, close_position=close,
        ends_with_position=random.randrange(5) == 0, protected=random.randrange(5) == 0,
        position_side=world.side(name, random),
        expires_at=random.choice((0, 0, world.at + 60 * SECOND)),
        peg=_peg(random) if limited else None,
    )  # fmt: skip


def _cancel(world: Everything, random: Random) -> Any:
    state, name = world.engine.state, random.choice(NAMES)
    kind = random.randrange(6)
    if kind == 0:
        return c.CancelAllOrders(name, random.choice(("", *SYMBOLS)))
    if kind == 1:
        return c.CancelAllConditionals(name, random.choice(("", *SYMBOLS)))
    if kind < 4 and state.conditionals:
        one = random.choice(list(state.conditionals.values()))
        return c.CancelConditional(one.command.account, conditional_id=one.id)
    order = random.choice(list(state.orders.values()) or [None])
    return c.CancelOrder(name, "", 1) if order is None else _cancel_of(order)


def _cancel_of(order: Any) -> c.CancelOrder:
    return c.CancelOrder(order.account, order.symbol, order.id)


def _change_of(world: Everything, random: Random) -> Any:
    orders = list(world.engine.state.orders.values())
    if not orders:
        return c.CancelOrder(random.choice(NAMES), "", 1)
    order = random.choice(orders)
    ticks, lots = world.price(order.symbol, random), random.randint(1, 30)
    return c.ChangeOrder(order.account, order.symbol, order.id, lots=lots, ticks=ticks)


def _amend(world: Everything, random: Random) -> Any:
    orders = list(world.engine.state.orders.values())
    if not orders:
        return c.CancelOrder(random.choice(NAMES), "", 1)
    order = random.choice(orders)
    return c.AmendOrder(order.account, order.symbol, order.id, random.randint(1, 30))


def _batch(world: Everything, random: Random) -> c.BatchOrders:
    """Up to five orders and changes; some have no order to change, or that of somebody else."""
    name, steps = random.choice(NAMES), (_order, _change_of)
    several = [random.choice(steps)(world, random) for _ in range(random.randint(1, 5))]
    return c.BatchOrders(name, tuple(one._replace(account=name) for one in several))


def _setting(world: Everything, random: Random) -> Any:
    name, symbol = random.choice(NAMES), random.choice(SYMBOLS)
    atoms = random.choice((-1, 1)) * random.randint(1, 60 * ATOMS)
    return random.choice((
        c.SetLeverage(name, symbol, random.choice((1, 3, 10, 20, 25, 50))),
        c.SetMarginMode(name, symbol, random.choice(list(MarginMode))),
        c.SetPositionMode(name, random.randrange(2) == 0),
        c.AdjustMargin(name, symbol, atoms, world.side(name, random)),
        c.TransferFunds(name, "USDT", abs(atoms), atoms > 0),
        c.OpenAccount(name, (), None, ((random.choice(ASSETS), abs(atoms)),)),
        c.TransferFunds(name, random.choice(ASSETS), abs(atoms) // 10**4, atoms > 0),
        SetMultiAssets(name, random.randrange(3) > 0),
        SetFeeBurn(name, random.randrange(2) == 0),
        c.SetCountdown(name, symbol, random.choice((0, 5, 60)) * SECOND),
    ))  # fmt: skip


def _market(world: Everything, random: Random) -> Any:
    symbol = random.choice(SYMBOLS)
    step = BTC.price_step if symbol == BTC.symbol else ETH_IN_USDC.price_step
    most = step * PRICE // random.choice((8, 30, 100))
    world.at += random.choice((0, 0, 1, 70, 8 * 3_600)) * SECOND
    return random.choice((
        c.MoveMark(symbol, random.choice((0, 1, 1)) * random.randint(-most, most)),
        c.MoveMark(symbol, random.randint(-most, most), 30 * SECOND),
        c.PayFunding(symbol, random.randint(-2_000_000, 2_000_000)),
        c.MovePrice(symbol, random.randint(-50_000, 50_000)),
    ))  # fmt: skip


def _incident(world: Everything, random: Random) -> Any:
    state, name, symbol = world.engine.state, random.choice(NAMES), random.choice(SYMBOLS)
    trades = state.markets[symbol].tape.trades
    order = random.choice([0, *state.orders])
    return random.choice((
        c.Deleverage(name, symbol, random.choice((0, 1, 20))),
        c.LiquidatePosition(name, symbol),
        c.BustTrade(symbol, random.choice(trades).id),
        c.SetInsuranceFund("USDT", random.choice((0, 10**9, 10**16))),
        c.SetMarketStatus(symbol, random.choice(list(MarketStatus)), 5 * SECOND),
        c.SettleContract(symbol, random.choice((0, PRICE))),
        c.CapNextFill(name, random.randint(1, 999_999), random.choice((None, SECOND))),
        c.CrossOrder(order, random.randint(0, 9)),
        c.OperatorCancel(order, expire=random.randrange(2) == 0),
        ChangeCollateral("USDC", random.randint(ATOMS // 2, ATOMS)),
        ChangeCollateral("BTC", bid_buffer=random.choice((50_000, 500_000))),
        c.ChangeFunding(symbol, random.choice((1, 4, 8))),
        c.Debit(name, "USDT", random.randint(1, 100 * ATOMS)),
    ))  # fmt: skip


def _reopen(world: Everything, random: Random) -> Any:
    return c.SetMarketStatus(random.choice(SYMBOLS), MarketStatus.TRADING)


def _read(world: Everything, random: Random) -> Any:
    name = random.choice(NAMES)
    return random.choice((q.FetchPositions(name), q.FetchMargin(name), q.FetchConditionals(name)))


STEPS: dict[str, Callable[[Everything, Random], Any]] = {
    "order": _order, "conditional": _conditional, "cancel": _cancel, "change": _change_of,
    "amend": _amend, "batch": _batch, "setting": _setting, "market": _market, "incident": _incident,
    "reopen": _reopen, "read": _read,
}  # fmt: skip
WEIGHTS = (60, 15, 4, 5, 1, 4, 12, 10, 3, 9, 3)
