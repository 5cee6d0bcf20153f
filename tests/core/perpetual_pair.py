"""The engine and the reference venue for perpetuals side by side: the same random steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.auditor import Auditor, audit
from failing_exchange.core.contract import Contract, brackets_of
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import Event, FundingPaid, OrderFilled, PositionLiquidated
from failing_exchange.core.ledger import BACKGROUND, FEES, INSURANCE, futures_wallet
from failing_exchange.core.margin import positions_in, status_of
from failing_exchange.core.market import TRADING, Market, Prevention
from failing_exchange.core.order import LIMIT, MARKET, Fill, PositionSide, Side, TimeInForce
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, HOUR, PPM
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
MARKETS = {market.symbol: market for market in (BTC, ETH)}
SPOT = replace(BTC, symbol="BTC/USDT", kind="spot", contract=None)
PRICE = 100  # ticks about which all is traded


def terms_of(market: Market) -> reference.Terms:
    """A contract as the reference knows it."""
    contract = market.contract
    assert contract is not None
    rows = ROWS[market.symbol]
    return reference.Terms(
        market.symbol, market.price_step, market.amount_step,
        [(most * ATOMS, leverage, Fraction(rate, PPM)) for most, leverage, rate in rows],
        Fraction(market.maker_fee, PPM), Fraction(market.taker_fee, PPM),
        Fraction(contract.liquidation_fee, PPM),
    )  # fmt: skip


class Pair:
    """Both venues; `step` takes one random step, and compares everything."""

    def __init__(self, every: int = 1) -> None:
        self.at, self.steps, self.every = START, 0, every
        self.engine = Engine([(BTC, None), (ETH, None), (SPOT, None)])
        self.engine.auditor = Auditor(self.engine)
        self.venue = ReferenceVenue([terms_of(BTC), terms_of(ETH)])
        self.trades: list[int] = []  # the ids of the trades that the reference has
        self.new: dict[int, tuple[str, list[reference.Side]]] = {}  # trades that it may not have
        self.busted: set[int] = set()
        self.told: list[str] = []  # the last commands, for whoever reads a failure
        for number, name in enumerate(NAMES):
            atoms = (300, 1_000, 5_000, 50_000)[number] * ATOMS
            opened = c.OpenAccount(name, (("USDT", 100 * ATOMS),), None, (("USDT", atoms),))
            self.engine.execute(opened, self.at)
            self.venue.traders[name] = reference.Trader(name, atoms, 100 * ATOMS)
        for symbol in MARKETS:
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
        for event in events:
            if isinstance(event, OrderFilled):
                self.note(event.fill)
            elif isinstance(event, FundingPaid):
                venue.pay_funding(event.symbol, Fraction(event.rate, ATOMS))
            elif isinstance(event, PositionLiquidated):
                self.liquidate(event)
                venue.cover(event.account)
        for name in NAMES:
            venue.cover(name)

    def note(self, fill: Fill) -> None:
        """Keep a side of a trade, to be compared."""
        amount = fill.lots * MARKETS[fill.symbol].amount_step
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
        market = MARKETS[event.symbol]
        amount, price = venue.liquidate(event.account, event.symbol, side)
        found = (event.lots * market.amount_step, event.ticks * market.price_step)
        assert found == (amount, price), f"{event}: reference {amount} at {price}"

    def compare(self) -> None:
        """Everything that both know of accounts, positions, orders and the venue's own money."""
        state, venue = self.engine.state, self.venue
        assert not venue.due(), f"not liquidated: {venue.due()}"
        for name, trader in venue.traders.items():
            wallet, account = futures_wallet(name), state.accounts[name]
            found = status_of(state, account, "USDT", self.at)
            status = venue.status(trader)
            self.same(f"{name} wallet", found.wallet, trader.cash)
            self.same(f"{name} spot", state.ledger.free(name, "USDT"), trader.spot)
            margins = sum(h.margin for h in trader.holdings.values())
            self.same(f"{name} isolated", state.ledger.used(wallet, "USDT"), margins)
            for what, ours, theirs in (
                ("unrealised", found.unrealised, status.unrealised),
                ("maintenance", found.maintenance, status.maintenance),
                ("position margin", found.position_margin, status.held),
                ("order margin", found.order_margin, status.ordered),
                ("available", found.available, status.available),
            ):
                self.same(f"{name} {what}", ours, theirs)
            self.same(f"{name} positions", self.positions(name), held_by(trader))
        self.same("orders", self.open_orders(), self.reference_orders())
        self.same("insurance fund", state.ledger.free(INSURANCE, "USDT"), venue.fund)
        self.same("fees", state.ledger.free(FEES, "USDT"), venue.fees)
        self.same("background", state.ledger.free(BACKGROUND, "USDT"), venue.others_cash)

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
            o.id: (o.account, o.remaining * MARKETS[o.symbol].amount_step)
            for o in self.engine.state.orders.values()
        }

    def reference_orders(self) -> dict[int, tuple[str, int]]:
        return {o.id: (o.owner, o.left) for o in self.venue.orders}

    # ---- the steps

    def step(self, kind: str, random: Random) -> None:
        """Take one step of a kind."""
        STEPS[kind](self, random)

    def order(
        self, name: str, symbol: str, side: Side, kind: Any, lots: int, ticks: int, **more: Any
    ) -> None:
        """Place an order on both."""
        market, venue = MARKETS[symbol], self.venue
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
    name, symbol = random.choice(NAMES), random.choice(tuple(MARKETS))
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
    last = pair.venue.contracts[symbol].last // MARKETS[symbol].price_step
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
    market, lots = MARKETS[symbol], random.randint(1, 60)
    ticks = pair_price(pair, symbol, random)
    command = c.ChangeOrder(order.owner, symbol, order.id, lots=lots, ticks=ticks)
    venue = pair.venue
    pair.do(
        command,
        lambda: venue.change(order.id, ticks * market.price_step, lots * market.amount_step),
    )


def settings(pair: Pair, random: Random) -> None:
    """Leverage, margin mode, position mode."""
    name, symbol = random.choice(NAMES), random.choice(tuple(MARKETS))
    venue, kind = pair.venue, random.randrange(4)
    if kind < 2:
        leverage = random.choice((0, 1, 3, 7, 10, 20, 25, 25, 50, 50, 76))
        command: Any = c.SetLeverage(name, symbol, leverage)
        pair.do(command, lambda: venue.set_leverage(name, symbol, leverage))
    elif kind == 2:
        isolated = random.randrange(2) == 0
        mode = MarginMode.ISOLATED if isolated else MarginMode.CROSS
        command = c.SetMarginMode(name, symbol, mode)
        pair.do(command, lambda: venue.set_isolated(name, symbol, isolated))
    else:
        hedge = random.randrange(2) == 0
        pair.do(c.SetPositionMode(name, hedge), lambda: venue.set_hedge(name, hedge))


def money(pair: Pair, random: Random) -> None:
    """Transfers, and margin of isolated positions."""
    name, symbol = random.choice(NAMES), random.choice(tuple(MARKETS))
    venue, atoms = pair.venue, random.choice((-1, 1)) * random.randint(1, 60 * ATOMS)
    if random.randrange(4) == 0:
        rich = random.choice((1, 1, 1, 30)) * abs(atoms)
        opened = c.OpenAccount(name, (), None, (("USDT", rich),))
        pair.do(opened, lambda: venue.pay_in(name, rich))
        return
    if random.randrange(2):
        command: Any = c.TransferFunds(name, "USDT", abs(atoms), atoms > 0)
        pair.do(command, lambda: venue.transfer(name, atoms))
        return
    sides = (PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT)
    side = random.choice(sides[1:] if venue.traders[name].hedge else sides[:1])
    command = c.AdjustMargin(name, symbol, atoms, side)
    pair.do(command, lambda: venue.adjust(name, symbol, str(side.value), atoms))


def mark(pair: Pair, random: Random) -> None:
    """The mark price moves away from the last price, or back to it."""
    symbol = random.choice(tuple(MARKETS))
    terms = pair.venue.contracts[symbol]
    most = terms.step * PRICE // random.choice((8, 30, 100))
    shift = random.choice((0, 1, 1)) * random.randint(-most, most)

    def ours() -> None:
        terms.shift = shift

    pair.do(c.MoveMark(symbol, shift), ours)


def funding(pair: Pair, random: Random) -> None:
    """Funding out of turn, at any rate; or eight hours pass."""
    symbol, venue = random.choice(tuple(MARKETS)), pair.venue
    if random.randrange(4) == 0:
        pair.at = (pair.at // (8 * HOUR) + 1) * 8 * HOUR
        pair.follow(pair.engine.advance(pair.at))
        return
    rate = random.randint(-2_000_000, 2_000_000)
    exact = Fraction(rate, ATOMS)
    pair.do(c.PayFunding(symbol, rate), lambda: venue.pay_funding(symbol, exact))


def incident(pair: Pair, random: Random) -> None:
    """What an operator does: deleverage, bust, refill the fund, delist."""
    symbol, venue, kind = random.choice(tuple(MARKETS)), pair.venue, random.randrange(60)
    market = MARKETS[symbol]
    if kind < 20:
        name, lots = random.choice(NAMES), random.choice((0, 1, 3, 20))
        if any(h.amount for _, h in venue.sides(venue.traders[name], venue.contracts[symbol])):
            pair.do(c.Deleverage(name, symbol, lots), lambda: adl(pair, name, symbol, lots))
    elif kind < 40:
        bust(pair, random, symbol)
    elif kind < 58:
        atoms = random.choice((0, 10**9, reference.FUND))

        def ours() -> None:
            venue.fund = atoms

        pair.do(c.SetInsuranceFund("USDT", atoms), ours)
    else:
        ticks = max(1, PRICE + random.randint(-3, 3))
        price = ticks * market.price_step
        pair.do(c.SettleContract(symbol, ticks), lambda: venue.settle(symbol, price))

        def again() -> None:
            venue.contracts[symbol].trading = True

        pair.do(c.SetMarketStatus(symbol, TRADING), again)


def adl(pair: Pair, name: str, symbol: str, lots: int) -> None:
    """What the reference makes of a deleveraging: all at the mark price, in whole ticks."""
    venue, market = pair.venue, MARKETS[symbol]
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
