"""How the user data stream writes what an account hears of itself.

user-data-stream.md; enums.md, "Execution types" and "Expiry Reasons"; 2026-07-21.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.events import OrderListChanged
from failing_exchange.core.market import ListedMarket, Market
from failing_exchange.core.order import (
    Fill,
    ListUpdate,
    OrderSnapshot,
    Status,
    TimeInForce,
)
from failing_exchange.feeds.account_records import (
    AssetBalances,
    BalanceChange,
    Delta,
    Execution,
    ExecutionReport,
    Prevented,
    Terminated,
)
from failing_exchange.venues.binance.orders import (
    cancel_name,
    expiry_reason,
    prevention_name,
    status_name,
    type_name,
)
from failing_exchange.venues.binance.pegs import asked, fields
from failing_exchange.venues.binance_common.edits import EVENT_FIELDS, edit
from failing_exchange.venues.binance_common.listen_keys import ListenKeyExpired
from failing_exchange.venues.binance_common.values import (
    amount,
    decimal,
    instant,
    price,
    venue_symbol,
)

if TYPE_CHECKING:
    from failing_exchange.venue.api_changes import Features


class Heard(NamedTuple):
    """What writing an event needs: when the venue sent it, the markets, the unit of instants."""

    at: int
    markets: Mapping[str, ListedMarket]
    micro: bool = False


def event_of(
    record: Any, at: int, markets: Mapping[str, ListedMarket], edits: Any, *, micro: bool
) -> Any:
    """A push as the client reads it; a fault may have changed some of its fields."""
    event = write(record, Heard(at, markets, micro))
    return edit(event, edits, EVENT_FIELDS) if edits else event


def event_writer(features: Features, *, micro: bool) -> Callable[..., Any]:
    """What writes the pushes of one connection, with the fields that they have now."""

    def written(record: Any, at: int, markets: Mapping[str, ListedMarket], edits: Any) -> Any:
        event = event_of(record, at, markets, edits, micro=micro)
        if isinstance(event, dict) and "eR" in event and not features.has("expiry_reason"):
            del event["eR"]
        return event

    return written


def write(record: Any, w: Heard) -> dict[str, Any]:
    """An event without the envelope of its subscription."""
    head, body = WRITERS[type(record)](record, w)
    return {"e": head, "E": instant(w.at, micro=w.micro), **body}


def _report(record: ExecutionReport, w: Heard) -> tuple[str, dict[str, Any]]:
    state, order = record.snapshot, record.snapshot.order
    market, micro = w.markets[order.symbol].market, w.micro
    name, original = _names(record)
    return "executionReport", {
        "s": venue_symbol(order.symbol),
        "c": name,
        "S": order.side.name,
        "o": type_name(order),
        "f": order.time_in_force.value,
        "q": amount(state.original_lots, market),
        "p": price(asked(state), market),
        "P": price(order.stop_ticks, market),
        "F": amount(order.iceberg_lots, market),
        "g": order.list_id or -1,
        "C": original,
        "x": EXECUTIONS[record.execution],
        "X": "REJECTED" if record.execution is Execution.REJECTED else status_name(state),
        "r": record.reason.value,  # "Order Reject Reason"; journals have the same words
        "i": order.id,
        **_last(record.fill, market),
        "z": amount(state.filled, market),
        "T": instant(record.at, micro=micro),
        "I": record.number,
        "w": on_the_book(state),
        "O": instant(order.created_at, micro=micro) if order.id > 0 else -1,
        "Z": decimal(state.cost),
        "Q": decimal(order.cost_wanted),
        "V": prevention_name(order, market),
        **_conditional(record, market, micro),
    }


# enums.md, "Execution types"
EXECUTIONS = {
    Execution.ACCEPTED: "NEW",
    Execution.FILLED: "TRADE",
    Execution.CANCELED: "CANCELED",
    Execution.AMENDED: "REPLACED",
    Execution.EXPIRED: "EXPIRED",
    Execution.PREVENTED: "TRADE_PREVENTION",
    Execution.REJECTED: "REJECTED",
}


def _names(record: ExecutionReport) -> tuple[str, str]:
    """The client id of what happened, and the order's own where that is another."""
    order = record.snapshot.order
    if record.execution is Execution.CANCELED:
        return cancel_name(order), order.client_id
    if record.execution is Execution.AMENDED:
        return order.client_id, order.amendments[-1].old_client_id
    return order.client_id, ""


def _conditional(record: ExecutionReport, market: Market, micro: bool) -> dict[str, Any]:
    """Fields that only some reports have ("Conditional Fields in Execution Report")."""
    order, found = record.snapshot.order, dict[str, Any]()
    if order.trail_bips:
        found["d"] = order.trail_bips
        if 0 < order.trailing_at <= record.at:
            found["D"] = instant(order.trailing_at, micro=micro)
    found |= {STRATEGY[name]: value for name, value in order.extra}
    if order.id > 0 and record.snapshot.working_at:
        found["W"] = instant(record.snapshot.working_at, micro=micro)
    if record.prevented is not None:
        found |= _prevented(record.prevented, market)
    if order.peg is not None:
        found |= fields(record.snapshot, market, PEG_FIELDS)
    if record.execution is Execution.EXPIRED:
        found["eR"] = expiry_reason(order)
    return found


STRATEGY = {"strategyId": "j", "strategyType": "J"}
PEG_FIELDS = ("gP", "gOT", "gOV", "gp")


def _prevented(prevented: Prevented, market: Market) -> dict[str, Any]:
    match, matched = prevented.match, prevented.matched
    return {
        "v": match.id,
        "A": amount(prevented.total, market),
        "B": amount(prevented.lots, market),
        "u": -1,  # no account belongs to a trade group
        "U": prevented.counter_id,
        "Cs": venue_symbol(match.symbol),
        "pl": amount(matched, market),
        "pL": price(match.ticks, market),
        "pY": decimal(market.cost(match.ticks, matched)),
    }


def _last(fill: Fill | None, market: Market) -> dict[str, Any]:
    """The fields of the trade that is reported, or of none."""
    if fill is None:
        nothing = decimal(0)
        return {"l": nothing, "L": nothing, "n": "0", "N": None, "t": -1, "m": False, "M": False,
                "Y": nothing}  # fmt: skip
    return {
        "l": amount(fill.lots, market),
        "L": price(fill.ticks, market),
        "n": decimal(fill.fee),
        "N": fill.fee_asset,
        "t": fill.trade_id,
        "m": fill.maker,
        "M": True,
        "Y": decimal(fill.cost),
    }


def on_the_book(state: OrderSnapshot) -> bool:
    """The flag `w`: a new order is, until it has ended; a market order only until it trades."""
    if state.status is not Status.OPEN:
        return False
    order = state.order
    return not state.filled or (bool(order.ticks) and order.time_in_force is TimeInForce.GTC)


def _list_status(record: OrderListChanged, w: Heard) -> tuple[str, dict[str, Any]]:
    symbol = venue_symbol(record.symbol)
    return "listStatus", {
        "s": symbol,
        "g": record.list_id,
        "c": record.contingency.name,
        "l": LIST_STATUS_TYPES[record.what],
        "L": record.status.name,
        "r": "NONE",
        "C": record.client_id,
        "T": instant(record.at, micro=w.micro),
        "O": [{"s": symbol, "i": number, "c": name} for number, name in record.orders],
    }


# enums.md, "Order List Status"
LIST_STATUS_TYPES = {
    ListUpdate.STARTED: "EXEC_STARTED",
    ListUpdate.UPDATED: "UPDATED",
    ListUpdate.DONE: "ALL_DONE",
}


def _position(record: AssetBalances, w: Heard) -> tuple[str, dict[str, Any]]:
    return "outboundAccountPosition", {
        "u": instant(record.at, micro=w.micro),
        "B": [{"a": a, "f": decimal(free), "l": decimal(used)} for a, free, used in record.assets],
    }


DELTAS = {
    BalanceChange.DEPOSITED: "balanceUpdate",
    BalanceChange.LOCKED: "externalLockUpdate",
}


def _delta(record: Delta, w: Heard) -> tuple[str, dict[str, Any]]:
    at = instant(record.at, micro=w.micro)
    return DELTAS[record.event], {"a": record.asset, "d": decimal(record.atoms), "T": at}


def _terminated(record: Terminated, w: Heard) -> tuple[str, dict[str, Any]]:
    return "eventStreamTerminated", {}


def _listen_key_expired(record: ListenKeyExpired, w: Heard) -> tuple[str, dict[str, Any]]:
    return "listenKeyExpired", {"listenKey": record.listen_key}


WRITERS: dict[type, Callable[[Any, Heard], tuple[str, dict[str, Any]]]] = {
    ExecutionReport: _report,
    OrderListChanged: _list_status,
    AssetBalances: _position,
    Delta: _delta,
    Terminated: _terminated,
    ListenKeyExpired: _listen_key_expired,
}
