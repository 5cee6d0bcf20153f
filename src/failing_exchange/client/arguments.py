"""What a user may give to the exchange and its controls.

Each check shows the value, what was expected and the way out. They raise ConfigurationError
before anything changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.text.number_checks import is_number, is_whole

ACCOUNT_LENGTH_MAX = 64  # characters of an account's name; a longer one is refused
TIMEOUT_MAX = 10**9  # seconds until a call gives up; for longer give None


def check_constructor(
    wanted: Mapping[str, Any], max_retries: object, threshold: object, window: object
) -> None:
    """What `FailingExchange` is made with, as far as nobody else checks it."""
    check_timeout(wanted["connection_timeout"])
    check_whole(max_retries, "max_retries", 0)
    check_whole(wanted["seed"], "seed")
    if not isinstance(wanted["background"], bool):
        raise ConfigurationError(f"background must be True or False, not {wanted['background']!r}")
    if threshold is not None:
        check_whole(threshold, "rate_limit_threshold (calls in a window)", 1)
    if not _within(window, TIMEOUT_MAX):
        raise ConfigurationError(
            f"rate_limit_window must be a number of seconds above 0, not {window!r}"
        )


def check_timeout(value: object, name: str = "connection_timeout") -> None:
    """Seconds above 0, or None."""
    if value is not None and not _within(value, TIMEOUT_MAX):
        raise ConfigurationError(f"{name} must be seconds above 0, or None for ever, not {value!r}")


def check_whole(value: object, name: str, least: int | None = None) -> None:
    """A whole number; `least` bounds it from below."""
    if not is_whole(value):
        raise ConfigurationError(f"{name} must be a whole number, not {value!r}")
    if least is not None and value < least:
        raise ConfigurationError(f"{name} must be a whole number from {least}, not {value!r}")


def check_account(account: object) -> None:
    """The name of an account."""
    if not isinstance(account, str) or not 0 < len(account) <= ACCOUNT_LENGTH_MAX:
        raise ConfigurationError(
            f'an account has a name, a string of up to {ACCOUNT_LENGTH_MAX} characters like "bob", '
            f"not {account!r}"
        )


def _within(value: object, most: float) -> bool:
    """Whether it is a number above 0 and below a bound."""
    return is_number(value) and 0 < value < most
