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
from failing_exchange.runs.bots.careful import MinuteBot, crossing, is_sound, limit_price
from failing_exchange.runs.bots.notebook import SYMBOL, Notebook, PlannedOrder

SURVIVES = (FailingExchangeError, TimeoutError, ValueError)

FLAWED: dict[str, Callable[..., Awaitable[None]]] = {}
TWINS: dict[str, str] = {}  # flawed bot -> the careful one from which it differs by one habit


def flawed(base: type[Any], name: str) -> Callable[[type[Any]], type[Any]]:
    """Register a bot under its name; `base` is the careful one whose habits it has otherwise."""

    def add(cls: type[Any]) -> type[Any]:
        FLAWED[name] = _coroutine(cls)
        TWINS[name] = next((known for known, one in CAREFUL.items() if one is base), OF_CONTRACTS)
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
OF_CONTRACTS = "perpetual-careful"  # the twin of the bots that trade contracts


def _coroutine(cls: type[Any]) -> Callable[[Any, Notebook], Awaitable[None]]:
    async def bot(exchange: Any, notebook: Notebook) -> None:
        await cls(exchange, notebook).run()

    bot.__doc__ = cls.__doc__
    return bot


@careful("steady-minute")
class Minute(MinuteBot):
    """Buys a fixed amount, and a minute later sells what it holds."""

    survives = SURVIVES

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


@careful("steady-streamer")
class Streamer(Minute):
    """Prices come from the ticker's stream; what became of its orders it asks."""

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
        if self.latest is None or not is_sound(self.exchange, self.latest):
            return await limit_price(self.client, side)
        return crossing(side, self.latest["bid"], self.latest["ask"])
