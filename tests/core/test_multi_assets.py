"""The multi-assets mode: one margin over all assets of the futures wallet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core import commands as c, queries as q
from failing_exchange.core.auditor import Auditor, audit
from failing_exchange.core.auto_exchange import is_overdue
from failing_exchange.core.collateral import ChangeCollateral, SetFeeBurn, SetMultiAssets
from failing_exchange.core.contract import Contract, brackets_of
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import (
    FuturesBalanceChanged,
    MarginCalled,
    PositionLiquidated,
)
from failing_exchange.core.joint_margin import joint_of, rates_of
from failing_exchange.core.ledger import BACKGROUND, INSURANCE, futures_wallet
from failing_exchange.core.order import LIMIT, Side
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.venue.perpetuals import COLLATERAL
from tests.core.contracts import PERPETUAL, START, Floor, S, world

BTC, ETH = "BTC/USDT:USDT", "ETH/USDC:USDC"


def brackets(leverage: int, rate: int) -> tuple[Any, ...]:
    return brackets_of([(10**6 * ATOMS, leverage, rate)])


IN_USDT = replace(
    PERPETUAL, price_step=10**8, amount_step=10**6, maker_fee=0, taker_fee=0,
    contract=Contract(
        settle="USDT", fee_asset="BNB", brackets=brackets(100, 8_000), liquidation_fee=0,
    ),
)  # fmt: skip
IN_USDC = replace(
    IN_USDT, symbol=ETH, base="ETH", quote="USDC",
    contract=Contract(
        settle="USDC", fee_asset="BNB", brackets=brackets(100, 10_000), liquidation_fee=0,
    ),
)  # fmt: skip


class Joint(Floor):
    """Alice has 200 USDT and 220 USDC; the contracts stand at 20,000 USDT and 600 USDC."""

    def __init__(self) -> None:
        self.at = START
        self.engine = Engine([(IN_USDT, None), (IN_USDC, None)], COLLATERAL)
        self.engine.auditor = Auditor(self.engine)
        self.events = ()
        self.pay("alice", USDT=200, USDC=220)
        for name in ("bob", "carol"):
            self.pay(name, USDT=10**6, USDC=10**6)
        for symbol, price in ((BTC, 20_000), (ETH, 600)):
            self.trade("bob", "carol", symbol, price, 1)

    def pay(self, name: str, **amounts: float) -> None:
        futures = tuple((asset, round(much * ATOMS)) for asset, much in amounts.items())
        self.do(c.OpenAccount(name, (), None, futures))

    def trade(self, buyer: str, seller: str, symbol: str, price: int, lots: int) -> None:
        for name, side in ((buyer, Side.BUY), (seller, Side.SELL)):
            self.do(c.PlaceOrder(name, symbol, side, LIMIT, lots, price))

    def example(self) -> None:
        """The rates of the document's example, and both positions of it."""
        self.do(ChangeCollateral("USDT", 99 * 10**6, 10_000, 5_000))
        self.do(ChangeCollateral("USDC", ATOMS, 0, 0))
        self.do(SetMultiAssets("alice", True))
        self.do(c.SetLeverage("alice", BTC, 100))
        self.do(c.SetLeverage("alice", ETH, 50))

    def margins(self, name: str = "alice") -> q.Margins:
        found: q.Margins = self.do(q.FetchMargin(name))
        return found

    def has(self, asset: str, name: str = "alice") -> float:
        return self.engine.state.ledger.free(futures_wallet(name), asset) / ATOMS

    def positions_in_eth(self, name: str = "alice") -> int:
        held = self.engine.state.markets[ETH].positions
        return sum(one.lots for (owner, _), one in held.items() if owner == name)

    def refused(self, command: Any) -> Reject:
        with pytest.raises(Reject) as refusal:
            self.do(command)
        audit(self.engine)
        return refusal.value

    def changes(self, why: str) -> dict[str, float]:
        return {
            e.asset: e.change / ATOMS
            for e in self.events
            if isinstance(e, FuturesBalanceChanged) and e.why == why
        }


def dollars(atoms: int) -> float:
    return atoms / ATOMS


def test_the_published_example() -> None:
    """Equity, what is available and the margin ratio, to the last published digit.

    Binance FAQ, "How to Calculate Margin Ratio in the Multi-Assets Mode" (2022-07-06).
    """
    floor = Joint()
    floor.example()
    before = floor.margins()
    assert before.joint is not None
    assert dollars(before.joint.equity) == 416.02
    assert round(dollars(before.assets["USDT"].available), 2) == 418.13
    assert dollars(before.assets["USDC"].available) == 416.02

    floor.trade("alice", "bob", BTC, 20_000, 50)
    floor.trade("alice", "bob", ETH, 600, 2_000)
    held = floor.margins()
    assert held.joint is not None
    assert dollars(held.joint.spare) == 76.525
    assert round(dollars(held.assets["USDT"].available), 2) == 76.91
    assert dollars(held.assets["USDC"].available) == 76.525
    assert dollars(held.joint.maintenance) == 199.596
    assert round(100 * held.joint.maintenance / held.joint.equity, 2) == 47.98


def test_one_asset_carries_what_another_lacks() -> None:
    """The purpose of the mode: without it the order would need 100 USDC of its own."""
    floor = Joint()
    order = c.PlaceOrder("alice", ETH, Side.BUY, LIMIT, 12_000, 600)
    floor.do(c.SetLeverage("alice", ETH, 100))
    assert floor.refused(order).reason is Reason.INSUFFICIENT_FUNDS
    floor.do(SetMultiAssets("alice", True))
    floor.do(order._replace(lots=6_900))  # of 414 USDC, all that 420 dollars less buffers carry
    assert floor.refused(order._replace(lots=200)).reason is Reason.INSUFFICIENT_FUNDS


def test_the_mode_stays_while_anything_stands() -> None:
    """As on the venue: -4167, -4169, -4170, -4171, -4172, and -4168 the other way round."""
    floor = Joint()
    on, off = SetMultiAssets("alice", True), SetMultiAssets("alice", False)
    assert floor.refused(off).reason is Reason.NO_CHANGE
    floor.do(c.SetMarginMode("alice", BTC, MarginMode.ISOLATED))
    assert "isolated" in floor.refused(on).values
    floor.do(c.SetMarginMode("alice", BTC, MarginMode.CROSS))
    order = floor.do(c.PlaceOrder("alice", BTC, Side.BUY, LIMIT, 1, 19_000)).order
    assert "where" in floor.refused(on).values
    floor.do(c.CancelOrder("alice", BTC, order.id))
    floor.trade("alice", "bob", BTC, 20_000, 1)
    assert "held_in" in floor.refused(on).values
    floor.trade("bob", "alice", BTC, 20_000, 1)
    floor.do(on)
    mode = c.SetMarginMode("alice", BTC, MarginMode.ISOLATED)
    assert floor.refused(mode).reason is Reason.MODE_KEPT
    floor.do(c.SetLeverage("alice", ETH, 50))
    floor.trade("alice", "bob", ETH, 600, 2_000)
    floor.trade("bob", "alice", ETH, 580, 2_000)  # loses 400 USDC, of which there are 220
    assert floor.has("USDC") == -180
    assert "owed" in floor.refused(off).values


def owing(debt: int, btc: float) -> Joint:
    """Alice owes USDC, after a loss with 20 ETH, and has nothing else but BTC."""
    floor = Joint()
    floor.pay("alice", BTC=btc)
    floor.do(SetMultiAssets("alice", True))
    floor.do(c.TransferFunds("alice", "USDT", 200 * ATOMS, to_futures=False))
    floor.trade("alice", "bob", ETH, 600, 2_000)
    floor.trade("bob", "alice", ETH, 600 - (220 + debt) // 20, 2_000)
    return floor


def test_a_loss_becomes_a_debt_while_other_assets_cover_it() -> None:
    """No fund pays it, and nothing is exchanged before the threshold of the venue."""
    floor = owing(180, btc=0.1)
    assert (floor.has("USDC"), floor.has("USDT"), floor.has("BTC")) == (-180, 0, 0.1)
    joint = floor.margins().joint
    assert joint is not None
    assert dollars(joint.equity) == 0.1 * 20_000 * 0.95 - 180 * 1.0001


def test_too_large_a_debt_is_exchanged() -> None:
    """Above 5,000 USDC: BTC worth 5,000 / 97.5 % is sold, as in the example of the rules."""
    floor = Joint()
    floor.do(ChangeCollateral("USDC", ATOMS, 0, 0))
    terms = floor.engine.state.collateral
    terms["USDC"] = terms["USDC"]._replace(exchange_bid_buffer=0, exchange_ask_buffer=0)
    floor.pay("alice", BTC=10, USDC=780)
    floor.do(SetMultiAssets("alice", True))
    floor.do(c.TransferFunds("alice", "USDT", 200 * ATOMS, to_futures=False))
    floor.trade("alice", "bob", ETH, 600, 12_000)
    floor.trade("bob", "alice", ETH, 550, 11_999)
    assert floor.has("USDC") == -4_999.5
    floor.trade("bob", "alice", ETH, 510, 1)
    sold, bought = floor.changes("auto_exchange")["BTC"], floor.changes("auto_exchange")["USDC"]
    assert floor.has("USDC") == 0
    assert round(-sold * 20_000, 2) == round(bought / 0.975, 2)


def test_an_idle_account_is_exchanged_when_its_collateral_falls() -> None:
    """At 99.5 % of what the other assets are worth; orders hold it off."""
    floor = owing(980, btc=0.0526)  # 0.0526 x 20,000 x 95 % = 999.40 dollars
    assert floor.has("USDC") == -980
    order = floor.do(c.PlaceOrder("alice", BTC, Side.SELL, LIMIT, 1, 20_500)).order
    floor.trade("bob", "carol", BTC, 19_600, 1)
    assert floor.has("USDC") == -980
    floor.do(c.CancelOrder("alice", BTC, order.id))
    assert floor.has("USDC") == 0
    assert -floor.changes("auto_exchange")["BTC"] * 19_600 > 980


def test_falling_collateral_liquidates() -> None:
    """The price of BTC falls, that of the position does not: it is liquidated all the same."""
    floor = Joint()
    floor.pay("alice", BTC=0.06)
    floor.do(SetMultiAssets("alice", True))
    floor.do(c.SetLeverage("alice", ETH, 100))
    for asset, atoms in (("USDT", 200 * ATOMS), ("USDC", 220 * ATOMS)):
        floor.do(c.TransferFunds("alice", asset, atoms, to_futures=False))
    floor.trade("alice", "bob", ETH, 600, 14_000)  # 84,000 USDC: 840 of maintenance margin
    floor.trade("bob", "carol", BTC, 18_000, 1)
    assert any(isinstance(e, MarginCalled) and e.asset == "USD" for e in floor.events)
    assert floor.positions_in_eth() == 14_000
    fund = floor.engine.state.ledger.free(INSURANCE, "USDC")
    floor.trade("bob", "carol", BTC, 14_600, 1)  # 832 dollars
    assert any(isinstance(e, PositionLiquidated) for e in floor.events)
    assert floor.positions_in_eth() == 0
    assert floor.has("USDC") >= 0  # what it owed then was bought with BTC
    assert floor.engine.state.ledger.free(INSURANCE, "USDC") >= fund


def test_nothing_is_left_owing_when_nothing_is_left_to_sell() -> None:
    """The mark price jumps past the bankruptcy price: the fund bears the rest, to the atom."""
    floor = Joint()
    floor.do(SetMultiAssets("alice", True))
    floor.do(c.SetLeverage("alice", ETH, 100))
    floor.trade("alice", "bob", ETH, 600, 6_000)
    floor.do(c.MoveMark(ETH, -60 * ATOMS))
    assert floor.positions_in_eth() == 0
    assert min(floor.has("USDC"), floor.has("USDT")) >= 0
    assert floor.engine.state.ledger.free(INSURANCE, "USDC") < 100_000_000 * ATOMS


class Burning(Joint):
    """BNB stands at 500 USDT; fees of the contract on BTC are 0.02 and 0.05 %, 10 % less in BNB."""

    def __init__(self) -> None:
        self.at = START
        bnb = replace(IN_USDT, symbol="BNB/USDT:USDT", base="BNB")
        charged = replace(IN_USDT, maker_fee=200, taker_fee=500)
        self.engine = Engine([(charged, None), (bnb, None)], COLLATERAL)
        self.engine.auditor = Auditor(self.engine)
        self.events = ()
        for name in ("alice", "bob"):
            self.pay(name, USDT=10**6)
        self.trade("bob", "alice", "BNB/USDT:USDT", 500, 1)


def test_fees_are_paid_in_bnb_with_a_discount() -> None:
    """10 USDT less 10 % are 0.018 BNB at 500; an account without BNB pays in USDT."""
    floor = Burning()
    floor.pay("alice", BNB=0.02)
    before = floor.has("USDT"), floor.has("USDT", "bob")
    floor.trade("bob", "alice", BTC, 20_000, 100)
    assert floor.has("BNB") == 0.002
    assert floor.has("USDT") == before[0]
    assert floor.has("USDT", "bob") == before[1] - 4
    (fill,) = floor.do(q.FetchFills("alice", BTC)).fills
    assert (fill.fee, fill.fee_asset) == (1_800_000, "BNB")


def test_too_little_bnb_pays_no_fee() -> None:
    """The whole fee is then taken from the settlement asset, without the discount."""
    floor = Burning()
    floor.pay("alice", BNB=0.0179)
    before = floor.has("USDT")
    floor.trade("bob", "alice", BTC, 20_000, 100)
    assert (floor.has("BNB"), floor.has("USDT")) == (0.0179, before - 10)


def test_who_does_not_want_it_keeps_the_bnb() -> None:
    """The switch of POST /fapi/v1/feeBurn; a bust gives a fee back in what it was paid in."""
    floor = Burning()
    floor.pay("alice", BNB=1)
    floor.do(SetFeeBurn("alice", False))
    floor.trade("bob", "alice", BTC, 20_000, 100)
    assert floor.has("BNB") == 1
    floor.do(SetFeeBurn("alice", True))
    floor.trade("alice", "bob", BTC, 20_000, 100)
    assert floor.has("BNB") == 1 - 4 * 0.9 / 500
    trade = floor.engine.state.markets[BTC].tape.trades[-1]
    floor.do(c.BustTrade(BTC, trade.id))
    assert floor.has("BNB") == 1


def short() -> Floor:
    """Alice has BTC alone and is short of it, so that both her prices move her margin."""
    floor = world()
    floor.do(c.OpenAccount("alice", (), None, (("BTC", 850_000),)))
    floor.do(SetMultiAssets("alice", True))
    floor.do(c.TransferFunds("alice", "USDT", 9_980 * ATOMS, to_futures=False))
    floor.do(c.SetLeverage("alice", S, 125))
    floor.market("alice", Side.SELL, 99_000)
    return floor


def test_an_account_is_liquidated_in_the_second_in_which_its_margin_is_used_up() -> None:
    """Nothing is reckoned in between: the bounds of mark price and index must not be late."""
    floor, same = short(), short()
    events = floor.wait(20_000)
    told = next(e for e in events if isinstance(e, PositionLiquidated))
    state = same.engine.state

    def left(at: int) -> int:
        joint = joint_of(state, state.accounts["alice"], at)
        return joint.equity - joint.maintenance

    assert left(told.at) <= 0 < left(told.at - SECOND)
    assert min(left(at) for at in range(same.at, told.at, 60 * SECOND)) > 0


def test_falling_collateral_alone_is_seen_in_time() -> None:
    """A position that hardly moves, and a debt in USDT that only BTC covers."""
    floor = world()
    floor.do(c.OpenAccount("alice", (), None, (("BTC", 2 * 10**6),)))
    floor.do(SetMultiAssets("alice", True))
    state = floor.engine.state
    account, start = state.accounts["alice"], floor.at
    price = rates_of(state, "BTC", start)
    assert price is not None
    owned = 2 * 10**6 * price.bid // ATOMS
    owed = 10_000 * ATOMS + owned * 993 // 1_000
    state.ledger.transfer("alice@futures", BACKGROUND, "USDT", owed, at=start)  # as a loss would
    floor.do(c.OpenAccount("alice", (("USDT", 1),)))
    floor.do(c.TransferFunds("alice", "USDT", 1))

    def is_overdue_at(second: int) -> bool:
        return is_overdue(state, account, start + second * SECOND)

    expected = next(second for second in range(1, 40_000) if is_overdue_at(second))
    events = floor.wait(expected)
    exchanged = [e.at for e in events if isinstance(e, FuturesBalanceChanged)]
    assert exchanged == [start + expected * SECOND] * 2  # BTC is sold, USDT bought
