"""Careful bots in steps that can be overridden, and the register of flawed bots.

A flawed bot is one of these with one habit that is wrong. It catches only what an exchange raises,
as many bots do, so that an error of its own ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from failing_exchange.errors import FailingExchangeError
from failing_exchange.resilience.retrying_placement import new_client_order_id
from failing_exchange.runs.bots import stream_reader as streamer, taker as minute
from failing_exchange.runs.bots.careful import Books, Patient, Temper, limit_price, settle
from failing_exchange.runs.bots.notebook import BASE, SYMBOL, Notebook, PlannedOrder

AMOUNT = 0.1  # BTC an order
MARGIN = 1.001  # how far beyond the best price a limit lies that is to trade at once
SURVIVES = (FailingExchangeError, TimeoutError, ValueError)

FLAWED: dict[str, Callable[..., Awaitable[None]]] = {}
TWINS: dict[str, str] = {}  # flawed bot -> the careful one from which it differs by one habit


def flawed(base: type[Minute], name: str) -> Callable[[type[Minute]], type[Minute]]:
    """Register a bot under its name; `base` is the careful one whose habits it has otherwise."""

    def add(cls: type[Minute]) -> type[Minute]:
        FLAWED[name] = _coroutine(cls)
        if base is not cls:
            TWINS[name] = next(known for known, one in CAREFUL.items() if one is base)
        return cls

    return add


def careful(name: str) -> Callable[[type[Minute]], type[Minute]]:
    """Register a careful base."""

    def add(cls: type[Minute]) -> type[Minute]:
        CAREFUL[name] = cls
        FLAWED[name] = _coroutine(cls)
        return cls

    return add


CAREFUL: dict[str, type[Minute]] = {}


def _coroutine(cls: type[Minute]) -> Callable[[Any, Notebook], Awaitable[None]]:
    async def bot(exchange: Any, notebook: Notebook) -> None:
        await cls(exchange, notebook).run()

    bot.__doc__ = cls.__doc__
    return bot


@careful("steady-minute")
class Minute:
    """Buys a fixed amount, and a minute later sells what it holds."""

    pause = minute.PAUSE

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        self.exchange = exchange
        self.notebook = notebook
        self.client = Patient(exchange)
        self.temper = Temper(self.pause)
        self.books = Books(self.client, notebook)

    async def run(self) -> None:
        """Round after round, until it is killed."""
        await self.begin()
        while True:
            try:
                await self.round()
                self.temper.well()
            except SURVIVES as error:
                self.temper.note(error)
                await self.failed(error)
            await self.rest()

    async def begin(self) -> None:
        """What is done once."""

    async def failed(self, error: Exception) -> None:
        """What is done about an error, beside a rest."""

    async def rest(self) -> None:
        """Wait for the next round."""
        await self.temper.rest(lambda: self.client.fetch_ticker(SYMBOL))

    async def round(self) -> None:
        """Catch up, and trade once."""
        await self.catch_up()
        side, amount = await self.wanted()
        price = await self.price(side)
        with self.notebook.intend(side, amount) as intent:
            await self.trade(intent, side, amount, price)

    async def catch_up(self) -> None:
        """Book what was missed."""
        await self.books.reconcile()

    async def wanted(self) -> tuple[str, float]:
        """The side and the amount of the next order."""
        held = self.notebook.holds(BASE)
        return ("sell", held) if held >= AMOUNT / 2 else ("buy", AMOUNT)

    async def price(self, side: str) -> float:
        """A limit at which it trades at once."""
        return await limit_price(self.client, side)

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        """Place an order, and book what it did."""
        placed = await self.place(intent, side, amount, price)
        await self.follow(intent, placed)

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        """Send one order; what the venue says of it."""
        return await self.books.place(intent, side, amount, price)

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        """Wait until an order has ended, and book it."""
        self.books.enter(await settle(self.client, placed))

    async def send(
        self, intent: PlannedOrder, side: str, amount: float, price: float, **params: Any
    ) -> Any:
        """One order as it comes: what is raised is nobody's concern here."""
        name = new_client_order_id()
        self.books.expect(name, intent)
        amount = float(self.exchange.amount_to_precision(SYMBOL, amount))
        price = float(self.exchange.price_to_precision(SYMBOL, price))
        params["clientOrderId"] = name
        return await self.exchange.create_order(SYMBOL, "limit", side, amount, price, params)


def crossing(side: str, bid: float, ask: float) -> float:
    """A limit a little beyond the best price."""
    return ask * MARGIN if side == "buy" else bid / MARGIN


@careful("steady-streamer")
class Streamer(Minute):
    """Prices come from the ticker's stream; what became of its orders it asks."""

    pause = streamer.PAUSE
    feed = "watch_ticker"

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        super().__init__(exchange, notebook)
        self.latest: Any = None
        self.tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Listen beside the rounds."""
        loop = asyncio.get_running_loop()
        self.tasks = [loop.create_task(listen()) for listen in self.listeners()]
        try:
            await super().run()
        finally:
            for task in self.tasks:
                task.cancel()

    def listeners(self) -> list[Callable[[], Any]]:
        """What runs beside the rounds."""
        return [self.listen]

    async def listen(self) -> None:
        """Keep the stream alive; a broken one is subscribed to anew, later each time."""
        failures = 0
        while True:
            try:
                self.take(await getattr(self.exchange, self.feed)(SYMBOL))
                failures = 0
            except SURVIVES as error:
                failures += 1
                await self.lost(error, failures)

    async def lost(self, error: Exception, failures: int) -> None:
        """What is done about a broken stream."""
        await asyncio.sleep(min(30.0, 2.0**failures))

    def take(self, message: Any) -> None:
        """A message of the stream."""
        self.latest = message

    async def price(self, side: str) -> float:
        """From the stream, where it is fresh and sound; otherwise it asks."""
        from failing_exchange.runs.bots.careful import is_sound

        if self.latest is None or not is_sound(self.exchange, self.latest):
            return await limit_price(self.client, side)
        return crossing(side, self.latest["bid"], self.latest["ask"])
