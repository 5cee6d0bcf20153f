"""A trade a minute: buy a fixed amount, a minute later sell what is held."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.runs.bots.notebook import BASE, SYMBOL, Notebook

AMOUNT = 0.1  # BTC an order
PAUSE = 60.0  # seconds between intents
MARGIN = 1.001  # how far beyond the best price the limit lies, so that it trades at once
NAIVE_ATTEMPTS = 3


async def naive(exchange: Any, notebook: Notebook) -> None:
    """Sends again when something goes wrong, believes each answer, and never looks back."""
    while True:
        side = "sell" if notebook.holds(BASE) >= AMOUNT / 2 else "buy"
        with notebook.intend(side, AMOUNT) as intent:
            for _ in range(NAIVE_ATTEMPTS):
                try:
                    ticker = await exchange.fetch_ticker(SYMBOL)
                    price = ticker["ask"] * MARGIN if side == "buy" else ticker["bid"] / MARGIN
                    order = await exchange.create_order(SYMBOL, "limit", side, AMOUNT, price)
                    notebook.book(order)
                    intent.done = True
                    break
                except Exception:
                    await asyncio.sleep(1)
        await asyncio.sleep(PAUSE)


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Names each order, asks before it sends again, and books what was really traded, once."""
    from failing_exchange.runs.bots.careful import Books, Patient, Temper, limit_price, settle

    client, temper = Patient(exchange), Temper()
    books = Books(client, notebook)
    while True:
        try:
            await books.reconcile()
            held = notebook.holds(BASE)
            side, amount = ("sell", held) if held >= AMOUNT / 2 else ("buy", AMOUNT)
            price = await limit_price(client, side)
            with notebook.intend(side, amount) as intent:
                placed = await books.place(intent, side, amount, price)
                books.enter(await settle(client, placed))
            temper.well()
        except Exception as error:  # what became of an order shows when the books are reconciled
            temper.note(error)
        await temper.rest(lambda: client.fetch_ticker(SYMBOL))
