"""What a bot means and believes, written down so that a run can be judged against the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from failing_exchange.core.market import is_contract, parse_symbol
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
    """What a bot means and believes.

    `believed` holds its changes of balance by asset, and of a position in a contract by its symbol.

    It outlives the bot's process, as a file on its disk would: so `names` are there, the client
    order ids that were sent or were about to be, and `booked`, the ids of the orders in the books.
    `now` tells the instant of an intent, in nanoseconds; a run sets it to the venue's clock.
    """

    intents: list[PlannedOrder] = field(default_factory=list)
    believed: dict[str, float] = field(default_factory=dict)
    names: dict[str, PlannedOrder] = field(default_factory=dict)
    booked: dict[str, None] = field(default_factory=dict)
    entry_costs: dict[str, float] = field(default_factory=dict)  # of open positions, by symbol
    equity: dict[str, float] = field(default_factory=dict)  # wallet and unrealised, by asset
    peak_equity: dict[str, float] = field(default_factory=dict)  # the highest of it
    symbols: tuple[str, ...] = ()  # that the bot says it trades; empty: `SYMBOL`
    now: Callable[[], int] = lambda: int(asyncio.get_running_loop().time() * 1e9)

    @contextmanager
    def intend(
        self,
        side: str,
        amount: float,
        *,
        covered_within: float | None = None,
        symbol: str = SYMBOL,
    ) -> Iterator[PlannedOrder]:
        """Note that one order is meant, until the block ends; `covered_within`: with a stop."""
        if len(self.intents) >= INTENTS_KEPT_MAX:
            raise RuntimeError(f"a run has at most {INTENTS_KEPT_MAX} intents")
        intent = PlannedOrder(len(self.intents) + 1, side, amount, self.now())
        self.intents.append(intent)
        try:
            with intend(symbol, side, amount, covered_within=covered_within):
                yield intent
        finally:
            intent.ended_at = self.now()

    def book(self, order: dict[str, Any], *, contract_size: float = 1.0) -> None:
        """Book what an order is said to have traded, and its fees.

        Of a contract that is a position, in units of the base asset of which each contract has
        `contract_size`; what closing it gains or loses is booked in the asset that it settles in.
        """
        symbol = parse_symbol(order["symbol"])
        sign = 1 if order["side"] == "buy" else -1
        filled, cost = sign * (order["filled"] or 0.0), sign * (order["cost"] or 0.0)
        if symbol.settle is None:
            self._add(symbol.base, filled)
            self._add(symbol.quote, -cost)
        elif filled:
            profit = self._change(order["symbol"], filled * contract_size, cost)
            self._add(symbol.settle, profit)
        for fee in order["fees"]:
            self._add(fee["currency"], -fee["cost"])

    def book_equity(self, asset: str, amount: float) -> None:
        """Note what the bot takes for its equity now; the highest is its peak."""
        self.equity[asset] = amount
        self.peak_equity[asset] = max(amount, self.peak_equity.get(asset, amount))

    def holds(self, asset: str) -> float:
        """What the bot believes to have gained of an asset."""
        return self.believed.get(asset, 0.0)

    def positions(self) -> dict[str, float]:
        """What the bot believes to have gained, by symbol, as a probe tells it."""
        contracts = [*filter(is_contract, self.symbols), *self.entry_costs]
        found = {symbol: self.holds(symbol) for symbol in contracts}
        if BASE in self.believed or not found:
            found[SYMBOL] = self.holds(BASE)
        return found

    def _change(self, symbol: str, amount: float, cost: float) -> float:
        """Change a position by an amount at a cost, both below 0 for a sale; the profit."""
        held, entry = self.holds(symbol), self.entry_costs.get(symbol, 0.0)
        closed = min(abs(held), abs(amount)) if held * amount < 0 else 0.0
        paid, got = entry * (closed / abs(held)) if held else 0.0, cost * (closed / abs(amount))
        self.entry_costs[symbol] = entry - paid + cost - got
        self._add(symbol, amount)
        return -(paid + got)

    def _add(self, asset: str, amount: float) -> None:
        self.believed[asset] = self.believed.get(asset, 0.0) + amount
