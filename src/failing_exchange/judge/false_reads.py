"""Reads that a fault made false: the client asked, and the answer was not true.

A client can't be blamed for believing the newest answer on an order or its balances that it asked
for. The answer to a request that acts (a new order, a cancel) does not excuse it: it can be checked
by asking. Nor does an answer that contradicts itself, or a "not found" that comes too soon.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from failing_exchange.core.queries import FetchBalance, FetchFills, FetchOrder, FetchOrders
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.journal.trip import Edited, Trip
from failing_exchange.judge.answers import fills_of, orders_of, received, totals_of

if TYPE_CHECKING:
    from failing_exchange.judge.facts import Facts, OrderFacts

HORIZON_S = (
    5.0  # seconds after an order was placed until "not found" is proof; as `resolves` has it
)
PARTS_MAX = 10  # orders whose untold fills are tried in every combination; the newest


def note_false_read(facts: Facts, trip: Trip) -> None:
    """Note on the orders of a client, and on its balances, that a struck read told a lie of them.

    A later message that is true removes the note.
    """
    answer = received(trip)
    if answer is None or answer.__class__ is Edited:
        return
    for known in _misreported(facts, trip, answer):
        known.false_by = trip
    if trip.command.__class__ is FetchBalance and not isinstance(answer, Reject):
        told = totals_of(answer)
        true = facts.engine.state.ledger.balances(facts.account)
        if told is not None:
            is_true = all(sum(true.get(asset, (0, 0))) == total for asset, total in told.items())
            facts.balances_false = None if is_true else told


def _misreported(facts: Facts, trip: Trip, answer: Any) -> Iterator[OrderFacts]:
    """The orders of which a message tells what is not so."""
    command = trip.command
    if command.__class__ is FetchOrder and isinstance(answer, Reject):
        known = facts.of_command(command)
        if known is not None and answer.reason is Reason.ORDER_NOT_FOUND and _is_late(known, trip):
            yield known
    elif command.__class__ in (FetchOrder, FetchOrders) and not isinstance(answer, Reject):
        shown: dict[int, bool] = {}
        for one in orders_of(answer):
            true = one.status is one.order.status and one.filled == one.order.filled
            shown[one.order.id] = shown.get(one.order.id, False) or true
        yield from (facts.orders[i] for i, true in shown.items() if not true and i in facts.orders)
        if command.__class__ is FetchOrders:
            yield from _left_out(facts, command, shown, trip)
    elif command.__class__ is FetchFills and not isinstance(answer, Reject):
        told = {(fill.symbol, fill.trade_id) for fill in fills_of(answer)}
        for known in _in_market(facts.orders.values(), command.symbol):
            if known.unaware and not any((f.symbol, f.trade_id) in told for f in known.order.fills):
                yield known


def _left_out(
    facts: Facts, asked: FetchOrders, shown: dict[int, bool], trip: Trip
) -> Iterator[OrderFacts]:
    """The open orders that a list of open orders, or of all, lacks."""
    if asked.limit is not None or asked.which not in ("open", "all"):
        return
    for order in facts.engine.state.accounts[facts.account].open.values():
        known = facts.orders.get(order.id)
        if known is not None and order.id not in shown and _is_late(known, trip):
            yield from _in_market((known,), asked.symbol)


def _in_market(orders: Iterable[OrderFacts], symbol: str) -> Iterator[OrderFacts]:
    return (known for known in orders if not symbol or known.symbol == symbol)


def _is_late(known: OrderFacts, trip: Trip) -> bool:
    """Whether "not found" would prove that there is no such order."""
    return trip.born_at - known.accepted_at >= HORIZON_S * SECOND


def reached(states: Iterable[int], parts: Iterable[int], near: Any) -> bool:
    """Whether some state, without some of the parts, is what somebody believes (`near`)."""
    sums = {0: None}
    for part in list(parts)[-PARTS_MAX:]:
        sums.update({whole + part: None for whole in list(sums)})
    return any(near(state - less) for state in states for less in sums)


def told_falsely(known: OrderFacts) -> str:
    """Why a client can't be blamed for what it does not know of an order."""
    number = 0 if known.false_by is None else known.false_by.number
    return f"the bot asked about order {known.order.id}, and its newest answer (trip {number}) lied"
