"""A trip as a row of the live page: short texts of both columns, and what sets them apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from failing_exchange.core.units import MILLISECOND
from failing_exchange.journal.trip import MARKET, Limited, faults_of
from failing_exchange.report.text import asked_text, happened_text, told_text
from failing_exchange.text.spelling import printable

if TYPE_CHECKING:
    from failing_exchange.core.market import Market
    from failing_exchange.journal.trip import Trip

TEXT_MAX = 240  # characters of one text of a row; the whole story has the rest


def row_of(trip: Trip, markets: Mapping[str, Market]) -> dict[str, Any]:
    """What a row shows. `differs`: the client was not told what happened, or not so."""
    nobody = trip.operation == MARKET
    heard = trip.told is not None and not trip.hung_up and not trip.gave_up_at
    faults = faults_of(trip)
    return {
        "n": trip.number,
        "at": trip.born_at // MILLISECOND,
        "ms": (trip.told_at - trip.born_at) // MILLISECOND if trip.told_at else None,
        "client": _short(trip.account),
        "op": trip.operation,
        "symbol": _short(trip.symbol or _symbol(trip)),
        "push": trip.is_push,
        "through": _short(getattr(trip.message, "endpoint", "")),
        "asked": _operator(trip) if nobody else _short(asked_text(trip, markets.get(trip.symbol))),
        "happened": _short(happened_text(trip, markets)),
        "told": _told(trip, markets, nobody),
        "faults": faults,
        "limited": any(isinstance(one, Limited) for one in trip.struck),
        "differs": bool(faults) or (trip.ended_at > 0 and not nobody and not heard),
        "open": not trip.ended_at,
    }


def _symbol(trip: Trip) -> str:
    """The market in which something happened without a request."""
    for event in trip.happened:
        found = getattr(getattr(event, "fill", event), "symbol", "")
        if found:
            return str(found)
    return str(getattr(trip.command, "symbol", ""))


def _operator(trip: Trip) -> str:
    """What the operator did; empty where the market moved by itself."""
    if trip.command is None:
        return ""
    words = re.sub(r"(?<!^)([A-Z])", r" \1", type(trip.command).__name__).lower()
    named = [str(one) for one in trip.command if isinstance(one, str) and one]
    return _short(f"the operator: {words} {' '.join(named)}".strip())


def _told(trip: Trip, markets: Mapping[str, Market], nobody: bool) -> str:
    if nobody:
        return ""
    if not trip.ended_at and trip.told is None:
        return "nothing yet"
    return _short(told_text(trip, markets))


def _short(text: Any) -> str:
    text = printable(str(text or ""))
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"
