"""What ends by time: orders good till a date, conditional orders, and countdowns."""

from __future__ import annotations

from failing_exchange.core.commands import EndDue, SetCountdown
from failing_exchange.core.conditional_order import ConditionalStatus
from failing_exchange.core.conditional_triggers import end
from failing_exchange.core.matching import finish
from failing_exchange.core.order import CANCELED, EXPIRED, Why
from failing_exchange.core.queries import Countdown
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import NEVER, State


def set_countdown(state: State, command: SetCountdown, at: int) -> Countdown:
    """Start a countdown, start it again, or (with 0) stop it."""
    account, span = state.account(command.account), command.nanoseconds
    state.market(command.symbol, at)
    if not 0 <= span < NEVER - at:
        raise Reject(Reason.BAD_REQUEST, f"a countdown lasts 0 or more nanoseconds, not {span}")
    if not span:
        account.countdowns.pop(command.symbol, None)
        return Countdown(command.symbol, 0)
    account.countdowns[command.symbol] = due = at + span
    state.plan_end(due)
    return Countdown(command.symbol, due)


def end_due(state: State, command: EndDue, at: int) -> None:
    """End all whose time is up, and plan the next end. A plan that was overtaken does nothing."""
    if at != state.ends_at:
        return
    state.ends_at = 0
    ahead = [*_end_orders(state, at), *_end_conditionals(state, at), *_run_out(state, at)]
    if ahead:
        state.plan_end(min(ahead))


def _end_orders(state: State, at: int) -> list[int]:
    """Expire orders; return when others end."""
    ends = [order for order in state.orders.values() if order.expires_at]
    for order in ends:
        if order.expires_at <= at and order.is_open:
            state.begin_transaction(at)
            ms = state.market(order.symbol, at)
            finish(state, ms, order, EXPIRED, at, why=Why.TIME_IS_UP)
    return [order.expires_at for order in ends if order.expires_at > at]


def _end_conditionals(state: State, at: int) -> list[int]:
    """The same with the conditional orders that wait."""
    ends = [one for one in state.conditionals.values() if one.command.expires_at]
    for one in ends:
        if one.command.expires_at <= at:
            state.begin_transaction(at)
            ms = state.market(one.command.symbol, at)
            end(state, ms, one, ConditionalStatus.EXPIRED, at, Why.TIME_IS_UP)
    return [one.command.expires_at for one in ends if one.command.expires_at > at]


def _run_out(state: State, at: int) -> list[int]:
    """Cancel the orders whose countdown has run out; return when others do."""
    ahead = []
    for account in state.accounts.values():
        for symbol, due in list(account.countdowns.items()):
            if due > at:
                ahead.append(due)
                continue
            del account.countdowns[symbol]
            for order in list(account.open.values()):
                if order.symbol == symbol and order.is_open:
                    state.begin_transaction(at)
                    ms = state.market(symbol, at)
                    finish(state, ms, order, CANCELED, at, why=Why.COUNTDOWN)
    return ahead
