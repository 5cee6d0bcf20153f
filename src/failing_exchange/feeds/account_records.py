"""What an account can hear of itself, before a venue writes it.

Any other record that is pushed is a venue's own last word: it ends the stream, as `Terminated` does
(`ends_stream`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from failing_exchange.core.events import OrderListChanged
from failing_exchange.core.order import Fill, OrderSnapshot, PreventedMatch
from failing_exchange.feeds.contract_records import (
    BriefFill,
    ConditionalReport,
    FuturesUpdate,
    MarginCall,
    SettingChanged,
)


class Execution(StrEnum):
    """What happened to an order. The texts are those of journals."""

    ACCEPTED = "NEW"
    FILLED = "TRADE"
    CANCELED = "CANCELED"
    AMENDED = "REPLACED"
    EXPIRED = "EXPIRED"
    PREVENTED = "TRADE_PREVENTION"
    REJECTED = "REJECTED"


class RejectReason(StrEnum):
    """Why an order was rejected after another one was canceled for it; texts as in journals."""

    NONE = "NONE"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_BALANCES"
    WOULD_TRIGGER = "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"
    WOULD_MATCH = "WOULD_MATCH_IMMEDIATELY"


class BalanceChange(StrEnum):
    """What changed a balance without an order; texts as in journals."""

    DEPOSITED = "balanceUpdate"  # or withdrawn
    LOCKED = "externalLockUpdate"  # or unlocked


class Prevented(NamedTuple):
    """A match that was prevented, as one of its orders sees it: lots that expired for it.

    `lots` now and `total` so far; `matched` would have been traded.
    """

    match: PreventedMatch
    counter_id: int
    lots: int
    total: int
    matched: int


class ExecutionReport(NamedTuple):
    """Something happened to an order, and how it stood then."""

    execution: Execution
    snapshot: OrderSnapshot
    at: int
    number: int  # of the execution: it grows over all of the venue
    fill: Fill | None = None
    prevented: Prevented | None = None
    reason: RejectReason = RejectReason.NONE
    bid_notional: int = 0  # notional of the open orders that may add to the position, in atoms
    ask_notional: int = 0
    change_id: str = ""  # the client's name of a change


class AssetBalances(NamedTuple):
    """What the account has of the assets that may have changed: (asset, free, used)."""

    assets: tuple[tuple[str, int, int], ...]
    at: int


class Delta(NamedTuple):
    """A balance changed without an order, by `atoms`."""

    event: BalanceChange
    asset: str
    atoms: int
    at: int


class Terminated(NamedTuple):
    """The stream has ended."""

    at: int


Record = (
    ExecutionReport | OrderListChanged | AssetBalances | Delta | BriefFill | FuturesUpdate
    | ConditionalReport | MarginCall | SettingChanged
)  # fmt: skip
# which unified feed a record belongs to: what faults name
FEEDS: dict[type, str] = {
    ExecutionReport: "watch_orders",
    OrderListChanged: "watch_orders",
    ConditionalReport: "watch_orders",
    BriefFill: "watch_my_trades",
    AssetBalances: "watch_balance",
    Delta: "watch_balance",
    FuturesUpdate: "watch_balance",
    MarginCall: "watch_positions",
    SettingChanged: "watch_positions",
}


def ends_stream(record: Any) -> bool:
    """Whether nothing is told after this."""
    return type(record) not in FEEDS


def feed_of(record: Any) -> str:
    """The unified feed that a push belongs to.

    A trade's report belongs to `watch_my_trades`, a changed wallet with positions to
    `watch_positions`.
    """
    if isinstance(record, ExecutionReport) and record.fill is not None:
        return "watch_my_trades"
    if isinstance(record, FuturesUpdate) and record.positions:
        return "watch_positions"
    return FEEDS.get(type(record), "watch_orders")


def symbol_of(record: Any) -> str:
    """The market that a record is about; empty for one that is about the account."""
    if isinstance(record, ExecutionReport | BriefFill):
        return record.snapshot.order.symbol
    if isinstance(record, ConditionalReport):
        return record.event.symbol
    if isinstance(record, FuturesUpdate) and record.positions:
        return record.positions[0].market.symbol
    return record.symbol if isinstance(record, OrderListChanged | SettingChanged) else ""
