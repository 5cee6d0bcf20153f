"""For the bot's side: what a careful client does when the venue, or the way to it, fails.

Works with any ccxt-shaped exchange, ours or ccxt's own; time is the running loop's.
"""

from __future__ import annotations

from failing_exchange.resilience.circuit_breaker import CircuitBreaker
from failing_exchange.resilience.order_queue import OrderQueue, QueueResult
from failing_exchange.resilience.outcomes import (
    Exchange,
    Order,
    RequestOutcome,
    outcome_of,
    wait_for,
)
from failing_exchange.resilience.reconciler import Difference, DifferenceKind, Reconciler
from failing_exchange.resilience.retrying_placement import (
    Placement,
    find_order,
    new_client_order_id,
    place_order_with_retry,
    robust_order_placement,
)

__all__ = [
    "CircuitBreaker",
    "Difference",
    "DifferenceKind",
    "Exchange",
    "Order",
    "OrderQueue",
    "Placement",
    "QueueResult",
    "Reconciler",
    "RequestOutcome",
    "find_order",
    "new_client_order_id",
    "outcome_of",
    "place_order_with_retry",
    "robust_order_placement",
    "wait_for",
]
