"""What the reference venue for perpetuals keeps, and its formulas for one position."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import TypeAlias

ONE = 10**8
BOTH, LONG, SHORT = "both", "long", "short"
FUND = 100_000_000 * ONE


# One side of a trade: account, position side, whether it buys, amount, cost, fee.
Side: TypeAlias = tuple[str, str, bool, int, int, int]


class Refused(Exception):
    """The venue refuses; the argument is the reason."""


@dataclass
class Terms:
    """A contract. `brackets`: (largest notional, highest leverage, maintenance rate)."""

    symbol: str
    step: int  # of prices
    lot: int  # of amounts
    brackets: list[tuple[int, int, Fraction]]
    maker: Fraction
    taker: Fraction
    liquidation: Fraction
    last: int = 0
    shift: int = 0
    trading: bool = True
    base: str = "BTC"
    settle: str = "USDT"

    @property
    def mark(self) -> int:
        return max(0, self.last + self.shift) if self.last else 0

    def bracket(self, notional: int) -> int:
        for number, (most, _, _) in enumerate(self.brackets):
            if notional <= most:
                return number
        return len(self.brackets) - 1

    def maintenance(self, notional: int) -> int:
        """The rate of each bracket on the part of the notional within it."""
        number = self.bracket(notional)
        amount = Fraction(0)
        for one in range(number):
            amount += self.brackets[one][0] * (self.brackets[one + 1][2] - self.brackets[one][2])
        return max(0, ceil(notional * self.brackets[number][2]) - floor(amount))


@dataclass
class Holding:
    """A position: `amount` below 0 is short; `cost` is what it was entered for."""

    amount: int = 0
    cost: int = 0
    margin: int = 0


@dataclass
class Order:
    """An order with what is left of it; `rank` is its place in the queue, 0 beside the book."""

    id: int
    owner: str
    terms: Terms
    buys: bool
    price: int | None
    left: int
    side: str = BOTH
    only_reduces: bool = False
    rank: int = 0
    filled: int = 0
    forced: bool = False
    prevention: str = "expire_maker"
    post_only: bool = False

    @property
    def closes(self) -> bool:
        """Whether it can only make a position smaller."""
        return self.only_reduces or (self.side != BOTH and self.buys == (self.side == SHORT))

    @property
    def worth(self) -> int:
        """What it may still add to a position."""
        if self.closes or self.price is None:
            return 0
        return ceil(value(self.price, self.left))


@dataclass
class Trader:
    """An account: money beside and in the futures wallet (`cash`: without isolated
    margins), in atoms by asset."""

    name: str
    cash: dict[str, int]
    spot: dict[str, int] = field(default_factory=dict)
    hedge: bool = False
    joint: bool = False
    leverage: dict[str, int] = field(default_factory=dict)
    isolated: set[str] = field(default_factory=set)
    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict)

    def holding(self, terms: Terms, side: str) -> Holding:
        return self.holdings.setdefault((terms.symbol, side), Holding())


def value(price: int, amount: int) -> Fraction:
    """What an amount is worth at a price."""
    return Fraction(price * amount, ONE)


def notional(terms: Terms, holding: Holding) -> int:
    """The worth of a position at the mark price, without its sign."""
    return floor(value(terms.mark, abs(holding.amount)))


def unrealised(terms: Terms, holding: Holding) -> int:
    worth = notional(terms, holding)
    return (worth if holding.amount > 0 else -worth) - holding.cost


@dataclass
class Status:
    """The margin of an account; isolated positions count in `ordered` only."""

    cash: int
    unrealised: int = 0
    maintenance: int = 0
    held: int = 0
    ordered: int = 0

    @property
    def balance(self) -> int:
        return self.cash + self.unrealised

    @property
    def available(self) -> int:
        return max(0, self.balance - self.held - self.ordered)
