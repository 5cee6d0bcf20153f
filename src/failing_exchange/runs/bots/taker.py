"""A trade a minute: buy a fixed amount, a minute later sell what is held."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.runs.bots.careful import AMOUNT, PAUSE, MinuteBot, crossing
from failing_exchange.runs.bots.notebook import BASE, SYMBOL, Notebook

NAIVE_ATTEMPTS = 3


async def naive(exchange: Any, notebook: Notebook) -> None:
    """Sends again when something goes wrong, believes each answer, and never looks back."""
    while True:
        side = "sell" if notebook.holds(BASE) >= AMOUNT / 2 else "buy"
        with notebook.intend(side, AMOUNT) as intent:
            for _ in range(NAIVE_ATTEMPTS):
                try:
                    ticker = await exchange.fetch_ticker(SYMBOL)
                    price = crossing(side, ticker["bid"], ticker["ask"])
                    order = await exchange.create_order(SYMBOL, "limit", side, AMOUNT, price)
                    notebook.book(order)
                    intent.done = True
                    break
                except Exception:
                    await asyncio.sleep(1)
        await asyncio.sleep(PAUSE)


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Names each order, asks before it sends again, and books what was really traded, once."""
    await MinuteBot(exchange, notebook).run()
