"""Halts of markets and locks of funds: they may overlap, and each ends by itself."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

from failing_exchange.core import commands as c
from failing_exchange.core.events import MarketChanged
from failing_exchange.core.market import TRADING, MarketStatus
from failing_exchange.core.operating import check_asset, note_balance
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import (
    HALTS_MAX,
    LOCKS_MAX,
    NEVER,
    Account,
    Halt,
    Lock,
    MarketState,
    State,
    look_again,
)


def set_status(state: State, command: c.SetMarketStatus, at: int) -> None:
    """Halt a market, let it only cancel, or end all that holds it up."""
    ms, until = state.market(command.symbol, at), _end(command.nanoseconds, at)
    if command.status is not TRADING:
        _halt(state, ms, Halt(command.status, until))
    elif command.nanoseconds is None:
        ms.halts.clear()
    else:
        raise Reject(
            Reason.BAD_REQUEST, f"{command.symbol} trades until it is halted: leave out nanoseconds"
        )
    _become(state, ms, command.status, at)


def _halt(state: State, ms: MarketState, new: Halt) -> None:
    """Let a halt hold before the others; those that end with it or sooner are forgotten."""
    longer = [halt for halt in ms.halts if halt.until > new.until]
    if len(longer) >= HALTS_MAX:
        raise Reject(
            Reason.BAD_REQUEST, f"{ms.market.symbol} has {HALTS_MAX} halts already: resume it first"
        )
    if new.until < NEVER:
        state.schedule(new.until, c.EndHalts(ms.market.symbol))
    ms.halts = [*longer, new]


def end_halts(state: State, command: c.EndHalts, at: int) -> None:
    """End the halts whose time is over; the market has the status of the last one left."""
    ms = state.market(command.symbol, at)
    ms.halts = [halt for halt in ms.halts if halt.until > at]
    status = ms.halts[-1].status if ms.halts else TRADING
    if status is not ms.market.status:
        _become(state, ms, status, at)


def _become(state: State, ms: MarketState, status: MarketStatus, at: int) -> None:
    ms.market = replace(ms.market, status=status)
    ms.halted_at = (ms.halted_at or at) if status is not TRADING else 0
    ms.watch_all()
    if status is TRADING:  # what has moved meanwhile meets the orders that stand
        ms.hold_off()
        ms.redrawn(at)
    look_again(state, ms, at)
    state.events.append(MarketChanged(ms.market.symbol, status, "status", at))


def freeze(state: State, command: c.Freeze, at: int) -> None:
    """Lock a part of a balance without an order, or (negative) unlock it; at most what is there."""
    account, asset = state.account(command.account), command.asset
    check_asset(state, asset)
    until = _end(command.nanoseconds, at)
    if command.atoms < 0:
        _release(state, account, asset, -command.atoms, at)
        return
    atoms = min(command.atoms, state.ledger.free(account.name, asset))
    if atoms:
        _lock(state, account, asset, Lock(until, atoms))
        state.ledger.reserve(account.name, asset, atoms, at=at)
    note_balance(state, account.name, asset, -atoms, atoms, at, "lock")


def _lock(state: State, account: Account, asset: str, new: Lock) -> None:
    """Note a lock among the others, by its end; those that end together are one."""
    locks = account.locks.setdefault(asset, [])
    place = bisect_left(locks, (new.until, 0))
    if place < len(locks) and locks[place].until == new.until:
        locks[place] = Lock(new.until, locks[place].atoms + new.atoms)
        return
    if len(locks) >= LOCKS_MAX:
        raise Reject(
            Reason.BAD_REQUEST,
            f"{asset} of {account.name} has {LOCKS_MAX} locks already: release some first",
        )
    if new.until < NEVER:
        state.schedule(new.until, c.EndFreezes(account.name, asset))
    locks.insert(place, new)


def end_freezes(state: State, command: c.EndFreezes, at: int) -> None:
    """Release the locks whose time is over."""
    account = state.account(command.account)
    locks = account.locks.get(command.asset, [])
    over = sum(lock.atoms for lock in locks if lock.until <= at)
    if over:
        _release(state, account, command.asset, over, at)


def _release(state: State, account: Account, asset: str, most: int, at: int) -> None:
    """Release up to `most` atoms, of the lock that ends first before the others."""
    locks, released = account.locks.get(asset, []), 0
    while locks and released < most:
        until, atoms = locks.pop(0)
        taken = min(atoms, most - released)
        released += taken
        if taken < atoms:
            locks.insert(0, Lock(until, atoms - taken))
    state.ledger.release(account.name, asset, released, at=at)
    note_balance(state, account.name, asset, released, -released, at, "lock")


def _end(nanoseconds: int | None, at: int) -> int:
    """When something ends that begins now and lasts so long; None: `NEVER`."""
    if nanoseconds is None:
        return NEVER
    if nanoseconds < 1:
        raise Reject(
            Reason.BAD_REQUEST,
            f"it must last at least 1 ns, not {nanoseconds}; leave nanoseconds out for good",
        )
    return at + nanoseconds
