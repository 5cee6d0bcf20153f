"""After positions, orders or balances have changed: which mark prices may liquidate an account."""

from __future__ import annotations

from failing_exchange.core.contract import Bracket
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.ledger import BACKGROUND
from failing_exchange.core.liquidation import liquidate
from failing_exchange.core.margin import MarkedPosition, exposure_of, positions_in, status_of
from failing_exchange.core.mark_watch import met, plan_look, watch_mark
from failing_exchange.core.state import Account, Bounds, MarketState, State
from failing_exchange.core.units import ATOMS, PPM


def follow_positions(state: State, at: int) -> None:
    """Look at every account whose positions or balance changed in this step."""
    while state.moved:
        moved, state.moved = state.moved, {}
        assets = {(name, state.markets[symbol].market.settle): None for name, symbol in moved}
        for name, asset in assets:
            if name != BACKGROUND:
                check_account(state, state.accounts[name], asset, at)


def check_marks(state: State, symbol: str, at: int) -> None:
    """Look at the accounts whose bounds the mark price of a market has reached."""
    ms = state.market(symbol, at)
    ms.mark_due_at = 0
    for name in met(ms, at):
        check_account(state, state.accounts[name], ms.market.settle, at)
    plan_look(state, ms, at)


def check_account(state: State, account: Account, asset: str, at: int) -> None:
    """Liquidate what an account can't carry any more; else set the bounds of the next look."""
    cross: list[MarkedPosition] = []
    for ms in state.contracts:
        if ms.market.settle != asset:
            continue
        mark, name = mark_of(ms, at), account.name
        held = [exposure_of(ms, p, mark) for p in positions_in(ms, name) if p.lots]
        if not account.margin.is_isolated(ms.market.symbol):
            cross += held
            continue
        for exposure in held:
            if exposure.position.margin + exposure.unrealised <= exposure.maintenance:
                liquidate(state, account, asset, [exposure], at)
        left = [exposure_of(ms, p, mark) for p in positions_in(ms, name) if p.lots]
        _watch(state, ms, account, [(e, _surplus(e)) for e in left], mark, at)
    _check_cross(state, account, asset, cross, at)


def _surplus(exposure: MarkedPosition) -> int:
    return exposure.position.margin + exposure.unrealised - exposure.maintenance


def _check_cross(
    state: State, account: Account, asset: str, cross: list[MarkedPosition], at: int
) -> None:
    """The same for all cross positions of an account, which share its wallet."""
    status = status_of(state, account, asset, at)
    if cross and status.balance <= status.maintenance:
        liquidate(state, account, asset, cross, at)
        status = status_of(state, account, asset, at)
    share = max(0, status.balance - status.maintenance) // max(1, len(cross))
    for ms in state.contracts:
        if ms.market.settle == asset and not account.margin.is_isolated(ms.market.symbol):
            mark = mark_of(ms, at)
            held = [exposure_of(ms, p, mark) for p in positions_in(ms, account.name) if p.lots]
            _watch(state, ms, account, [(e, share) for e in held], mark, at)


def _watch(
    state: State,
    ms: MarketState,
    account: Account,
    held: list[tuple[MarkedPosition, int]],
    mark: int,
    at: int,
) -> None:
    """Watch the mark prices at which the first of some positions has lost its surplus."""
    lower: int | None = None
    upper: int | None = None
    for exposure, surplus in held:
        away = max(1, _distance(exposure, surplus))
        if exposure.position.lots > 0:
            lower = max(lower or 0, mark - away)
        else:
            upper = min(upper or mark + away, mark + away)
    bounds: Bounds | None = (lower, upper) if held else None
    if ms.mark_watched.get(account.name) != bounds:
        watch_mark(state, ms, account.name, bounds, at)


def _distance(exposure: MarkedPosition, surplus: int) -> int:
    """By how many atoms the mark price can move before a position has lost a surplus.

    It is never too far: for a short position, the maintenance margin grows at the highest rate.
    """
    market, position = exposure.ms.market, exposure.position
    assert market.contract is not None
    rate = 0 if position.lots > 0 else _highest(market.contract.brackets)
    loss = abs(position.lots) * market.unit * (PPM + rate)
    return max(0, surplus) * ATOMS * market.price_step * PPM // loss


def _highest(brackets: tuple[Bracket, ...]) -> int:
    return brackets[-1].rate
