"""A venue for linear perpetuals that is slow and obviously right.

Written from the venue's formulas (sources: docs/perpetuals.md), in exact fractions, with lists that
are searched from end to end. Prices and money are in atoms; amounts in atoms of the base asset.
Money that changes hands is a whole number of atoms: it is rounded down, margin that is needed up.
Who is liquidated first, when several are due, is the engine's choice; whether they are due is not.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

from tests.core.reference_joint import COINS, JointVenue
from tests.core.reference_margin import (
    BOTH,
    FUND,
    LONG,
    ONE,
    SHORT,
    Holding,
    Order,
    Refused,
    Side,
    Status,
    Terms,
    Trader,
    notional,
    unrealised,
    value,
)


class ReferenceVenue(JointVenue):
    """Accounts, contracts and orders; each method is a command, and raises `Refused`."""

    def __init__(self, contracts: list[Terms]) -> None:
        self.contracts = {terms.symbol: terms for terms in contracts}
        self.traders: dict[str, Trader] = {}
        self.orders: list[Order] = []
        self.fund = {terms.settle: FUND for terms in contracts}
        self.fees = {terms.settle: 0 for terms in contracts}
        self.rank = 0
        self.coins = {asset: replace(coin) for asset, coin in COINS.items()}
        self.others: dict[str, Holding] = {s: Holding() for s in self.contracts}
        self.others_cash = dict.fromkeys(COINS, 0)
        self.trades: list[tuple[str, list[Side]]] = []

    # ---- what an account needs and has

    def leverage(self, trader: Trader, terms: Terms) -> int:
        return trader.leverage.get(terms.symbol, 20)

    def sides(self, trader: Trader, terms: Terms) -> list[tuple[str, Holding]]:
        return [(s, h) for (symbol, s), h in trader.holdings.items() if symbol == terms.symbol]

    def open_worth(self, trader: Trader, terms: Terms, side: str, buys: bool) -> int:
        return sum(
            o.worth
            for o in self.orders
            if (o.owner, o.terms, o.side, o.buys) == (trader.name, terms, side, buys)
        )

    def needs(
        self, trader: Trader, terms: Terms, more: tuple[str, bool, int] = ("", True, 0)
    ) -> tuple[int, int]:
        """(margin of positions, margin of orders) in a contract, with a further order's worth."""
        leverage, held, total = self.leverage(trader, terms), 0, 0
        trader.holding(terms, more[0] or BOTH)
        for side, holding in self.sides(trader, terms):
            bids, asks = (
                self.open_worth(trader, terms, side, buys)
                + (more[2] if (side, buys) == more[:2] else 0)
                for buys in (True, False)
            )
            worth = notional(terms, holding) * (1 if holding.amount > 0 else -1)
            held += ceil(Fraction(abs(worth), leverage))
            most = max(abs(worth), abs(worth + bids), abs(worth - asks))
            total += ceil(Fraction(most, leverage))
        return held, total - held

    def status(self, trader: Trader, asset: str) -> Status:
        found = Status(trader.cash.get(asset, 0))
        for terms in self.contracts.values():
            if terms.settle != asset:
                continue
            held, ordered = self.needs(trader, terms)
            found.ordered += ordered
            if terms.symbol in trader.isolated:
                continue
            found.held += held
            for _, holding in self.sides(trader, terms):
                if holding.amount:
                    found.unrealised += unrealised(terms, holding)
                    found.maintenance += terms.maintenance(notional(terms, holding))
        return found

    def is_due(self, trader: Trader, terms: Terms, holding: Holding) -> bool:
        """Whether a position is to be liquidated."""
        if not holding.amount:
            return False
        if terms.symbol in trader.isolated:
            needed = terms.maintenance(notional(terms, holding))
            return holding.margin + unrealised(terms, holding) <= needed
        return not self.suffices(trader, terms.settle)

    def due(self) -> list[tuple[str, str, str]]:
        """All that would have to be liquidated now."""
        return [
            (trader.name, terms.symbol, side)
            for trader in self.traders.values()
            for terms in self.contracts.values()
            for side, holding in self.sides(trader, terms)
            if self.is_due(trader, terms, holding)
        ]

    # ---- orders

    def place(self, order: Order, force: str = "gtc") -> None:
        """Check, match, and rest what a limit order has left."""
        trader, terms = self.traders[order.owner], order.terms
        if not terms.trading:
            raise Refused("market_halted")
        if force == "fok" and self.offered(order) < order.left:
            raise Refused("not_fillable")
        if order.post_only and self.best(order):
            raise Refused("would_match")
        self.check(trader, terms, order)
        self.orders.append(order)
        self.match(order, self.furthest(order))
        self.rest(order, force)

    def rest(self, order: Order, force: str = "gtc") -> None:
        if order not in self.orders:
            return
        if order.price is None or force != "gtc":
            self.orders.remove(order)
            return
        self.rank += 1
        order.rank = self.rank

    def check(self, trader: Trader, terms: Terms, order: Order) -> None:
        """Raise `Refused` where side, size, leverage or margin forbid a new order."""
        if trader.hedge == (order.side == BOTH):
            raise Refused("position_side")
        if order.closes:
            held = self.reducible(order)
            if held <= 0 or (order.side != BOTH and order.left > held):
                raise Refused("reduce_only")
            order.left = min(order.left, held)
            return
        price = self.assumed(order)
        worth = floor(value(price, order.left))
        holding = trader.holding(terms, order.side)
        signed = notional(terms, holding) * (1 if holding.amount > 0 else -1)
        same = self.open_worth(trader, terms, order.side, order.buys) + worth
        after = signed + same if order.buys else same - signed
        if after > self.largest(terms, self.leverage(trader, terms)):
            raise Refused("position_limit")
        asked = price if order.price is None else order.price
        gap = max(0, asked - terms.mark if order.buys else terms.mark - asked)
        opening = order.left - min(order.left, max(0, self.reducible(order)))
        before = self.needs(trader, terms)[1]
        more = self.needs(trader, terms, (order.side, order.buys, worth))[1] - before
        if max(0, more) + floor(value(gap, opening)) > self.available(trader, terms.settle):
            raise Refused("insufficient_funds")

    def assumed(self, order: Order) -> int:
        """The price that a new order is assumed to get."""
        dearer = floor(order.terms.last * Fraction(10_015, 10_000))
        if order.price is None:
            return dearer
        return order.price if order.buys else max(order.price, dearer, order.terms.mark)

    def largest(self, terms: Terms, leverage: int) -> int:
        return max((most for most, highest, _ in terms.brackets if highest >= leverage), default=0)

    def reducible(self, order: Order) -> int:
        amount = self.traders[order.owner].holding(order.terms, order.side).amount
        return -amount if order.buys else amount

    def furthest(self, order: Order) -> int:
        """The worst price that an order takes: a market order's is 5 % from the mark."""
        if order.price is not None:
            return order.price
        step = order.terms.step
        if order.buys:
            return max(1, floor(order.terms.mark * Fraction(105, 100) / step)) * step
        return max(1, ceil(order.terms.mark * Fraction(95, 100) / step)) * step

    def against(self, order: Order, limit: int | None) -> list[Order]:
        """The orders of the book that one could match, the best first."""
        found = [
            o
            for o in self.orders
            if o.rank and o.terms is order.terms and o.buys != order.buys and o.price is not None
            if limit is None or (o.price <= limit if order.buys else o.price >= limit)
        ]
        return sorted(found, key=lambda o: ((o.price or 0) * (1 if order.buys else -1), o.rank))

    def best(self, order: Order) -> list[Order]:
        return self.against(order, order.price)[:1]

    def offered(self, order: Order) -> int:
        return sum(o.left for o in self.against(order, order.price))

    def match(self, order: Order, limit: int) -> None:
        while order in self.orders and order.left:
            makers = self.against(order, limit)
            if not makers:
                return
            maker = makers[0]
            if maker.owner == order.owner and order.prevention != "none":
                if order.prevention in ("expire_maker", "expire_both"):
                    self.orders.remove(maker)
                if order.prevention in ("expire_taker", "expire_both"):
                    self.orders.remove(order)
                continue
            assert maker.price is not None
            self.trade(order, maker, maker.price, min(order.left, maker.left))

    def trade(self, taker: Order, maker: Order, price: int, amount: int) -> None:
        """Both positions move, both pay their fees; orders that only reduce are cut."""
        cost = floor(value(price, amount))
        terms, sides = taker.terms, []
        for order in sorted((taker, maker), key=lambda o: not o.buys):
            sign = 1 if order.buys else -1
            self.move(self.traders[order.owner], terms, order.side, sign * amount, sign * cost)
        terms.last = price
        for order, rate in ((taker, terms.taker), (maker, terms.maker)):
            fee = 0 if order.forced else floor(cost * rate)
            self.traders[order.owner].cash[terms.settle] -= fee
            self.fees[terms.settle] += fee
            self.fill(order, amount)
            sides.append((order.owner, order.side, order.buys, amount, cost, fee))
        self.trades.append((terms.symbol, sides))
        for order in (taker, maker):
            self.trim(order.owner, terms)

    def fill(self, order: Order, amount: int) -> None:
        order.left -= amount
        order.filled += amount
        if not order.left:
            self.orders.remove(order)

    def trim(self, owner: str, terms: Terms) -> None:
        for order in list(self.orders):
            if order.owner == owner and order.terms is terms and order.closes:
                order.left = min(order.left, self.reducible(order))
                if order.left <= 0:
                    self.orders.remove(order)

    def cancel(self, number: int) -> None:
        found = [o for o in self.orders if o.id == number]
        if not found:
            raise Refused("order_not_found")
        self.orders.remove(found[0])

    def change(self, number: int, price: int, amount: int) -> None:
        """Another price or amount: the order is as if it came anew, but for its id."""
        [order] = [o for o in self.orders if o.id == number]
        if not order.terms.trading:
            raise Refused("market_halted")
        if (order.price, order.left + order.filled) == (price, amount):
            raise Refused("no_change")
        if amount <= order.filled:
            self.orders.remove(order)
            return
        new = Order(
            number, order.owner, order.terms, order.buys, price, amount - order.filled, order.side,
            order.only_reduces, filled=order.filled, prevention="none", post_only=order.post_only,
        )  # fmt: skip
        if order.post_only and self.best(new):
            self.orders.remove(order)
            return
        place = self.orders.index(order)
        self.orders.remove(order)
        try:
            self.check(self.traders[order.owner], order.terms, new)
        except Refused:
            self.orders.insert(place, order)
            raise
        self.orders.insert(place, new)
        self.match(new, price)
        self.rest(new)

    # ---- positions

    def move(self, trader: Trader, terms: Terms, side: str, amount: int, cost: int) -> int:
        """Add to, reduce or turn a position; return the profit, which the wallet gets."""
        holding, profit = trader.holding(terms, side), 0
        isolated, asset = terms.symbol in trader.isolated, terms.settle
        if holding.amount and (holding.amount > 0) != (amount > 0):
            closed = min(abs(amount), abs(holding.amount))
            entry = floor(Fraction(holding.cost * closed, abs(holding.amount)))
            left_at = floor(Fraction(cost * closed, abs(amount)))
            freed = floor(Fraction(holding.margin * closed, abs(holding.amount)))
            profit = -left_at - entry
            sign = 1 if amount > 0 else -1
            holding.amount += sign * closed
            holding.cost -= entry
            holding.margin -= freed
            trader.cash[asset] += freed + profit
            if isolated and freed + profit < 0:  # it can't lose more than its margin
                self.fund[asset] += freed + profit
                trader.cash[asset] -= freed + profit
            amount, cost = amount - sign * closed, cost - left_at
        if amount:
            holding.amount += amount
            holding.cost += cost
            if isolated:
                wanted = ceil(Fraction(abs(cost), self.leverage(trader, terms)))
                margin = min(wanted, max(0, trader.cash[asset]))
                trader.cash[asset] -= margin
                holding.margin += margin
        return profit

    def move_others(self, terms: Terms, amount: int, cost: int) -> None:
        """The same with the background, which pays no margin."""
        held = {(terms.symbol, BOTH): self.others[terms.symbol]}
        other = Trader("", {terms.settle: 0}, holdings=held)
        self.others_cash[terms.settle] += self.move(other, terms, BOTH, amount, cost)

    def bust(self, number: int) -> None:
        symbol, sides = self.trades[number]
        terms = self.contracts[symbol]
        names = list(self.traders)
        for owner, side, buys, amount, cost, fee in sorted(sides, key=lambda s: names.index(s[0])):
            trader, sign = self.traders[owner], -1 if buys else 1
            trader.cash[terms.settle] += fee
            self.fees[terms.settle] -= fee
            self.move(trader, terms, side, sign * amount, sign * cost)
            self.move_others(terms, -sign * amount, -sign * cost)
            self.put_right(trader, terms, side)
            self.trim(owner, terms)

    def put_right(self, trader: Trader, terms: Terms, side: str) -> None:
        """Close, at the mark price, what the account's mode has no place for on that side."""
        holding = trader.holding(terms, side)
        fits = {BOTH: not trader.hedge, LONG: trader.hedge, SHORT: trader.hedge}[side]
        wrong_way = (side == LONG and holding.amount < 0) or (side == SHORT and holding.amount > 0)
        if fits and not wrong_way:
            return
        amount, worth = -holding.amount, notional(terms, holding)
        cost = worth if amount > 0 else -worth
        self.move(trader, terms, side, amount, cost)
        self.move_others(terms, -amount, -cost)

    # ---- settings and money

    def set_leverage(self, name: str, symbol: str, leverage: int) -> None:
        trader, terms = self.traders[name], self.contracts[symbol]
        if not 1 <= leverage <= terms.brackets[0][1]:
            raise Refused("leverage")
        before = self.leverage(trader, terms)
        held = [h for _, h in self.sides(trader, terms) if h.amount]
        if any(leverage > terms.brackets[terms.bracket(notional(terms, h))][1] for h in held):
            raise Refused("leverage")
        if held and symbol in trader.isolated and leverage < before:
            raise Refused("leverage")
        trader.leverage[symbol] = leverage
        if leverage < before and not self.has_margin(trader, terms.settle):
            trader.leverage[symbol] = before
            raise Refused("insufficient_funds")

    def is_busy(self, trader: Trader, symbols: list[str]) -> bool:
        orders = any(o.owner == trader.name and o.terms.symbol in symbols for o in self.orders)
        held = any(h.amount for (symbol, _), h in trader.holdings.items() if symbol in symbols)
        return orders or held

    def set_isolated(self, name: str, symbol: str, isolated: bool) -> None:
        trader = self.traders[name]
        if (symbol in trader.isolated) == isolated:
            raise Refused("no_change")
        if (isolated and trader.joint) or self.is_busy(trader, [symbol]):
            raise Refused("mode_kept")
        trader.isolated ^= {symbol}

    def set_hedge(self, name: str, hedge: bool) -> None:
        trader = self.traders[name]
        if trader.hedge == hedge:
            raise Refused("no_change")
        if self.is_busy(trader, list(self.contracts)):
            raise Refused("mode_kept")
        trader.hedge = hedge

    def set_multi_assets(self, name: str, joint: bool) -> None:
        trader = self.traders[name]
        self.set_joint(trader, joint, busy=self.is_busy(trader, list(self.contracts)))

    def adjust(self, name: str, symbol: str, side: str, change: int) -> None:
        trader, terms = self.traders[name], self.contracts[symbol]
        holding = trader.holding(terms, side)
        if symbol not in trader.isolated or not holding.amount:
            raise Refused("position_not_found")
        if change > 0:
            spare = min(self.available(trader, terms.settle), trader.cash[terms.settle])
        else:
            needed = ceil(Fraction(notional(terms, holding), self.leverage(trader, terms)))
            spare = holding.margin + min(0, unrealised(terms, holding)) - needed
        if abs(change) > spare:
            raise Refused("insufficient_funds")
        trader.cash[terms.settle] -= change
        holding.margin += change

    def pay_in(self, name: str, asset: str, atoms: int) -> None:
        self.traders[name].cash[asset] += atoms

    def transfer(self, name: str, asset: str, atoms: int) -> None:
        """Into the futures wallet, or (below 0) out of it: never profit that is not realised."""
        trader = self.traders[name]
        if atoms > trader.spot[asset] or -atoms > self.withdrawable(trader, asset):
            raise Refused("insufficient_funds")
        trader.spot[asset] -= atoms
        trader.cash[asset] += atoms

    # ---- what the venue does

    def pay_funding(self, symbol: str, rate: Fraction) -> None:
        terms = self.contracts[symbol]
        for trader in self.traders.values():
            for _, holding in self.sides(trader, terms):
                paid = self.funding_of(terms, holding, rate)
                if symbol not in trader.isolated:
                    trader.cash[terms.settle] -= paid
                    continue
                taken = min(paid, holding.margin)  # the fund pays what the margin can't
                self.fund[terms.settle] -= paid - taken
                holding.margin -= taken
        self.others_cash[terms.settle] -= self.funding_of(terms, self.others[symbol], rate)

    def funding_of(self, terms: Terms, holding: Holding, rate: Fraction) -> int:
        """What a position pays; below 0: what it is paid."""
        atoms = floor(notional(terms, holding) * abs(rate))
        return atoms if (holding.amount > 0) == (rate > 0) else -atoms

    def take_orders(self, trader: Trader, terms: Terms) -> None:
        """Cancel the orders whose margin is that of a position."""
        alone = terms.symbol in trader.isolated
        for order in list(self.orders):
            symbol = order.terms.symbol
            shared = trader.joint or order.terms.settle == terms.settle
            same = symbol == terms.symbol if alone else shared and symbol not in trader.isolated
            if order.owner == trader.name and same:
                self.orders.remove(order)

    def liquidate(self, name: str, symbol: str, side: str) -> tuple[int, int]:
        """One step of a liquidation: (amount, limit price) of the venue's order."""
        trader, terms = self.traders[name], self.contracts[symbol]
        holding = trader.holding(terms, side)
        self.take_orders(trader, terms)
        amount, isolated = self.step_of(terms, holding), symbol in trader.isolated
        margin = holding.margin
        if not isolated:
            margin = self.status(trader, terms.settle).balance - unrealised(terms, holding)
            margin += self.support(trader, terms.settle)
        price = self.bankruptcy(terms, holding, margin)
        order = Order(0, name, terms, holding.amount < 0, price, amount, side, True, forced=True)
        before, filled_cost = trader.cash[terms.settle], len(self.trades)
        self.orders.append(order)
        self.match(order, price)
        if order in self.orders:
            self.orders.remove(order)
        taken = self.trades[filled_cost:]
        if order.filled < amount:
            self.take_over(trader, terms, side, holding, price)
        cost = sum(sides[0][4] for _, sides in taken)
        self.clear(trader, terms, cost, margin if isolated else None, before)
        return amount, price

    def step_of(self, terms: Terms, holding: Holding) -> int:
        """Down to the end of the bracket below; all where the fee would be more than the margin."""
        worth, amount = notional(terms, holding), abs(holding.amount)
        number = terms.bracket(worth)
        if not number or terms.maintenance(worth) < floor(worth * terms.liquidation):
            return amount
        lots = amount // terms.lot
        keep = floor(Fraction(lots * terms.brackets[number - 1][0], worth))
        return (lots - keep) * terms.lot

    def bankruptcy(self, terms: Terms, holding: Holding, margin: int) -> int:
        """The price at which a position has lost `margin`, in whole steps in its owner's favour."""
        exact = Fraction((holding.cost - margin) * ONE, holding.amount)
        atoms = max(0, floor(exact))
        steps = ceil(Fraction(atoms, terms.step)) if holding.amount > 0 else atoms // terms.step
        return max(1, steps) * terms.step

    def take_over(
        self, trader: Trader, terms: Terms, side: str, holding: Holding, price: int
    ) -> None:
        """The fund closes what is left at the mark price, or the opposite side is deleveraged."""
        amount = holding.amount
        cost = floor(value(price, abs(amount)))
        loss = cost - floor(value(terms.mark, abs(amount)))
        loss = loss if amount > 0 else -loss
        can_bear = loss <= self.fund[terms.settle]
        self.close_beside(trader, terms, side, abs(amount), price)
        if can_bear:
            self.fund[terms.settle] -= loss
            self.others_cash[terms.settle] += loss
        else:
            self.deleverage(terms, abs(amount), price, long=amount < 0)

    def close_beside(
        self, trader: Trader, terms: Terms, side: str, amount: int, price: int
    ) -> None:
        """Close a part of a position at a price of the venue's, without fee; nothing is printed."""
        holding = trader.holding(terms, side)
        sign, cost = (-1 if holding.amount > 0 else 1), floor(value(price, amount))
        self.move(trader, terms, side, sign * amount, sign * cost)
        self.move_others(terms, -sign * amount, -sign * cost)
        self.trades.append((terms.symbol, [(trader.name, side, sign > 0, amount, cost, 0)]))
        self.trim(trader.name, terms)

    def deleverage(self, terms: Terms, amount: int, price: int, *, long: bool) -> None:
        """Close the opposite positions at the bankruptcy price, the highest ranks first."""
        ranks = [
            (-self.score(trader, terms, holding), trader.name, side, holding)
            for trader in self.traders.values()
            for side, holding in self.sides(trader, terms)
            if holding.amount and (holding.amount > 0) == long
        ]
        for _, name, side, holding in sorted(ranks, key=lambda one: one[:2]):
            part = min(amount, abs(holding.amount))
            if part > 0:
                self.take_orders(self.traders[name], terms)
                self.close_beside(self.traders[name], terms, side, part, price)
                amount -= part

    def score(self, trader: Trader, terms: Terms, holding: Holding) -> Fraction:
        """Profit percentage times margin ratio."""
        gain = max(0, unrealised(terms, holding))
        if terms.symbol in trader.isolated:
            wallet, balance = holding.margin, holding.margin + unrealised(terms, holding)
            needed = terms.maintenance(notional(terms, holding))
        elif trader.joint:
            parts = self.parts(trader)
            gain = self.rates(terms.settle).worth(gain)
            wallet, balance = sum(r.worth(s.cash) for _, s, r in parts), self.equity(trader)
            needed = sum(r.needed(s.maintenance) for _, s, r in parts)
        else:
            status = self.status(trader, terms.settle)
            wallet, balance, needed = status.cash, status.balance, status.maintenance
        if balance <= 0:
            return Fraction(0)
        return Fraction(gain * needed, max(1, wallet) * balance)

    def clear(
        self, trader: Trader, terms: Terms, cost: int, margin: int | None, before: int
    ) -> None:
        """The fee of a liquidation, out of what is left."""
        asset = terms.settle
        most = max(0, trader.cash[asset] + self.support(trader, asset))
        if margin is not None:
            most = max(0, min(most, trader.cash[asset] - before))
        fee = min(most, floor(cost * terms.liquidation))
        trader.cash[asset] -= fee
        self.fund[asset] += fee

    def cover(self, name: str) -> None:
        """What an account owes without a position, or asset, that may pay it, the fund pays."""
        trader = self.traders[name]
        if trader.joint and self.sellable(trader):
            return
        for asset in self.fund:
            shared = [t for t in self.contracts.values() if trader.joint or t.settle == asset]
            held = any(h.amount for terms in shared for _, h in self.sides(trader, terms))
            if trader.cash[asset] < 0 and not held:
                self.fund[asset] += trader.cash[asset]
                trader.cash[asset] = 0

    def settle(self, symbol: str, price: int) -> None:
        """Delist a contract: no orders, no positions, no trading."""
        terms = self.contracts[symbol]
        self.orders = [o for o in self.orders if o.terms is not terms]
        for trader in self.traders.values():
            for side, holding in self.sides(trader, terms):
                if holding.amount:
                    self.close_beside(trader, terms, side, abs(holding.amount), price)
        terms.trading = False
