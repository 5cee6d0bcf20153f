"""Clients set leverage and modes, move margin, and transfer between their wallets."""

from __future__ import annotations

from failing_exchange.core import commands as c
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.events import MarginSettingsChanged, MarkMoved
from failing_exchange.core.futures_wallet import note_change, note_position
from failing_exchange.core.joint_margin import futures_assets, is_covered, withdrawable
from failing_exchange.core.ledger import futures_wallet
from failing_exchange.core.linear_settlement import largest_notional, leverage_allowed
from failing_exchange.core.margin import exposure_of, positions_in, status_of
from failing_exchange.core.margin_calls import check_marks
from failing_exchange.core.operator_commands import note_balance
from failing_exchange.core.positions import MarginMode, MarginMove, Position
from failing_exchange.core.queries import Leverage, MarginAdjusted, Transferred
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.units import PPM, atoms_text


def contract_market(state: State, symbol: str, at: int) -> MarketState:
    """A market that is a contract; raise `Reject` for any other."""
    ms = state.market(symbol, at)
    if ms.market.contract is None:
        raise Reject(Reason.UNKNOWN_SYMBOL, symbol=symbol)
    return ms


def set_leverage(state: State, command: c.SetLeverage, at: int) -> Leverage:
    """Change the leverage of a symbol; the margin of its positions and orders changes with it."""
    account, ms = state.account(command.account), contract_market(state, command.symbol, at)
    contract, settings, leverage = ms.market.contract, account.margin, command.leverage
    assert contract is not None
    if not 1 <= leverage <= contract.leverage_max:
        raise Reject(Reason.LEVERAGE, leverage=leverage, maximum=contract.leverage_max)
    symbol, present = command.symbol, settings.leverage_of(command.symbol)
    held = [p for p in positions_in(ms, account.name) if p.lots]
    for position in held:
        notional = exposure_of(ms, position, mark_of(ms, at)).notional
        allowed = leverage_allowed(ms, notional)
        if leverage > allowed:
            raise Reject(
                Reason.LEVERAGE,
                notional=ms.market.cost_and_asset(notional), allowed=allowed, leverage=leverage,
            )  # fmt: skip
    if held and settings.is_isolated(symbol) and leverage < present:
        raise Reject(Reason.LEVERAGE, present=present, leverage=leverage)
    settings.leverage[symbol] = leverage
    if leverage < present and not is_covered(state, account, ms.market.settle, at):
        settings.leverage[symbol] = present
        raise Reject(Reason.INSUFFICIENT_FUNDS)
    if leverage != present:
        state.events.append(
            MarginSettingsChanged(account.name, symbol, "leverage", str(leverage), at)
        )
    return Leverage(symbol, leverage, largest_notional(ms, leverage))


def set_margin_mode(state: State, command: c.SetMarginMode, at: int) -> MarginMode:
    """Let a symbol's positions be cross or isolated; not while there are any, or open orders."""
    account, ms = state.account(command.account), contract_market(state, command.symbol, at)
    settings, symbol = account.margin, command.symbol
    present = MarginMode.ISOLATED if settings.is_isolated(symbol) else MarginMode.CROSS
    if command.mode is present:
        raise Reject(Reason.NO_CHANGE, setting="the margin mode", value=str(present))
    if command.mode is MarginMode.ISOLATED and settings.multi_assets:
        raise Reject(Reason.MODE_KEPT)
    check_idle(account, [ms], f" in {symbol}")
    settings.modes[symbol] = command.mode
    state.events.append(
        MarginSettingsChanged(account.name, symbol, "margin_mode", str(command.mode), at)
    )
    return command.mode


def set_position_mode(state: State, command: c.SetPositionMode, at: int) -> bool:
    """Keep one position per symbol, or a long and a short one (hedge)."""
    account = state.account(command.account)
    if command.hedge is account.margin.hedge:
        mode = "hedge" if command.hedge else "one-way"
        raise Reject(Reason.NO_CHANGE, setting="the position mode", value=mode)
    check_idle(account, state.contracts, "")
    account.margin.hedge = command.hedge
    mode = "hedge" if command.hedge else "one-way"
    state.events.append(MarginSettingsChanged(account.name, "", "position_mode", mode, at))
    return command.hedge


def check_idle(account: Account, markets: list[MarketState], where: str) -> None:
    """Raise `Reject` where an account has open orders or positions in these contracts."""
    symbols = {ms.market.symbol: None for ms in markets}
    waiting = (one.command.symbol for one in account.conditionals.values())
    orders = (order.symbol for order in account.open.values())
    if any(symbol in symbols for symbol in (*orders, *waiting)):
        raise Reject(Reason.MODE_KEPT, where=where)
    for ms in markets:
        if any(position.lots for position in positions_in(ms, account.name)):
            raise Reject(Reason.MODE_KEPT, held_in=f" in {ms.market.symbol}")


def adjust_margin(state: State, command: c.AdjustMargin, at: int) -> MarginAdjusted:
    """Add margin to an isolated position, or (negative) remove what it does not need."""
    account, ms = state.account(command.account), contract_market(state, command.symbol, at)
    position = ms.positions.get((account.name, command.side))
    isolated = account.margin.is_isolated(command.symbol)
    if position is None or not position.lots or not isolated:
        raise Reject(Reason.POSITION_NOT_FOUND, contract=command.symbol)
    asset, ledger, atoms = ms.market.settle, state.ledger, command.atoms
    free = (
        status_of(state, account, asset, at).available
        if atoms > 0
        else _spare(ms, account, position, at)
    )
    if abs(atoms) > free:
        raise Reject(
            Reason.INSUFFICIENT_FUNDS,
            free=atoms_text(free), asset=asset, needed=atoms_text(abs(atoms)),
        )  # fmt: skip
    if atoms > 0:
        ledger.reserve(position.wallet, asset, atoms, at)
    else:
        ledger.release(position.wallet, asset, -atoms, at=at)
    position.margin += atoms
    position.updated_at = at
    account.margin_moves.append(MarginMove(ms.market.symbol, position.side, asset, atoms, at))
    note_position(state, ms, position, 0, at, "margin_transfer")
    return MarginAdjusted(ms.market, atoms, position.margin, at)


def _spare(ms: MarketState, account: Account, position: Position, at: int) -> int:
    """What can be removed: margin above the initial margin, losses taken off."""
    found = exposure_of(ms, position, mark_of(ms, at))
    leverage = account.margin.leverage_of(ms.market.symbol)
    needed = -(-found.notional // leverage)
    return max(0, position.margin + min(0, found.unrealised) - needed)


def transfer_funds(state: State, command: c.TransferFunds, at: int) -> Transferred:
    """Move money between the spot and the futures wallet of an account."""
    account, ledger, asset = state.account(command.account), state.ledger, command.asset
    wallet, atoms = futures_wallet(account.name), command.atoms
    if asset not in futures_assets(state):
        raise Reject(Reason.BAD_REQUEST, f"{asset} is not an asset of the futures wallet")
    if atoms < 1:
        raise Reject(Reason.BAD_REQUEST, f"transfer a positive amount, not {atoms_text(atoms)}")
    payer, payee = (account.name, wallet) if command.to_futures else (wallet, account.name)
    free = ledger.free(account.name, asset)
    if not command.to_futures:
        free = withdrawable(state, account, asset, at)
    if atoms > free:
        raise Reject(
            Reason.INSUFFICIENT_FUNDS,
            free=atoms_text(free), asset=asset, needed=atoms_text(atoms),
        )  # fmt: skip
    number = state.next_execution_id
    ledger.transfer(payer, payee, asset, atoms, at=at)
    change = atoms if command.to_futures else -atoms
    note_balance(state, account.name, asset, -change, 0, at, "transfer")
    note_change(state, account.name, asset, change, at, "transfer", transfer_id=number)
    return Transferred(number, asset, atoms, command.to_futures, at)


def look_at_marks(state: State, command: c.CheckMarks, at: int) -> None:
    """Look at the accounts whose margin a mark price may have used up.

    Only where this look is the one that is due: one of another instant was replaced by an earlier
    one, which has planned what was to follow.
    """
    if state.markets[command.symbol].mark_due_at == at:
        check_marks(state, command.symbol, at)


def move_mark(state: State, command: c.MoveMark, at: int) -> None:
    """Move the mark price of a contract, for some time or until it is moved again."""
    ms = contract_market(state, command.symbol, at)
    ms.mark_shift = 0
    ms.mark_shift = command.atoms + mark_of(ms, at) * command.ppm // PPM
    if ms.mark_shift and command.nanoseconds is not None:
        state.schedule(at + command.nanoseconds, c.MoveMark(command.symbol))
    state.events.append(MarkMoved(command.symbol, ms.mark_shift, at))
    check_marks(state, command.symbol, at)
