"""An exchange that fails on purpose, so that your trading bot does not."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failing_exchange.client.exchange import (
        FailingExchange,
    )
    from failing_exchange.core.market import (
        Market,
    )
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
    from failing_exchange.faults.modes import (
        FailureMode,
    )
    from failing_exchange.judge.intents import intend
    from failing_exchange.judge.judge import Judge
    from failing_exchange.judge.probe import probe
    from failing_exchange.judge.verdict import Verdict
    from failing_exchange.resilience import (
        CircuitBreaker,
        OrderQueue,
        Reconciler,
        place_order_with_retry,
        robust_order_placement,
    )
    from failing_exchange.simulation import (
        simulate,
        virtual_time,
    )
    from failing_exchange.testing.ccxt_clients import (
        ccxt_session,
        redirect,
    )
    from failing_exchange.testing.control_client import (
        Control,
    )
    from failing_exchange.testing.hypothesis_strategies import fault_plans
    from failing_exchange.venues.binance.conformance import (
        BinanceDialect,
    )
    from failing_exchange.venues.binance.rate_limits import (
        VenueLimits,
    )
    from failing_exchange.venues.binance.venue import (
        Binance,
    )
    from failing_exchange.venues.checks import (
        DialectBreaches,
        check_dialect,
    )

__version__ = "0.1.0"

# Each public name and where it stands. A name is loaded when it is first asked for, so that the
# pytest plugin and the command line cost nothing where they are not used.
_HOMES = {
    "core.market": ("Market",),
    "testing.ccxt_clients": ("ccxt_session", "redirect"),
    "judge.intents": ("intend",),
    "judge.judge": ("Judge",),
    "judge.probe": ("probe",),
    "judge.verdict": ("Verdict",),
    "venues.binance.conformance": ("BinanceDialect",),
    "venues.checks": ("DialectBreaches", "check_dialect"),
    "testing.control_client": ("Control",),
    "venues.binance.venue": ("Binance",),
    "venues.binance.rate_limits": ("VenueLimits",),
    "errors": (
        "AccountSuspendedError",
        "AuthenticationError",
        "BadRequestError",
        "BannedError",
        "CircuitOpenError",
        "ClockSkewError",
        "ConfigurationError",
        "ConnectionLostError",
        "DuplicateOrderError",
        "ExchangeError",
        "ExchangeMaintenanceError",
        "ExchangeUnavailableError",
        "FailingExchangeError",
        "InsufficientBalanceError",
        "InternalError",
        "InvalidOrderError",
        "MalformedResponseError",
        "MarketClosedError",
        "NotSupportedError",
        "OperationFailedError",
        "OrderNotFoundError",
        "OrderRejectedError",
        "OrderWouldMatchError",
        "PermissionDeniedError",
        "RateLimitError",
        "RequestFailedError",
        "RequestTimeoutError",
        "RestrictedLocationError",
        "SymbolNotFoundError",
    ),
    "faults.modes": ("FailureMode",),
    "client.exchange": ("FailingExchange",),
    "resilience": (
        "CircuitBreaker",
        "OrderQueue",
        "Reconciler",
        "place_order_with_retry",
        "robust_order_placement",
    ),
    "testing.hypothesis_strategies": ("fault_plans",),
    "simulation": (
        "simulate",
        "virtual_time",
    ),
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    for home, names in _HOMES.items():
        if name in names:
            found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted([*globals(), *__all__])


__all__ = [
    "AccountSuspendedError",
    "AuthenticationError",
    "BadRequestError",
    "BannedError",
    "Binance",
    "BinanceDialect",
    "CircuitBreaker",
    "CircuitOpenError",
    "ClockSkewError",
    "ConfigurationError",
    "ConnectionLostError",
    "Control",
    "DialectBreaches",
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
    "Judge",
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
    "VenueLimits",
    "Verdict",
    "ccxt_session",
    "check_dialect",
    "fault_plans",
    "intend",
    "place_order_with_retry",
    "probe",
    "redirect",
    "robust_order_placement",
    "simulate",
    "virtual_time",
]
