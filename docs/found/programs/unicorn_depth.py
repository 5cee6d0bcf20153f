"""unicorn-binance-local-depth-cache as its README shows: price orders from it."""

from __future__ import annotations

import logging
import time
from typing import Any

from requests import RequestException
from unicorn_binance_local_depth_cache import BinanceLocalDepthCacheManager, DepthCacheOutOfSync
from unicorn_binance_rest_api import (
    BinanceAPIException,
    BinanceRequestException,
    BinanceRestApiManager,
)

LOG = logging.getLogger(__name__)
FAILED = (BinanceAPIException, BinanceRequestException, RequestException)
SYMBOL = "BTCUSDT"


def turn(caches: Any, client: Any, name: str, side: str) -> None:
    """Place an order at the best price of the cache; cancel it after 15 seconds."""
    levels = (caches.get_bids if side == "BUY" else caches.get_asks)(SYMBOL, limit_count=1)
    if not levels:
        return
    client.create_order(
        symbol=SYMBOL, side=side, type="LIMIT", timeInForce="GTC", quantity="0.01",
        price=f"{levels[0][0]:.2f}", newClientOrderId=name,
    )  # fmt: skip
    time.sleep(15)
    order = client.get_order(symbol=SYMBOL, origClientOrderId=name)
    if order["status"] in ("NEW", "PARTIALLY_FILLED"):
        client.cancel_order(symbol=SYMBOL, origClientOrderId=name)


def main() -> None:
    """A turn each 20 seconds, while the cache says that it is in step."""
    caches = BinanceLocalDepthCacheManager(exchange="binance.com")
    caches.create_depthcache(markets=[SYMBOL])
    client = BinanceRestApiManager(exchange="binance.com", api_key="key", api_secret="secret")
    number = 0
    while True:
        time.sleep(5)
        number += 1
        try:
            turn(caches, client, f"turn-{number}", "SELL" if number % 2 else "BUY")
        except DepthCacheOutOfSync as error:
            LOG.warning("out of sync: %s", error)
        except FAILED as error:
            LOG.warning("%s: %s", type(error).__name__, error)


if __name__ == "__main__":
    main()
