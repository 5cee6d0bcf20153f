"""The multi-assets mode of the reference venue, in exact fractions of dollars.

Written from the formulas and rules in docs/perpetuals.md ("Multi-assets mode").
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple

from tests.core.reference_margin import ONE, Order, Refused, Status, Terms, Trader


class Rates(NamedTuple):
    """Whole atoms of a dollar for one unit of an asset."""

    bid: int
    ask: int
    sale: int
    purchase: int

    def worth(self, atoms: int) -> int:
        return floor(Fraction(atoms * (self.bid if atoms >= 0 else self.ask), ONE))

    def needed(self, atoms: int) -> int:
        return ceil(Fraction(atoms * self.ask, ONE))


@dataclass
class Coin:
    """Collateral: `price` in atoms of a dollar, None: that of its contract; parts of the price."""

    price: int | None
    buffer: Fraction
    exchange_buffer: Fraction
    most_owed: int


STABLE = Coin(ONE, Fraction(1, 10_000), Fraction(1, 10_000), 5_000 * ONE)
COINS = {
    "USDT": STABLE,
    "USDC": STABLE,
    "BTC": Coin(None, Fraction(5, 100), Fraction(25, 1_000), ONE // 10),
    "ETH": Coin(None, Fraction(5, 100), Fraction(25, 1_000), 0),
}


@lru_cache(1_000)
def rates_of(price: int, buffer: Fraction, exchange: Fraction) -> Rates:
    """The rates at a price: bid, ask, and those of the auto-exchange."""
    return Rates(*(floor(price * (1 + step)) for step in (-buffer, buffer, -exchange, exchange)))


class JointVenue:
    """What all assets of an account together need and have."""

    coins: dict[str, Coin]
    contracts: dict[str, Terms]
    orders: list[Order]
    others_cash: dict[str, int]

    def status(self, trader: Trader, asset: str) -> Status:
        raise NotImplementedError

    def rates(self, asset: str) -> Rates:
        coin, price = self.coins[asset], self.coins[asset].price
        if price is None:
            terms = next(t for t in self.contracts.values() if t.base == asset)
            price = floor(Fraction(terms.last * (self.coins[terms.settle].price or 0), ONE))
        return rates_of(price, coin.buffer, coin.exchange_buffer)

    def parts(self, trader: Trader) -> list[tuple[str, Status, Rates]]:
        return [(a, self.status(trader, a), self.rates(a)) for a in self.coins]

    def equity(self, trader: Trader) -> int:
        return sum(rates.worth(status.balance) for _, status, rates in self.parts(trader))

    def spare(self, trader: Trader) -> int:
        """What is left beside the initial margins, in dollars."""
        return sum(
            r.worth(s.balance) - r.needed(s.held) - r.needed(s.ordered)
            for _, s, r in self.parts(trader)
        )

    def covered(self, asset: str, dollars: int) -> int:
        rates = self.rates(asset)
        return floor(Fraction(dollars * ONE, rates.ask if dollars >= 0 else rates.bid))

    def available(self, trader: Trader, asset: str) -> int:
        """What new orders can use of an asset."""
        if not trader.joint:
            return self.status(trader, asset).available
        return max(0, self.covered(asset, self.spare(trader)))

    def suffices(self, trader: Trader, asset: str) -> bool:
        """Whether the cross positions have more than their maintenance margin."""
        if not trader.joint:
            status = self.status(trader, asset)
            return status.balance > status.maintenance
        parts = self.parts(trader)
        return sum(r.worth(s.balance) - r.needed(s.maintenance) for _, s, r in parts) > 0

    def has_margin(self, trader: Trader, asset: str) -> bool:
        """Whether the initial margins are covered."""
        if trader.joint:
            return self.spare(trader) >= 0
        status = self.status(trader, asset)
        return status.balance >= status.held + status.ordered

    def support(self, trader: Trader, asset: str) -> int:
        """What the other assets can pay of one."""
        if not trader.joint:
            return 0
        others = [r.worth(s.balance) for a, s, r in self.parts(trader) if a != asset]
        return self.covered(asset, sum(others))

    def withdrawable(self, trader: Trader, asset: str) -> int:
        """What can be transferred out: never profit that is not realised."""
        status = self.status(trader, asset)
        if not trader.joint:
            return max(0, status.available - max(0, status.unrealised))
        gains = [r.worth(max(0, s.unrealised)) for _, s, r in self.parts(trader)]
        dollars = self.spare(trader) - sum(gains)
        return max(0, min(status.cash, floor(Fraction(dollars * ONE, self.rates(asset).ask))))

    # ---- the auto-exchange

    def is_idle(self, trader: Trader) -> bool:
        held = any(holding.amount for holding in trader.holdings.values())
        return not held and not any(o.owner == trader.name for o in self.orders)

    def is_overdue(self, trader: Trader) -> bool:
        """Whether an idle account owes 99.5 % of what it owns."""
        if not self.is_idle(trader):
            return False
        worths = [rates.worth(status.cash) for _, status, rates in self.parts(trader)]
        owned = sum(worth for worth in worths if worth > 0)
        owed = -sum(worth for worth in worths if worth < 0)
        return owed > 0 and floor(Fraction(owned * 995, 1_000)) <= owed

    def must_exchange(self, trader: Trader, *, liquidated: bool) -> list[str]:
        """The assets whose debts have to be bought now, unless nothing is left to sell."""
        overdue = trader.joint and (liquidated or self.is_overdue(trader))
        return [
            asset
            for asset, atoms in trader.cash.items()
            if trader.joint and atoms < 0 and (overdue or -atoms > self.coins[asset].most_owed)
        ]

    def sellable(self, trader: Trader) -> dict[str, int]:
        """What each asset would bring, in dollars."""
        found = {
            asset: floor(Fraction(trader.cash[asset] * self.rates(asset).sale, ONE))
            for asset in self.coins
            if trader.cash.get(asset, 0) > 0
        }
        return {asset: worth for asset, worth in found.items() if worth}

    def exchange(self, trader: Trader, asset: str) -> None:
        """Buy what is owed of an asset, with all others in proportion."""
        owed, price = -trader.cash[asset], self.rates(asset).purchase
        sellable = self.sellable(trader)
        total, wanted = sum(sellable.values()), ceil(Fraction(owed * price, ONE))
        bought = owed if wanted <= total else floor(Fraction(total * ONE, price))
        for other, worth in sellable.items():
            part = ceil(Fraction(min(wanted, total) * worth, total))
            atoms = ceil(Fraction(part * ONE, self.rates(other).sale))
            self.swap(trader, other, -min(atoms, trader.cash[other]))
        self.swap(trader, asset, bought)

    def swap(self, trader: Trader, asset: str, change: int) -> None:
        trader.cash[asset] += change
        self.others_cash[asset] -= change

    # ---- the mode

    def set_joint(self, trader: Trader, joint: bool, *, busy: bool) -> None:
        if trader.joint == joint:
            raise Refused("no_change")
        if trader.isolated or min(trader.cash.values()) < 0 or busy:
            raise Refused("mode_kept")
        trader.joint = joint
