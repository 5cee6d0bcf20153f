"""What one account of a small exchange is told, as JSON, for the stories of the user stream."""

from __future__ import annotations

from collections.abc import Mapping, Reversible
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.market import Market
from failing_exchange.core.order import OrderSnapshot, OrderType
from failing_exchange.core.reject import Reject
from failing_exchange.feeds.account_steps import account_of, records
from failing_exchange.venues.binance.user_events import Heard, write
from tests.core.floor import Floor, S

# user-data-stream.md, "Order Update", 2026-07-21, without `v`, which only prevented orders have
REPORT: dict[str, type | tuple[type, ...]] = {
    "e": str, "E": int, "s": str, "c": str, "S": str, "o": str, "f": str, "q": str, "p": str,
    "P": str, "F": str, "g": int, "C": str, "x": str, "X": str, "r": str, "i": int, "l": str,
    "z": str, "L": str, "n": str, "N": (str, type(None)), "T": int, "t": int, "I": int, "w": bool,
    "m": bool, "M": bool, "O": int, "Z": str, "Y": str, "Q": str, "W": int, "V": str,
}  # fmt: skip


class Ear:
    """Hears what one account is told of each step."""

    def __init__(self, floor: Floor, account: str = "alice") -> None:
        self.floor = floor
        self.account = account
        self.heard = len(floor.events)
        self.not_placed: tuple[c.PlaceOrder, Reject] | None = None

    def hear(self) -> list[dict[str, Any]]:
        """What was told since the last call, as JSON would show it."""
        numbered = list(enumerate(self.floor.events, 1))[self.heard :]
        events = [(n, event) for n, event in numbered if account_of(event) == self.account]
        self.heard = len(self.floor.events)
        markets = self.floor.engine.state.markets
        return [write(record, Heard(self.floor.at, markets)) for record in records(events, self)]

    def order(self, order_id: int) -> OrderSnapshot:
        """An order of the account."""
        found: OrderSnapshot = self.floor.order(order_id, self.account)
        return found

    def balances(self, before: int = 0) -> Mapping[str, tuple[int, int]]:
        """(free, used) by asset; with `before`, as it was when an event that is a turn began."""
        return self.floor.engine.state.ledger.balances(self.account, before=before)

    def turns(self) -> Reversible[int]:
        """The numbers of late events that happened by themselves."""
        return self.floor.engine.state.transactions

    def market(self, symbol: str) -> Market:
        """A market's rules."""
        return self.floor.engine.state.markets[symbol].market

    def refused(self) -> tuple[c.PlaceOrder, Reject] | None:
        """The second half of a cancel-and-replace that went wrong."""
        return self.not_placed


def place(floor: Floor, side: Any, kind: OrderType, lots: int, **more: Any) -> Any:
    """An order of alice."""
    return floor.do(c.PlaceOrder("alice", S, side, kind, lots, **more))


def short(heard: list[dict[str, Any]]) -> list[str]:
    """The events by name; reports as execution and status."""
    return [f"{one['x']} {one['X']}" if "x" in one else one["e"] for one in heard]


def held(told: list[dict[str, Any]]) -> list[dict[str, tuple[str, str]]]:
    """The positions that were told: (free, locked) by asset."""
    positions = [one["B"] for one in told if one["e"] == "outboundAccountPosition"]
    return [{row["a"]: (row["f"], row["l"]) for row in rows} for rows in positions]
