"""A market: what is traded, in which steps, within which limits, for what fee."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import gcd
from typing import NamedTuple, Protocol

from failing_exchange.core.contract import Contract
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.units import ATOMS, DAY_S, atoms_text

Bounds = tuple[int | None, int | None]  # the least and the highest price in ticks; None: any
MEMORY_MAX = 365 * DAY_S  # seconds; a market of longer depth_memory is refused


class Symbol(NamedTuple):
    """What a market's symbol says; `settle` is the asset of a contract, None of a spot market."""

    base: str
    quote: str
    settle: str | None = None


def parse_symbol(symbol: object) -> Symbol:
    """Read a unified symbol: "BASE/QUOTE", or "BASE/QUOTE:SETTLE" of a contract.

    The only place that knows how symbols are written. Raises ValueError for anything else.

    >>> parse_symbol("BTC/USDT"), parse_symbol("ETH/BTC:BTC").settle
    (Symbol(base='BTC', quote='USDT', settle=None), 'BTC')
    """
    pair, colon, settle = symbol.partition(":") if isinstance(symbol, str) else ("", "", "")
    assets = [*pair.split("/"), *([settle] if colon else [])]
    if pair.count("/") != 1 or not all(part.isalnum() and part.isupper() for part in assets):
        raise ValueError(f'a symbol is like "BTC/USDT" or "BTC/USDT:USDT", not {symbol!r}')
    return Symbol(*assets)


SPOT_KINDS, CONTRACT_KINDS = ("spot",), ("linear",)  # of `Market.kind`


def is_contract(symbol: str) -> bool:
    """Whether a market is a contract, and not a spot market."""
    return parse_symbol(symbol).settle is not None


def pair_of(symbol: str) -> str:
    """The symbol of the spot market of the same pair.

    >>> pair_of("BTC/USDT:USDT"), pair_of("BTC/USDT")
    ('BTC/USDT', 'BTC/USDT')
    """
    base, quote, _ = parse_symbol(symbol)
    return f"{base}/{quote}"


class MarketStatus(StrEnum):
    """What a market accepts."""

    TRADING = "trading"
    HALTED = "halted"
    CANCEL_ONLY = "cancel_only"
    DELISTED = "delisted"  # of a spot market; a contract is settled and halted


TRADING, HALTED = MarketStatus.TRADING, MarketStatus.HALTED  # as in order.py: to look up fast


class Prevention(StrEnum):
    """Which order expires when two orders of one account would match.

    With `DECREMENT` both are smaller by what would have been traded; the smaller one expires. With
    `TRANSFER` as well, for an account can't transfer to itself; both orders must ask for it.
    """

    NONE = "none"
    EXPIRE_MAKER = "expire_maker"
    EXPIRE_TAKER = "expire_taker"
    EXPIRE_BOTH = "expire_both"
    DECREMENT = "decrement"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What else an order may break. None = no such rule. Stop prices obey those of prices.

    Counts are open ones of an account in the market. Ranges are (least, most): of prices by side as
    parts per million of the average price, of trails in basis points. The average is weighted by
    amount over `average_minutes`, 0 = the last price; it values market orders, too. Where there is
    a `price_range`, the ranges of prices are those of the reference price (`core.reference_price`).
    """

    algo_orders_max: int | None = None  # stop losses and take profits
    iceberg_orders_max: int | None = None
    order_lists_max: int | None = None
    amends_max: int | None = None  # of one order
    iceberg_parts_max: int | None = None
    position_max: int | None = None  # atoms of the base asset, open buys included
    market_amount_min: int | None = None  # lots
    market_amount_every: int | None = None
    cost_max: int | None = None  # atoms of the quote asset
    cost_min_of_market: bool = True  # whether the least cost holds for market orders
    cost_max_of_market: bool = True
    average_minutes: int = 0
    buy_prices: tuple[int, int] | None = None
    sell_prices: tuple[int, int] | None = None
    trail_above: tuple[int, int] | None = None  # buy stops, sell profits
    trail_below: tuple[int, int] | None = None
    preventions: tuple[Prevention, ...] | None = None  # those an order may ask for
    price_range: tuple[int, int] | None = None  # of the reference price, within which is traded


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A tradable pair and its rules.

    Prices are whole `ticks` of `price_step` atoms of the quote asset, amounts whole `lots` of
    `amount_step` atoms of the base asset. Fees and bands are in parts per million; None = no limit.
    `kind` names how it settles (`core.settlement`). `rules` are what else a venue may refuse an
    order for. `depth_memory`: the seconds in which half of what clients have taken from the
    background comes back, in price and in amount; 0: all of it at once (see `core.impact`).

    >>> m = Market(symbol="BTC/USDT", base="BTC", quote="USDT", price_step=10**6, amount_step=10**3)
    >>> m.cost(5_000_000, 100_000) == 50_000 * ATOMS  # 1 BTC at 50,000.00
    True
    """

    symbol: str
    base: str
    quote: str
    price_step: int
    amount_step: int
    price_every: int = 1  # prices are multiples of this many ticks (a coarser step, later)
    amount_every: int = 1
    amount_min: int = 1
    amount_max: int | None = None
    market_amount_max: int | None = None
    cost_min: int = 0
    price_min: int = 1
    price_max: int | None = None
    price_band: tuple[int, int] | None = None  # see `order_rules.price_bounds`
    orders_max: int | None = None  # open orders of one account
    maker_fee: int = 1_000
    taker_fee: int = 1_000
    fee_discount: int = 250_000  # of the fee, when charged in the account's own fee asset
    prevention: Prevention = Prevention.EXPIRE_MAKER
    status: MarketStatus = TRADING
    kind: str = field(default="spot", repr=False)  # its settlement; not in journals
    rules: Rules | None = field(default=None, repr=False)  # not in journals
    contract: Contract | None = field(default=None, repr=False)  # of kind "linear"
    depth_memory: int = field(default=600, repr=False)  # not in journals, either
    settle: str = field(init=False, repr=False, compare=False)  # in which profit is counted
    unit: int = field(init=False, repr=False, compare=False)  # of a lot, a tick: atoms * ATOMS
    # a lot costs `cost_unit / cost_per` atoms a tick, in lowest terms: small numbers divide faster
    cost_unit: int = field(init=False, repr=False, compare=False)
    cost_per: int = field(init=False, repr=False, compare=False)
    _cost_floor: int = field(init=False, repr=False, compare=False)  # cost_min * cost_per
    _worth: tuple[int, int] = field(init=False, repr=False, compare=False)  # likewise, of an atom
    # whether limits of price, amount and cost are all that an order can break
    is_plain: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.price_step < 1 or self.amount_step < 1 or self.amount_min < 1:
            raise ValueError(
                f"{self.symbol}: steps and amount_min are at least 1, not "
                f"{self.price_step}, {self.amount_step}, {self.amount_min}"
            )
        if not 0 <= self.depth_memory <= MEMORY_MAX:
            raise ValueError(
                f"{self.symbol}: depth_memory is from 0 to {MEMORY_MAX:,} seconds, not "
                f"{self.depth_memory!r}"
            )
        unit, contract = self.price_step * self.amount_step, self.contract
        if (contract is None) is (self.kind == "linear"):
            raise ValueError(
                f"{self.symbol}: a market has a contract if, and only if, its kind is 'linear', "
                f"not {self.kind!r}"
            )
        if contract is not None:
            if contract.settle != self.quote:
                raise ValueError(
                    f"{self.symbol}: a linear contract settles in its quote asset {self.quote}, "
                    f"not in {contract.settle}"
                )
            unit, rest = divmod(unit * contract.size, ATOMS)
            if rest:
                raise ValueError(f"{self.symbol}: steps and contract size make parts of an atom")
        object.__setattr__(self, "settle", self.quote if contract is None else contract.settle)
        object.__setattr__(self, "unit", unit)
        common = gcd(unit, ATOMS)
        object.__setattr__(self, "cost_unit", unit // common)
        object.__setattr__(self, "cost_per", ATOMS // common)
        object.__setattr__(self, "_cost_floor", self.cost_min * self.cost_per)
        common = gcd(unit, per := ATOMS * self.price_step)
        object.__setattr__(self, "_worth", (unit // common, per // common))
        rare = (self.rules, self.orders_max, self.price_band)
        plain = self.status is TRADING and self.price_every == self.amount_every == 1
        object.__setattr__(self, "is_plain", plain and rare == (None, None, None))

    def check_trading(self) -> None:
        """Raise `Reject` where no order is accepted now."""
        status = self.status
        if status is TRADING:
            return
        if status is MarketStatus.CANCEL_ONLY:
            raise Reject(Reason.CANCEL_ONLY, symbol=self.symbol)
        if status is MarketStatus.DELISTED:
            raise Reject(Reason.MARKET_HALTED, delisted=self.symbol)
        raise Reject(Reason.MARKET_HALTED, symbol=self.symbol)

    def cost(self, ticks: int, lots: int) -> int:
        """What `lots` cost at `ticks`, in atoms of the quote asset, rounded down."""
        return ticks * lots * self.cost_unit // self.cost_per

    def cost_up(self, ticks: int, lots: int) -> int:
        """The same rounded up: what an order must reserve."""
        return -(-ticks * lots * self.cost_unit // self.cost_per)

    def worth(self, price: int, lots: int) -> int:
        """What `lots` are worth at a price in atoms of the quote asset, such as a mark price."""
        unit, per = self._worth
        return price * lots * unit // per

    def base_atoms(self, lots: int) -> int:
        """An amount in atoms of the base asset."""
        return lots * self.amount_step

    def lots_for(self, cost: int, ticks: int) -> int:
        """The most lots that `cost` atoms of the quote asset buy at `ticks`."""
        return cost * ATOMS // (ticks * self.unit)

    def check_steps(self, lots: int, ticks: int) -> None:
        """Raise `Reject` where price or amount is not a multiple of the step in force."""
        if ticks % self.price_every:
            raise Reject(
                Reason.INVALID_PRICE,
                rule=OrderRule.PRICE,
                price=self.price_text(ticks),
                step=self.price_text(self.price_every),
            )
        if lots % self.amount_every:
            raise Reject(
                Reason.INVALID_AMOUNT,
                rule=OrderRule.AMOUNT,
                amount=self.amount_text(lots),
                step=self.amount_text(self.amount_every),
            )

    def check_limits(
        self, lots: int, ticks: int, bounds: Bounds | None, least: bool = True
    ) -> None:
        """Raise `Reject` where a limit order of `lots` at `ticks` breaks a rule of this market.

        `bounds`: what `price_band` allows now. `least`: its worth has a minimum.
        """
        if lots < self.amount_min or (self.amount_max is not None and lots > self.amount_max):
            self.check_amount(lots, self.amount_max)
        if ticks < self.price_min or (self.price_max is not None and ticks > self.price_max):
            self.check_price(ticks)
        if bounds is not None:
            self._check_band(ticks, *bounds)
        if least and ticks * lots * self.cost_unit < self._cost_floor:
            self.check_cost(self.cost(ticks, lots))

    def check_price(self, ticks: int) -> None:
        """Raise `Reject` where a price is too low or too high at any time."""
        if ticks < self.price_min or (self.price_max is not None and ticks > self.price_max):
            raise Reject(
                Reason.INVALID_PRICE,
                rule=OrderRule.PRICE,
                price=self.price_text(ticks),
                minimum=self.price_text(self.price_min),
                maximum=self.price_text(self.price_max),
            )

    def check_amount(
        self, lots: int, most: int | None, *, rule: OrderRule = OrderRule.AMOUNT
    ) -> None:
        """Raise `Reject` where an amount is below the minimum or above `most`, by that `rule`."""
        if lots < self.amount_min:
            raise Reject(
                Reason.INVALID_AMOUNT,
                rule=OrderRule.AMOUNT,
                amount=self.amount_and_asset(lots),
                minimum=self.amount_text(self.amount_min),
            )
        if most is not None and lots > most:
            raise Reject(
                Reason.INVALID_AMOUNT,
                rule=rule,
                amount=self.amount_and_asset(lots),
                maximum=self.amount_text(most),
            )

    def check_cost(self, cost: int) -> None:
        """Raise `Reject` where an order is worth too little."""
        if cost < self.cost_min:
            raise Reject(
                Reason.INVALID_COST,
                rule=OrderRule.NOTIONAL,
                cost=self.cost_and_asset(cost),
                minimum=atoms_text(self.cost_min),
            )

    def _check_band(self, ticks: int, low: int | None, high: int | None) -> None:
        if (low is None or ticks >= low) and (high is None or ticks <= high):
            return
        rule, price = OrderRule.PRICE_BAND, self.price_text(ticks)
        least, most = self.price_text(low), self.price_text(high)
        if low is None:
            raise Reject(Reason.PRICE_BAND, rule=rule, price=price, maximum=most)
        if high is None:
            raise Reject(Reason.PRICE_BAND, rule=rule, price=price, minimum=least)
        raise Reject(Reason.PRICE_BAND, rule=rule, price=price, minimum=least, maximum=most)

    def price_text(self, ticks: int | None) -> str:
        """A price as decimal text, `-` for none."""
        return "-" if ticks is None else atoms_text(ticks * self.price_step)

    def amount_text(self, lots: int) -> str:
        """An amount as decimal text."""
        return atoms_text(lots * self.amount_step)

    def amount_and_asset(self, lots: int) -> str:
        """An amount with what it is counted in, like "0.5 BTC"."""
        return f"{self.amount_text(lots)} {self.base}"

    def cost_and_asset(self, atoms: int) -> str:
        """A cost with what it is counted in, like "5 USDT"."""
        return f"{atoms_text(atoms)} {self.quote}"


class ListedMarket(Protocol):
    """A market as the exchange keeps it, with its state."""

    market: Market
