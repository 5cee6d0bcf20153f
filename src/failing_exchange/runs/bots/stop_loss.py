"""A position with its stop: buy, protect it by a stop order, sell some minutes later."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.runs.bots.careful import (
    PAUSE_MAX,
    Books,
    Patient,
    Temper,
    limit_price,
    patiently,
    quote,
    settle,
)
from failing_exchange.runs.bots.notebook import BASE, SYMBOL, Notebook

AMOUNT = 0.1  # BTC a position
BELOW = 0.02  # of the price, between it and the stop
HOLD = 300.0  # seconds that a position is held
NAKED_MAX = 100.0  # seconds to the next try while something is held without a stop
LOOK = 60.0  # seconds between two looks whether the stop stands
PAUSE = 60.0
COVERED_S = 240.0  # within which the position is to have its stop, bans and lost answers included
STEP = 1e-5  # BTC, the market's step
SHORT_OF_FUNDS = ("InsufficientBalanceError", "InsufficientFunds")


async def naive(exchange: Any, notebook: Notebook) -> None:
    """Protects the amount it asked for, once; where that fails, it goes on as if it had worked."""
    while True:
        try:
            with notebook.intend("buy", AMOUNT, covered_within=COVERED_S):
                entry = await exchange.create_order(SYMBOL, "market", "buy", AMOUNT)
            notebook.book(entry)
            stop = {"stopLossPrice": entry["average"] * (1 - BELOW)}
            with notebook.intend("sell", AMOUNT):
                order = await exchange.create_order(SYMBOL, "market", "sell", AMOUNT, None, stop)
            await asyncio.sleep(HOLD)
            await exchange.cancel_order(order["id"], SYMBOL)
            with notebook.intend("sell", AMOUNT):
                notebook.book(await exchange.create_order(SYMBOL, "market", "sell", AMOUNT))
        except Exception:
            await asyncio.sleep(1)
        await asyncio.sleep(PAUSE)


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Protects what it really holds; what can't be protected is sold."""
    client, temper = Patient(exchange), Temper()
    round_ = _Round(client, notebook, Books(client, notebook))
    while True:
        try:
            await round_.play()
            temper.well()
        except Exception as error:  # the next round begins with what is held
            temper.note(error)
            round_.note(error)
        await temper.rest(
            lambda: client.fetch_ticker(SYMBOL), most=NAKED_MAX if round_.is_naked else PAUSE_MAX
        )


class _Round:
    """One position, from entry to exit; it may be entered again at any point."""

    def __init__(self, exchange: Any, notebook: Notebook, books: Any) -> None:
        self._exchange = exchange
        self._notebook = notebook
        self._books = books
        self._asks_for_funds = True  # at first, and since a sale was refused for want of them

    def note(self, error: Exception) -> None:
        """What is held may not be free: the venue may have locked it."""
        if any(cls.__name__ in SHORT_OF_FUNDS for cls in type(error).__mro__):
            self._asks_for_funds = True

    async def play(self) -> None:
        """Settle what is left of the last one, enter, protect, wait, leave."""
        await self._leave()
        with self._notebook.intend("buy", AMOUNT, covered_within=COVERED_S) as intent:
            price = await limit_price(self._exchange, "buy")
            placed = await self._books.place(intent, "buy", AMOUNT, price)
            entry = await settle(self._exchange, placed, polls=3)
            self._books.enter(entry)
        if await self._protect(entry["average"]):
            await self._hold()
        await self._leave()

    async def _hold(self) -> None:
        """Wait, as long as the stop stands and covers all: a venue may lose it, or buy twice."""
        held = self._held()
        for _ in range(int(HOLD / LOOK)):
            await asyncio.sleep(LOOK)
            # an order that the bot does not know of has no stop
            await self._books.reconcile(stops_stand=True)
            stops = await patiently(lambda: self._exchange.fetch_open_orders(SYMBOL))
            if not stops or self._held() != held:
                return

    @property
    def is_naked(self) -> bool:
        """Whether something is held that has no stop, as far as the bot knows."""
        return self._held() >= 10 * STEP

    def _held(self) -> float:
        """What is held, in whole steps of the market: a fee may leave a fraction."""
        return int(self._notebook.holds(BASE) / STEP + 1e-6) * STEP

    async def _sellable(self) -> float:
        """What is held and, as far as the venue has to be asked, free."""
        if not self._asks_for_funds:
            return self._held()
        balance = await patiently(self._exchange.fetch_balance)
        free = int(balance["BTC"]["free"] / STEP + 1e-6) * STEP
        self._asks_for_funds = free < self._held()
        return min(free, self._held())

    async def _protect(self, paid: float) -> bool:
        """Place the stop below what was paid; whether the position has one now."""
        held = await self._sellable()
        if held <= 0 or not paid:
            return False
        with self._notebook.intend("sell", held) as intent:
            await self._books.place(intent, "sell", held, None, stopLossPrice=paid * (1 - BELOW))
        return True

    async def _leave(self) -> None:
        """Cancel the stop, book what it did, and sell the rest."""
        orders = await patiently(lambda: self._exchange.fetch_open_orders(SYMBOL))
        if orders:
            await quote(self._exchange)  # while nothing can be sold, the stop had better stay
        for order in orders:
            await settle(self._exchange, order, polls=0)
        await self._books.reconcile()
        held = await self._sellable()
        if held < 10 * STEP:  # dust, or nothing
            return
        price = await limit_price(self._exchange, "sell")
        if held * price < self._exchange.markets[SYMBOL]["limits"]["cost"]["min"]:
            return  # too small to be sold: it is sold with the next position
        with self._notebook.intend("sell", held) as intent:
            placed = await self._books.place(intent, "sell", held, price)
            self._books.enter(await settle(self._exchange, placed, polls=3))
