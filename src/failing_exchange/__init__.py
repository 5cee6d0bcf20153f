"""An exchange that fails on purpose, so that your trading bot does not."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from failing_exchange.core.market import Market
from failing_exchange.errors import (
    AccountSuspendedError,
    AuthenticationError,
    BadRequestError,
    BannedError,
    CircuitOpenError,
    ClockSkewError,
    ConfigurationError,
    ConnectionLostError,
    DuplicateOrderError,
    ExchangeError,
    ExchangeMaintenanceError,
    ExchangeUnavailableError,
    FailingExchangeError,
    InsufficientBalanceError,
    InternalError,
    InvalidOrderError,
    MalformedResponseError,
    MarketClosedError,
    NotSupportedError,
    OperationFailedError,
    OrderNotFoundError,
    OrderRejectedError,
    OrderWouldMatchError,
    PermissionDeniedError,
    RateLimitError,
    RequestFailedError,
    RequestTimeoutError,
    RestrictedLocationError,
    SymbolNotFoundError,
)
from failing_exchange.faults.modes import FailureMode
from failing_exchange.fronts.exchange import FailingExchange

if TYPE_CHECKING:
    from failing_exchange.resilience import (
        CircuitBreaker,
        OrderQueue,
        Reconciler,
        place_order_with_retry,
        robust_order_placement,
    )
    from failing_exchange.simulation import simulate, virtual_time

__version__ = "0.1.0"

_LAZY = {
    "simulate": "failing_exchange.simulation",
    "virtual_time": "failing_exchange.simulation",
    "CircuitBreaker": "failing_exchange.resilience",
    "OrderQueue": "failing_exchange.resilience",
    "Reconciler": "failing_exchange.resilience",
    "place_order_with_retry": "failing_exchange.resilience",
    "robust_order_placement": "failing_exchange.resilience",
}


def __getattr__(name: str) -> Any:
    """Load what is not needed by every bot only when it is asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


__all__ = [
    "AccountSuspendedError",
    "AuthenticationError",
    "BadRequestError",
    "BannedError",
    "CircuitBreaker",
    "CircuitOpenError",
    "ClockSkewError",
    "ConfigurationError",
    "ConnectionLostError",
    "DuplicateOrderError",
    "ExchangeError",
    "ExchangeMaintenanceError",
    "ExchangeUnavailableError",
    "FailingExchange",
    "FailingExchangeError",
    "FailureMode",
    "InsufficientBalanceError",
    "InternalError",
    "InvalidOrderError",
    "MalformedResponseError",
    "Market",
    "MarketClosedError",
    "NotSupportedError",
    "OperationFailedError",
    "OrderNotFoundError",
    "OrderQueue",
    "OrderRejectedError",
    "OrderWouldMatchError",
    "PermissionDeniedError",
    "RateLimitError",
    "Reconciler",
    "RequestFailedError",
    "RequestTimeoutError",
    "RestrictedLocationError",
    "SymbolNotFoundError",
    "place_order_with_retry",
    "robust_order_placement",
    "simulate",
    "virtual_time",
]
