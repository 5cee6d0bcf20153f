"""The exchange as a bot sees it: the methods of ccxt, and what its errors mean."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from enum import Enum
from typing import Any, Protocol, TypeAlias

from failing_exchange.errors import MalformedResponseError

Order: TypeAlias = dict[str, Any]  # ccxt's unified order

log = logging.getLogger("failing_exchange.resilience")


class Exchange(Protocol):
    """The methods that are called, with ccxt's arguments; ours and ccxt's exchanges have them.

    >>> from failing_exchange import FailingExchange
    >>> exchange: Exchange = FailingExchange()
    """

    def create_order(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Place an order: symbol, type, side, amount, price, params."""
        ...

    def fetch_order(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Read one order: id, symbol, params."""
        ...

    def fetch_open_orders(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Read the open orders: symbol."""
        ...


class RequestOutcome(Enum):
    """What an error says about the request that it answers.

    >>> outcome_of(TimeoutError()) is RequestOutcome.UNKNOWN
    True
    """

    REFUSED = "refused"  # turned away at the gate: nothing happened, the same may pass later
    UNKNOWN = "unknown"  # whether the venue acted is unknown
    EXISTS = "exists"  # the client order id is taken: an earlier request did arrive
    ABSENT = "absent"  # the venue knows no such order, or does not know it yet
    REJECTED = "rejected"  # the venue's last word: the same request fails again
    FOREIGN = "foreign"  # not the venue's error: a bug, an open breaker, a cancelled task


# By class name, so that ccxt's own errors are understood without importing ccxt. An error takes
# the row of its most derived class that has one.
OUTCOMES: dict[str, RequestOutcome] = {
    "RateLimitError": RequestOutcome.REFUSED,
    "RateLimitExceeded": RequestOutcome.REFUSED,
    "BannedError": RequestOutcome.REFUSED,
    "DDoSProtection": RequestOutcome.REFUSED,
    "ExchangeMaintenanceError": RequestOutcome.REFUSED,
    "OnMaintenance": RequestOutcome.REFUSED,
    "ClockSkewError": RequestOutcome.REFUSED,
    "InvalidNonce": RequestOutcome.REFUSED,
    # A 503 may come from behind the engine (Binance: "execution status unknown").
    "ExchangeNotAvailable": RequestOutcome.UNKNOWN,
    "OperationFailedError": RequestOutcome.UNKNOWN,
    "OperationFailed": RequestOutcome.UNKNOWN,
    "MalformedResponseError": RequestOutcome.UNKNOWN,
    "JSONDecodeError": RequestOutcome.UNKNOWN,
    "ClientError": RequestOutcome.UNKNOWN,  # aiohttp's
    "TimeoutError": RequestOutcome.UNKNOWN,
    "OSError": RequestOutcome.UNKNOWN,  # ConnectionError is one
    "DuplicateOrderError": RequestOutcome.EXISTS,
    "DuplicateOrderId": RequestOutcome.EXISTS,
    "OrderNotFoundError": RequestOutcome.ABSENT,
    "OrderNotFound": RequestOutcome.ABSENT,
    "ExchangeError": RequestOutcome.REJECTED,
}

# Seconds to wait after a refusal that names no time itself.
WAITS: dict[str, float] = {
    "ClockSkewError": 1.0,  # a new timestamp is made at once; more than that is not ours to mend
    "InvalidNonce": 1.0,
    "BannedError": 120.0,  # the shortest ban that Binance gives
    "DDoSProtection": 120.0,
}
WAIT_OTHERWISE = 60.0


def outcome_of(error: BaseException) -> RequestOutcome:
    """What an error, ours or ccxt's or a transport's, says about the request.

    >>> outcome_of(ConnectionResetError())
    <RequestOutcome.UNKNOWN: 'unknown'>
    >>> outcome_of(KeyError("a bug"))
    <RequestOutcome.FOREIGN: 'foreign'>
    """
    for cls in type(error).__mro__:
        if cls.__name__ in OUTCOMES:
            return OUTCOMES[cls.__name__]
    return RequestOutcome.FOREIGN


def wait_for(error: BaseException) -> float:
    """Seconds to wait after a refusal: its `retry_after`, else a default per error class.

    >>> from failing_exchange import BannedError, RateLimitError
    >>> wait_for(RateLimitError(retry_after=5)), wait_for(BannedError())
    (5.0, 120.0)
    """
    told = getattr(error, "retry_after", None)
    if isinstance(told, int | float) and told >= 0:
        return float(told)
    for cls in type(error).__mro__:
        if cls.__name__ in WAITS:
            return WAITS[cls.__name__]
    return WAIT_OTHERWISE


def readable(answer: object) -> Order:
    """An order as the venue gave it; MalformedResponseError when it has no id to hold it by."""
    if isinstance(answer, dict) and answer.get("id"):
        return answer
    raise MalformedResponseError(
        f"The answer has no order id: {answer!r}; expected an order, its outcome is unknown"
    )
