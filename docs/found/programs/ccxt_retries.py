"""ccxt's synchronous class with its retry option: an order a minute, market or limit.

Run as `ccxt_retries.py market` or `ccxt_retries.py limit`; a second argument sets
`maxRetriesOnFailure` (default 3). What the option does not catch is treated as the manual says:
after a network error the order is looked for, and an order that is refused is given up.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import ccxt

from failing_exchange import intend, probe

SYMBOL, AMOUNT = "BTC/USDT", 0.01
LOG = logging.getLogger("bot")


class Bot:
    """Buys by the minute, and believes what ccxt returns."""

    def __init__(self, kind: str, retries: int) -> None:
        self.kind = kind
        self.held = 0.0
        self.open: dict[str, str] = {}  # id by client order id
        self.venue: Any = ccxt.binance(
            {
                "apiKey": "any",
                "secret": "any",
                "timeout": 3_000,
                "options": {"maxRetriesOnFailure": retries, "adjustForTimeDifference": True},
            }
        )
        probe(positions=lambda: {SYMBOL: self.held}, open_orders=lambda: list(self.open))

    def run(self) -> None:
        """One round a minute, for ever."""
        while True:
            try:
                self.tidy() if self.kind == "limit" else None
                self.buy()
            except ccxt.BaseError as error:
                LOG.warning("%s: %s", type(error).__name__, error)
            time.sleep(60)

    def buy(self) -> None:
        """Place one order, and book it; what came of it is asked when nobody said."""
        name = f"round-{int(time.time())}"
        price = None
        if self.kind == "limit":
            price = self.venue.fetch_ticker(SYMBOL)["bid"] * 0.99
        with intend(SYMBOL, "buy", AMOUNT):
            try:
                order = self.venue.create_order(
                    SYMBOL, self.kind, "buy", AMOUNT, price, {"clientOrderId": name}
                )
            except ccxt.OperationFailed:
                order = self.venue.fetch_order(None, SYMBOL, {"origClientOrderId": name})
        self.book(order)

    def book(self, order: dict[str, Any]) -> None:
        """What is filled is held; what rests is open."""
        fees = sum(fee["cost"] for fee in order["fees"] if fee["currency"] == "BTC")
        self.held += float(order["filled"] or 0) - fees
        if order["status"] == "open":
            self.open[order["clientOrderId"]] = order["id"]

    def tidy(self) -> None:
        """Cancel what still rests."""
        for name, number in list(self.open.items()):
            self.venue.cancel_order(number, SYMBOL)
            del self.open[name]


if __name__ == "__main__":
    Bot(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3).run()
