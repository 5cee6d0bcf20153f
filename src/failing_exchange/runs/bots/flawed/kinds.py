"""Flawed bots of no single incident: kinds of bugs that an exploration has to find."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.judge.probe import probe
from failing_exchange.runs.bots.careful import Books, settle
from failing_exchange.runs.bots.flawed.base import Minute, flawed
from failing_exchange.runs.bots.notebook import BASE, Notebook, PlannedOrder

ATTEMPTS = 3


class _Whole(Books):
    """Books that enter all of an order of which something was filled."""

    def enter(self, order: dict[str, Any]) -> None:
        super().enter({**order, "filled": order["amount"]} if order["filled"] else order)


class _Gone(Books):
    """Books that enter all of an order that is not open any more."""

    def enter(self, order: dict[str, Any]) -> None:
        super().enter({**order, "filled": order["amount"]})


@flawed(Minute, "books-it-whole")
class BooksItWhole(Minute):
    """An order of which something was filled is booked whole, although its rest was canceled."""

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        super().__init__(exchange, notebook)
        self.books = _Whole(self.client, notebook)


@flawed(Minute, "books-gone-as-filled")
class BooksGoneAsFilled(Minute):
    """Whatever is not open any more counts as filled."""

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        super().__init__(exchange, notebook)
        self.books = _Gone(self.client, notebook)


@flawed(Minute, "averages-none")
class AveragesNone(Minute):
    """Reckons with the average price of an order of which nothing was filled."""

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        ended = await settle(self.client, placed)
        if ended["average"] * ended["filled"] >= 0:
            self.books.enter(ended)


@flawed(Minute, "books-no-fees")
class BooksNoFees(Minute):
    """Knows its balances by what it traded, and takes no fee off."""

    async def begin(self) -> None:
        probe(balances=lambda: {BASE: self.start + self.gross()})

    start = 100.0  # BTC

    def gross(self) -> float:
        """What it has gained, had there been no fees."""
        return sum(self.traded.values())

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        super().__init__(exchange, notebook)
        self.traded: dict[str, float] = {}

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        ended = await settle(self.client, placed)
        sign = 1 if ended["side"] == "buy" else -1
        self.traded[ended["id"]] = sign * ended["filled"]
        self.books.enter(ended)


@flawed(Minute, "asks-nobody")
class AsksNobody(Minute):
    """Sends an order again when its answer is lost, and asks nobody what became of the first."""

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        for _ in range(ATTEMPTS):
            try:
                return await self.send(intent, side, amount, price)
            except (TimeoutError, ConnectionError):
                await asyncio.sleep(1.0)
        raise TimeoutError(f"{ATTEMPTS} tries were not enough")


KINDS = {  # the rule by which each is found
    "books-it-whole": "converges",
    "books-gone-as-filled": "converges",
    "averages-none": "alive",
    "books-no-fees": "books_fees",
    "asks-nobody": "resolves",
}
