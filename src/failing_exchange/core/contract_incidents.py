"""What the operator does to contracts: liquidate, deleverage, settle, refill the insurance fund."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.conditional_orders import expire_all
from failing_exchange.core.contract_prices import (
    estimated_rate,
    interval,
    mark_of,
    next_funding,
)
from failing_exchange.core.events import ContractSettled, MarketChanged
from failing_exchange.core.forced_orders import ADL, SETTLEMENT, close_beside_book
from failing_exchange.core.funding import pay_funding
from failing_exchange.core.ledger import BACKGROUND, INSURANCE, WORLD
from failing_exchange.core.liquidation import cancel_orders, close_position
from failing_exchange.core.margin import exposure_of, positions_in
from failing_exchange.core.margin_commands import contract_market
from failing_exchange.core.market import HALTED
from failing_exchange.core.matching import finish
from failing_exchange.core.operator_commands import set_status
from failing_exchange.core.order import CANCELED, Why
from failing_exchange.core.positions import Position
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.settlement_base import Settlement
from failing_exchange.core.state import Account, MarketState, State


def liquidate_position(state: State, command: c.LiquidatePosition, at: int) -> None:
    """Liquidate the positions of an account in a contract, whatever its margin."""
    account, ms = state.account(command.account), contract_market(state, command.symbol, at)
    _held(ms, account)
    close_position(state, account, ms, at)


def deleverage_account(state: State, command: c.Deleverage, at: int) -> None:
    """Close positions of an account at the mark price, as auto-deleveraging would."""
    account, ms = state.account(command.account), contract_market(state, command.symbol, at)
    held = _held(ms, account)
    ticks = max(1, mark_of(ms, at) // ms.market.price_step)
    cancel_orders(state, account, [exposure_of(ms, p, mark_of(ms, at)) for p in held], at)
    for position in held:
        lots = command.lots or abs(position.lots)
        close_beside_book(state, ms, account, position, lots, ticks, ADL, at)


def _held(ms: MarketState, account: Account) -> list[Position]:
    """The positions of an account in a contract; raise `Reject` where there are none."""
    held = [position for position in positions_in(ms, account.name) if position.lots]
    if not held:
        symbol = ms.market.symbol
        raise Reject(Reason.BAD_REQUEST, f"{account.name} has no position in {symbol}")
    return held


def pay_funding_now(state: State, command: c.PayFunding, at: int) -> None:
    """Have funding paid out of turn, by the premiums since the last time or at a given rate."""
    ms = contract_market(state, command.symbol, at)
    since = next_funding(ms, at) - interval(ms)
    rate = estimated_rate(ms, since, at) if command.rate is None else command.rate
    pay_funding(state, ms, at, rate)


PAST_TERMS_MAX = 100  # changes of one contract; before them its funding is told by the oldest


def change_funding(state: State, command: c.ChangeFunding, at: int) -> None:
    """Change the interval, the cap or the floor of a contract's funding."""
    ms = contract_market(state, command.symbol, at)
    contract = ms.market.contract
    assert contract is not None
    terms = {"funding_hours": command.hours, "funding_cap": command.cap,
             "funding_floor": command.floor}  # fmt: skip
    changed: dict[str, Any] = {name: value for name, value in terms.items() if value is not None}
    try:
        new = replace(contract, **changed)
    except ValueError as wrong:
        raise Reject(Reason.BAD_REQUEST, f"{command.symbol}: {wrong}") from None
    ms.past_terms.append((at, contract))
    del ms.past_terms[:-PAST_TERMS_MAX]
    ms.market = replace(ms.market, contract=new)
    ms.mark_seen = ((), None)
    if ms.due_at:
        ms.due_at = 0
        Settlement.schedule_due(state, ms, next_funding(ms, at))
    told = ", ".join(f"{name}={value}" for name, value in changed.items())
    state.events.append(MarketChanged(command.symbol, ms.market.status, told, at))


def settle_contract(state: State, command: c.SettleContract, at: int) -> None:
    """Cancel all orders of a contract, close all positions at one price, and halt it for good."""
    ms = contract_market(state, command.symbol, at)
    ticks = command.ticks or max(1, mark_of(ms, at) // ms.market.price_step)
    for order in list(state.orders.values()):
        if order.symbol == command.symbol and order.is_open:
            finish(state, ms, order, CANCELED, at, why=Why.SETTLED)
    expire_all(state, command.symbol, Why.SETTLED, at)
    for (name, _), position in list(ms.positions.items()):
        if name != BACKGROUND and position.lots:
            account, lots = state.accounts[name], abs(position.lots)
            close_beside_book(state, ms, account, position, lots, ticks, SETTLEMENT, at)
    set_status(state, c.SetMarketStatus(command.symbol, HALTED), at)
    state.events.append(ContractSettled(command.symbol, ticks, at))


def set_insurance_fund(state: State, command: c.SetInsuranceFund, at: int) -> None:
    """Have the world pay in, or take out, what the insurance fund is to have."""
    if command.asset not in {ms.market.settle for ms in state.contracts}:
        raise Reject(Reason.BAD_REQUEST, f"no contract settles in {command.asset!r}")
    if command.atoms < 0:
        raise Reject(Reason.BAD_REQUEST, f"a fund has 0 or more atoms, not {command.atoms}")
    change = command.atoms - state.ledger.free(INSURANCE, command.asset)
    payer, payee = (WORLD, INSURANCE) if change > 0 else (INSURANCE, WORLD)
    state.ledger.transfer(payer, payee, command.asset, abs(change), at=at)
