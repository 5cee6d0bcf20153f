"""binance-connector (blocking), a client as its README makes it: buy and sell by turns."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

from binance.error import ClientError, ServerError
from binance.spot import Spot
from requests import RequestException

LOG = logging.getLogger(__name__)
FAILED = (ClientError, ServerError, RequestException)
SYMBOL = "BTCUSDT"


def ended(client: Any, name: str) -> bool:
    """Whether an order is over; one that the venue does not know is."""
    try:
        order = client.get_order(SYMBOL, origClientOrderId=name)
    except ClientError as error:
        if error.error_code == -2013:
            return True
        raise
    return order["status"] not in ("NEW", "PARTIALLY_FILLED")


def turn(client: Any, name: str, side: str) -> None:
    """Place an order at the best price."""
    best = client.book_ticker(SYMBOL)
    order = client.new_order(
        SYMBOL, side, "LIMIT", timeInForce="GTC", quantity=0.01, newClientOrderId=name,
        price=best["bidPrice" if side == "BUY" else "askPrice"],
    )  # fmt: skip
    LOG.info("placed %s", order["orderId"])


def settle(client: Any, name: str) -> None:
    """Wait until the order is over; after 20 seconds cancel it."""
    for _ in range(10):
        time.sleep(2)
        if ended(client, name):
            return
    client.cancel_order(SYMBOL, origClientOrderId=name)


def main() -> None:
    """A turn each half minute; what failed is looked up before the next."""
    client = Spot("key", "secret")
    number = 0
    while True:
        number += 1
        name, side = f"turn-{number}", "SELL" if number % 2 else "BUY"
        for step in (partial(turn, client, name, side), partial(settle, client, name)):
            try:
                step()
            except FAILED as error:
                LOG.warning("%s: %s", type(error).__name__, error)
                time.sleep(10)
        time.sleep(10)


if __name__ == "__main__":
    main()
