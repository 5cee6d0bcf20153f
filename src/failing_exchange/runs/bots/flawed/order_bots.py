"""Bots that draw the wrong conclusion from what they are told of an order."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.errors import FailingExchangeError, OrderNotFoundError
from failing_exchange.runs.bots import market_maker as maker
from failing_exchange.runs.bots.careful import patiently, quote, settle
from failing_exchange.runs.bots.flawed.base import Minute, careful, flawed
from failing_exchange.runs.bots.notebook import SYMBOL, PlannedOrder

AWAY = 0.0005  # of the price, between it and a quote
QUOTE_S = 30.0  # how long a quote stands


@careful("steady-maker")
class Quoter(Minute):
    """Lets an order rest near the price for a while, cancels it, and books what it did."""

    pause = maker.PAUSE

    async def price(self, side: str) -> float:
        bid, ask = await quote(self.client)
        return bid * (1 - AWAY) if side == "buy" else ask * (1 + AWAY)

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        await asyncio.sleep(QUOTE_S)
        self.books.enter(await settle(self.client, placed, polls=0))


@flawed(Quoter, "reads-cancel-reply")
class ReadsCancelReply(Quoter):
    """`cancel_reply_bare`: books what the answer to a cancel says, which may say nothing."""

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        await asyncio.sleep(QUOTE_S)
        try:
            reply = await self.client.cancel_order(placed["id"], SYMBOL)
        except OrderNotFoundError:
            await super().follow(intent, placed)
            return
        if reply["filled"] > 0:
            self.books.enter(await settle(self.client, placed))


@flawed(Quoter, "ignores-refused-cancels")
class IgnoresRefusedCancels(Quoter):
    """`nonce_reordered`: a cancel that was refused counts as done, and the order is forgotten."""

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        await asyncio.sleep(QUOTE_S)
        seen = await self.client.fetch_order(placed["id"], SYMBOL)
        if seen["status"] == "open":
            try:
                await self.exchange.cancel_order(placed["id"], SYMBOL)
            except OrderNotFoundError:
                pass
            except FailingExchangeError:
                self.books._names.pop(placed["clientOrderId"], None)
                return
        self.books.enter(await settle(self.client, placed))


@flawed(Quoter, "takes-gone-for-filled")
class TakesGoneForFilled(Quoter):
    """`touched_by_hand`: what is not open any more was filled, as a whole."""

    async def catch_up(self) -> None:
        """It looks at its open orders only."""

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        return await self.send(intent, side, amount, price)

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        while any(one["id"] == placed["id"] for one in await self.client.fetch_open_orders(SYMBOL)):
            await asyncio.sleep(QUOTE_S)
        seen = await patiently(lambda: self.client.fetch_order(placed["id"], SYMBOL))
        cost = placed["amount"] * placed["price"]
        whole = {**seen, "filled": placed["amount"], "cost": cost}
        self.notebook.book(seen if seen["status"] == "closed" else whole)


@flawed(Quoter, "lets-the-last-row-win")
class LetsTheLastRowWin(Quoter):
    """`order_listed_twice`: of two rows with one id the last one counts, and the order is over."""

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        await asyncio.sleep(1)
        rows = await patiently(lambda: self.client.fetch_orders(SYMBOL, limit=20))
        found = {row["id"]: row for row in rows}.get(placed["id"], placed)
        if found["status"] == "canceled":
            self.books.enter(found)
            return
        await super().follow(intent, placed)


@flawed(Quoter, "replaces-what-the-list-lacks")
class ReplacesWhatTheListLacks(Quoter):
    """`open_orders_incomplete`: an order that the list lacks is placed once more."""

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        listed = await self.client.fetch_open_orders(SYMBOL)
        if placed["status"] == "open" and placed["id"] not in [one["id"] for one in listed]:
            again = await self.place(intent, placed["side"], placed["amount"], placed["price"])
            await asyncio.sleep(QUOTE_S)
            self.books.enter(await settle(self.client, again, polls=0))
        await super().follow(intent, placed)


@flawed(Minute, "books-what-it-asked-for")
class BooksWhatItAskedFor(Minute):
    """`error_in_200`, `ioc_expired`: an answer without an error is an order that was filled."""

    async def catch_up(self) -> None:
        """It has no doubts."""

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        order = await self.send(intent, side, amount, price)
        said = order if isinstance(order, dict) else {}
        if said.get("filled") == amount:
            self.notebook.book(said)
        else:
            cost = amount * price
            asked = {"symbol": SYMBOL, "side": side, "filled": amount, "cost": cost, "fees": []}
            self.notebook.book(asked)


@flawed(Minute, "takes-expired-for-bought")
class TakesExpiredForBought(BooksWhatItAskedFor):
    """`ioc_expired`: an order that found nothing to trade with has bought."""

    async def send(
        self, intent: PlannedOrder, side: str, amount: float, price: float, **params: Any
    ) -> Any:
        return await super().send(intent, side, amount, price, timeInForce="IOC", **params)


@flawed(Minute, "believes-first-answer")
class BelievesFirstAnswer(Minute):
    """`contradictory_order`: books what the first answer says, and never looks again."""

    async def catch_up(self) -> None:
        """It has no doubts."""

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        order = await self.send(intent, side, amount, price)
        if float(order["filled"]) > 0:
            self.notebook.book(order)


@flawed(Minute, "forgets-nameless-orders")
class ForgetsNamelessOrders(Minute):
    """`reply_without_order_id`: an answer without an id does not count as an order."""

    async def catch_up(self) -> None:
        """It knows its orders by their ids."""

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        order = await self.send(intent, side, amount, price)
        if order.get("id"):
            self.notebook.book(await settle(self.client, order))


@flawed(Minute, "takes-not-found-for-never-placed")
class TakesNotFoundForNeverPlaced(Minute):
    """`order_not_found_after_create`: an order that is not found is sent again."""

    async def catch_up(self) -> None:
        """It has no doubts."""

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        for _ in range(2):
            order = await self.send(intent, side, amount, price)
            try:
                self.notebook.book(await self.found(order))
                return
            except OrderNotFoundError:
                continue

    async def found(self, order: Any) -> Any:
        """The order as the venue knows it."""
        return await self.client.fetch_order(order["id"], SYMBOL)


@flawed(Minute, "takes-not-found-for-rejected")
class TakesNotFoundForRejected(TakesNotFoundForNeverPlaced):
    """`orders_moved_service`: an order that is not found was rejected."""

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        order = await self.send(intent, side, amount, price)
        try:
            self.notebook.book(await self.found(order))
        except OrderNotFoundError:
            intent.done = False


@flawed(Minute, "forgets-half-a-grid")
class ForgetsHalfAGrid(Minute):
    """`order_count_1015`: where the second of two orders is refused, the first one is forgotten."""

    async def catch_up(self) -> None:
        """It books its orders as they are placed."""

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        half = amount / 2
        placed = [
            await self.send(intent, side, half, price),
            await self.send(intent, side, half, price),
        ]
        for order in placed:
            self.notebook.book(await settle(self.client, order))


@flawed(Minute, "books-history-at-start")
class BooksHistoryAtStart(Minute):
    """`restart_in_flight`: after a restart it books once more what its books have already."""

    async def begin(self) -> None:
        self.books._booked.clear()
