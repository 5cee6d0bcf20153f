"""Answers of which a fault has changed some fields: unified names to the venue's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# unified name -> the venue's, of which those that an answer has are changed
ANSWER_FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("orderId", "id"),
    "clientOrderId": ("clientOrderId",),
    "order": ("orderId",),
    "status": ("status",),
    "filled": ("executedQty",),
    "amount": ("origQty", "qty"),
    "price": ("price",),
    "cost": ("cummulativeQuoteQty", "quoteQty"),
    "side": ("side",),
    "type": ("type",),
    "timestamp": ("transactTime", "updateTime", "time"),
    "bid": ("bidPrice",),
    "bidVolume": ("bidQty",),
    "ask": ("askPrice",),
    "askVolume": ("askQty",),
    "last": ("lastPrice",),
    "open": ("openPrice",),
    "high": ("highPrice",),
    "low": ("lowPrice",),
    "vwap": ("weightedAvgPrice",),
    "baseVolume": ("volume",),
    "quoteVolume": ("quoteVolume",),
}
EVENT_FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("i",),
    "clientOrderId": ("c",),
    "order": ("i",),
    "status": ("X",),
    "filled": ("z",),
    "amount": ("q",),
    "price": ("p",),
    "cost": ("Z",),
    "side": ("S",),
    "type": ("o",),
    "timestamp": ("T",),
}
STATUSES = {"open": "NEW", "closed": "FILLED"}  # the others are the venue's words in small letters
WORDS = frozenset({"status", "side", "type"})  # fields whose values are words of the venue

Edits = Iterable[tuple[str, Any]]
Fields = Mapping[str, tuple[str, ...]]


def edit(answer: Any, edits: Edits, fields: Fields = ANSWER_FIELDS) -> Any:
    """An answer with fields that say something else.

    `*` is the whole answer, as is `info`, which the unified API keeps it in; `...` takes a field
    away. A field that the venue does not have is left alone; its own names may be given, too.

    >>> edit({"orderId": 1, "status": "NEW"}, [("id", "7"), ("status", "closed")])
    {'orderId': 7, 'status': 'FILLED'}
    """
    for name, value in edits:
        if name == "*" or (name == "info" and value):
            answer = _whole(value, fields)
        elif isinstance(answer, list):
            answer = [edit(entry, ((name, value),), fields) for entry in answer]
        elif isinstance(answer, dict):
            answer = _edited(answer, name, value, fields)
    return answer


def _edited(answer: dict[str, Any], name: str, value: Any, fields: Fields) -> dict[str, Any]:
    changed = dict(answer)
    for field in (*fields.get(name, ()), name):
        if field in changed:
            if value is ...:
                del changed[field]
            else:
                changed[field] = _written(name, value, answer[field])
    return changed


def _whole(value: Any, fields: Fields) -> Any:
    """What stands in the answer's place; an id is called as the venue calls it."""
    if not isinstance(value, dict):
        return value
    return {fields.get(name, (name,))[0]: said for name, said in value.items() if name != "info"}


def _written(name: str, value: Any, before: Any) -> Any:
    """A value as the venue writes this field."""
    if name in WORDS and isinstance(value, str):
        return STATUSES.get(value, value.upper())
    if isinstance(value, (int, float)) and not isinstance(value, bool) and isinstance(before, str):
        return f"{value:.8f}"
    if isinstance(before, int) and isinstance(value, str) and value.isdecimal():
        return int(value)
    return value
