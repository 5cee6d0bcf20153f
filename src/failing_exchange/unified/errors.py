"""From a refusal to the error that the client is raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from failing_exchange import errors as e
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND

ERRORS: dict[Reason, type[e.FailingExchangeError]] = {
    Reason.BAD_REQUEST: e.BadRequestError,
    Reason.NOT_SUPPORTED: e.NotSupportedError,
    Reason.UNKNOWN_SYMBOL: e.SymbolNotFoundError,
    Reason.INVALID_ORDER: e.InvalidOrderError,
    Reason.INVALID_PRICE: e.InvalidOrderError,
    Reason.INVALID_AMOUNT: e.InvalidOrderError,
    Reason.INVALID_COST: e.InvalidOrderError,
    Reason.PRICE_BAND: e.InvalidOrderError,
    Reason.WOULD_MATCH: e.OrderWouldMatchError,
    Reason.WOULD_TRIGGER: e.OrderWouldMatchError,
    Reason.TOO_MANY_ORDERS: e.InvalidOrderError,
    Reason.DUPLICATE_CLIENT_ID: e.DuplicateOrderError,
    Reason.ORDER_NOT_FOUND: e.OrderNotFoundError,
    Reason.INSUFFICIENT_FUNDS: e.InsufficientBalanceError,
    Reason.MARKET_HALTED: e.MarketClosedError,
    Reason.CANCEL_ONLY: e.MarketClosedError,
    Reason.TRADING_DISABLED: e.MarketClosedError,
    Reason.ACCOUNT_FROZEN: e.AccountSuspendedError,
    Reason.KEY_REFUSED: e.AuthenticationError,
    Reason.PERMISSION_DENIED: e.PermissionDeniedError,
    Reason.RESTRICTED_LOCATION: e.RestrictedLocationError,
    Reason.CLOCK_SKEW: e.ClockSkewError,
    Reason.RATE_LIMITED: e.RateLimitError,
    Reason.TOO_MANY_ORDERS_SENT: e.RateLimitError,
    Reason.BANNED: e.BannedError,
    Reason.MAINTENANCE: e.ExchangeMaintenanceError,
    Reason.UNAVAILABLE: e.ExchangeUnavailableError,
    Reason.OUTCOME_UNKNOWN: e.RequestTimeoutError,
    Reason.CONNECTION_LOST: e.ConnectionLostError,
    Reason.TIMED_OUT: e.RequestTimeoutError,
    Reason.MALFORMED: e.MalformedResponseError,
    Reason.CLIENT_ID_MISMATCH: e.OrderNotFoundError,
    Reason.CANCEL_RESTRICTED: e.InvalidOrderError,
    Reason.REDUCE_ONLY: e.InvalidOrderError,
    Reason.POSITION_SIDE: e.OperationRejectedError,
    Reason.POSITION_LIMIT: e.OperationRejectedError,
    Reason.LEVERAGE: e.BadRequestError,
    Reason.MODE_KEPT: e.OperationRejectedError,
    Reason.NO_CHANGE: e.NoChangeError,
    Reason.POSITION_NOT_FOUND: e.OperationRejectedError,
    Reason.CLOSE_EXISTS: e.InvalidOrderError,
    Reason.NOT_FILLABLE: e.InvalidOrderError,
}


def error_of(refused: Reject, at: int) -> e.FailingExchangeError:
    """The error for a refusal, heard at an instant; `retry_after` is counted from then."""
    kind = ERRORS[refused.reason]
    if issubclass(kind, (e.RateLimitError, e.BannedError, e.ExchangeMaintenanceError)):
        wait = None if refused.until is None else max(0, refused.until - at) / SECOND
        return kind(refused.text, reason=refused.reason.value, retry_after=wait)
    return kind(refused.text, reason=refused.reason.value)


def checked(read: Callable[..., int], *values: Any) -> int:
    """What `read` gives for a caller's values; its refusal is raised as the error that it means."""
    try:
        return read(*values)
    except Reject as refused:
        raise error_of(refused, 0) from None
