"""The log of `serve --verbose`: one line per request, and per fault that struck it.

As JSON (`--log-format json`) a request is one object, with its faults in it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from failing_exchange.core.market import Market
from failing_exchange.core.units import MILLISECOND
from failing_exchange.journal.trip import Decision, Limited, Trip
from failing_exchange.observe.trip_outcome import outcome_of
from failing_exchange.report.text import asked_text, told_text
from failing_exchange.text.spelling import printable
from failing_exchange.unified.instants import iso

LINE_LETTERS_MAX = 300  # of a line; the rest is cut off

logger = logging.getLogger("failing_exchange.requests")


def reader(markets: Mapping[str, Market], *, as_json: bool = False) -> Callable[[Trip], None]:
    """Log each trip that ends, as one of `Journal.readers`; a closed stderr is ignored."""
    lines = json_lines_of if as_json else lines_of
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def log(trip: Trip) -> None:
        for line in lines(trip, markets):
            logger.info("%s", line)

    return log


def lines_of(trip: Trip, markets: Mapping[str, Market]) -> Iterator[str]:
    """The lines of a trip: the request and its answer, and what struck it; of a push the latter."""
    at = iso(trip.ended_at // MILLISECOND)
    if not trip.is_push:
        ms = (trip.ended_at - trip.born_at) / MILLISECOND
        endpoint = getattr(trip.message, "endpoint", None)
        through = "" if endpoint is None else f"{endpoint}, "
        asked = asked_text(trip, markets.get(trip.symbol))
        yield _line(
            f"{at} #{trip.number} {trip.account or '-'} {through}{asked} -> "
            f"{told_text(trip, markets)} ({ms:,.0f} ms)"
        )
    for decision in trip.struck:
        what = "limit" if isinstance(decision, Limited) else "fault"
        verdict = type(decision.verdict).__name__
        yield _line(f"{at} #{trip.number}   {what} {decision.rule}: {verdict} at {decision.stage}")


def json_lines_of(trip: Trip, markets: Mapping[str, Market]) -> Iterator[str]:
    """A trip as a line of JSON; of pushes only those that something struck.

    `request` is its number, `client` its account, `ms` its duration by the venue's clock.
    """
    if trip.is_push and not trip.struck:
        return
    found: dict[str, Any] = {
        "at": iso(trip.ended_at // MILLISECOND),
        "level": "info",
        "logger": logger.name,
        "request": trip.number,
        "client": _line(trip.account),
        "operation": trip.operation,
        "symbol": _line(trip.symbol),
        "outcome": str(outcome_of(trip)),
        "ms": (trip.ended_at - trip.born_at) / MILLISECOND,
        "asked": _line(asked_text(trip, markets.get(trip.symbol))),
        "told": _line(told_text(trip, markets)),
        "push": trip.is_push,
    }
    endpoint = getattr(trip.message, "endpoint", None)
    if endpoint is not None:
        found["endpoint"] = str(endpoint)
    if trip.struck:
        found["faults"] = [_struck(one) for one in trip.struck if not isinstance(one, Limited)]
        found["limits"] = [_struck(one) for one in trip.struck if isinstance(one, Limited)]
    yield json.dumps(found)


def _struck(decision: Decision) -> dict[str, str]:
    return {
        "rule": _line(decision.rule),
        "fault": _line(decision.label),
        "verdict": type(decision.verdict).__name__,
        "stage": str(decision.stage),
    }


def _line(text: str) -> str:
    text = printable(text)
    return text if len(text) <= LINE_LETTERS_MAX else f"{text[: LINE_LETTERS_MAX - 1]}…"
