"""Settlement: what an order holds, what a match moves, what is undone and what falls due.

A market's `kind` names its settlement in `SETTLEMENTS`. This is the only module of `core` that
knows which asset moves for which side; the others call it and work on `order.reserved`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from failing_exchange.core.commands import SettleDue
from failing_exchange.core.ledger import BACKGROUND, FEES
from failing_exchange.core.market import Market
from failing_exchange.core.order import BUY, LIMIT, LIMIT_TYPES, SELL, Fill, Order, Side
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.stop_triggers import stop_of
from failing_exchange.core.units import ATOMS, PPM


class Settlement(ABC):
    """How one kind of market settles. It keeps nothing itself: orders, positions and ledger do.

    A subclass says what moves (the abstract methods). Markets with positions also override `due`
    (funding) and `reached` (liquidation): `schedule_due` asks for the first, `State.watch` for the
    second. Postings are balanced and go through `state.ledger`.
    """

    # ---- what an order holds

    @abstractmethod
    def assets(self, market: Market) -> tuple[str, ...]:
        """Every asset that trading in this market can move."""

    @abstractmethod
    def held_asset(self, market: Market, side: Side) -> str:
        """The asset that an order of this side holds."""

    @abstractmethod
    def holds_cost(self, side: Side) -> bool:
        """Whether an order of this side holds by its price (a market order by the book's)."""

    @abstractmethod
    def need(self, market: Market, order: Order, cost: int | None = None) -> int:
        """Atoms that an order must hold for what is left of it.

        `cost`: what a market order is going to pay, in quote atoms, where that is known.
        """

    @abstractmethod
    def affordable(self, market: Market, order: Order, ticks: int, lots: int) -> int:
        """How many of `lots` an order can take at a price with what it holds."""

    @abstractmethod
    def position(self, state: State, ms: MarketState, account: Account) -> int:
        """How much of the traded thing an account has, in atoms; what `Rules.position_max` caps."""

    def hold(self, state: State, ms: MarketState, order: Order, atoms: int, at: int) -> None:
        """Hold `atoms` more for an order; raise `Reject` when its account has too little."""
        state.ledger.reserve(order.account, self.held_asset(ms.market, order.side), atoms, at)
        order.reserved += atoms

    def hold_need(
        self, state: State, ms: MarketState, order: Order, at: int, cost: int | None = None
    ) -> None:
        """Hold what a new order needs; raise `Reject` when its account has too little."""
        market = ms.market
        atoms = self.need(market, order, cost)
        state.ledger.reserve(order.account, self.held_asset(market, order.side), atoms, at)
        order.reserved = atoms

    def release(
        self, state: State, ms: MarketState, order: Order, at: int, *, keep: int = 0
    ) -> None:
        """Release what an order holds beyond `keep` atoms."""
        surplus = order.reserved - keep
        if surplus > 0:
            asset = self.held_asset(ms.market, order.side)
            state.ledger.release(order.account, asset, surplus, at=at)
            order.reserved = keep

    def hold_up_to(self, state: State, ms: MarketState, order: Order, atoms: int, at: int) -> None:
        """Hold `atoms` more for an order, or less where its account has less."""
        free = state.ledger.free(order.account, self.held_asset(ms.market, order.side))
        self.hold(state, ms, order, min(free, max(0, atoms)), at)

    # ---- what a match moves

    @abstractmethod
    def settle(
        self,
        state: State,
        ms: MarketState,
        buyer: Order | None,
        seller: Order | None,
        lots: int,
        cost: int,
        at: int,
    ) -> None:
        """Move what a match moves, out of what its orders hold. None is the background."""

    @abstractmethod
    def proceeds(self, market: Market, side: Side, lots: int, cost: int) -> tuple[str, int]:
        """(asset, atoms) that a match gives to an order: what its fee is taken from."""

    @abstractmethod
    def undo(self, state: State, ms: MarketState, fill: Fill, at: int) -> None:
        """Reverse a match for one account, fee included; the background pays what is missing."""

    def charge(
        self,
        state: State,
        ms: MarketState,
        order: Order,
        lots: int,
        cost: int,
        maker: bool,
        at: int,
    ) -> tuple[int, str]:
        """Take the fee of a match: (atoms, asset).

        In the account's own fee asset with a discount, else in the asset received.
        """
        market = ms.market
        rate = market.maker_fee if maker else market.taker_fee
        asset, got = self.proceeds(market, order.side, lots, cost)
        fee, own = got * rate // PPM, state.accounts[order.account].fee_asset
        if own is not None and own != asset:
            discounted = cost * rate * (PPM - market.fee_discount) // (PPM * PPM)
            value = state.value(market.quote, discounted, own, at)
            if value is not None and state.ledger.free(order.account, own) >= value:
                fee, asset = value, own
        state.ledger.transfer(order.account, FEES, asset, fee, at=at)
        return fee, asset

    # ---- what happens without an order

    def due(self, state: State, ms: MarketState, at: int) -> None:
        """Carry out what falls due now, such as funding, and schedule the next such duty."""
        return

    def reached(self, state: State, ms: MarketState, low: int, high: int, at: int) -> None:
        """Act on trades from `low` to `high`; called while anything is watched (`State.watch`)."""
        return

    @staticmethod
    def schedule_due(state: State, ms: MarketState, at: int) -> None:
        """Have `due` called at an instant, unless an earlier call stands."""
        if not ms.due_at:
            ms.due_at = at
            state.plan(at, SettleDue(ms.market.symbol))


class SpotSettlement(Settlement):
    """Base against quote, at once: buys hold and pay the quote asset, sells the base asset."""

    def assets(self, market: Market) -> tuple[str, ...]:
        return (market.base, market.quote)

    def held_asset(self, market: Market, side: Side) -> str:
        return market.quote if side is BUY else market.base

    def holds_cost(self, side: Side) -> bool:
        return side is BUY

    def need(self, market: Market, order: Order, cost: int | None = None) -> int:
        lots = order.lots - order.filled
        if order.side is SELL:
            return lots * market.amount_step
        if cost is not None:
            return cost
        if order.ticks and order.kind in LIMIT_TYPES:
            return market.cost_up(order.ticks, lots)
        return market.cost_up(order.stop_ticks or stop_of(order), lots)

    def hold_need(
        self, state: State, ms: MarketState, order: Order, at: int, cost: int | None = None
    ) -> None:
        market = ms.market  # as above, without further calls: a hot path
        if order.side is SELL:
            asset, atoms = market.base, order.lots * market.amount_step
        elif order.kind is LIMIT and (ticks := order.ticks):
            asset, atoms = market.quote, -(-ticks * order.lots * market.unit // ATOMS)
        else:
            asset, atoms = market.quote, self.need(market, order, cost)
        state.ledger.reserve(order.account, asset, atoms, at)
        order.reserved = atoms

    def affordable(self, market: Market, order: Order, ticks: int, lots: int) -> int:
        if order.side is SELL:
            return lots
        return min(lots, market.lots_for(order.reserved, ticks))

    def position(self, state: State, ms: MarketState, account: Account) -> int:
        ledger, asset = state.ledger, ms.market.base
        return ledger.free(account.name, asset) + ledger.used(account.name, asset)

    def settle(
        self, state: State, ms: MarketState, buyer: Order | None, seller: Order | None,
        lots: int, cost: int, at: int,
    ) -> None:  # fmt: skip
        market = ms.market
        _pay(state, buyer, seller, market.quote, cost, at)
        _pay(state, seller, buyer, market.base, lots * market.amount_step, at)

    def proceeds(self, market: Market, side: Side, lots: int, cost: int) -> tuple[str, int]:
        if side is BUY:
            return market.base, lots * market.amount_step
        return market.quote, cost

    def undo(self, state: State, ms: MarketState, fill: Fill, at: int) -> None:
        ledger, market = state.ledger, ms.market
        asset, got = self.proceeds(market, fill.side, fill.lots, fill.cost)
        gave = self.proceeds(market, fill.side.other, fill.lots, fill.cost)
        ledger.transfer(FEES, fill.account, fill.fee_asset, fill.fee, at=at)
        back = min(got, ledger.free(fill.account, asset))
        ledger.transfer(fill.account, BACKGROUND, asset, back, at=at)
        ledger.transfer(BACKGROUND, fill.account, *gave, at=at)


def _pay(
    state: State, payer: Order | None, payee: Order | None, asset: str, atoms: int, at: int
) -> None:
    """One leg of a match, out of what the payer's order holds."""
    to = payee.account if payee is not None else BACKGROUND
    if payer is None:
        state.ledger.transfer(BACKGROUND, to, asset, atoms, at=at)
    else:
        state.ledger.pay(payer.account, to, asset, atoms, at=at)
        payer.reserved -= atoms


SETTLEMENTS: dict[str, Settlement] = {"spot": SpotSettlement()}  # by `Market.kind`


def settlement_of(ms: MarketState) -> Settlement:
    """The settlement of a market."""
    return SETTLEMENTS[ms.market.kind]


def check_kind(market: Market) -> None:
    """Raise ValueError for a market whose kind has no settlement."""
    if market.kind not in SETTLEMENTS:
        raise ValueError(
            f"{market.symbol}: kind must be one of {', '.join(SETTLEMENTS)}, not {market.kind!r}"
        )


def assets_of(state: State) -> list[str]:
    """Every asset that is traded or held here."""
    traded = [
        asset for ms in state.markets.values() for asset in settlement_of(ms).assets(ms.market)
    ]
    return list(dict.fromkeys([*traded, *state.ledger.assets()]))
