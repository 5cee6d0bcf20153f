"""ccxt.pro's loops as its manual shows them: one watches, one trades from what was watched.

Run as `ccxt_pro_caches.py trades`, `orders` or `book`, with `swap` for perpetuals, and with
`unchecked` for order books whose checksum option is off. Each minute it buys and sells in turn.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import ccxt.pro

from failing_exchange import probe

AMOUNT = 0.01
LOG = logging.getLogger("bot")


class Bot:
    """Believes what the caches of ccxt.pro say, as they are when a watch call returns."""

    def __init__(self, what: str, *options: str) -> None:
        kind = "swap" if "swap" in options else "spot"
        self.symbol = "BTC/USDT:USDT" if kind == "swap" else "BTC/USDT"
        self.what = what
        self.by_id: dict[str, dict[str, Any]] = {}
        self.best: list[float] = []  # bid and ask of the last book
        self.venue: Any = ccxt.pro.binance(
            {
                "apiKey": "any",
                "secret": "any",
                "options": {
                    "defaultType": kind,
                    "watchOrderBook": {"checksum": "unchecked" not in options},
                },
            }
        )
        if what != "book":
            probe(positions=lambda: {self.symbol: self.held()})

    def held(self) -> float:
        """What was bought less what was sold, and the fees that were taken from it."""
        amount = 0.0
        for one in self.by_id.values():
            done = one["amount"] if self.what == "trades" else one["filled"]
            fee = one["fee"] or {}
            amount += done if one["side"] == "buy" else -done
            amount -= fee["cost"] if fee.get("currency") == "BTC" else 0
        return amount

    async def run(self) -> None:
        """Watch and trade until killed."""
        await self.venue.load_markets()
        await asyncio.gather(self.watch(), self.trade())

    async def watch(self) -> None:
        """Take every update; after an error call again, which connects anew."""
        while True:
            try:
                if self.what == "book":
                    book = await self.venue.watch_order_book(self.symbol)
                    self.best = [book["bids"][0][0], book["asks"][0][0]]
                    continue
                call = (
                    self.venue.watch_my_trades if self.what == "trades" else self.venue.watch_orders
                )
                for one in await call(self.symbol):
                    self.by_id[one["id"]] = one
            except ccxt.BaseError as error:
                LOG.warning("watch: %s: %s", type(error).__name__, error)
                await asyncio.sleep(1)

    async def trade(self) -> None:
        """A market order a minute, or a limit order at the best price that the book shows."""
        await asyncio.sleep(10)
        for number in range(1_000_000):
            side = "sell" if number % 2 else "buy"
            kind, price = "market", None
            if self.what == "book":
                kind, price = "limit", self.best[side == "buy"]
            try:
                await self.venue.create_order(self.symbol, kind, side, AMOUNT, price)
            except ccxt.BaseError as error:
                LOG.warning("trade: %s: %s", type(error).__name__, error)
            await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(Bot(*sys.argv[1:]).run())
