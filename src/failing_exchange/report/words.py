"""A trip in words: what was asked, what happened, what was told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.events import OrderFilled
from failing_exchange.core.market import Market
from failing_exchange.core.reject import Reject
from failing_exchange.trip import Damaged, Trip


def asked_text(trip: Trip, market: Market | None) -> str:
    """The request."""
    command = trip.command
    if not isinstance(command, PlaceOrder) or market is None:
        return f"{trip.operation} {trip.symbol}".strip()
    amount = market.amount_text(command.lots) if command.lots else "for its cost"
    price = f" at {market.price_text(command.ticks)}" if command.ticks else ""
    return f"{trip.operation}: {command.side} {amount} {market.base}{price}"


def happened_text(trip: Trip, markets: Mapping[str, Market]) -> str:
    """The first column."""
    return "; ".join(event_text(event, markets) for event in trip.happened) or "nothing"


def event_text(event: Any, markets: Mapping[str, Market]) -> str:
    """One event."""
    if isinstance(event, OrderFilled) and event.fill.symbol in markets:
        fill, market = event.fill, markets[event.fill.symbol]
        amount, price = market.amount_text(fill.lots), market.price_text(fill.ticks)
        return f"order {fill.order_id}: {fill.side} {amount} at {price}"
    what = type(event).__name__.removeprefix("Order")
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in what).strip()
    order_id = getattr(event, "order_id", None)
    return words if order_id is None else f"order {order_id} {words}"


def told_text(trip: Trip) -> str:
    """The second column."""
    if trip.hung_up:
        return "connection lost"
    if trip.told is None or trip.gave_up_at:
        return "nothing"
    if isinstance(trip.told, Damaged):
        return "bytes that can't be read"
    return f"no: {trip.words(trip.told)}" if isinstance(trip.told, Reject) else "an answer"
