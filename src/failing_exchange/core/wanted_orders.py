"""The orders that a command asks for, one by one, whichever command carries them."""

from __future__ import annotations

from typing import Any, TypeAlias

from failing_exchange.core.commands import (
    BatchOrders,
    ChangeOrder,
    PlaceConditional,
    PlaceOrder,
    PlaceOrderList,
    ReplaceOrder,
)
from failing_exchange.core.reject import Refusal

WantedOrder: TypeAlias = PlaceOrder | PlaceConditional | ChangeOrder
PLACING = frozenset({
    PlaceOrder, PlaceConditional, ChangeOrder, PlaceOrderList, ReplaceOrder, BatchOrders,
})  # fmt: skip


def orders_in(command: Any) -> tuple[WantedOrder, ...]:
    """The orders that a command places, or changes; none for a test and for any other command.

    Those of a batch, the legs of a list, the new order of a replacement. An order of a batch that
    a fault has refused counts: the client asked for it.
    """
    kind = command.__class__
    if kind not in PLACING:
        return ()
    if kind is PlaceOrder:
        return () if command.test else (command,)
    if kind is BatchOrders:
        return tuple(one for part in parts_of(command) for one in orders_in(part))
    if kind is PlaceOrderList:
        legs: tuple[WantedOrder, ...] = command.legs
        return legs
    if kind is ReplaceOrder:
        return orders_in(command.place)
    return (command,)


def parts_of(command: Any) -> tuple[Any, ...]:
    """The commands that a request carries: those of a batch, otherwise the one that it is."""
    if command.__class__ is not BatchOrders:
        return (command,)
    return tuple(one.of if one.__class__ is Refusal else one for one in command.commands)
