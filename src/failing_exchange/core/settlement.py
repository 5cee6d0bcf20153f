"""Settlement: what an order holds, what a match moves, what is undone and what falls due.

A market's `kind` names its settlement in `SETTLEMENTS`. This is the only module of `core` that
knows which asset moves for which side; the others call it and work on `order.reserved`.
"""

from __future__ import annotations

from failing_exchange.core.ledger import BACKGROUND, FEES
from failing_exchange.core.linear_settlement import LinearSettlement
from failing_exchange.core.market import Market
from failing_exchange.core.order import BUY, LIMIT, LIMIT_TYPES, SELL, Fill, Order, Side
from failing_exchange.core.settlement_base import NO_PROFIT, Settlement
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.stop_triggers import stop_of


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
        market, lots = ms.market, order.lots  # as above, without further calls: a hot path
        if order.side is SELL:
            asset, atoms = market.base, lots * market.amount_step
        elif order.kind is LIMIT and (ticks := order.ticks):
            asset, atoms = market.quote, -(-ticks * lots * market.cost_unit // market.cost_per)
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
    ) -> tuple[int, int]:  # fmt: skip
        market = ms.market
        _pay(state, buyer, seller, market.quote, cost, at)
        _pay(state, seller, buyer, market.base, lots * market.amount_step, at)
        return NO_PROFIT

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


SETTLEMENTS: dict[str, Settlement] = {  # by `Market.kind`
    "spot": SpotSettlement(),
    "linear": LinearSettlement(),
}


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
