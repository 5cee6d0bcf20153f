"""Which of Binance's fields a fault means by a unified name, and how their values are written."""

from __future__ import annotations

from typing import Any

from failing_exchange.text.number_checks import is_number
from failing_exchange.venues import edits as shared
from failing_exchange.venues.edits import Edits, Fields

# unified name -> the venue's, of which those that an answer has are changed
ANSWER_FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("orderId", "id"),
    "clientOrderId": ("clientOrderId",),
    "order": ("orderId",),
    "status": ("status",),
    "filled": ("executedQty", "cumQty"),
    "amount": ("origQty", "qty"),
    "price": ("price",),
    "cost": ("cummulativeQuoteQty", "cumQuote", "quoteQty"),
    "average": ("avgPrice",),
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


def edit(answer: Any, edits: Edits, fields: Fields = ANSWER_FIELDS) -> Any:
    """An answer with fields that say something else, in Binance's words.

    >>> edit({"orderId": 1, "status": "NEW"}, [("id", "7"), ("status", "closed")])
    {'orderId': 7, 'status': 'FILLED'}
    """
    return shared.edit(answer, edits, fields, _written)


def _written(name: str, value: Any, before: Any) -> Any:
    """A value as the venue writes this field."""
    if name in WORDS and isinstance(value, str):
        return STATUSES.get(value, value.upper())
    if is_number(value) and isinstance(before, str):
        return f"{value:.8f}"
    if isinstance(before, int) and isinstance(value, str) and value.isdecimal():
        return int(value)
    return value
