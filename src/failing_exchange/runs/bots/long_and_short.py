"""Leveraged positions, long and short in turn, each with its stop; closed some minutes later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from failing_exchange.resilience.outcomes import outcome_of
from failing_exchange.runs.bots.careful import LAST_WORDS, PAUSE_MAX, Patient, Temper
from failing_exchange.runs.bots.long_position import (
    AMOUNT,
    CONTRACT,
    LEVERAGE,
    NAKED_MAX,
    OTHER,
    PAUSE,
    STEP,
    Perpetual,
    is_stop,
    stop_level,
    trade_naively,
)
from failing_exchange.runs.bots.notebook import Notebook

COVERED_S = 240.0  # within which a position is to have its stop, bans and lost answers included
REFUSALS = 3  # of orders in a row; then also a position without a stop waits longer ...
REFUSED_S = 195.0  # ... this much between two tries: with the reads around it 205 to 235 s
LOOK_S = 100.0  # seconds between two looks in a long rest
READ_EVERY_S = 1.2  # seconds between two reads: a limit of one a second keeps room for an exit
RESERVE = 0.5  # of the free margin: what a position may not use
NOTIONAL_MIN = 100.0  # USDT; a smaller position is not worth its stop
POSITION_TRIES = 3  # reads of the position; then the books say what is held
EXIT_TRIES = 3  # of an order that closes; an entry is sent once


async def naive(exchange: Any, notebook: Notebook) -> None:
    """Sets its leverage and hopes, believes each answer, and closes by as much as it opened."""
    settings = ((exchange.set_leverage, LEVERAGE),)
    await trade_naively(exchange, notebook, settings, ("buy", "sell"), COVERED_S)


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Trades only in the modes that it means, keeps a reserve, and books what the venue closed."""
    await LongAndShort(exchange, notebook).run()


naive.symbols = careful.symbols = (CONTRACT,)  # type: ignore[attr-defined]


class PacedClient(Patient):
    """A patient client that reads slowly enough for an order never to meet the limit."""

    _next_read = 0.0  # loop time

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if not name.startswith("fetch_"):
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, self._next_read - loop.time()))
            self._next_read = loop.time() + READ_EVERY_S
            return await found(*args, **kwargs)

        return call


class Watchful(Temper):
    """Rests as others do, and looks also where no order can help: the venue may close by force.

    What `look` returns says whether the rest is to end.
    """

    @property
    def is_heard(self) -> bool:
        """Whether the venue has not refused several orders in a row."""
        return self._refusals < REFUSALS

    async def rest(self, look: Callable[[], Awaitable[Any]], *, most: float = PAUSE_MAX) -> None:
        left = min(most, self._pause * 2.0 ** min(self._refusals, 10))
        while left > LOOK_S:
            await asyncio.sleep(LOOK_S)
            left -= LOOK_S
            try:
                if await look():
                    return
            except Exception as error:
                self.note(error)
        await asyncio.sleep(left)


class LongAndShort(Perpetual):
    """Opens a long position, then a short one, and so on."""

    exit_tries = EXIT_TRIES
    entry_tries = 1

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        super().__init__(exchange, notebook)
        self.client = PacedClient(exchange)
        self.temper: Watchful = Watchful(PAUSE)
        self.next_side = "buy"

    async def rest(self) -> None:
        """Wait for the next round, and look now and then at what the venue may have closed."""
        short = NAKED_MAX if self.temper.is_heard else REFUSED_S
        most = short if self.is_naked else PAUSE_MAX
        await self.temper.rest(self.has_lost_its_stop, most=most)

    async def has_lost_its_stop(self) -> bool:
        """Look, and say whether what is held has no stop any more; the rest then ends.

        One that had none before ends no rest: the venue has refused what it can do about it.
        """
        was_naked = self.is_naked
        await self.look()
        return self.is_naked and not was_naked

    async def affordable(self) -> float:
        """How much it may open, so that a part of the margin stays free; 0: nothing."""
        found = await self.ask(self.client.fetch_balance, {"type": "swap"})
        ticker = await self.ask(self.client.fetch_ticker, CONTRACT)
        free, price = found["USDT"]["free"], ticker["last"]
        if not price:
            return 0.0
        amount = min(AMOUNT, int((1 - RESERVE) * free * LEVERAGE / price / STEP) * STEP)
        return amount if amount * price >= NOTIONAL_MIN else 0.0

    async def enter(self) -> None:
        """Open a position on the other side than the last one, and protect it at once."""
        self.rounds = 0
        amount, side = await self.affordable(), self.next_side
        if not amount:
            return
        self.next_side = OTHER[side]
        with self.notebook.intend(side, amount, covered_within=COVERED_S, symbol=CONTRACT):
            await self.send("market", side, amount)
        await self.look()
        if abs(self.held) >= STEP / 2:
            await self.protect()

    def has_left(self, error: Exception) -> None:
        """Note it: the next entry waits longer."""
        raise error

    async def leave(self) -> None:
        """Cancel what rests, and close what is held; what can't be closed keeps a stop."""
        await self.clear()
        await self.look()
        if abs(self.held) >= STEP / 2:
            await self.close(abs(self.held))
            await self.look()
        if abs(self.held) >= STEP / 2:
            self.stop = await self.place_stop()

    async def look(self) -> None:
        """Book what was traded; then what is held, and its stop."""
        await self.book()
        self.held = await self.size()
        self.stop = next(filter(is_stop, await self.open_orders()), None)
        await self.book_cash()

    async def size(self) -> float:
        """What is held; by the bot's books where positions can't be read."""
        for attempt in range(POSITION_TRIES):
            try:
                found = await self.client.fetch_positions([CONTRACT])
                if isinstance(found, list):
                    return self.size_of(found)
            except Exception as error:
                if outcome_of(error) in LAST_WORDS:
                    break
            await asyncio.sleep(2.0**attempt)
        return self.notebook.holds(CONTRACT)

    async def place_stop(self) -> Any:
        """A stop beyond the entry price, which follows from the trades that were booked."""
        held = self.notebook.holds(CONTRACT)
        if held * self.held <= 0:
            raise TimeoutError("the trades of the position are not told yet")
        entry = self.notebook.entry_costs[CONTRACT] / held
        level = stop_level("buy" if self.held > 0 else "sell", entry)
        price = float(self.exchange.price_to_precision(CONTRACT, level))
        return await self.send_exit(stopLossPrice=price, reduceOnly=True)
