"""cryptofeed's example of an order book on Binance, and a note of the last update.

It raises when an hour has passed without one: a program that lives on the feed is blind then.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from cryptofeed import FeedHandler
from cryptofeed.defines import L2_BOOK
from cryptofeed.exchanges import Binance

BLIND_S = 3_600.0

last = time.time()


async def on_book(book: Any, receipt_timestamp: float) -> None:
    """A user's callback."""
    global last
    last = time.time()


def watch() -> None:
    """Raise once nothing has come for an hour."""
    while time.time() - last < BLIND_S:
        time.sleep(60.0)
    raise RuntimeError(f"no update of the book for {time.time() - last:.0f} s, and no error")


def main() -> None:
    """Feed until killed."""
    threading.Thread(target=watch, daemon=True).start()
    feeds = FeedHandler()
    feeds.add_feed(
        Binance(
            symbols=["BTC-USDT"], channels=[L2_BOOK], callbacks={L2_BOOK: on_book},
            depth_interval="1000ms",
        )
    )  # fmt: skip
    feeds.run()


if __name__ == "__main__":
    main()
