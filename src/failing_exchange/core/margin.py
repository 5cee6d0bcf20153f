"""Margin of contracts: what positions and open orders need, and what an account has left.

Sources: Binance, "How to Calculate Cost Required to Open a Position in Perpetual Futures
Contracts", "USDⓈ-M Futures Liquidation Protocols" and "How to Calculate Liquidation Price of
USDⓈ-M Futures Contracts" (Binance FAQ, 2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from failing_exchange.core.contract import Bracket, bracket_of
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.ledger import Wallet, futures_wallet
from failing_exchange.core.market import Market
from failing_exchange.core.order import PositionSide, record
from failing_exchange.core.positions import MarginStatus, Position
from failing_exchange.core.state import Account, MarketState, PositionKey, State
from failing_exchange.core.units import ATOMS, PPM

SIDES = (PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT)
KEYS_KEPT_MAX = 1_024  # accounts; the keys of the one not asked for longest are made again


class MarkedPosition(NamedTuple):
    """One position at the mark price: its notional, and what follows; all in atoms."""

    ms: MarketState
    position: Position
    notional: int
    unrealised: int
    maintenance: int


class MarketMargin(NamedTuple):
    """The positions of an account in one contract, their initial margin, and that of its orders.

    `mark`: the mark price; 0 without positions.
    """

    mark: int
    marked: Sequence[MarkedPosition]
    held: int
    ordered: int


NO_MARGIN = MarketMargin(0, (), 0, 0)


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
    needed = -(-notional * bracket.rate // PPM) - bracket.deduction
    return needed if needed > 0 else 0


def positions_in(ms: MarketState, account: str) -> list[Position]:
    """The positions of an account in one market, empty ones with open orders included."""
    positions = ms.positions
    if not positions:
        return []
    return list(filter(None, map(positions.get, _keys(account))))


@lru_cache(maxsize=KEYS_KEPT_MAX)
def _keys(account: str) -> tuple[PositionKey, ...]:
    """What the positions of an account are found by."""
    return tuple((account, side) for side in SIDES)


def exposure_of(ms: MarketState, position: Position, mark: int) -> MarkedPosition:
    """A position at a mark price."""
    market, lots = ms.market, position.lots
    if not lots:
        return record(MarkedPosition, (ms, position, 0, -position.cost, 0))
    assert market.contract is not None
    signed = notional = market.worth(mark, abs(lots))
    if lots < 0:
        signed = -notional
    needed = maintenance_margin(market.contract.brackets, notional)
    return record(MarkedPosition, (ms, position, notional, signed - position.cost, needed))


def marked_positions(ms: MarketState, account: str, at: int) -> list[MarkedPosition]:
    """The positions of an account in one contract that hold something, at the mark price."""
    held = [position for position in positions_in(ms, account) if position.lots]
    if not held:
        return []
    mark = mark_of(ms, at)
    return [exposure_of(ms, position, mark) for position in held]


def margin_in(ms: MarketState, account: Account, at: int) -> MarketMargin:
    """The positions of an account in one contract at the mark price, and what they need."""
    found = positions_in(ms, account.name)
    if not found:
        return NO_MARGIN
    mark, leverage = mark_of(ms, at), account.margin.leverage_of(ms.market.symbol)
    marked, held, ordered = [], 0, 0
    for position in found:
        exposure = exposure_of(ms, position, mark)
        marked.append(exposure)
        margin = initial_margin(exposure.notional, leverage)
        held += margin
        if position.bids or position.asks:
            signed = exposure.notional if position.lots > 0 else -exposure.notional
            ordered += margin_needed(signed, position.bids, position.asks, leverage) - margin
    return record(MarketMargin, (mark, marked, held, ordered))


def margins_in(state: State, account: Account, asset: str, at: int) -> dict[str, MarketMargin]:
    """Those of all contracts that settle in an asset, by symbol."""
    return {
        ms.market.symbol: margin_in(ms, account, at)
        for ms in state.contracts
        if ms.positions and ms.market.settle == asset
    }


def status_of(state: State, account: Account, asset: str, at: int) -> MarginStatus:
    """The margin of an account in one asset at the present mark prices."""
    wallet, settings = futures_wallet(account.name), account.margin
    isolated = isolated_unrealised = unrealised = maintenance = held = held_alone = ordered = 0
    for symbol, (_, marked, margin, more) in margins_in(state, account, asset, at).items():
        ordered += more
        if settings.is_isolated(symbol):
            held_alone += margin
            for _, position, _, profit, _ in marked:
                isolated += position.margin
                isolated_unrealised += profit
        else:
            held += margin
            for _, _, _, profit, needed in marked:
                unrealised += profit
                maintenance += needed
    free = state.ledger.free(wallet, asset)
    locked = account.locked(Wallet.FUTURES, asset) if account.locks else 0
    return record(MarginStatus, (
        free, isolated, isolated_unrealised, unrealised, maintenance, held, ordered, held_alone,
        0, locked, None,
    ))  # fmt: skip


def liquidation_price(
    ms: MarketState, positions: list[Position], wallet: int, others: MarginStatus | None = None
) -> int:
    """The mark price, in atoms, at which positions of one contract are liquidated; 0: none.

    `wallet`: the isolated margin, or the cross wallet's balance; `others`: the cross positions of
    other contracts. The formula is the venue's: (wallet - maintenance of others + profit of
    others + deductions - costs) / (sum of amount x rate - signed amount), per position.
    """
    value = wallet
    if others is not None:
        value += others.unrealised - others.maintenance
    # all that it depends on: what a cross wallet has without its profit seldom changes
    seen = (ms.market, value, [(position.lots, position.cost) for position in positions])
    if ms.liquidation_seen[0] != seen:
        ms.liquidation_seen = (seen, _liquidation_price(ms, positions, value))
    return ms.liquidation_seen[1]


def _liquidation_price(ms: MarketState, positions: list[Position], value: int) -> int:
    market, contract = ms.market, ms.market.contract
    assert contract is not None
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
