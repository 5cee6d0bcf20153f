"""An exchange that fails on purpose, so that your trading bot does not."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from failing_exchange.errors import (
    AccountSuspendedError as AccountSuspendedError,
    AuthenticationError as AuthenticationError,
    BadRequestError as BadRequestError,
    BannedError as BannedError,
    CircuitOpenError as CircuitOpenError,
    ClockSkewError as ClockSkewError,
    ConfigurationError as ConfigurationError,
    ConnectionLostError as ConnectionLostError,
    DuplicateOrderError as DuplicateOrderError,
    ExchangeError as ExchangeError,
    ExchangeMaintenanceError as ExchangeMaintenanceError,
    ExchangeUnavailableError as ExchangeUnavailableError,
    FailingExchangeError as FailingExchangeError,
    InsufficientBalanceError as InsufficientBalanceError,
    InternalError as InternalError,
    InvalidOrderError as InvalidOrderError,
    MalformedResponseError as MalformedResponseError,
    MarketClosedError as MarketClosedError,
    NoChangeError as NoChangeError,
    NotSupportedError as NotSupportedError,
    OperationFailedError as OperationFailedError,
    OperationRejectedError as OperationRejectedError,
    OrderNotFoundError as OrderNotFoundError,
    OrderRejectedError as OrderRejectedError,
    OrderWouldMatchError as OrderWouldMatchError,
    PermissionDeniedError as PermissionDeniedError,
    RateLimitError as RateLimitError,
    RequestFailedError as RequestFailedError,
    RequestTimeoutError as RequestTimeoutError,
    RestrictedLocationError as RestrictedLocationError,
    SymbolNotFoundError as SymbolNotFoundError,
)

if TYPE_CHECKING:
    from failing_exchange.client.exchange import FailingExchange as FailingExchange
    from failing_exchange.core.market import Market as Market
    from failing_exchange.faults.modes import FailureMode as FailureMode
    from failing_exchange.judge.intents import intend as intend
    from failing_exchange.judge.judge import Judge as Judge
    from failing_exchange.judge.probe import probe as probe
    from failing_exchange.judge.verdict import Verdict as Verdict
    from failing_exchange.resilience import (
        CircuitBreaker as CircuitBreaker,
        OrderQueue as OrderQueue,
        Reconciler as Reconciler,
        place_order_with_retry as place_order_with_retry,
        robust_order_placement as robust_order_placement,
    )
    from failing_exchange.simulation import (
        simulate as simulate,
        virtual_time as virtual_time,
    )
    from failing_exchange.testing.ccxt_clients import (
        ccxt_session as ccxt_session,
        redirect as redirect,
    )
    from failing_exchange.testing.control_client import Control as Control
    from failing_exchange.testing.hypothesis_strategies import fault_plans as fault_plans
    from failing_exchange.venues.binance.venue import Binance as Binance
    from failing_exchange.venues.binance_common.metering import VenueLimits as VenueLimits
    from failing_exchange.venues.checks import (
        VenueBreaches as VenueBreaches,
        check_venue as check_venue,
    )

__version__ = "0.2.0"

# Public names that are loaded when they are first asked for, and the modules that they are in. So
# the pytest plugin and the command line cost nothing where they are not used.
_HOMES = {
    "FailingExchange": "client.exchange",
    "Market": "core.market",
    "FailureMode": "faults.modes",
    "intend": "judge.intents",
    "Judge": "judge.judge",
    "probe": "judge.probe",
    "Verdict": "judge.verdict",
    "CircuitBreaker": "resilience",
    "OrderQueue": "resilience",
    "Reconciler": "resilience",
    "place_order_with_retry": "resilience",
    "robust_order_placement": "resilience",
    "simulate": "simulation",
    "virtual_time": "simulation",
    "ccxt_session": "testing.ccxt_clients",
    "redirect": "testing.ccxt_clients",
    "Control": "testing.control_client",
    "fault_plans": "testing.hypothesis_strategies",
    "VenueLimits": "venues.binance_common.metering",
    "Binance": "venues.binance.venue",
    "VenueBreaches": "venues.checks",
    "check_venue": "venues.checks",
}

__all__ = [  # noqa: PLE0604  # computed, so that no third list has to agree
    *_HOMES,
    *(name for name in list(globals()) if name.endswith("Error")),
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
