"""All errors a client is raised, as one tree; each is also its ccxt twin when ccxt is installed.

    FailingExchangeError
    ├── ExchangeError                    the venue said no: asking again changes nothing
    │   ├── OrderRejectedError
    │   │   ├── InvalidOrderError        a rule of the market is broken
    │   │   │   ├── OrderNotFoundError
    │   │   │   ├── DuplicateOrderError
    │   │   │   └── OrderWouldMatchError (post-only), or trigger at once
    │   │   ├── InsufficientBalanceError
    │   │   └── SymbolNotFoundError
    │   ├── MarketClosedError            halted, delisted or cancel-only
    │   ├── AuthenticationError
    │   │   ├── PermissionDeniedError
    │   │   └── AccountSuspendedError
    │   ├── RestrictedLocationError
    │   ├── OperationRejectedError       modes, positions or leverage do not allow it
    │   │   └── NoChangeError            the setting is as wanted already
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
    """The root of all that the simulated venue raises: catch it around any call.

    `reason` names the cause (`failing_exchange.core.reject.Reason`), or is "" outside the venue.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     try:
    ...         await FailingExchange().fetch_ticker("DOGE/USDT")
    ...     except FailingExchangeError as error:
    ...         return error.reason
    >>> simulate(main())
    'unknown_symbol'
    """

    reason: str = ""

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        if reason:
            self.reason = reason


class ExchangeError(FailingExchangeError):
    """The venue understood and refused; the same request will be refused again.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange()
    ...     try:
    ...         await exchange.create_order("BTC/USDT", "limit", "buy", 1_000, 40_000)
    ...     except ExchangeError as error:  # do not retry
    ...         return type(error).__name__
    >>> simulate(main())
    'InsufficientBalanceError'
    """


class OrderRejectedError(ExchangeError):
    """The venue refused an order or an action on one.

    >>> issubclass(InvalidOrderError, OrderRejectedError)
    True
    >>> issubclass(InsufficientBalanceError, OrderRejectedError)
    True
    """


class InvalidOrderError(OrderRejectedError):
    """The order breaks a rule of its market: price, amount, cost, type. Correct it, then send it.

    >>> from failing_exchange import FailingExchange, simulate
    >>> simulate(FailingExchange().create_order("BTC/USDT", "limit", "buy", -1, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.InvalidOrderError: Invalid amount: -1 must be greater than 0
    """


class OrderNotFoundError(InvalidOrderError):
    """The venue knows no such order; right after creating it, this may only be lag.

    >>> from failing_exchange import FailingExchange, simulate
    >>> simulate(FailingExchange().fetch_order("17", "BTC/USDT"))
    Traceback (most recent call last):
    failing_exchange.errors.OrderNotFoundError: Order not found: this account has no order 17
    """


class DuplicateOrderError(InvalidOrderError):
    """The client order id belongs to an open order: the first request did arrive.

    Look the order up by that id before you send another.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="duplicate_client_id")
    >>> simulate(exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.DuplicateOrderError: Duplicate client id: an open order has it
    """


class OrderWouldMatchError(InvalidOrderError):
    """A post-only order would have matched at once, or a stop triggered; it was not placed.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> simulate(exchange.create_order("BTC/USDT", "limit", "buy", 1, 90_000, {"postOnly": True}))
    Traceback (most recent call last):
    failing_exchange.errors.OrderWouldMatchError: Post-only order refused: ...
    """


class InsufficientBalanceError(OrderRejectedError):
    """Not enough free balance for the order; `fetch_balance` shows what is free, in units.

    >>> from failing_exchange import FailingExchange, simulate
    >>> simulate(FailingExchange().create_order("BTC/USDT", "limit", "buy", 1_000, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.InsufficientBalanceError: Insufficient funds: ...
    """


class SymbolNotFoundError(OrderRejectedError):
    """The venue trades no such symbol; `load_markets` lists those that it trades.

    >>> from failing_exchange import FailingExchange, simulate
    >>> simulate(FailingExchange().fetch_ticker("DOGE/USDT"))
    Traceback (most recent call last):
    failing_exchange.errors.SymbolNotFoundError: Symbol not found: 'DOGE/USDT' is not traded here
    """


class MarketClosedError(ExchangeError):
    """The market is halted, delisted, or only takes cancels.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="market_halted")
    >>> simulate(exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.MarketClosedError: Market closed: BTC/USDT is halted
    """


class AuthenticationError(ExchangeError):
    """The key or its signature is not accepted. Stop: nothing will work until it is replaced.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="key_refused")
    >>> simulate(exchange.fetch_balance())
    Traceback (most recent call last):
    failing_exchange.errors.AuthenticationError: The API key is unknown, ...
    """


class PermissionDeniedError(AuthenticationError):
    """The key is valid, but it may not do this.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="permission_denied")
    >>> simulate(exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.PermissionDeniedError: This key may not do that
    """


class AccountSuspendedError(AuthenticationError):
    """The account is frozen by the venue; open orders may go on filling.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="account_frozen")
    >>> simulate(exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.AccountSuspendedError: This account is frozen; ...
    """


class RestrictedLocationError(ExchangeError):
    """The venue does not serve this location (HTTP 451).

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="restricted_location")
    >>> simulate(exchange.fetch_ticker("BTC/USDT"))
    Traceback (most recent call last):
    failing_exchange.errors.RestrictedLocationError: Service unavailable from a restricted location
    """


class BadRequestError(ExchangeError):
    """A parameter is missing or malformed.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="bad_request")
    >>> simulate(exchange.fetch_ticker("BTC/USDT"))
    Traceback (most recent call last):
    failing_exchange.errors.BadRequestError: Bad request: ...
    """


class OperationRejectedError(ExchangeError):
    """The modes, positions, open orders or leverage of the account do not allow it.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange(markets=["BTC/USDT:USDT"])
    ...     await exchange.create_order("BTC/USDT:USDT", "market", "buy", 0.01)
    ...     await exchange.set_position_mode(True)
    >>> simulate(main())
    Traceback (most recent call last):
    failing_exchange.errors.OperationRejectedError: The mode stays as it is while there is a ...
    """


class NoChangeError(OperationRejectedError):
    """The setting is as wanted already: go on.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange(markets=["BTC/USDT:USDT"])
    >>> simulate(exchange.set_margin_mode("cross", "BTC/USDT:USDT"))
    Traceback (most recent call last):
    failing_exchange.errors.NoChangeError: Nothing to change: the margin mode is cross already
    """


class NotSupportedError(ExchangeError):
    """This venue has no such method, or has it no longer.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="not_supported")
    >>> simulate(exchange.fetch_ticker("BTC/USDT"))
    Traceback (most recent call last):
    failing_exchange.errors.NotSupportedError: Not supported: ...
    """


class OperationFailedError(FailingExchangeError):
    """The venue could not do it now; asking again may help. Of a change the outcome may be unknown.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange()
    ...     exchange.arm("time_out", "nth(1)")
    ...     while True:
    ...         try:
    ...             return (await exchange.fetch_ticker("BTC/USDT"))["symbol"]
    ...         except OperationFailedError:
    ...             pass  # a read can be repeated
    >>> simulate(main())
    'BTC/USDT'
    """


class RequestFailedError(OperationFailedError):
    """The request or its answer was lost, late, or turned away at the gate.

    >>> issubclass(RateLimitError, RequestFailedError)
    True
    >>> issubclass(RequestTimeoutError, RequestFailedError)
    True
    """


class RateLimitError(RequestFailedError):
    """Too many requests. `retry_after`: seconds until the next is accepted; None if it is not said.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange()
    ...     exchange.arm("rate_limited", retry_after=5)
    ...     try:
    ...         await exchange.fetch_ticker("BTC/USDT")
    ...     except RateLimitError as error:
    ...         return round(error.retry_after)
    >>> simulate(main())
    5
    """

    def __init__(
        self, message: str = "", *, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class BannedError(RequestFailedError):
    """The address is banned for a while. `retry_after`: seconds until the ban ends.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange()
    ...     exchange.arm("ban", refusals=1, shortest=120)
    ...     while True:
    ...         try:
    ...             await exchange.fetch_ticker("BTC/USDT")
    ...         except RateLimitError:
    ...             pass  # and does not wait
    ...         except BannedError as error:
    ...             return round(error.retry_after)
    >>> simulate(main())
    120
    """

    def __init__(
        self, message: str = "", *, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class ExchangeUnavailableError(RequestFailedError):
    """The venue is overloaded or down. Whether it acted on an order may be unknown.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="unavailable")
    >>> simulate(exchange.fetch_ticker("BTC/USDT"))
    Traceback (most recent call last):
    failing_exchange.errors.ExchangeUnavailableError: Service unavailable: ...
    """


class ExchangeMaintenanceError(ExchangeUnavailableError):
    """The venue is in maintenance. `retry_after`: seconds until its announced end, if any.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange()
    ...     exchange.arm("maintenance", duration=600)
    ...     try:
    ...         await exchange.fetch_ticker("BTC/USDT")
    ...     except ExchangeMaintenanceError as error:
    ...         return round(error.retry_after)
    >>> simulate(main())
    600
    """

    def __init__(
        self, message: str = "", *, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class ConnectionLostError(RequestFailedError, ConnectionError):
    """The connection broke; whether the venue acted is unknown: look before you send again.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("break_connection")
    >>> simulate(exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.ConnectionLostError: ...
    """


class RequestTimeoutError(RequestFailedError, TimeoutError):
    """No answer in time; whether the venue acted is unknown: look before you send again.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("lose_answer")
    >>> simulate(exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.RequestTimeoutError: request timed out: ...
    """


class ClockSkewError(RequestFailedError):
    """The client's timestamp or nonce is outside the venue's window.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("reject_request", why="clock_skew")
    >>> simulate(exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.ClockSkewError: The timestamp of the request is outside ...
    """


class MalformedResponseError(OperationFailedError, ValueError):
    """The answer could not be read; whether the venue acted is unknown: look before you send again.

    >>> from failing_exchange import FailingExchange, simulate
    >>> exchange = FailingExchange()
    >>> rule = exchange.arm("garble_answer")
    >>> simulate(exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000))
    Traceback (most recent call last):
    failing_exchange.errors.MalformedResponseError: ...
    """


class CircuitOpenError(FailingExchangeError):
    """A circuit breaker on the client's side lets no call through (`CircuitBreaker`).

    >>> from failing_exchange import CircuitBreaker, FailingExchange, simulate
    >>> async def main():
    ...     breaker, exchange = CircuitBreaker(failure_threshold=1), FailingExchange()
    ...     exchange.arm("time_out")
    ...     for _ in range(2):
    ...         try:
    ...             await breaker.call(exchange.fetch_ticker, "BTC/USDT")
    ...         except RequestTimeoutError:
    ...             pass
    >>> simulate(main())
    Traceback (most recent call last):
    failing_exchange.errors.CircuitOpenError: ...
    """


class ConfigurationError(ValueError):
    """An argument is wrong: the message shows the value, what was expected and the way out.

    >>> from failing_exchange import FailingExchange
    >>> FailingExchange(seed="seven")
    Traceback (most recent call last):
    failing_exchange.errors.ConfigurationError: ...
    """


class InternalError(RuntimeError):
    """A bug of ours inside a trip: the run stops, and its results do not count. Please report it.

    >>> issubclass(InternalError, FailingExchangeError)  # so that no bot swallows it
    False
    """


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
    OperationRejectedError: "OperationRejected",
    NoChangeError: "MarginModeAlreadySet",
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
