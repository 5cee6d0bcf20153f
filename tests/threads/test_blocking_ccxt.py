"""ccxt's synchronous classes, unmodified, against both products; the journal is repeatable."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.journal.serialize import line
from failing_exchange.venues.base import serve

KEYS = {"apiKey": "key", "secret": "secret"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "venue", "symbol"),
    [
        ("binance", "binance", "BTC/USDT"),
        ("binanceusdm", "binance-usdm", "BTC/USDT:USDT"),
    ],
)
def test_orders_of_two_threads_are_the_same_in_each_run(name: str, venue: str, symbol: str) -> None:
    """Byte for byte in the journal, with each schedule."""
    import ccxt

    def main() -> list[str]:
        client: Any = getattr(ccxt, name)(KEYS)
        client.load_markets()
        states: list[str] = []

        def trade(side: str) -> None:
            for _ in range(3):
                order = client.create_order(symbol, "market", side, 0.01)
                states.append(client.fetch_order(order["id"], symbol)["status"])
                time.sleep(60)

        threads = [threading.Thread(target=trade, args=(side,)) for side in ("buy", "sell")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return states

    def journal(schedule: str) -> bytes:
        exchange = FailingExchange(seed=7, markets=[symbol])
        served = serve(venue, exchange)
        assert simulate(main, venue=served, seed=7, schedule=schedule) == ["closed"] * 6
        return b"".join(line(trip).encode() for trip in exchange.journal.trips)

    first = journal("fifo")
    assert b"PlaceOrder" in first or b"create_order" in first
    assert journal("fifo") == first
    assert journal("random") == journal("random")
