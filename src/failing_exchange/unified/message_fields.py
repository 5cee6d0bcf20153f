"""Instants and numbers of entries in the messages of unified calls."""

from __future__ import annotations

from typing import Any

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import MILLISECOND
from failing_exchange.text.number_checks import is_number

SINCE_MAX = 10**15  # milliseconds; a later `since` is refused


def instant_of(since: Any) -> int:
    """Milliseconds as an instant; 0 for None. Raises `Reject` for another value."""
    if since is None:
        return 0
    if not is_number(since) or not 0 <= since < SINCE_MAX:
        raise Reject(Reason.BAD_REQUEST, f"Invalid since: {since!r} is not a time in milliseconds")
    return int(since) * MILLISECOND or 1  # 0 says that none was given


def until_of(values: list[Any]) -> int:
    """The instant of a param `until`, which follows in a message where it is given; 0 = none."""
    return instant_of(values[0]) if values else 0


def limit_of(value: Any, default: int, most: int) -> int:
    """A number of entries, `most` at most; raises `Reject` for one that is not at least 1."""
    if value is None:
        return default
    if not is_number(value) or not value >= 1:
        raise Reject(Reason.BAD_REQUEST, f"Invalid limit: {value!r} is not a number of at least 1")
    return int(min(value, most))
