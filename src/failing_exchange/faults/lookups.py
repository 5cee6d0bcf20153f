"""What a fault may look at: the order that a request places or names, the rules of its market."""

from __future__ import annotations

from typing import Any

from failing_exchange.core.commands import (
    FetchBalance,
    FetchMarkets,
    FetchOrder,
    FetchOrders,
    PlaceOrder,
    ReplaceOrder,
)
from failing_exchange.core.market import Market
from failing_exchange.core.order import OrderSnapshot
from failing_exchange.core.reject import Reject
from failing_exchange.faults.plan import Replace, Sighting
from failing_exchange.trip import Edited, Trip

FEEDS_REMEMBERED_MAX = 10_000  # by a rule; then the oldest is as one that it has not met


def placed_by(trip: Trip) -> PlaceOrder | None:
    """The single order that a request places; None for any other request, and for a test."""
    command: Any = trip.command
    if isinstance(command, ReplaceOrder):
        command = command.place
    return command if isinstance(command, PlaceOrder) and not command.test else None


def named_by(sighting: Sighting) -> OrderSnapshot | None:
    """The order that a request names, as it is now; None when there is none."""
    command: Any = sighting.trip.command
    if isinstance(command, ReplaceOrder):
        command = command.cancel
    order_id, client_id = getattr(command, "order_id", 0), getattr(command, "client_id", "")
    if isinstance(command, PlaceOrder) or not (order_id or client_id):
        return None
    try:
        query = FetchOrder(sighting.trip.account, "", order_id, client_id)
        found: OrderSnapshot = sighting.look(query)
    except Reject:  # the engine itself will refuse: there is nothing to lie about
        return None
    return found


def open_order(sighting: Sighting) -> OrderSnapshot | None:
    """The open order that a request names, else the client's oldest one in the request's market."""
    command = sighting.trip.command
    if getattr(command, "order_id", 0) or isinstance(command, ReplaceOrder):
        named = named_by(sighting)
        return named if named is not None and named.order.is_open else None
    query = FetchOrders(sighting.trip.account, sighting.trip.symbol, "open")
    try:
        found = sighting.look(query).orders
    except Reject:  # no such symbol: no such order
        return None
    return found[0] if found else None


def market_of(sighting: Sighting, symbol: str) -> Market | None:
    """The rules in force of a market."""
    found = sighting.look(FetchMarkets(sighting.trip.account))
    return next((market for market in found.markets if market.symbol == symbol), None)


def free_of(sighting: Sighting, asset: str) -> int:
    """What the client has free of an asset, in atoms."""
    if not sighting.trip.account:
        return 0  # a public request names nobody
    found: dict[str, tuple[int, int]] = sighting.look(FetchBalance(sighting.trip.account)).assets
    return found.get(asset, (0, 0))[0]


def by_feed(sighting: Sighting, value: Any, *, newest: bool) -> Any:
    """What a rule remembers of the feed of a push: the newest value, or the first one."""
    trip = sighting.trip
    feeds: dict[Any, Any] = sighting.memory.setdefault("feeds", {})
    name = (trip.account, trip.operation, trip.symbol)
    if newest:
        feeds.pop(name, None)
    kept = feeds.setdefault(name, value)
    if len(feeds) > FEEDS_REMEMBERED_MAX:
        del feeds[next(iter(feeds))]
    return kept


def answer_of(sighting: Sighting) -> Any:
    """The answer on its way; None when there is none, or when it is a refusal."""
    answer = sighting.trip.answer
    return None if isinstance(answer, Reject) else answer


def edited(sighting: Sighting, *edits: tuple[str, Any]) -> Replace | None:
    """The answer with some fields changed; a refusal has none."""
    answer = answer_of(sighting)
    return None if answer is None else Replace(Edited(answer, edits))
