"""Margin of contracts: what positions and open orders need, and what an account has left.

Sources: Binance, "How to Calculate Cost Required to Open a Position in Perpetual Futures
Contracts", "USDⓈ-M Futures Liquidation Protocols" and "How to Calculate Liquidation Price of
USDⓈ-M Futures Contracts" (Binance FAQ, 2025).
"""

from __future__ import annotations

from typing import NamedTuple

from failing_exchange.core.contract import Bracket, bracket_of
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.ledger import Wallet, futures_wallet
from failing_exchange.core.market import Market
from failing_exchange.core.order import PositionSide
from failing_exchange.core.positions import MarginStatus, Position
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.units import ATOMS, PPM

SIDES = (PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT)


class MarkedPosition(NamedTuple):
    """One position at the mark price: its notional, and what follows; all in atoms."""

    ms: MarketState
    position: Position
    notional: int
    unrealised: int
    maintenance: int


def initial_margin(notional: int, leverage: int) -> int:
    """The initial margin of a notional, rounded up.

    >>> initial_margin(1_001, 10)
    101
    """
    return -(-notional // leverage)


def margin_needed(notional: int, bids: int, asks: int, leverage: int) -> int:
    """The initial margin of a position (shorts below 0) and of the open orders on its side.

    The larger of what the position would be with all bids, or with all asks, filled.
    """
    most = max(notional + bids, asks - notional)  # at least the notional: both are 0 or more
    return -(-most // leverage)


def signed_notional(market: Market, lots: int, mark: int) -> int:
    """The worth of a position at a mark price, rounded towards 0; below 0 for a short one."""
    return market.worth(mark, lots) if lots >= 0 else -market.worth(mark, -lots)


def maintenance_margin(brackets: tuple[Bracket, ...], notional: int) -> int:
    """The maintenance margin of a notional: its rate times it, less the deduction; rounded up."""
    bracket = bracket_of(brackets, notional)
    return max(0, -(-notional * bracket.rate // PPM) - bracket.deduction)


def positions_in(ms: MarketState, account: str) -> list[Position]:
    """The positions of an account in one market, empty ones with open orders included."""
    positions = ms.positions
    if not positions:
        return []
    found = [positions.get((account, side)) for side in SIDES]
    return [position for position in found if position is not None]


def exposure_of(ms: MarketState, position: Position, mark: int) -> MarkedPosition:
    """A position at a mark price."""
    contract, lots = ms.market.contract, position.lots
    assert contract is not None
    notional = ms.market.worth(mark, abs(lots))
    signed = notional if lots > 0 else -notional
    needed = maintenance_margin(contract.brackets, notional) if lots else 0
    return MarkedPosition(ms, position, notional, signed - position.cost, needed)


def marked_positions(ms: MarketState, account: str, at: int) -> list[MarkedPosition]:
    """The positions of an account in one contract that hold something, at the mark price."""
    held = [position for position in positions_in(ms, account) if position.lots]
    if not held:
        return []
    mark = mark_of(ms, at)
    return [exposure_of(ms, position, mark) for position in held]


def order_margin(ms: MarketState, account: Account, mark: int) -> tuple[int, int]:
    """(initial margin of the positions, further margin of the open orders) in one market."""
    leverage = account.margin.leverage_of(ms.market.symbol)
    held = total = 0
    for position in positions_in(ms, account.name):
        notional = signed_notional(ms.market, position.lots, mark)
        held += initial_margin(abs(notional), leverage)
        total += margin_needed(notional, position.bids, position.asks, leverage)
    return held, total - held


def status_of(state: State, account: Account, asset: str, at: int) -> MarginStatus:
    """The margin of an account in one asset at the present mark prices."""
    wallet, settings = futures_wallet(account.name), account.margin
    isolated = isolated_unrealised = unrealised = maintenance = held = held_alone = ordered = 0
    for ms in state.contracts:
        found, market = positions_in(ms, account.name), ms.market
        if not found or market.settle != asset:
            continue
        mark, alone = mark_of(ms, at), settings.is_isolated(market.symbol)
        leverage = settings.leverage_of(market.symbol)
        for position in found:
            exposure = exposure_of(ms, position, mark)
            signed = exposure.notional if position.lots > 0 else -exposure.notional
            margin = initial_margin(exposure.notional, leverage)
            if position.bids or position.asks:
                ordered += margin_needed(signed, position.bids, position.asks, leverage) - margin
            if alone:
                held_alone += margin
                isolated += position.margin
                isolated_unrealised += exposure.unrealised
            else:
                held += margin
                unrealised += exposure.unrealised
                maintenance += exposure.maintenance
    free = state.ledger.free(wallet, asset)
    locked = account.locked(Wallet.FUTURES, asset) if account.locks else 0
    return MarginStatus(
        free, isolated, isolated_unrealised, unrealised, maintenance, held, ordered, held_alone,
        locked=locked,
    )  # fmt: skip


def liquidation_price(
    ms: MarketState, positions: list[Position], wallet: int, others: MarginStatus | None = None
) -> int:
    """The mark price, in atoms, at which positions of one contract are liquidated; 0: none.

    `wallet`: the isolated margin, or the cross wallet's balance; `others`: the cross positions of
    other contracts. The formula is the venue's: (wallet - maintenance of others + profit of
    others + deductions - costs) / (sum of amount x rate - signed amount), per position.
    """
    market, contract = ms.market, ms.market.contract
    assert contract is not None
    value = wallet
    if others is not None:
        value += others.unrealised - others.maintenance
    notionals = [abs(position.cost) for position in positions]
    price = 0
    for _ in contract.brackets:  # the brackets are those at the price that is found
        found = [bracket_of(contract.brackets, notional) for notional in notionals]
        price = _meeting_price(ms, positions, found, value)
        marked = [market.worth(price, abs(position.lots)) for position in positions]
        if [bracket_of(contract.brackets, notional) for notional in marked] == found:
            break
        notionals = marked
    return price


def _meeting_price(
    ms: MarketState, positions: list[Position], brackets: list[Bracket], value: int
) -> int:
    """The price at which value plus profit equals the maintenance margin, by these brackets."""
    slope = 0  # of the maintenance margin less that of the profit, in lots times PPM
    for position, bracket in zip(positions, brackets, strict=True):
        value += bracket.deduction - position.cost
        slope += abs(position.lots) * bracket.rate - position.lots * PPM
    if not slope:
        return 0
    return max(0, value * PPM * ATOMS * ms.market.price_step // (slope * ms.market.unit))


def bankruptcy_price(ms: MarketState, position: Position, margin: int) -> int:
    """The price, in atoms, at which a position has lost `margin`; 0 where it never does."""
    if not position.lots:
        return 0
    value = position.cost - margin
    return max(0, value * ATOMS * ms.market.price_step // (position.lots * ms.market.unit))
