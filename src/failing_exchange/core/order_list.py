"""Orders that belong together: when one does something, the others follow."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from failing_exchange.core.order import Order, OrderSnapshot


class Contingency(StrEnum):
    """What binds the orders of a list.

    OCO: one goes ahead or ends, the other ends. OTO: the first, the working order, is filled
    completely, then those behind it are placed: one, or a pair that is an OCO (an OTOCO).
    """

    __hash__ = str.__hash__

    OCO = "oco"
    OTO = "oto"


class ListStatus(StrEnum):
    """Whether an order of the list may still trade."""

    EXECUTING = "executing"
    ALL_DONE = "all_done"


class ListUpdate(StrEnum):
    """Why a list is spoken of: it was placed, an order of it has a new client id, it is over."""

    STARTED = "started"
    UPDATED = "updated"
    DONE = "done"


class OrderList:
    """Some orders of one account in one market, and what binds them. Only the engine changes it.

    `orders` stand as they were placed; of an OTO the working order comes first. `announced` lists
    tell of themselves in events; those that were placed without a contingency, as in process, do
    not. Instants are in nanoseconds.
    """

    client_id = ""
    announced = False
    started = False  # the pending orders of an OTO had their turn
    fee_from_proceeds = False  # the fee of what is bought is never taken from what else is free
    ended_at = 0
    orders: tuple[Order, ...] = ()

    def __init__(
        self, id: int, account: str, symbol: str, contingency: Contingency, at: int
    ) -> None:
        self.id = id
        self.account = account
        self.symbol = symbol
        self.contingency = contingency
        self.created_at = self.updated_at = at

    def __repr__(self) -> str:
        return f"<OrderList {self.id} {self.contingency} {self.status} of {self.orders}>"

    @property
    def status(self) -> ListStatus:
        """Its status now."""
        return ListStatus.ALL_DONE if self.ended_at else ListStatus.EXECUTING

    @property
    def is_pending(self) -> bool:
        """Whether orders of it still wait for the working one."""
        return self.contingency is Contingency.OTO and not self.started

    @property
    def named(self) -> tuple[tuple[int, str], ...]:
        """(id, client id) of each of its orders, as they are called now."""
        return tuple((order.id, order.client_id) for order in self.orders)

    def as_of(self, at: int) -> OrderListSnapshot | None:
        """Its state as it was at an instant; None before it was placed."""
        if at < self.created_at:
            return None
        done = 0 < self.ended_at <= at
        orders = tuple(s for order in self.orders if (s := order.as_of(at)) is not None)
        return OrderListSnapshot(
            self.id, self.client_id, self.account, self.symbol, self.contingency,
            ListStatus.ALL_DONE if done else ListStatus.EXECUTING,
            self.created_at, min(at, self.updated_at), orders,
        )  # fmt: skip


class OrderListSnapshot(NamedTuple):
    """A list at one moment, with its orders."""

    id: int
    client_id: str
    account: str
    symbol: str
    contingency: Contingency
    status: ListStatus
    created_at: int
    updated_at: int
    orders: tuple[OrderSnapshot, ...]
