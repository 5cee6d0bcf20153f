"""A bot that lives on streams: prices from one feed, what became of its orders from another."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.runs.bots.careful import (
    AMOUNT,
    PAUSE,
    MinuteBot,
    crossing,
    is_sound,
    limit_price,
)
from failing_exchange.runs.bots.notebook import BASE, SYMBOL, Notebook

SUBSCRIPTIONS_MAX = 5  # tries to get a feed that breaks; then prices are asked for
SILENCE_S = 20.0  # after which a feed is asked about elsewhere


async def naive(exchange: Any, notebook: Notebook) -> None:
    """Believes that a feed tells all, and waits for ever for what it does not tell."""
    while True:
        try:
            side = "sell" if notebook.holds(BASE) >= AMOUNT / 2 else "buy"
            ticker = await exchange.watch_ticker(SYMBOL)
            price = crossing(side, ticker["bid"], ticker["ask"])
            with notebook.intend(side, AMOUNT):
                order = await exchange.create_order(SYMBOL, "limit", side, AMOUNT, price)
            while order["status"] == "open":
                for change in await exchange.watch_orders(SYMBOL):
                    order = change if change["id"] == order["id"] else order
            notebook.book(order)
        except Exception:
            await asyncio.sleep(1)
        await asyncio.sleep(PAUSE)


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Takes a feed as a hint: what is silent or broken is asked for, what was missed looked up."""
    await _Streamer(exchange, notebook).run()


class _Streamer(MinuteBot):
    """Takes its prices from a feed, where that tells them."""

    async def run(self) -> None:
        news = asyncio.get_running_loop().create_task(_listen(self.exchange))
        try:
            await super().run()
        finally:
            news.cancel()

    async def price(self, side: str) -> float:
        ticker = await _latest(self.exchange)
        if ticker is None or not is_sound(self.exchange, ticker):
            return await limit_price(self.client, side)
        return crossing(side, ticker["bid"], ticker["ask"])


async def _listen(exchange: Any) -> None:
    """Keep the account's feed alive; a broken one is subscribed to anew."""
    while True:
        try:
            await exchange.watch_orders(SYMBOL)
        except Exception:
            await asyncio.sleep(5)


async def _latest(exchange: Any) -> dict[str, Any] | None:
    """The next ticker of the feed; None where it is silent, or breaks again and again."""
    for _ in range(SUBSCRIPTIONS_MAX):
        try:
            return dict(await asyncio.wait_for(exchange.watch_ticker(SYMBOL), SILENCE_S))
        except TimeoutError:
            return None
        except Exception:
            await asyncio.sleep(2)
    return None
