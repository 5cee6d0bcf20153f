"""User events of conditional orders before the algo service: each is an order like any other.

"Event: Order Update", 2025-03-16. The order that a trigger places goes on under the id and with the
original type (`ot`) of the conditional one; what the service says between (TRIGGERING and so on)
was never told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from failing_exchange.core.conditional_order import ConditionalOrder, ConditionalStatus
from failing_exchange.core.units import MILLISECOND
from failing_exchange.feeds.account_records import ExecutionReport
from failing_exchange.feeds.contract_records import BriefFill, ConditionalReport
from failing_exchange.venues.binance_common.values import venue_symbol
from failing_exchange.venues.binance_usdm import algo_orders as algo
from failing_exchange.venues.binance_usdm.futures_events import (
    Event,
    Markets,
    edited,
    event_of,
    lots_text,
    ticks_text,
    write,
)
from failing_exchange.venues.binance_usdm.order_terms import match_name

if TYPE_CHECKING:
    from failing_exchange.feeds.account_feeds import Write
    from failing_exchange.venue.api_changes import Features

Find = Callable[[str, int], ConditionalOrder | None]  # by account and id
NOT_TOLD: Event = {}
NO_FILL: Event = {
    "l": "0", "z": "0", "L": "0", "n": "0", "t": 0, "b": "0", "a": "0", "m": False, "rp": "0",
    "si": 0, "ss": 0,
}  # fmt: skip
STATUSES = {
    ConditionalStatus.NEW: "NEW",
    ConditionalStatus.CANCELED: "CANCELED",
    ConditionalStatus.EXPIRED: "EXPIRED",
    ConditionalStatus.REJECTED: "EXPIRED",
}


def event_writer(features: Features, find: Find, *, micro: bool) -> Write:
    """What writes the pushes of one connection; instants are always in milliseconds."""

    def written(record: Any, at: int, markets: Markets, edits: Any) -> Any:
        if features.has("algo_orders"):
            return event_of(record, at, markets, edits)
        event = _as_of_old(record, at, markets, find)
        return edited(event, tuple(edits)) if edits and event else event

    return written


def _as_of_old(record: Any, at: int, markets: Markets, find: Find) -> Event:
    if isinstance(record, ConditionalReport):
        return _waiting(record, at, markets)
    event = write(record, at, markets)
    if not isinstance(record, ExecutionReport | BriefFill):
        return event
    order = record.snapshot.order
    if order.conditional_id:
        told = event.get("o", event)
        told["i"] = order.conditional_id
        origin = find(order.account, order.conditional_id)
        if origin is not None and "ot" in told:
            stop = origin.command.stop_ticks
            told["ot"] = algo.TYPE_NAMES[origin.command.kind]
            told["sp"] = ticks_text(stop, markets[order.symbol].market)
    return event


def _waiting(record: ConditionalReport, at: int, markets: Markets) -> Event:
    """A conditional order that waits, or ends without an order; an empty event for all else."""
    event, one = record.event, record.conditional
    status = STATUSES.get(event.status)
    if status is None or (event.activated and status == "NEW") or event.order_id:
        return NOT_TOLD
    command, market = one.command, markets[event.symbol].market
    kind = algo.TYPE_NAMES[command.kind]
    told: Event = {
        "s": venue_symbol(event.symbol),
        "c": one.client_id,
        "S": command.side.name,
        "o": kind,
        "f": algo.force_name(command),
        "q": lots_text(command.lots, market),
        "p": ticks_text(command.ticks, market),
        "ap": "0",
        "sp": ticks_text(0 if command.trail_bips else command.stop_ticks, market),
        "x": status,
        "X": status,
        "i": one.id,
        **NO_FILL,
        "N": market.settle,
        "T": record.at // MILLISECOND,
        "R": command.reduce_only or command.close_position,
        "wt": algo.WORKING_NAMES[command.by],
        "ot": kind,
        "ps": command.position_side.name,
        "cp": command.close_position,
        "pP": command.protected,
        "V": (command.prevention or market.prevention).upper(),
        "pm": match_name(command.peg),
        "gtd": command.expires_at // MILLISECOND,
    }
    times = {"T": record.at // MILLISECOND, "E": at // MILLISECOND}
    return {"e": "ORDER_TRADE_UPDATE", **times, "o": told}
