"""The whole story of a trip: both columns, what decided, and what else its client learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from failing_exchange.journal.trip import Trip, parts_of
from failing_exchange.page.rows import row_of

if TYPE_CHECKING:
    from failing_exchange.core.market import Market

LOOKED_AT_MAX = 20_000  # values of one answer that are searched for an order; the rest is not
RELATED_MAX = 40  # trips about the same orders that are shown; the nearest come first


def related(trip: Trip, others: Iterable[Trip], markets: Mapping[str, Market]) -> dict[str, Any]:
    """The orders of a trip, and the trips before and after it that concern them.

    `knew` of a later one: its client was told of such an order there.
    """
    orders = orders_of(trip)
    found = []
    for other in others if orders else ():
        knew = other.account == trip.account and not orders.isdisjoint(told_orders(other))
        if other.number != trip.number and (knew or not orders.isdisjoint(changed_orders(other))):
            found.append(row_of(other, markets) | {"knew": knew})
    found.sort(key=lambda row: abs(row["n"] - trip.number))
    near = sorted(found[:RELATED_MAX], key=lambda row: row["n"])
    return {
        "orders": sorted(orders),
        "before": [row for row in near if row["n"] < trip.number],
        "after": [row for row in near if row["n"] > trip.number],
        "more": max(0, len(found) - RELATED_MAX),
    }


def orders_of(trip: Trip) -> set[int]:
    """The orders that a request has changed, or that it named; those of a long list are not."""
    changed = changed_orders(trip)
    if changed:
        return changed
    named = getattr(trip.command, "order_id", None)
    return {named} if isinstance(named, int) and named else told_orders(trip)


def changed_orders(trip: Trip) -> set[int]:
    """The orders to which something happened in a trip."""
    return set(_ids(trip.happened))


def told_orders(trip: Trip) -> set[int]:
    """The orders that a client was told of, in an answer or a push."""
    if trip.told is None or trip.hung_up or trip.gave_up_at:
        return set()
    return set(_ids(parts_of(trip.told).answer))


def _ids(value: Any) -> Iterator[int]:
    """The ids of orders anywhere in a value of the exchange."""
    waiting, seen = [value], 0
    while waiting and seen < LOOKED_AT_MAX:
        one, seen = waiting.pop(), seen + 1
        if isinstance(one, Mapping):
            waiting += one.values()
            continue
        if not isinstance(one, (tuple, list)):
            continue
        waiting += [part for part in one if isinstance(part, (tuple, list, Mapping))]
        order_id = getattr(one, "order_id", 0) or getattr(getattr(one, "order", None), "id", 0)
        if isinstance(order_id, int) and order_id:
            yield order_id
