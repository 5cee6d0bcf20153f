"""Clients that block, unmodified, in a simulation: websocket-client, httpx, requests, ccxt."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.faults.triggers import nth

STREAM = "wss://stream.binance.com:9443/ws/btcusdt@miniTicker"
TIME = "https://api.binance.com/api/v3/time"


def test_websocket_client_hears_a_stream() -> None:
    """By hand, and by an app that runs in a thread and pings."""
    websocket = pytest.importorskip("websocket")

    def main() -> tuple[list[int], int]:
        connection = websocket.create_connection(STREAM, timeout=30)
        told = [json.loads(connection.recv())["E"] for _ in range(3)]
        connection.close()
        heard: list[str] = []

        def on_message(app: Any, text: str) -> None:
            heard.append(text)
            if len(heard) == 60:
                app.close()

        app = websocket.WebSocketApp(STREAM, on_message=on_message)
        thread = threading.Thread(
            target=app.run_forever, kwargs={"ping_interval": 20, "ping_timeout": 10}
        )
        thread.start()
        thread.join()
        return told, len(heard)

    told, count = simulate(main, venue="binance")
    assert [later - told[0] for later in told] == [0, 1_000, 2_000]
    assert count == 60


def test_httpx_keeps_its_connection() -> None:
    """And notices after an hour that the venue has closed it."""
    httpx = pytest.importorskip("httpx")

    def main() -> list[int]:
        with httpx.Client() as client:
            told = [client.get(TIME).json()["serverTime"] for _ in range(2)]
            time.sleep(3_600)
            return [*told, client.get(TIME).json()["serverTime"]]

    first, second, last = simulate(main, venue="binance")
    assert first < second < first + 1_000
    assert 3_600_000 <= last - second < 3_601_000


def test_requests_times_out_in_virtual_time() -> None:
    """A lost answer costs the client its own timeout, and no real second."""
    requests = pytest.importorskip("requests")
    exchange = FailingExchange(seed=7, connection_timeout=60)
    exchange.arm("lose_answer", nth(1))

    def main() -> float:
        began = time.monotonic()
        with pytest.raises(requests.exceptions.Timeout):
            requests.get(f"{TIME[:-4]}ticker/price?symbol=BTCUSDT", timeout=5)
        return time.monotonic() - began

    assert 5 <= simulate(main, venue=Binance(exchange), seed=7) < 6
