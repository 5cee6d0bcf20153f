"""Margin in the multi-assets mode: all assets of a futures wallet carry all positions.

Source: Binance FAQ, "How to Calculate Margin Ratio in the Multi-Assets Mode" (2022-07-06, copy
with USDC): equity = sum of min(assetEquity x bidRate, assetEquity x askRate); available for
orders = (equity - sum of initial margin x askRate) / askRate of the asset; margin ratio =
maintenance margin / equity, in dollars.
"""

from __future__ import annotations

from failing_exchange.core.collateral import Rates, rates_at
from failing_exchange.core.contract_prices import index_of
from failing_exchange.core.ledger import futures_wallet
from failing_exchange.core.margin import status_of
from failing_exchange.core.positions import JointMargin, MarginStatus
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import Account, State
from failing_exchange.core.units import ATOMS


def rates_of(state: State, asset: str, at: int) -> Rates | None:
    """The rates of an asset now; None for an asset that is not collateral here."""
    terms = state.collateral.get(asset)
    if terms is None:
        return None
    if terms.price is not None:
        return rates_at(terms.price, terms)
    found = state.index_contract(asset)
    price = index_of(found[0], at) * found[1] // ATOMS if found else 0
    return rates_at(price, terms) if price else None


def settled_rates(state: State, asset: str, at: int) -> Rates:
    """The rates of an asset that contracts settle in; raise `Reject` where there are none."""
    rates = rates_of(state, asset, at)
    if rates is None:
        raise Reject(Reason.BAD_REQUEST, f"{asset} has no price in USD here")
    return rates


def futures_assets(state: State) -> list[str]:
    """The assets that a futures wallet takes: for settlement, as collateral, and for fees."""
    contracts = [ms.market for ms in state.contracts]
    own = [one.contract.fee_asset for one in contracts if one.contract and one.contract.fee_asset]
    settled = [one.settle for one in contracts]
    return list(dict.fromkeys([*settled, *state.collateral, *own])) if settled else []


def joint_assets(state: State, account: Account) -> list[str]:
    """The assets that an account has, or settles, in its futures wallet."""
    wallet = futures_wallet(account.name)
    held = state.ledger.balances(wallet) if wallet in state.ledger.wallets(account.name) else {}
    settled = (ms.market.settle for ms in state.contracts)
    return list(dict.fromkeys([*settled, *(asset for asset, (free, _) in held.items() if free)]))


def parts_of(state: State, account: Account, at: int) -> dict[str, tuple[MarginStatus, Rates]]:
    """The margin of an account by asset, with the rates; other assets are left out."""
    found = {}
    for asset in joint_assets(state, account):
        rates = rates_of(state, asset, at)
        if rates is not None:
            found[asset] = (status_of(state, account, asset, at), rates)
    return found


def joint_of(state: State, account: Account, at: int) -> JointMargin:
    """The margin of an account in all assets."""
    wallet = unrealised = equity = held = ordered = maintenance = locked = 0
    for status, rates in parts_of(state, account, at).values():
        wallet += rates.worth(status.wallet)
        unrealised += rates.worth(status.unrealised)
        equity += rates.worth(status.balance)
        held += rates.needed(status.position_margin)
        ordered += rates.needed(status.order_margin)
        maintenance += rates.needed(status.maintenance)
        locked += rates.needed(status.locked)
    return JointMargin(wallet, unrealised, equity, held, ordered, maintenance, locked)


def available_of(state: State, account: Account, asset: str, at: int) -> int:
    """What new orders can use of an asset, in its atoms; in multi-assets mode of all together."""
    if not account.margin.multi_assets:
        return status_of(state, account, asset, at).available
    spare = joint_of(state, account, at).spare
    return max(0, settled_rates(state, asset, at).covered(spare))


def is_covered(state: State, account: Account, asset: str, at: int) -> bool:
    """Whether the initial margins do not exceed what an account has for them."""
    if account.margin.multi_assets:
        joint = joint_of(state, account, at)
        return joint.equity >= joint.position_margin + joint.order_margin
    status = status_of(state, account, asset, at)
    return status.balance >= status.position_margin + status.order_margin


def is_due(state: State, account: Account, asset: str, at: int) -> bool:
    """Whether the cross positions of an account are to be liquidated."""
    if account.margin.multi_assets:
        joint = joint_of(state, account, at)
        return joint.equity <= joint.maintenance
    status = status_of(state, account, asset, at)
    return status.balance <= status.maintenance


def support_of(state: State, account: Account, asset: str, at: int) -> int:
    """How much of an asset the others can pay for; below 0: how much of it they need."""
    if not account.margin.multi_assets:
        return 0
    dollars = sum(
        rates.worth(status.balance)
        for other, (status, rates) in parts_of(state, account, at).items()
        if other != asset
    )
    return settled_rates(state, asset, at).covered(dollars)


def withdrawable(state: State, account: Account, asset: str, at: int) -> int:
    """What can leave the futures wallet: profit that is not realised stays."""
    status = status_of(state, account, asset, at)
    if not account.margin.multi_assets:
        return status.withdrawable
    rates = rates_of(state, asset, at)
    if rates is None:
        return max(0, status.wallet)
    spare = joint_of(state, account, at).spare
    for part, its in parts_of(state, account, at).values():
        spare -= its.worth(max(0, part.unrealised))
    return max(0, min(status.wallet - status.locked, spare * ATOMS // rates.ask))
