"""What an error, ours or ccxt's, says about the request."""

from __future__ import annotations

import pytest

from failing_exchange.errors import (
    BannedError,
    CircuitOpenError,
    ClockSkewError,
    FailingExchangeError,
    RateLimitError,
)
from failing_exchange.resilience import (
    RequestOutcome,
    outcome_of,
    wait_for,
)


def test_ccxts_errors_are_understood_by_name() -> None:
    """The bot's side works with ccxt itself, and does not import it."""
    errors = pytest.importorskip("ccxt.base.errors")
    rows = {
        "RateLimitExceeded": RequestOutcome.REFUSED,
        "DDoSProtection": RequestOutcome.REFUSED,
        "OnMaintenance": RequestOutcome.REFUSED,
        "InvalidNonce": RequestOutcome.REFUSED,
        "RequestTimeout": RequestOutcome.UNKNOWN,
        "NetworkError": RequestOutcome.UNKNOWN,
        "ExchangeNotAvailable": RequestOutcome.UNKNOWN,
        "BadResponse": RequestOutcome.UNKNOWN,
        "NullResponse": RequestOutcome.UNKNOWN,
        "OperationFailed": RequestOutcome.UNKNOWN,
        "DuplicateOrderId": RequestOutcome.EXISTS,
        "OrderNotFound": RequestOutcome.ABSENT,
        "InsufficientFunds": RequestOutcome.REJECTED,
        "InvalidOrder": RequestOutcome.REJECTED,
        "AuthenticationError": RequestOutcome.REJECTED,
    }
    assert {name: outcome_of(getattr(errors, name)("x")) for name in rows} == rows


def test_each_of_our_errors_has_an_outcome() -> None:
    """None may be mistaken for a bug, but for the breaker's, which is the bot's own."""

    def tree(cls: type[FailingExchangeError]) -> list[type[FailingExchangeError]]:
        return [cls, *(leaf for child in cls.__subclasses__() for leaf in tree(child))]

    foreign = [
        cls for cls in tree(FailingExchangeError) if outcome_of(cls("")) is RequestOutcome.FOREIGN
    ]
    assert foreign == [FailingExchangeError, CircuitOpenError]


def test_a_refusal_that_names_no_time_is_waited_out_by_habit() -> None:
    """ccxt's errors carry no retry_after; a zero, however, means at once."""
    assert wait_for(RateLimitError("")) == 60
    assert wait_for(BannedError("")) == 120
    assert wait_for(ClockSkewError("")) == 1
    assert wait_for(RateLimitError("", retry_after=0)) == 0
