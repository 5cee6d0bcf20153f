"""What a bot means and believes, written down so that a run can be judged against the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from failing_exchange.core.market import parse_symbol
from failing_exchange.judge.intents import intend

SYMBOL = "BTC/USDT"  # the one market of the reference bots ...
BASE = parse_symbol(SYMBOL).base  # ... and what they hold of it
INTENTS_KEPT_MAX = 1_000_000  # a run ends before; one more is an error


@dataclass(slots=True)
class PlannedOrder:
    """One order that a bot means to have: `done` is what it believes. Instants in nanoseconds."""

    number: int
    side: str
    amount: float
    began_at: int
    ended_at: int | None = None
    done: bool = False


@dataclass(slots=True)
class Notebook:
    """What a bot means and believes. `believed` holds its changes of balance by asset.

    It outlives the bot's process, as a file on its disk would: so `names` are there, the client
    order ids that were sent or were about to be, and `booked`, the ids of the orders in the books.
    `now` tells the instant of an intent, in nanoseconds; a run sets it to the venue's clock.
    """

    intents: list[PlannedOrder] = field(default_factory=list)
    believed: dict[str, float] = field(default_factory=dict)
    names: dict[str, PlannedOrder] = field(default_factory=dict)
    booked: dict[str, None] = field(default_factory=dict)
    now: Callable[[], int] = lambda: int(asyncio.get_running_loop().time() * 1e9)

    @contextmanager
    def intend(
        self, side: str, amount: float, *, covered_within: float | None = None
    ) -> Iterator[PlannedOrder]:
        """Note that one order is meant, until the block ends; `covered_within`: with a stop."""
        if len(self.intents) >= INTENTS_KEPT_MAX:
            raise RuntimeError(f"a run has at most {INTENTS_KEPT_MAX} intents")
        intent = PlannedOrder(len(self.intents) + 1, side, amount, self.now())
        self.intents.append(intent)
        try:
            with intend(SYMBOL, side, amount, covered_within=covered_within):
                yield intent
        finally:
            intent.ended_at = self.now()

    def book(self, order: dict[str, Any]) -> None:
        """Book what an order is said to have traded, and its fees."""
        symbol = parse_symbol(order["symbol"])
        sign = 1 if order["side"] == "buy" else -1
        self._add(symbol.base, sign * (order["filled"] or 0.0))
        self._add(symbol.quote, -sign * (order["cost"] or 0.0))
        for fee in order["fees"]:
            self._add(fee["currency"], -fee["cost"])

    def holds(self, asset: str) -> float:
        """What the bot believes to have gained of an asset."""
        return self.believed.get(asset, 0.0)

    def positions(self) -> dict[str, float]:
        """What the bot believes to have gained, by symbol, as a probe tells it."""
        return {SYMBOL: self.holds(BASE)}

    def _add(self, asset: str, amount: float) -> None:
        self.believed[asset] = self.believed.get(asset, 0.0) + amount
