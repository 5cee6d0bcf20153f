"""A long and a short position in one contract at a time, each with its stop; closed together."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.runs.bots.long_position import (
    BELOW,
    CONTRACT,
    HOLD_ROUNDS,
    STEP,
    Perpetual,
    is_stop,
)
from failing_exchange.runs.bots.notebook import Notebook

LONG, SHORT = "long", "short"
AMOUNTS = {LONG: 0.1, SHORT: 0.05}  # contracts of each leg
ENTRIES = {LONG: "buy", SHORT: "sell"}
EXITS = {LONG: "sell", SHORT: "buy"}
APART = 0.5  # seconds between the two exits


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Keeps a long and a short position apart: in its books, its stops and its exits."""
    await Hedged(exchange, notebook).run()


careful.symbols = (CONTRACT,)  # type: ignore[attr-defined]


class Hedged(Perpetual):
    """Both legs at once; what is believed of the contract is their sum."""

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        super().__init__(exchange, notebook)
        self.legs: dict[str, float] = {LONG: 0.0, SHORT: 0.0}
        self.entries: dict[str, float] = {}  # average prices
        self.stops: dict[str, Any] = {}

    @property
    def is_naked(self) -> bool:
        """Whether a leg has no stop, as far as it knows."""
        return any(held >= STEP / 2 and leg not in self.stops for leg, held in self.legs.items())

    async def set_modes(self) -> None:
        """Ask for two positions a contract, isolated, at its leverage."""
        await self.ask(self.client.fetch_balance)
        await self.change(lambda: self.client.set_position_mode(True))
        await self.change(lambda: self.client.set_margin_mode("isolated", CONTRACT))
        await self.change(lambda: self.client.set_leverage(5, CONTRACT))

    async def round(self) -> None:
        """Look; open and protect what is missing, or close both legs."""
        await self.look()
        self.rounds += 1
        if self.rounds > HOLD_ROUNDS and any(self.legs.values()):
            await self.leave()
            return
        for leg in (LONG, SHORT):
            if self.legs[leg] < STEP / 2:
                await self.open(leg)
            await self.protect_leg(leg)

    async def look(self) -> None:
        """Book what was traded, and read both legs and their stops."""
        await self.book()
        await self.book_cash()
        found = await self.ask(self.client.fetch_positions, [CONTRACT])
        self.read(found)
        waiting = filter(is_stop, await self.open_orders())
        self.stops = {leg: one for one in waiting for leg in EXITS if EXITS[leg] == one["side"]}

    def read(self, positions: list[Any]) -> None:
        """Take the size and the price of each leg from a list of positions."""
        sizes = {one["side"]: float(one["contracts"]) for one in positions}
        self.legs = {leg: sizes.get(leg, 0.0) for leg in EXITS}
        self.entries = {one["side"]: float(one["entryPrice"] or 0.0) for one in positions}

    async def open(self, leg: str) -> None:
        """Open one leg."""
        self.rounds = 0
        side, amount = ENTRIES[leg], AMOUNTS[leg]
        with self.notebook.intend(side, amount, symbol=CONTRACT):
            await self.send("market", side, amount, positionSide=leg.upper())
        await self.look()

    async def protect_leg(self, leg: str) -> None:
        """Have a stop for all of a leg."""
        held, stop = self.legs[leg], self.stops.get(leg)
        if held < STEP / 2 or (stop is not None and abs(stop["amount"] - held) < STEP / 2):
            return
        if stop is not None:
            await self.cancel(stop)
        level = self.entries[leg] * (1 - BELOW if leg == LONG else 1 + BELOW)
        price = float(self.exchange.price_to_precision(CONTRACT, level))
        params = {"stopLossPrice": price, "positionSide": leg.upper()}
        with self.notebook.intend(EXITS[leg], held, symbol=CONTRACT):
            self.stops[leg] = await self.client.create_order(
                CONTRACT, "market", EXITS[leg], held, None, params
            )

    async def leave(self) -> None:
        """Cancel what rests, and close both legs side by side, the smaller one first."""
        await self.clear()
        await self.look()
        closing = []
        for leg in (SHORT, LONG):
            if self.legs[leg] >= STEP / 2:
                exit_ = self.close_leg(leg, self.legs[leg])
                closing.append(asyncio.get_running_loop().create_task(exit_))
                await asyncio.sleep(APART)
        await asyncio.gather(*closing)
        await self.look()

    async def close_leg(self, leg: str, amount: float) -> None:
        """Close one leg; the venue takes no more than there is of it."""
        with self.notebook.intend(EXITS[leg], amount, symbol=CONTRACT):
            await self.send("market", EXITS[leg], amount, positionSide=leg.upper())
