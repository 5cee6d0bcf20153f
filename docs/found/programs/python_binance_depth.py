"""python-binance's ThreadedDepthCacheManager as its documentation shows: price orders from it."""

from __future__ import annotations

import logging
import time
from typing import Any

from binance import Client, ThreadedDepthCacheManager
from binance.exceptions import BinanceAPIException, BinanceRequestException
from requests import RequestException

LOG = logging.getLogger(__name__)
FAILED = (BinanceAPIException, BinanceRequestException, RequestException)
SYMBOL = "BTCUSDT"

book: dict[str, float] = {}


def heard(depth: Any) -> None:
    """Keep the best prices; an error means that the manager connects again."""
    if isinstance(depth, dict):
        LOG.warning("depth cache: %s %s", depth["type"], depth["m"])
        book.clear()
        return
    bids, asks = depth.get_bids(), depth.get_asks()
    if bids and asks:
        book.update(bid=bids[0][0], ask=asks[0][0])


def turn(client: Any, name: str, side: str) -> None:
    """Place an order at the best price of the cache; cancel it after 15 seconds."""
    client.create_order(
        symbol=SYMBOL, side=side, type="LIMIT", timeInForce="GTC", quantity="0.01",
        price=f"{book['bid' if side == 'BUY' else 'ask']:.2f}", newClientOrderId=name,
    )  # fmt: skip
    time.sleep(15)
    order = client.get_order(symbol=SYMBOL, origClientOrderId=name)
    if order["status"] in ("NEW", "PARTIALLY_FILLED"):
        client.cancel_order(symbol=SYMBOL, origClientOrderId=name)


def main() -> None:
    """A turn each 20 seconds, while there is a book."""
    manager = ThreadedDepthCacheManager()
    manager.start()
    manager.start_depth_cache(heard, SYMBOL)
    client = Client("key", "secret", ping=False)
    number = 0
    while True:
        time.sleep(5)
        if not book:
            continue
        number += 1
        try:
            turn(client, f"turn-{number}", "SELL" if number % 2 else "BUY")
        except FAILED as error:
            LOG.warning("%s: %s", type(error).__name__, error)


if __name__ == "__main__":
    main()
