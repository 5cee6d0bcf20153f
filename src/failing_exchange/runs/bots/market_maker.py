"""A small market maker: one bid and one ask near the price, renewed each half minute."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from failing_exchange.runs.bots.careful import Books, Patient, Temper, quote, settle
from failing_exchange.runs.bots.notebook import SYMBOL, Notebook

AMOUNT = 0.05  # BTC a quote
AWAY = 0.0005  # of the price, between it and a quote
PAUSE = 30.0  # seconds between two renewals
SIDES = ("buy", "sell")


async def naive(exchange: Any, notebook: Notebook) -> None:
    """Books what it saw before the cancel, and quotes again whatever became of that."""
    quotes: dict[str, dict[str, Any]] = {}
    while True:
        for side in SIDES:
            try:
                if side in quotes:
                    old = await exchange.fetch_order(quotes[side]["id"], SYMBOL)
                    del quotes[side]
                    if old["status"] == "open":
                        with suppress(Exception):  # "it was gone"
                            await exchange.cancel_order(old["id"], SYMBOL)
                    notebook.book(old)
                ticker = await exchange.fetch_ticker(SYMBOL)
                price = ticker["last"] * (1 - AWAY if side == "buy" else 1 + AWAY)
                with notebook.intend(side, AMOUNT):
                    quotes[side] = await exchange.create_order(SYMBOL, "limit", side, AMOUNT, price)
            except Exception:
                await asyncio.sleep(1)
        await asyncio.sleep(PAUSE)


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Replaces a quote only when it knows how the one before has ended."""
    client, temper = Patient(exchange), Temper(PAUSE)
    books = Books(client, notebook)
    quotes: dict[str, dict[str, Any]] = {}

    async def withdraw() -> None:
        for side in list(quotes):
            old = quotes.pop(side)  # reconciling finds it by its name, whatever happens now
            books.enter(await settle(client, old, polls=0))

    async def look() -> None:
        """In a long rest nothing is quoted: it would trade, and nobody would book it."""
        await withdraw()
        await client.fetch_ticker(SYMBOL)

    while True:
        try:
            await withdraw()
            await books.reconcile()
            for side in SIDES:
                bid, ask = await quote(client)
                price = bid * (1 - AWAY) if side == "buy" else ask * (1 + AWAY)
                with notebook.intend(side, AMOUNT) as intent:
                    quotes[side] = await books.place(intent, side, AMOUNT, price)
            temper.well()
        except Exception as error:  # the next round reconciles before it quotes
            temper.note(error)
        await temper.rest(look)
