"""The orders that a client's request asks for: one by one, what was told of each, what it became.

Rules read orders only from here, so that one in a batch, a list, a replacement, a change or a
conditional order is judged as one that was sent alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from failing_exchange.core import events as e
from failing_exchange.core.commands import (
    BatchDone,
    BatchOrders,
    ChangeOrder,
    PlaceConditional,
    PlaceOrder,
    Replaced,
    ReplaceOrder,
)
from failing_exchange.core.conditional_order import ConditionalStatus
from failing_exchange.core.order import LIMIT
from failing_exchange.core.wanted_orders import PLACING, WantedOrder, orders_in, parts_of
from failing_exchange.journal.trip import Edited, Trip
from failing_exchange.judge.answers import received
from failing_exchange.judge.facts import Facts

Placed: TypeAlias = e.OrderAccepted | e.ConditionalChanged


class Asked(NamedTuple):
    """One order of a request: its place there, and what the client was told of it.

    A change is shown as the order that it is to be. `told`: an answer, a refusal, None for nothing.
    """

    place: int
    order: PlaceOrder | PlaceConditional
    told: Any
    is_new: bool  # not the change of one that is open


def requested(trip: Trip, facts: Facts) -> list[Asked]:
    """The orders that a request asks for. While it is on its way, nothing has been told."""
    if trip.command.__class__ not in PLACING:
        return []
    found: list[Asked] = []
    place = 0
    for part, told in parts_and_told(trip):
        for order in orders_in(part):
            one = described(order, facts)
            if one is not None:
                found.append(Asked(place, one, told, one is order))
            place += 1
    return found


def parts_and_told(trip: Trip) -> list[tuple[Any, Any]]:
    """The commands that a request carries, each with what the client was told of it.

    Of a replacement that is what it was told of the new order.
    """
    command, told = trip.command, received(trip)
    if command.__class__ is ReplaceOrder:
        return [(command, _of_new_order(told))]
    if command.__class__ is not BatchOrders:
        return [(command, told)]
    parts = parts_of(command)
    done, edits = (told.answer, told.edits) if told.__class__ is Edited else (told, ())
    if done.__class__ is not BatchDone or any(name == "*" for name, _ in edits):
        return [(part, told) for part in parts]
    results = [Edited(one, edits) for one in done.results] if edits else done.results
    return list(zip(parts, results, strict=True))


def placed(trip: Trip, facts: Facts) -> Iterator[tuple[int, WantedOrder, Placed]]:
    """(place in the request, order, event) of each order that a request has placed.

    What else was accepted meanwhile is left out: an order that a price has triggered.
    """
    if trip.command.__class__ not in PLACING:
        return
    waiting = dict(enumerate(orders_in(trip.command)))
    for event in trip.happened:
        for place, order in waiting.items():
            if _became(order, event, facts):
                yield place, order, event  # type: ignore[misc]  # as `_became` has checked
                del waiting[place]
                break


def _became(order: WantedOrder, event: e.Event, facts: Facts) -> bool:
    """Whether an event says that this very order was accepted."""
    if event.__class__ is e.OrderAccepted and order.__class__ is PlaceOrder:
        known = facts.orders.get(event.order_id)
        if known is None or known.order.conditional_id or known.order.forced:
            return False
        is_like = known.symbol == order.symbol and known.order.side is order.side
        return is_like and order.client_id in ("", event.client_id)
    if event.__class__ is e.ConditionalChanged and order.__class__ is PlaceConditional:
        is_new = event.status is ConditionalStatus.NEW and event.symbol == order.symbol
        is_own = is_new and event.account == facts.account
        return is_own and order.client_id in ("", event.client_id)
    return False


def described(order: WantedOrder, facts: Facts) -> PlaceOrder | PlaceConditional | None:
    """An order as it is to be; None for the change of one that does not exist."""
    if order.__class__ is not ChangeOrder:
        return order  # type: ignore[return-value]
    known = facts.of_command(order)
    if known is None:
        return None
    old = known.order
    return PlaceOrder(
        order.account, order.symbol, old.side, LIMIT, order.lots, order.ticks,
        client_id=old.client_id, reduce_only=old.reduce_only, position_side=old.position_side,
    )  # fmt: skip


def _of_new_order(told: Any) -> Any:
    """What the answer to a replacement says of the new order; one that was not sent is refused."""
    if told.__class__ is Edited:
        return told._replace(answer=_of_new_order(told.answer))
    if told.__class__ is not Replaced:
        return told
    return told.canceled if told.placed is None else told.placed
