"""Auto-exchange: in multi-assets mode, what one asset owes is bought with the others.

Source: Binance, "Multi-Asset Info" (trading rules, 2025): it happens when a wallet owes more than
its threshold; when an account is liquidated; and when one without positions and open orders owes
99.5 % of what its other assets are worth. These are sold in proportion to their worth.
"""

from __future__ import annotations

from failing_exchange.core.collateral import Rates
from failing_exchange.core.futures_wallet import note_change
from failing_exchange.core.joint_margin import parts_of, rates_of
from failing_exchange.core.ledger import BACKGROUND, futures_wallet
from failing_exchange.core.margin import positions_in
from failing_exchange.core.state import Account, State
from failing_exchange.core.units import ATOMS

LOAN_TO_VALUE = 995  # thousandths of the worth of its assets that an idle account may owe
WHY = "auto_exchange"


def exchange_debts(state: State, account: Account, at: int, *, liquidated: bool = False) -> None:
    """Buy what the wallet owes, where the rules say so, as far as its other assets go."""
    wallet, overdue = futures_wallet(account.name), liquidated or is_overdue(state, account, at)
    for asset, (free, _) in state.ledger.balances(wallet).items():
        terms = state.collateral.get(asset)
        if free < 0 and terms is not None and (overdue or -free > terms.threshold):
            _buy(state, account, asset, -free, at)


def holds_nothing(state: State, account: Account) -> bool:
    """Whether an account has neither positions nor open orders in contracts."""
    name = account.name
    return not any(positions_in(ms, name) for ms in state.contracts)


def room_of_debts(state: State, account: Account, at: int) -> int | None:
    """Dollars (atoms) that an idle account's collateral may lose before the exchange; None: any."""
    owned = owed = 0
    for status, rates in parts_of(state, account, at).values():
        worth = rates.worth(status.wallet)
        owned, owed = owned + max(0, worth), owed - min(0, worth)
    return owned * LOAN_TO_VALUE // 1_000 - owed if owed else None


def is_overdue(state: State, account: Account, at: int) -> bool:
    """Whether an account without positions and orders owes too much of what it has."""
    if not holds_nothing(state, account):
        return False
    room = room_of_debts(state, account, at)
    return room is not None and room <= 0


def _buy(state: State, account: Account, asset: str, owed: int, at: int) -> None:
    """Sell parts of all other assets, in proportion, for what is owed of one."""
    rates = rates_of(state, asset, at)
    if rates is None:
        return
    found = sellable(state, account, at)
    total = sum(worth for _, _, worth in found)
    price = -(-owed * rates.exchange_ask // ATOMS)
    bought = owed if price <= total else total * ATOMS // rates.exchange_ask
    paid = min(price, total)
    for other, its, worth in found:
        part = -(-paid * worth // total)
        _move(state, account, other, -min(_free(state, account, other), _atoms(its, part)), at)
    _move(state, account, asset, bought, at)


def sellable(state: State, account: Account, at: int) -> list[tuple[str, Rates, int]]:
    """(asset, rates, worth in dollars) of what an account can sell."""
    found = []
    for asset, (status, rates) in parts_of(state, account, at).items():
        worth = status.wallet * rates.exchange_bid // ATOMS
        if worth > 0:
            found.append((asset, rates, worth))
    return found


def _atoms(rates: Rates, dollars: int) -> int:
    """How much is to be sold for some dollars, rounded up."""
    return -(-dollars * ATOMS // rates.exchange_bid)


def _free(state: State, account: Account, asset: str) -> int:
    return state.ledger.free(futures_wallet(account.name), asset)


def _move(state: State, account: Account, asset: str, change: int, at: int) -> None:
    """Exchange with the background, at the venue's rates."""
    if not change:
        return
    wallet = futures_wallet(account.name)
    payer, payee = (BACKGROUND, wallet) if change > 0 else (wallet, BACKGROUND)
    state.ledger.transfer(payer, payee, asset, abs(change), at=at)
    note_change(state, account.name, asset, change, at, WHY)
