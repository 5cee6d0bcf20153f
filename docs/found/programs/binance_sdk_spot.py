"""binance-sdk-spot as its README shows: prices by a stream, orders by REST."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from binance_common import errors
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.constants import SPOT_WS_STREAMS_PROD_URL
from binance_sdk_spot.spot import Spot

LOG = logging.getLogger(__name__)
SYMBOL = "BTCUSDT"
KEYS = {"api_key": "key", "api_secret": "secret"}

client = Spot(
    config_rest_api=ConfigurationRestAPI(**KEYS, timeout=5_000),
    config_ws_streams=ConfigurationWebSocketStreams(stream_url=SPOT_WS_STREAMS_PROD_URL),
)
best: dict[str, float] = {}


def priced(message: Any) -> None:
    """Keep the best prices."""
    best.update(bid=float(message.b), ask=float(message.a))


def order_of(name: str) -> Any:
    """What became of an order, or None: the venue does not know it."""
    while True:
        try:
            return client.rest_api.get_order(SYMBOL, orig_client_order_id=name).data()
        except errors.BadRequestError as error:
            if error.status_code != -2013:
                raise
            return None
        except (errors.ServerError, errors.NetworkError):
            time.sleep(5)


def turn(number: int) -> None:
    """Buy or sell at the best price of the stream; cancel after 20 s, and look what it became."""
    name, side = f"turn-{number}", "SELL" if number % 2 else "BUY"
    price = best["ask" if number % 2 else "bid"]
    try:
        client.rest_api.new_order(
            SYMBOL, side, "LIMIT", time_in_force="GTC", quantity=0.01, price=price,
            new_client_order_id=name,
        )  # fmt: skip
    except (errors.ServerError, errors.NetworkError):
        time.sleep(5)  # the outcome is unknown
    time.sleep(20)
    if (order := order_of(name)) is not None and order.status in ("NEW", "PARTIALLY_FILLED"):
        client.rest_api.delete_order(SYMBOL, orig_client_order_id=name)


async def main() -> None:
    """A turn each minute."""
    connection = await client.websocket_streams.create_connection()
    stream = await connection.book_ticker(symbol=SYMBOL.lower())
    stream.on("message", priced)
    while not best:
        await asyncio.sleep(1)
    number = 0
    while True:
        number += 1
        try:
            await asyncio.to_thread(turn, number)
        except errors.Error as error:  # all that the library documents
            LOG.warning("%s: %s", type(error).__name__, error)
        await asyncio.sleep(35)


if __name__ == "__main__":
    asyncio.run(main())
