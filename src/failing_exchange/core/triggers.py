"""When a waiting order becomes live."""

from __future__ import annotations

from failing_exchange.core.order import Order, OrderType, Side

STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)


def triggers_above(order: Order) -> bool:
    """Whether a rising price triggers it: a buy stop, a sell take-profit, a trailing buy."""
    if order.kind is OrderType.TRAILING_STOP or order.kind in STOPS:
        return order.side is Side.BUY
    return order.side is Side.SELL


def stop_of(order: Order) -> int:
    """The trigger price now; a trailing stop's follows the best price seen."""
    if order.kind is not OrderType.TRAILING_STOP:
        return order.stop_ticks
    trail = order.trail_ticks if order.side is Side.BUY else -order.trail_ticks
    return max(1, order.extreme + trail)


def trigger_bounds(order: Order) -> tuple[int | None, int | None]:
    """The prices at or below, at or above which a print concerns the order."""
    stop, trailing = stop_of(order), order.kind is OrderType.TRAILING_STOP
    if triggers_above(order):
        return (order.extreme - 1 if trailing else None, stop)
    return (stop, order.extreme + 1 if trailing else None)


def is_met(order: Order, low: int, high: int) -> bool:
    """Whether prints between `low` and `high` trigger it."""
    return high >= stop_of(order) if triggers_above(order) else low <= stop_of(order)


def follow(order: Order, low: int, high: int) -> None:
    """Let a trailing stop follow the market."""
    if order.kind is OrderType.TRAILING_STOP:
        best = min(order.extreme, low) if order.side is Side.BUY else max(order.extreme, high)
        order.extreme = best
