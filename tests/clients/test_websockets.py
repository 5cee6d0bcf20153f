"""The `websockets` library, unmodified, on a market stream under its production name."""

from __future__ import annotations

import asyncio
import json

import pytest

from failing_exchange import simulate

websockets = pytest.importorskip("websockets")
STREAM = "wss://stream.binance.com:9443/ws/btcusdt@trade"


def test_an_hour_of_a_stream() -> None:
    """Its pings, pongs and frames are its own; the venue's must fit them."""

    async def main() -> int:
        async with asyncio.timeout(3_700), websockets.connect(STREAM) as stream:
            until = asyncio.get_running_loop().time() + 3_600
            count = 0
            while asyncio.get_running_loop().time() < until:
                assert json.loads(await stream.recv())["e"] == "trade"
                count += 1
            return count

    assert simulate(main(), venue="binance") > 3_600
