"""The engine and the reference venue for perpetuals side by side: the same random steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.auditor import Auditor, audit
from failing_exchange.core.collateral import ChangeCollateral, SetMultiAssets
from failing_exchange.core.contract import Contract, brackets_of
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import (
    Event,
    FundingPaid,
    FuturesBalanceChanged,
    OrderFilled,
    PositionLiquidated,
)
from failing_exchange.core.joint_margin import available_of, joint_of
from failing_exchange.core.ledger import BACKGROUND, FEES, INSURANCE, futures_wallet
from failing_exchange.core.margin import positions_in, status_of
from failing_exchange.core.market import TRADING, Market, Prevention
from failing_exchange.core.order import LIMIT, MARKET, Fill, PositionSide, Side, TimeInForce
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, HOUR, PPM
from failing_exchange.venue.perpetuals import COLLATERAL
from tests.core import reference_margin as reference
from tests.core.reference_perpetual import ReferenceVenue

START = 1_767_225_600 * 10**9
NAMES = ("alice", "bob", "carol", "dave")
ROWS = {  # largest notional, highest leverage, maintenance rate in ppm
    "BTC/USDT:USDT": [(1_000, 50, 4_000), (3_000, 20, 10_000), (10_000, 10, 50_000),
                      (100_000, 4, 125_000)],
    "ETH/USDT:USDT": [(700, 75, 5_000), (2_100, 25, 20_000), (9_999, 8, 65_000)],
}  # fmt: skip
BTC = Market(
    symbol="BTC/USDT:USDT", base="BTC", quote="USDT", price_step=100 * ATOMS, amount_step=10**6,
    kind="linear", maker_fee=200, taker_fee=500, contract=Contract(
        settle="USDT", liquidation_fee=3_000, brackets=brackets_of(
            (most * ATOMS, leverage, rate) for most, leverage, rate in ROWS["BTC/USDT:USDT"]
        ),
    ),
)  # fmt: skip
ETH = replace(  # steps that leave parts of an atom
    BTC, symbol="ETH/USDT:USDT", base="ETH", price_step=1_234_567_891, amount_step=7_654_321,
    maker_fee=133, taker_fee=777, contract=Contract(
        settle="USDT", liquidation_fee=12_500, brackets=brackets_of(
            (most * ATOMS, leverage, rate) for most, leverage, rate in ROWS["ETH/USDT:USDT"]
        ),
    ),
)  # fmt: skip
assert ETH.contract is not None
ETH_IN_USDC = replace(
    ETH, symbol="ETH/USDC:USDC", quote="USDC", contract=replace(ETH.contract, settle="USDC")
)
STABLE = ("USDT", "USDC")
ASSETS = (*STABLE, "BTC", "ETH")
SPOT = replace(BTC, symbol="BTC/USDT", kind="spot", contract=None)
PRICE = 100  # ticks about which all is traded


def terms_of(market: Market) -> reference.Terms:
    """A contract as the reference knows it."""
    contract = market.contract
    assert contract is not None
    rows = ROWS[f"{market.base}/USDT:USDT"]
    return reference.Terms(
        market.symbol, market.price_step, market.amount_step,
        [(most * ATOMS, leverage, Fraction(rate, PPM)) for most, leverage, rate in rows],
        Fraction(market.maker_fee, PPM), Fraction(market.taker_fee, PPM),
        Fraction(contract.liquidation_fee, PPM), base=market.base, settle=market.settle,
    )  # fmt: skip


class Pair:
    """Both venues; `step` takes one random step, and compares everything.

    With `joint`, ETH settles in USDC, and accounts have further assets and the multi-assets mode.
    """

    def __init__(self, every: int = 1, *, joint: bool = False) -> None:
        self.at, self.steps, self.every = START, 0, every
        self.joint, traded = joint, (BTC, ETH_IN_USDC if joint else ETH)
        self.markets = {market.symbol: market for market in traded}
        self.assets = ASSETS if joint else ASSETS[:1]
        self.engine = Engine([*((market, None) for market in traded), (SPOT, None)], COLLATERAL)
        self.engine.auditor = Auditor(self.engine)
        self.venue = ReferenceVenue([terms_of(market) for market in traded])
        self.trades: list[int] = []  # the ids of the trades that the reference has
        self.new: dict[int, tuple[str, list[reference.Side]]] = {}  # trades that it may not have
        self.busted: set[int] = set()
        self.told: list[str] = []  # the last commands, for whoever reads a failure
        for number, name in enumerate(NAMES):
            atoms = (300, 1_000, 5_000, 50_000)[number] * ATOMS
            cash = {asset: self.scaled(atoms, asset) for asset in self.assets}
            spot = {asset: money // 3 for asset, money in cash.items()} | {"USDT": 100 * ATOMS}
            opened = c.OpenAccount(name, tuple(spot.items()), None, tuple(cash.items()))
            self.engine.execute(opened, self.at)
            self.venue.traders[name] = reference.Trader(name, cash, spot)
        for name in NAMES[:3] if joint else ():  # later they are seldom idle
            self.set_joint(name, True)
        for asset in STABLE if joint else ():  # the accounts are small, and so are their debts
            terms = self.engine.state.collateral
            terms[asset] = terms[asset]._replace(threshold=20 * ATOMS)
            self.venue.coins[asset].most_owed = 20 * ATOMS
        for symbol in self.markets:
            for name, side in (("carol", Side.SELL), ("dave", Side.BUY)):
                self.order(name, symbol, side, LIMIT, 1, PRICE)

    # ---- both at once

    def do(self, command: Any, ours: Callable[[], Any], number: int = 0) -> None:
        """Carry out a command on both; a refusal must have the same reason."""
        self.told = [*self.told[-30:], f"{command}"]
        self.at += 1_000_000
        self.follow(self.engine.advance(self.at))
        try:
            events, _ = self.engine.execute(command, self.at)
            found = "done"
        except Reject as refused:
            events, found = (), str(refused.reason.value)
            assert not self.engine.state.events, "a refusal leaves nothing behind"
        try:
            ours()
            expected = "done"
        except reference.Refused as why:
            expected = str(why)
        assert found == expected, f"refused: engine {found}, reference {expected}"
        self.follow(tuple(e for e in events if not isinstance(e, FundingPaid)))
        self.compare_trades()
        self.steps += 1
        if self.steps % self.every == 0:
            audit(self.engine)
            self.compare()

    def follow(self, events: tuple[Event, ...]) -> None:
        """Have the reference do what the engine did by itself, if it is due."""
        venue = self.venue
        liquidated: dict[str, None] = {}
        for event in events:
            if isinstance(event, OrderFilled):
                self.note(event.fill)
            elif isinstance(event, FundingPaid):
                venue.pay_funding(event.symbol, Fraction(event.rate, ATOMS))
            elif isinstance(event, PositionLiquidated):
                self.liquidate(event)
                liquidated[event.account] = None
                venue.cover(event.account)
            elif isinstance(event, FuturesBalanceChanged) and event.why == "auto_exchange":
                self.exchange(event, liquidated=event.account in liquidated)
        for name in NAMES:
            venue.cover(name)
            trader = venue.traders[name]
            due = venue.must_exchange(trader, liquidated=name in liquidated)
            assert not due or not venue.sellable(trader), f"{name} owes {due}"

    def exchange(self, event: FuturesBalanceChanged, *, liquidated: bool) -> None:
        """What the engine buys has to be due; what it sells for that comes before."""
        venue, trader = self.venue, self.venue.traders[event.account]
        if event.change > 0:
            due = venue.must_exchange(trader, liquidated=liquidated)
            assert event.asset in due, f"{event} is not due"
            before = trader.cash[event.asset]
            venue.exchange(trader, event.asset)
            self.same(f"{event}", event.change, trader.cash[event.asset] - before)
            venue.cover(event.account)

    def note(self, fill: Fill) -> None:
        """Keep a side of a trade, to be compared."""
        amount = fill.lots * self.markets[fill.symbol].amount_step
        side = str(fill.position_side.value)
        key = fill.trade_id * 2 + (fill.symbol == BTC.symbol)
        self.new.setdefault(key, (fill.symbol, []))[1].append(
            (fill.account, side, fill.side is Side.BUY, amount, fill.cost, fill.fee)
        )

    def compare_trades(self) -> None:
        """The trades since the last step are the same; in which order they were made is not."""
        for trade in self.venue.trades[len(self.trades) :]:
            found = [key for key, one in self.new.items() if one == trade]
            assert found, f"{trade} is not among {self.new}"
            del self.new[found[0]]
            self.trades.append(found[0] // 2)
        assert not self.new, f"the reference has not {self.new}"

    def liquidate(self, event: PositionLiquidated) -> None:
        venue, side = self.venue, str(event.side.value)
        trader, terms = venue.traders[event.account], venue.contracts[event.symbol]
        holding = trader.holding(terms, side)
        assert venue.is_due(trader, terms, holding), f"{event} is not due"
        market = self.markets[event.symbol]
        amount, price = venue.liquidate(event.account, event.symbol, side)
        found = (event.lots * market.amount_step, event.ticks * market.price_step)
        assert found == (amount, price), f"{event}: reference {amount} at {price}"

    def compare(self) -> None:
        """Everything that both know of accounts, positions, orders and the venue's own money."""
        state, venue = self.engine.state, self.venue
        assert not venue.due(), f"not liquidated: {venue.due()}"
        for name, trader in venue.traders.items():
            for asset in self.assets:
                self.compare_asset(trader, asset)
            if trader.joint:
                joint = joint_of(state, state.accounts[name], self.at)
                self.same(f"{name} equity", joint.equity, venue.equity(trader))
                self.same(f"{name} spare", joint.spare, venue.spare(trader))
            self.same(f"{name} positions", self.positions(name), held_by(trader))
        self.same("orders", self.open_orders(), self.reference_orders())
        for asset, fund in venue.fund.items():
            self.same(f"fund of {asset}", state.ledger.free(INSURANCE, asset), fund)
            self.same(f"fees in {asset}", state.ledger.free(FEES, asset), venue.fees[asset])
        for asset, atoms in venue.others_cash.items():
            self.same(f"background's {asset}", state.ledger.free(BACKGROUND, asset), atoms)

    def compare_asset(self, trader: reference.Trader, asset: str) -> None:
        """What an account has of an asset, and needs of it."""
        state, venue, name = self.engine.state, self.venue, trader.name
        wallet, account = futures_wallet(name), state.accounts[name]
        found, status = status_of(state, account, asset, self.at), venue.status(trader, asset)
        margins = sum(
            holding.margin
            for (symbol, _), holding in trader.holdings.items()
            if venue.contracts[symbol].settle == asset
        )
        if asset in venue.fund:
            ours = available_of(state, account, asset, self.at)
            self.same(f"{name} available {asset}", ours, venue.available(trader, asset))
        for what, ours, theirs in (
            ("wallet", found.wallet, trader.cash[asset]),
            ("spot", state.ledger.free(name, asset), trader.spot[asset]),
            ("isolated", state.ledger.used(wallet, asset), margins),
            ("unrealised", found.unrealised, status.unrealised),
            ("maintenance", found.maintenance, status.maintenance),
            ("position margin", found.position_margin, status.held),
            ("order margin", found.order_margin, status.ordered),
        ):
            self.same(f"{name} {what} of {asset}", ours, theirs)

    def same(self, what: str, ours: object, theirs: object) -> None:
        assert ours == theirs, f"{what}: engine {ours}, reference {theirs}"

    def positions(self, name: str) -> dict[tuple[str, str], tuple[int, int, int]]:
        return {
            (ms.market.symbol, str(p.side.value)): (
                p.lots * ms.market.amount_step,
                p.cost,
                p.margin,
            )
            for ms in self.engine.state.contracts
            for p in positions_in(ms, name)
            if p.lots or p.margin
        }

    def open_orders(self) -> dict[int, tuple[str, int]]:
        return {
            o.id: (o.account, o.remaining * self.markets[o.symbol].amount_step)
            for o in self.engine.state.orders.values()
        }

    def reference_orders(self) -> dict[int, tuple[str, int]]:
        return {o.id: (o.owner, o.left) for o in self.venue.orders}

    # ---- the steps

    def step(self, kind: str, random: Random) -> None:
        """Take one step of a kind."""
        STEPS[kind](self, random)

    def scaled(self, atoms: int, asset: str) -> int:
        """Less of each asset where there are several, and of those that cost more."""
        return atoms // (1 if not self.joint else 6 if asset in STABLE else 10**5)

    def set_joint(self, name: str, on: bool) -> None:
        """Change the asset mode on both."""
        self.do(SetMultiAssets(name, on), lambda: self.venue.set_multi_assets(name, on))

    def order(
        self, name: str, symbol: str, side: Side, kind: Any, lots: int, ticks: int, **more: Any
    ) -> None:
        """Place an order on both."""
        market, venue = self.markets[symbol], self.venue
        command = c.PlaceOrder(name, symbol, side, kind, lots, ticks, **more)
        prevention = command.prevention or Prevention.EXPIRE_MAKER
        new = reference.Order(
            self.engine.state.next_order_id, name, venue.contracts[symbol], side is Side.BUY,
            ticks * market.price_step if kind is LIMIT else None, lots * market.amount_step,
            str(command.position_side.value), command.reduce_only,
            prevention=str(prevention.value), post_only=command.post_only,
        )  # fmt: skip
        force = str(command.time_in_force.value).lower()
        self.do(command, lambda: venue.place(new, force))


def held_by(trader: reference.Trader) -> dict[tuple[str, str], tuple[int, int, int]]:
    """What the reference knows an account to hold."""
    return {
        key: (h.amount, h.cost, h.margin)
        for key, h in trader.holdings.items()
        if h.amount or h.margin
    }


def place(pair: Pair, random: Random) -> None:
    """A limit or market order of any kind, of any size, near the last price or far from it."""
    name, symbol = random.choice(NAMES), random.choice(tuple(pair.markets))
    side, lots = (
        random.choice((Side.BUY, Side.SELL)),
        random.choice((random.randint(1, 9), random.randint(1, 60))),
    )
    more: dict[str, Any] = {"reduce_only": random.randrange(5) == 0}
    hedge = pair.venue.traders[name].hedge
    if hedge is not (random.randrange(20) == 0):
        more["position_side"] = random.choice((PositionSide.LONG, PositionSide.SHORT))
    if random.randrange(3) == 0:
        more["prevention"] = random.choice(
            (Prevention.EXPIRE_TAKER, Prevention.EXPIRE_BOTH, Prevention.EXPIRE_MAKER)
        )
    if random.randrange(4) == 0:
        pair.order(name, symbol, side, MARKET, lots, 0, **more)
        return
    kind = random.choice(("gtc", "gtc", "gtc", "ioc", "fok", "post"))
    if kind == "post":
        more["post_only"] = True
    elif kind != "gtc":
        more["time_in_force"] = TimeInForce.IOC if kind == "ioc" else TimeInForce.FOK
    if kind == "fok":
        more["prevention"] = Prevention.NONE
    pair.order(name, symbol, side, LIMIT, lots, pair_price(pair, symbol, random), **more)


def pair_price(pair: Pair, symbol: str, random: Random) -> int:
    """A price in ticks: mostly near the last one, and seldom far from where all began."""
    last = pair.venue.contracts[symbol].last // pair.markets[symbol].price_step
    middle = last if random.randrange(4) else PRICE
    return max(1, middle + random.randint(-4, 4))


def cancel(pair: Pair, random: Random) -> None:
    """Cancel an order, or several of an account."""
    if not pair.venue.orders:
        return
    order = random.choice(pair.venue.orders)
    command = c.CancelOrder(order.owner, order.terms.symbol, order.id)
    pair.do(command, lambda: pair.venue.cancel(order.id))


def change(pair: Pair, random: Random) -> None:
    """Change price and amount of an order."""
    if not pair.venue.orders:
        return
    order = random.choice(pair.venue.orders)
    symbol = order.terms.symbol
    market, lots = pair.markets[symbol], random.randint(1, 60)
    ticks = pair_price(pair, symbol, random)
    command = c.ChangeOrder(order.owner, symbol, order.id, lots=lots, ticks=ticks)
    venue = pair.venue
    pair.do(
        command,
        lambda: venue.change(order.id, ticks * market.price_step, lots * market.amount_step),
    )


def settings(pair: Pair, random: Random) -> None:
    """Leverage, margin mode, position mode."""
    name, symbol = random.choice(NAMES), random.choice(tuple(pair.markets))
    venue, kind = pair.venue, random.randrange(6 if pair.joint else 4)
    if kind < 2:
        leverage = random.choice((0, 1, 3, 7, 10, 20, 25, 25, 50, 50, 76))
        command: Any = c.SetLeverage(name, symbol, leverage)
        pair.do(command, lambda: venue.set_leverage(name, symbol, leverage))
    elif kind == 2:
        isolated = random.randrange(2) == 0
        mode = MarginMode.ISOLATED if isolated else MarginMode.CROSS
        command = c.SetMarginMode(name, symbol, mode)
        pair.do(command, lambda: venue.set_isolated(name, symbol, isolated))
    elif kind > 3:
        pair.set_joint(name, random.randrange(4) > 0)
    else:
        hedge = random.randrange(2) == 0
        pair.do(c.SetPositionMode(name, hedge), lambda: venue.set_hedge(name, hedge))


def money(pair: Pair, random: Random) -> None:
    """Transfers, and margin of isolated positions."""
    name, symbol = random.choice(NAMES), random.choice(tuple(pair.markets))
    venue, atoms = pair.venue, random.choice((-1, 1)) * random.randint(1, 60 * ATOMS)
    asset = random.choice(pair.assets)
    scale = 1 if asset in STABLE else 10**4
    if random.randrange(4) == 0:
        rich = random.choice((1, 1, 1, 30)) * abs(atoms) // scale
        opened = c.OpenAccount(name, (), None, ((asset, rich),))
        pair.do(opened, lambda: venue.pay_in(name, asset, rich))
        return
    if random.randrange(2):
        moved = (atoms // scale or 1) * random.choice((1, 1, 10))
        command: Any = c.TransferFunds(name, asset, abs(moved), moved > 0)
        pair.do(command, lambda: venue.transfer(name, asset, moved))
        return
    sides = (PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT)
    side = random.choice(sides[1:] if venue.traders[name].hedge else sides[:1])
    command = c.AdjustMargin(name, symbol, atoms, side)
    pair.do(command, lambda: venue.adjust(name, symbol, str(side.value), atoms))


def mark(pair: Pair, random: Random) -> None:
    """The mark price moves away from the last price, or back to it."""
    symbol = random.choice(tuple(pair.markets))
    terms = pair.venue.contracts[symbol]
    most = terms.step * PRICE // random.choice((8, 30, 100))
    shift = random.choice((0, 1, 1)) * random.randint(-most, most)

    def ours() -> None:
        terms.shift = shift

    pair.do(c.MoveMark(symbol, shift), ours)


def funding(pair: Pair, random: Random) -> None:
    """Funding out of turn, at any rate; or eight hours pass."""
    symbol, venue = random.choice(tuple(pair.markets)), pair.venue
    if random.randrange(4) == 0:
        pair.at = (pair.at // (8 * HOUR) + 1) * 8 * HOUR
        pair.follow(pair.engine.advance(pair.at))
        return
    rate = random.randint(-2_000_000, 2_000_000)
    exact = Fraction(rate, ATOMS)
    pair.do(c.PayFunding(symbol, rate), lambda: venue.pay_funding(symbol, exact))


def incident(pair: Pair, random: Random) -> None:
    """What an operator does: deleverage, bust, refill the fund, delist."""
    symbol, venue, kind = random.choice(tuple(pair.markets)), pair.venue, random.randrange(60)
    if pair.joint and kind % 10 == 0:
        depeg(pair, random)
        return
    market = pair.markets[symbol]
    if kind < 20:
        name, lots = random.choice(NAMES), random.choice((0, 1, 3, 20))
        if any(h.amount for _, h in venue.sides(venue.traders[name], venue.contracts[symbol])):
            pair.do(c.Deleverage(name, symbol, lots), lambda: adl(pair, name, symbol, lots))
    elif kind < 40:
        bust(pair, random, symbol)
    elif kind < 58:
        asset, atoms = market.settle, random.choice((0, 10**9, reference.FUND))

        def ours() -> None:
            venue.fund[asset] = atoms

        pair.do(c.SetInsuranceFund(asset, atoms), ours)
    else:
        ticks = max(1, PRICE + random.randint(-3, 3))
        price = ticks * market.price_step
        pair.do(c.SettleContract(symbol, ticks), lambda: venue.settle(symbol, price))

        def again() -> None:
            venue.contracts[symbol].trading = True

        pair.do(c.SetMarketStatus(symbol, TRADING), again)


def depeg(pair: Pair, random: Random) -> None:
    """A stable coin loses some of its worth, or gains it back; its buffer may become wider."""
    asset, price = random.choice(STABLE), random.choice((ATOMS, random.randint(8 * 10**7, ATOMS)))
    ppm, coin = random.choice((100, 10_000)), pair.venue.coins[asset]

    def ours() -> None:
        coin.price, coin.buffer = price, Fraction(ppm, PPM)

    pair.do(ChangeCollateral(asset, price, ppm, ppm), ours)


def adl(pair: Pair, name: str, symbol: str, lots: int) -> None:
    """What the reference makes of a deleveraging: all at the mark price, in whole ticks."""
    venue, market = pair.venue, pair.markets[symbol]
    trader, terms = venue.traders[name], venue.contracts[symbol]
    price = max(1, terms.mark // market.price_step) * market.price_step
    venue.take_orders(trader, terms)
    for side in (reference.BOTH, reference.LONG, reference.SHORT):
        held = abs(trader.holding(terms, side).amount)
        if held:
            part = min(held, lots * market.amount_step or held)
            venue.close_beside(trader, terms, side, part, price)


def bust(pair: Pair, random: Random, symbol: str) -> None:
    """Undo one of the last trades."""
    known = [n for n, (of, _) in enumerate(pair.venue.trades) if of == symbol][-20:]
    if known:
        number = random.choice(known)
        if number not in pair.busted:
            pair.busted.add(number)
            command = c.BustTrade(symbol, pair.trades[number])
            pair.do(command, lambda: pair.venue.bust(number))


STEPS: dict[str, Callable[[Pair, Random], None]] = {
    "place": place, "cancel": cancel, "change": change, "settings": settings, "money": money,
    "mark": mark, "funding": funding, "incident": incident,
}  # fmt: skip
WEIGHTS = (50, 6, 6, 8, 6, 10, 3, 3)
