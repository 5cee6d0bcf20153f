"""Answers as they were before they had some of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Any

from failing_exchange.venues.binance_common.call import Answered, Writing

Write = Callable[[Writing, Any], Any]


def without(write: Write, fields: Iterable[str]) -> Write:
    """What writes an answer without some fields, however deep they are."""
    hidden = frozenset(fields)

    def wrote(w: Writing, told: Any) -> Any:
        return bare(write(w, told), hidden)

    return wrote


def bare(found: Any, hidden: Set[str]) -> Any:
    """An answer or an event without some fields, however deep they are."""
    if isinstance(found, dict):
        return {name: bare(value, hidden) for name, value in found.items() if name not in hidden}
    if isinstance(found, list):
        return [bare(one, hidden) for one in found]
    if isinstance(found, Answered):
        return found._replace(body=bare(found.body, hidden))
    return found
