"""Notes of what changes a futures wallet or a position, for events, income and margin checks."""

from __future__ import annotations

from failing_exchange.core.events import FuturesBalanceChanged, PositionChanged
from failing_exchange.core.ledger import futures_wallet
from failing_exchange.core.positions import Position
from failing_exchange.core.state import MarketState, State


def balance_of(state: State, wallet: str, asset: str) -> int:
    """The balance of a futures wallet, isolated margins included, in atoms."""
    return state.ledger.free(wallet, asset) + state.ledger.used(wallet, asset)


def note_change(
    state: State, account: str, asset: str, change: int, at: int, why: str, symbol: str = "",
    transfer_id: int = 0,
) -> None:  # fmt: skip
    """Record that a futures wallet changed without a match, and have its margin looked at."""
    balance = balance_of(state, futures_wallet(account), asset)
    event = FuturesBalanceChanged(account, asset, change, balance, at, why, symbol, transfer_id)
    state.events.append(event)
    state.accounts[account].changes.append(event)
    if symbol:
        state.moved[account, symbol] = None
        return
    look_at(state, account, asset)


def look_at(state: State, account: str, asset: str) -> None:
    """Have the margin of an account looked at, of whose assets one has changed."""
    joint = state.accounts[account].margin.multi_assets
    for ms in state.contracts:
        if joint or ms.market.settle == asset:
            state.moved[account, ms.market.symbol] = None
            return


def note_position(
    state: State, ms: MarketState, position: Position, profit: int, at: int, why: str
) -> None:
    """Record a changed position, and have the margin of its account looked at."""
    balance = balance_of(state, position.wallet, ms.market.settle)
    state.moved[position.account, ms.market.symbol] = None
    changed = PositionChanged(
        position.account, ms.market.symbol, position.side, position.lots, position.cost,
        position.margin, profit, balance, at, why,
    )  # fmt: skip
    state.events.append(changed)
