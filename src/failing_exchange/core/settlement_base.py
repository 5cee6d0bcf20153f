"""What a settlement answers: what an order holds, what a match moves, what falls due."""

from __future__ import annotations

from abc import ABC, abstractmethod

from failing_exchange.core.commands import PlaceOrder, SettleDue
from failing_exchange.core.ledger import FEES
from failing_exchange.core.market import Market
from failing_exchange.core.order import Fill, Order, Side
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.units import PPM

NO_PROFIT = (0, 0)  # of a match that realises nothing


class Settlement(ABC):
    """How one kind of market settles. It keeps nothing itself: orders, positions and ledger do.

    A subclass says what moves (the abstract methods). Markets with positions also override `due`
    (funding), which `schedule_due` asks for. Postings are balanced and go through `state.ledger`.
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

    def reduces(self, order: Order | PlaceOrder) -> bool:
        """Whether an order may only make a position smaller; without positions, none does."""
        return False

    def reducible(self, ms: MarketState, order: Order) -> int:
        """How many lots an order can take off its position; 0 or less where none."""
        return 0

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
    ) -> tuple[int, int]:
        """Move what a match moves, out of what its orders hold. None is the background.

        Returns what the match realised for buyer and seller, in atoms of the quote asset.
        """

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

    @staticmethod
    def schedule_due(state: State, ms: MarketState, at: int) -> None:
        """Have `due` called at an instant, unless an earlier call stands."""
        if not ms.due_at:
            ms.due_at = at
            state.plan(at, SettleDue(ms.market.symbol))
