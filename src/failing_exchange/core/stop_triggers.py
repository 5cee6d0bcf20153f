"""Trigger conditions of stop, take-profit and trailing orders."""

from __future__ import annotations

from typing import Protocol

from failing_exchange.core.order import BUY, SELL, OrderType, Side

STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
BIPS = 10_000  # basis points in a whole


class Triggered(Protocol):
    """What waits for a price: an order, or the trigger of a conditional order."""

    kind: OrderType
    side: Side
    stop_ticks: int
    trail_ticks: int
    trail_bips: int
    extreme: int  # the best price seen while it trails; 0: it does not trail yet
    trailing_at: int  # since when


def triggers_above(order: Triggered) -> bool:
    """Whether a rising price triggers it: buy stops, sell take-profits, trailing buys."""
    if order.kind in STOPS or trails(order):
        return order.side is BUY
    return order.side is SELL


def trails(order: Triggered) -> bool:
    """Whether it follows the price now; with a stop price, only once that was reached."""
    return order.kind is OrderType.TRAILING_STOP or (order.trail_bips > 0 and order.extreme > 0)


def stop_of(order: Triggered) -> int:
    """The trigger price now; a trailing order's follows the best price seen."""
    if order.trail_bips and order.extreme:
        if order.side is BUY:
            return -(-order.extreme * (BIPS + order.trail_bips) // BIPS)
        return order.extreme * (BIPS - order.trail_bips) // BIPS
    if order.kind is not OrderType.TRAILING_STOP:
        return order.stop_ticks
    trail = order.trail_ticks if order.side is BUY else -order.trail_ticks
    return max(1, order.extreme + trail)


def trigger_bounds(order: Triggered) -> tuple[int | None, int | None]:
    """The prices at or below, at or above which a print concerns the order."""
    stop, trailing = stop_of(order), trails(order)
    if order.trail_bips and not (stop or trailing):
        return (None, 1)  # whatever is traded next
    if triggers_above(order):
        return (order.extreme - 1 if trailing else None, stop)
    return (stop, order.extreme + 1 if trailing else None)


def would_trigger(order: Triggered, price: int) -> bool:
    """Whether a stop price is reached already at the present price."""
    return order.stop_ticks > 0 and _reached(order, price, price)


def is_met(order: Triggered, low: int, high: int) -> bool:
    """Whether prints between `low` and `high` trigger it."""
    if order.trail_bips and not order.extreme:
        return False
    return _reached(order, low, high)


def _reached(order: Triggered, low: int, high: int) -> bool:
    return high >= stop_of(order) if triggers_above(order) else low <= stop_of(order)


def follow(order: Triggered, low: int, high: int, at: int) -> bool:
    """Move the trigger of a trailing order; return whether it has moved."""
    buys = order.side is BUY
    if trails(order):
        best = min(order.extreme, low) if buys else max(order.extreme, high)
    elif order.trail_bips and (not order.stop_ticks or _reached(order, low, high)):
        best = _first_price(order, low, high)
        order.trailing_at = at
    else:
        return False
    moved = best != order.extreme
    order.extreme = best
    return moved


def _first_price(order: Triggered, low: int, high: int) -> int:
    """The best price since the stop price was reached, somewhere from `low` to `high`.

    Prices are taken to move continuously, so that the stop price itself was traded if possible.
    """
    buys, stop = order.side is BUY, order.stop_ticks
    if not stop or triggers_above(order) is not buys:
        return low if buys else high
    return max(stop, low) if buys else min(stop, high)
