"""Commands of the multi-assets mode and of fees in BNB, and the operator's of collateral.

Refusals: Binance USD-M, "Error Codes" -4167 to -4172; Binance FAQ, "What Is Multi-Assets Mode"
(2021-05-28): not with open positions or orders.
"""

from __future__ import annotations

from failing_exchange.core.collateral import ChangeCollateral, SetFeeBurn, SetMultiAssets
from failing_exchange.core.events import CollateralChanged, MarginSettingsChanged
from failing_exchange.core.joint_margin import joint_assets, settled_rates
from failing_exchange.core.ledger import futures_wallet
from failing_exchange.core.margin_commands import check_idle
from failing_exchange.core.mark_watch import INDEX, watch_mark
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import Account, State
from failing_exchange.core.units import PPM


def set_multi_assets(state: State, command: SetMultiAssets, at: int) -> bool:
    """Change the asset mode of an account that is idle, owes nothing and isolates nothing."""
    account, settings = state.account(command.account), state.account(command.account).margin
    name = "multi-assets" if command.enabled else "single-asset"
    if command.enabled is settings.multi_assets:
        raise Reject(Reason.NO_CHANGE, setting="the asset mode", value=name)
    isolated = [symbol for symbol in settings.modes if settings.is_isolated(symbol)]
    if isolated:
        raise Reject(Reason.MODE_KEPT, isolated=f"{isolated[0]} is isolated")
    _check_debts(state, account)
    check_idle(account, state.contracts, "")
    if command.enabled:
        for asset in joint_assets(state, account):
            if any(ms.market.settle == asset for ms in state.contracts):
                settled_rates(state, asset, at)
    settings.multi_assets = command.enabled
    for ms in state.contracts:  # nothing is left to be watched
        watch_mark(state, ms, f"{INDEX}{account.name}", None, at)
    told = MarginSettingsChanged(account.name, "", "multi_assets", str(command.enabled), at)
    state.events.append(told)
    return command.enabled


def _check_debts(state: State, account: Account) -> None:
    """Raise `Reject` where a futures wallet owes something."""
    for asset, (free, _) in state.ledger.balances(futures_wallet(account.name)).items():
        if free < 0:
            raise Reject(Reason.MODE_KEPT, owed=f"the futures wallet owes {asset}")


def set_fee_burn(state: State, command: SetFeeBurn, at: int) -> bool:
    """Pay trading fees of contracts in BNB, or no longer."""
    account = state.account(command.account)
    if command.enabled is not account.margin.fee_burn:
        account.margin.fee_burn = command.enabled
        told = MarginSettingsChanged(account.name, "", "fee_burn", str(command.enabled), at)
        state.events.append(told)
    return command.enabled


def change_collateral(state: State, command: ChangeCollateral, at: int) -> None:
    """Change the worth of an asset, and look at every account that it may carry."""
    asset, terms = command.asset, state.collateral.get(command.asset)
    if terms is None or not state.contracts:
        known = ", ".join(state.collateral) if state.contracts else "an exchange with contracts"
        raise Reject(Reason.BAD_REQUEST, f"{asset} can not be collateral: expected {known}")
    if command.price is not None and (terms.price is None or command.price < 1):
        raise Reject(
            Reason.BAD_REQUEST,
            f"the price of {asset} is the index of its contract" if terms.price is None
            else f"a price has 1 atom or more, not {command.price}",
        )  # fmt: skip
    given = {"price": command.price, "bid_buffer": command.bid_buffer,
             "ask_buffer": command.ask_buffer}  # fmt: skip
    changed = {name: value for name, value in given.items() if value is not None}
    for name in ("bid_buffer", "ask_buffer"):
        if not 0 <= changed.get(name, 0) < PPM:
            raise Reject(Reason.BAD_REQUEST, f"{name} is a part of {PPM}, not {changed[name]}")
    new = state.collateral[asset] = terms._replace(**changed)
    told = CollateralChanged(asset, new.price or 0, new.bid_buffer, new.ask_buffer, at)
    state.events.append(told)
    for name, account in state.accounts.items():
        if account.margin.multi_assets:
            state.moved[name, state.contracts[0].market.symbol] = None
