"""After positions, orders or balances have changed: which mark prices may liquidate an account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from failing_exchange.core.auto_exchange import exchange_debts, room_of_debts
from failing_exchange.core.collateral import USD
from failing_exchange.core.conditional_triggers import check_mark, end_with_positions
from failing_exchange.core.contract_prices import index_of, mark_of
from failing_exchange.core.events import MarginCalled
from failing_exchange.core.joint_margin import (
    is_due,
    joint_assets,
    joint_of,
    parts_of,
)
from failing_exchange.core.ledger import BACKGROUND
from failing_exchange.core.liquidation import cover_debt, liquidate
from failing_exchange.core.margin import MarkedPosition, exposure_of, marked_positions, status_of
from failing_exchange.core.mark_watch import (
    ALGO,
    INDEX,
    MARGIN,
    closest,
    met,
    plan_look,
    watch_mark,
)
from failing_exchange.core.state import NO_BOUNDS, Account, Bounds, MarketState, State
from failing_exchange.core.units import ATOMS, PPM

CALL_RATIO = 800_000  # ppm of maintenance margin / margin balance; the venue does not publish it


def follow_positions(state: State, at: int) -> None:
    """Look at every account whose positions or balance changed in this step."""
    while state.moved:
        moved, state.moved = state.moved, {}
        end_with_positions(state, moved, at)
        assets = {(name, state.markets[symbol].market.settle): None for name, symbol in moved}
        for name, asset in assets:
            if name != BACKGROUND:
                check_account(state, state.accounts[name], asset, at)
    for ms in state.contracts:  # the matches may have moved mark prices
        if ms.mark_watched:
            _check_met(state, ms, at)
            if ms.mark_stale:
                plan_look(state, ms, at)


def check_marks(state: State, symbol: str, at: int) -> None:
    """Look at the accounts whose bounds the mark price of a market has reached."""
    ms = state.market(symbol, at)
    _check_met(state, ms, at)
    ms.mark_due_at = 0  # only now: bounds that are new need not be searched for one by one
    plan_look(state, ms, at)


def _check_met(state: State, ms: MarketState, at: int) -> None:
    """Look at the accounts and conditional orders whose bounds the mark price has reached."""
    for name in met(ms, at):
        if name.startswith(ALGO):
            check_mark(state, ms, int(name.removeprefix(ALGO)), at)
        else:
            account = state.accounts[name.partition(":")[2]]
            check_account(state, account, ms.market.settle, at)


def check_account(state: State, account: Account, asset: str, at: int) -> None:
    """Liquidate what an account can't carry any more; else set the bounds of the next look."""
    if account.margin.multi_assets:
        _check_joint(state, account, at)
        return
    name = account.name
    cross: list[MarkedPosition] = []
    bounds: dict[str, list[Bounds]] = {}
    for ms in state.contracts:
        if ms.market.settle == asset:
            symbol = ms.market.symbol
            bounds[symbol] = []
            held = marked_positions(ms, name, at)
            if not account.margin.is_isolated(symbol):
                cross += held
                continue
            for one in held:
                bounds[symbol] += _check_isolated(state, account, one, at)
    for symbol, found in _check_cross(state, account, asset, cross, at):
        bounds[symbol].append(found)
    cover_debt(state, account, asset, at)
    for symbol, several in bounds.items():
        ms = state.markets[symbol]
        joined, watched = _join(several), f"{MARGIN}{name}"
        if ms.mark_watched.get(watched) != joined:
            watch_mark(state, ms, watched, joined, at)


def _check_isolated(
    state: State, account: Account, marked: MarkedPosition, at: int
) -> Iterator[Bounds]:
    """Look at one isolated position; yield its bounds if there is still one.

    What became of others may have closed it, or moved its mark price.
    """
    ms, position = marked.ms, marked.position
    if not position.lots:
        return
    marked = exposure_of(ms, position, mark_of(ms, at))
    if position.margin + marked.unrealised <= marked.maintenance:
        liquidate(state, account, [marked], at)
        if not position.lots:
            return
        marked = exposure_of(ms, position, mark_of(ms, at))
    group = (ms.market.settle, f"{ms.market.symbol} {position.side}")
    balance = position.margin + marked.unrealised
    yield from (found for _, found in _bounds(state, account, group, [marked], balance, at))


def _check_cross(
    state: State, account: Account, asset: str, cross: list[MarkedPosition], at: int
) -> Iterator[tuple[str, Bounds]]:
    """Look at all cross positions of an account, which share its wallet."""
    status = status_of(state, account, asset, at)
    if cross and status.balance <= status.maintenance:
        liquidate(state, account, sorted(cross, key=lambda one: one.unrealised), at)
        status = status_of(state, account, asset, at)
        left = [one for one in cross if one.position.lots]
        cross = [exposure_of(one.ms, one.position, mark_of(one.ms, at)) for one in left]
    yield from _bounds(state, account, (asset, ""), cross, status.balance, at)


def _call_limit(maintenance: int) -> int:
    """The margin balance at which the owner is called."""
    return maintenance * PPM // CALL_RATIO


def _bounds(
    state: State,
    account: Account,
    group: tuple[str, str],
    held: list[MarkedPosition],
    balance: int,
    at: int,
) -> Iterator[tuple[str, Bounds]]:
    """Call for margin where little is left; yield the next bounds of positions that share it.

    Each position may lose its share before the account is looked at again. One that was called
    for is looked at as well once it may have gained enough to be called another time.
    """
    needed = sum(one.maintenance for one in held)
    limit = _call_limit(needed)
    is_called = bool(held) and balance <= limit
    _call(state, account, group, (balance, needed) if is_called else None, at)
    loss = max(0, balance - (needed if is_called else limit)) // max(1, len(held))
    gain = (limit - balance) // len(held) + 1 if is_called else None
    for one in held:
        mark = mark_of(one.ms, at)
        yield one.ms.market.symbol, _bounds_of(one, mark, loss, gain)


def _call(
    state: State, account: Account, group: tuple[str, str], short: tuple[int, int] | None, at: int
) -> None:
    """Call for margin once; `short`: (balance, maintenance margin), None where there is enough."""
    called = account.margin.called
    if short is None:
        called.pop(group, None)
    elif group not in called:
        state.events.append(MarginCalled(account.name, *group, *short, at))
        called[group] = None


def _bounds_of(one: MarkedPosition, mark: int, loss: int, gain: int | None) -> Bounds:
    """The mark prices at which a position has lost, or gained, some atoms."""
    adverse = max(1, _distance(one, loss))
    better = None if gain is None else max(1, _distance(one, gain))
    above = None if better is None else mark + better
    below = None if better is None else mark - better
    lower, upper = (mark - adverse, above) if one.position.lots > 0 else (below, mark + adverse)
    return (None if lower is None or lower < 0 else lower), upper  # no price is below 0


def _distance(marked: MarkedPosition, atoms: int) -> int:
    """By how much the mark price can move before a position has lost, or gained, some atoms.

    It is never too far: the maintenance margin is taken to change at its highest rate.
    """
    market, position = marked.ms.market, marked.position
    assert market.contract is not None
    rate = _call_limit(market.contract.brackets[-1].rate)
    change = abs(position.lots) * market.unit * (PPM + rate)
    return max(0, atoms) * ATOMS * market.price_step * PPM // change


def _join(several: list[Bounds]) -> Bounds | None:
    """The bounds that are met as soon as one of several is; None without any."""
    joined = closest(several)
    return None if joined == NO_BOUNDS else joined


# ---- the multi-assets mode: all positions share all assets


def _check_joint(state: State, account: Account, at: int) -> None:
    """Liquidate and exchange as all assets together demand; set the bounds of the next look."""
    held = [one for ms in state.contracts for one in marked_positions(ms, account.name, at)]
    due = bool(held) and is_due(state, account, "", at)
    if due:
        worth = {a: rates for a, (_, rates) in parts_of(state, account, at).items()}
        held.sort(key=lambda one: worth[one.ms.market.settle].worth(one.unrealised))
        liquidate(state, account, held, at)
    exchange_debts(state, account, at, liquidated=due)
    for asset in joint_assets(state, account):
        cover_debt(state, account, asset, at)
    bounds = _joint_bounds(state, account, at)
    for ms in state.contracts:
        for kind in (MARGIN, INDEX):
            watched = f"{kind}{account.name}"
            joined = _join(bounds.get((kind, ms.market.symbol), []))
            if ms.mark_watched.get(watched) != joined:
                watch_mark(state, ms, watched, joined, at)


def _joint_bounds(state: State, account: Account, at: int) -> dict[tuple[str, str], list[Bounds]]:
    """The mark prices, and the indices of collateral, at which an account is looked at again.

    Each of them may take its share of what is left before that.
    """
    held = [one for ms in state.contracts for one in marked_positions(ms, account.name, at)]
    joint, parts = joint_of(state, account, at), parts_of(state, account, at)
    limit, room, gain = _call_limit(joint.maintenance), room_of_debts(state, account, at), None
    is_called = bool(held) and joint.equity <= limit
    _call(state, account, (USD, ""), (joint.equity, joint.maintenance) if is_called else None, at)
    if held:
        room = joint.equity - (joint.maintenance if is_called else limit)
        gain = (limit - joint.equity) // len(held) + 1 if is_called else None
    if room is None:
        return {}
    volatile = {a: part for a, (part, _) in parts.items() if state.collateral[a].price is None}
    share, found = max(0, room) // max(1, len(held) + len(volatile)), defaultdict(list)
    for one in held:
        settle, mark = one.ms.market.settle, mark_of(one.ms, at)
        rates = parts[settle][1]
        loss, more = rates.covered(share), None if gain is None else rates.covered(gain)
        # what settles in a volatile asset depends on two prices at once: looked at each second
        near = (mark, mark) if settle in volatile else _bounds_of(one, mark, loss, more)
        found[MARGIN, one.ms.market.symbol].append(near)
    for asset, part in volatile.items():
        priced = state.index_contract(asset)
        if priced is not None and part.balance:
            found[INDEX, priced[0].market.symbol].append(
                _index_bounds(*priced, share * ATOMS // abs(part.balance), at)
            )
    return found


def _index_bounds(ms: MarketState, quote: int, dollars: int, at: int) -> Bounds:
    """The index prices at which an asset is worth `dollars` more or less, at any rate."""
    index = index_of(ms, at)
    distance = max(1, dollars * ATOMS // quote * PPM // WORST_RATE)
    return index - distance, index + distance


WORST_RATE = 2 * PPM  # no ask rate is higher, in ppm of the index
