"""What one account of a small exchange with a contract is told, as JSON; and how to check shapes.

A shape names fields in their order, each with a mark: none for a decimal text, " for another text,
# for a whole number, ? for a flag, {} and [] for an object and a list of objects of their own.
"""

from __future__ import annotations

import re
from typing import Any

from failing_exchange.feeds.account_events import StepView
from failing_exchange.feeds.account_steps import account_of
from failing_exchange.feeds.contract_steps import Realised, contract_records
from failing_exchange.venues.binance_usdm.futures_events import write
from tests.core.contracts import Floor

DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?\Z")
MARKS: dict[str, type] = {'"': str, "#": int, "?": bool, "{}": dict, "[]": list}


class FuturesEar:
    """Hears what one account is told of each step."""

    def __init__(self, floor: Floor, account: str = "alice") -> None:
        self.floor = floor
        self.account = account
        self.realised = Realised()

    def hear(self) -> list[dict[str, Any]]:
        """What was told of the last step, as JSON would show it."""
        floor = self.floor
        numbered = [
            pair for pair in enumerate(floor.events, 1) if account_of(pair[1]) == self.account
        ]
        told = contract_records(numbered, self.look(), self.realised)
        return [write(one, floor.at, floor.engine.state.markets) for one in told]

    def look(self) -> StepView:
        """The account as it is after the last step."""
        gateway: Any = _Gateway(self.floor)
        return StepView(gateway, self.account, self.floor.events, self.floor.at)


class _Gateway:
    """As much of a gateway as a look at a step needs."""

    def __init__(self, floor: Floor) -> None:
        self.engine = floor.engine
        self.journal = self
        self.trips: list[Any] = []


def short(told: list[dict[str, Any]]) -> list[str]:
    """The events by name; orders as execution and status, wallets with their reason."""
    return [_short(one) for one in told]


def _short(one: dict[str, Any]) -> str:
    if one["e"] == "ORDER_TRADE_UPDATE":
        return f"{one['o']['x']} {one['o']['X']}"
    if one["e"] == "ALGO_UPDATE":
        return f"algo {one['o']['X']}"
    return f"{one['e']} {one['a']['m']}" if "a" in one else str(one["e"])


def check_shape(shape: str, told: dict[str, Any]) -> None:
    """Have an object these fields, in this order, of these types."""
    parts = (re.match(r"(\w+)(.*)", one) for one in shape.split())
    fields = {part[1]: part[2] for part in parts if part}
    assert list(told) == list(fields)
    for name, mark in fields.items():
        value = told[name]
        if mark:
            assert type(value) is MARKS[mark], (name, value)
        else:
            assert type(value) is str and DECIMAL.match(value), (name, value)
