"""A small market maker: one bid and one ask near the price, renewed each half minute."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.bots.notebook import SYMBOL, Notebook

AMOUNT = 0.05  # BTC a quote
AWAY = 0.0005  # of the price, between it and a quote
PAUSE = 30.0  # seconds between two renewals
SIDES = ("buy", "sell")


async def naive(exchange: Any, notebook: Notebook) -> None:
    """Believes that a cancel has worked, or that the order was gone; quotes again at once."""
    quotes: dict[str, dict[str, Any]] = {}
    while True:
        for side in SIDES:
            try:
                if side in quotes:
                    old = quotes.pop(side)
                    try:
                        await exchange.cancel_order(old["id"], SYMBOL)
                    except Exception:
                        old["filled"], old["cost"] = 0.0, 0.0  # "it was gone"
                ticker = await exchange.fetch_ticker(SYMBOL)
                price = ticker["last"] * (1 - AWAY if side == "buy" else 1 + AWAY)
                with notebook.intend(side, AMOUNT):
                    quotes[side] = await exchange.create_order(SYMBOL, "limit", side, AMOUNT, price)
            except Exception:
                await asyncio.sleep(1)
        await asyncio.sleep(PAUSE)


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Replaces a quote only when it knows how the one before has ended."""
    from failing_exchange.bots.care import Books, Patient, Temper, quote, settle

    client, temper = Patient(exchange), Temper(PAUSE)
    books = Books(client, notebook)
    quotes: dict[str, dict[str, Any]] = {}
    while True:
        try:
            for side in list(quotes):
                books.enter(await settle(client, quotes[side], polls=0))
                del quotes[side]
            await books.reconcile()
            for side in SIDES:
                bid, ask = await quote(client)
                price = bid * (1 - AWAY) if side == "buy" else ask * (1 + AWAY)
                with notebook.intend(side, AMOUNT) as intent:
                    quotes[side] = await books.place(intent, side, AMOUNT, price)
            temper.well()
        except Exception as error:  # the next round reconciles before it quotes
            temper.note(error)
        await temper.rest()
