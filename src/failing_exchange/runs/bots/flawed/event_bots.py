"""Bots that learn from a stream of events what became of their orders, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from failing_exchange.runs.bots.careful import quote
from failing_exchange.runs.bots.flawed.base import SURVIVES, Streamer, flawed
from failing_exchange.runs.bots.notebook import SYMBOL, PlannedOrder

PATIENCE_S = 60.0  # for the event of an order
ANSWER_S = 0.5  # for the answer, where the event comes first
AWAY = 0.0003  # of the price, between it and an order that is to rest for a while


@flawed(Streamer, "books-events-only")
class BooksEventsOnly(Streamer):
    """`half_alive` and others: never asks what it was not told.

    It books an order when its event says that it has ended, once: `fills_during_outage`,
    `last_partial_unreported`, `listen_key_expired`, `endpoint_removed_410`.
    """

    def __init__(self, exchange: Any, notebook: Any) -> None:
        super().__init__(exchange, notebook)
        self.mine: dict[str, PlannedOrder] = {}
        self.ended: set[str] = set()
        self.news = asyncio.Event()

    def listeners(self) -> list[Callable[[], Any]]:
        return [self.listen, self.hear]

    async def hear(self) -> None:
        """Take the events of its orders."""
        while True:
            try:
                for order in await self.exchange.watch_orders(SYMBOL):
                    self.event(order)
            except SURVIVES:
                await asyncio.sleep(2)

    def event(self, order: Any) -> None:
        """One event."""
        if order["status"] != "open" and order["id"] not in self.ended:
            self.end(order)

    def end(self, order: Any) -> None:
        """Book an order that has ended."""
        self.ended.add(order["id"])
        self.notebook.book(order)
        self.news.set()

    async def catch_up(self) -> None:
        """It looks at nothing."""

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        self.news.clear()
        placed = await self.send(intent, side, amount, price)
        self.mine[placed["id"]] = intent
        return placed

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), PATIENCE_S)


@flawed(Streamer, "knows-orders-by-their-answer")
class KnowsOrdersByTheirAnswer(BooksEventsOnly):
    """`event_before_reply`: drops the event of an order whose answer does not come at once."""

    def event(self, order: Any) -> None:
        asyncio.get_running_loop().call_later(ANSWER_S, self.known, order)

    def known(self, order: Any) -> None:
        """The event of an order, if it has an answer by now."""
        if order["id"] in self.mine:
            super().event(order)


@flawed(Streamer, "tracks-orders-after-their-answer")
class TracksOrdersAfterTheirAnswer(BooksEventsOnly):
    """`instant_fill`: an order that is filled in the call that places it is never booked."""

    def event(self, order: Any) -> None:
        if order["id"] in self.mine:
            super().event(order)

    async def price(self, side: str) -> float:
        bid, ask = await quote(self.client)
        return bid * (1 - AWAY) if side == "buy" else ask * (1 + AWAY)

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        await super().follow(intent, placed)
        if placed["id"] not in self.ended:
            self.news.clear()
            with suppress(*SURVIVES):
                await self.exchange.cancel_order(placed["id"], SYMBOL)
            await super().follow(intent, placed)


@flawed(Streamer, "forgets-late-events")
class ForgetsLateEvents(BooksEventsOnly):
    """`event_delayed`: an event that comes after a minute finds its order forgotten."""

    def event(self, order: Any) -> None:
        if not self.forgotten(order):
            super().event(order)

    def forgotten(self, order: Any) -> bool:
        """Whether an order was given up before this event."""
        age: float = self.exchange.milliseconds() - order["timestamp"]
        return age > PATIENCE_S * 1_000


@flawed(Streamer, "places-two-at-once")
class PlacesTwoAtOnce(BooksEventsOnly):
    """`events_coalesced`: of two reports of one instant only the last one arrives."""

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        half = super().place
        placed = await asyncio.gather(
            half(intent, side, amount / 2, price), half(intent, side, amount / 2, price)
        )
        await asyncio.sleep(1)
        return placed[0]


@flawed(Streamer, "adds-up-events")
class AddsUpEvents(BooksEventsOnly):
    """`event_duplicated`: books each event of an end, whether it has seen it or not."""

    def event(self, order: Any) -> None:
        if order["status"] != "open":
            self.end(order)


@flawed(Streamer, "infers-fills")
class InfersFills(BooksEventsOnly):
    """`event_reordered`: books what an order says beyond its trades, and then the trades, too."""

    def __init__(self, exchange: Any, notebook: Any) -> None:
        super().__init__(exchange, notebook)
        self.traded: dict[str, float] = {}

    def listeners(self) -> list[Callable[[], Any]]:
        return [*super().listeners(), self.hear_trades]

    async def hear_trades(self) -> None:
        """Take its trades, one by one."""
        while True:
            try:
                for trade in await self.exchange.watch_my_trades(SYMBOL):
                    self.trade_event(trade)
            except SURVIVES:
                await asyncio.sleep(2)

    def trade_event(self, trade: Any) -> None:
        """Book a trade as it comes."""
        order, amount = trade["order"], trade["amount"]
        self.traded[order] = self.traded.get(order, 0.0) + amount
        self.notebook.book({**trade, "filled": amount, "fees": [trade["fee"]]})

    def end(self, order: Any) -> None:
        self.ended.add(order["id"])
        self.news.set()
        missing = order["filled"] - self.traded.get(order["id"], 0.0)
        if missing > 1e-9:
            share = missing / order["filled"]
            fees = [{**fee, "cost": fee["cost"] * share} for fee in order["fees"]]
            cost = order["cost"] * share
            self.notebook.book({**order, "filled": missing, "cost": cost, "fees": fees})
