"""All errors a client is raised, as one tree; each is also its ccxt twin when ccxt is installed.

    FailingExchangeError
    ├── ExchangeError                    the venue said no: asking again changes nothing
    │   ├── OrderRejectedError
    │   │   ├── InvalidOrderError        a rule of the market is broken
    │   │   │   ├── OrderNotFoundError
    │   │   │   ├── DuplicateOrderError
    │   │   │   └── OrderWouldMatchError (post-only)
    │   │   ├── InsufficientBalanceError
    │   │   └── SymbolNotFoundError
    │   ├── MarketClosedError            halted, delisted or cancel-only
    │   ├── AuthenticationError
    │   │   ├── PermissionDeniedError
    │   │   └── AccountSuspendedError
    │   ├── RestrictedLocationError
    │   ├── BadRequestError
    │   └── NotSupportedError
    ├── OperationFailedError             the venue could not: asking again may help
    │   ├── RequestFailedError           lost, late or refused on the way
    │   │   ├── RateLimitError
    │   │   ├── BannedError
    │   │   ├── ExchangeUnavailableError
    │   │   │   └── ExchangeMaintenanceError
    │   │   ├── ConnectionLostError      also a builtin ConnectionError
    │   │   ├── RequestTimeoutError      also a builtin TimeoutError
    │   │   └── ClockSkewError
    │   └── MalformedResponseError       also a builtin ValueError
    └── CircuitOpenError                 your own breaker is open
    ConfigurationError (a ValueError)    the caller's arguments, before anything runs
    InternalError                        our own bug: the run stops

No class is named ConnectionError or TimeoutError, so that `import *` shadows no builtin.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING


def _ccxt_errors() -> ModuleType | None:
    """ccxt's exception classes without the rest of ccxt (which takes a second to import).

    The module is registered under its real name, so that a later `import ccxt` uses the same
    classes and `except ccxt.NetworkError` catches ours.
    """
    name = "ccxt.base.errors"
    if name in sys.modules:
        return sys.modules[name]
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec, spec_from_file_location

    package = PathFinder.find_spec("ccxt")
    if package is None or not package.submodule_search_locations:
        return None
    path = f"{package.submodule_search_locations[0]}/base/errors.py"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:  # some other package of that name: our own tree stands alone
        return None
    sys.modules[name] = module
    return module


_CCXT = _ccxt_errors()
if TYPE_CHECKING:
    _Root = Exception
else:  # an exception class that derives from Exception alone can't be given another base later
    _Root = getattr(_CCXT, "BaseError", Exception)


class FailingExchangeError(_Root):
    """The root of all that the simulated venue raises.

    `reason` names the cause (`failing_exchange.core.reject.Reason`), or is "" outside the venue.
    """

    reason: str = ""

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        if reason:
            self.reason = reason


class ExchangeError(FailingExchangeError):
    """The venue understood and refused; the same request will be refused again."""


class OrderRejectedError(ExchangeError):
    """The venue refused an order or an action on one."""


class InvalidOrderError(OrderRejectedError):
    """The order breaks a rule of its market: price, amount, cost, type."""


class OrderNotFoundError(InvalidOrderError):
    """The venue knows no such order; right after creating it, this may only be lag."""


class DuplicateOrderError(InvalidOrderError):
    """The client order id belongs to an open order: the first request did arrive."""


class OrderWouldMatchError(InvalidOrderError):
    """A post-only order would have matched at once."""


class InsufficientBalanceError(OrderRejectedError):
    """Not enough free balance for the order."""


class SymbolNotFoundError(OrderRejectedError):
    """The venue trades no such symbol."""


class MarketClosedError(ExchangeError):
    """The market is halted, delisted, or only takes cancels."""


class AuthenticationError(ExchangeError):
    """The key or its signature is not accepted."""


class PermissionDeniedError(AuthenticationError):
    """The key may not do this."""


class AccountSuspendedError(AuthenticationError):
    """The account is frozen by the venue."""


class RestrictedLocationError(ExchangeError):
    """The venue does not serve this location (HTTP 451)."""


class BadRequestError(ExchangeError):
    """A parameter is missing or malformed."""


class NotSupportedError(ExchangeError):
    """This venue has no such method."""


class OperationFailedError(FailingExchangeError):
    """The venue could not do it now."""


class RequestFailedError(OperationFailedError):
    """The request or its answer was lost, late, or turned away at the gate."""


class RateLimitError(RequestFailedError):
    """Too many requests. `retry_after`: seconds until the next is accepted."""

    def __init__(
        self, message: str = "", *, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class BannedError(RequestFailedError):
    """The address is banned for a while. `retry_after`: seconds until the ban ends."""

    def __init__(
        self, message: str = "", *, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class ExchangeUnavailableError(RequestFailedError):
    """The venue is overloaded or down."""


class ExchangeMaintenanceError(ExchangeUnavailableError):
    """The venue is in maintenance. `retry_after`: seconds until its announced end, if any."""

    def __init__(
        self, message: str = "", *, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class ConnectionLostError(RequestFailedError, ConnectionError):
    """The connection broke; whether the venue acted is unknown."""


class RequestTimeoutError(RequestFailedError, TimeoutError):
    """No answer in time; whether the venue acted is unknown."""


class ClockSkewError(RequestFailedError):
    """The client's timestamp or nonce is outside the venue's window."""


class MalformedResponseError(OperationFailedError, ValueError):
    """The answer could not be read; whether the venue acted is unknown."""


class CircuitOpenError(FailingExchangeError):
    """A circuit breaker on the client's side lets no call through."""


class ConfigurationError(ValueError):
    """An argument is wrong: the message shows the value, what was expected and the way out."""


class InternalError(RuntimeError):
    """A bug of ours inside a trip; the run must not go on."""


CCXT_NAMES: dict[type[FailingExchangeError], str] = {
    ExchangeError: "ExchangeError",
    InvalidOrderError: "InvalidOrder",
    OrderNotFoundError: "OrderNotFound",
    DuplicateOrderError: "DuplicateOrderId",
    OrderWouldMatchError: "OrderImmediatelyFillable",
    InsufficientBalanceError: "InsufficientFunds",
    SymbolNotFoundError: "BadSymbol",
    MarketClosedError: "MarketClosed",
    AuthenticationError: "AuthenticationError",
    PermissionDeniedError: "PermissionDenied",
    AccountSuspendedError: "AccountSuspended",
    RestrictedLocationError: "RestrictedLocation",
    BadRequestError: "BadRequest",
    NotSupportedError: "NotSupported",
    OperationFailedError: "OperationFailed",
    RequestFailedError: "NetworkError",
    RateLimitError: "RateLimitExceeded",
    BannedError: "DDoSProtection",
    ExchangeUnavailableError: "ExchangeNotAvailable",
    ExchangeMaintenanceError: "OnMaintenance",
    ClockSkewError: "InvalidNonce",
    RequestTimeoutError: "RequestTimeout",
    MalformedResponseError: "BadResponse",
}


def _join_ccxt(module: ModuleType | None) -> None:
    """Give each of our classes its ccxt twin as a further base."""
    if module is None:
        return
    for ours, name in CCXT_NAMES.items():
        theirs = getattr(module, name, None)
        if theirs is not None:
            builtin = [base for base in ours.__bases__ if base.__module__ == "builtins"]
            tree = [base for base in ours.__bases__ if base.__module__ != "builtins"]
            ours.__bases__ = (*tree, theirs, *builtin)


_join_ccxt(_CCXT)
