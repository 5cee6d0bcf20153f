"""A simulation has one clock, which one thread moves, and only forwards."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from failing_exchange import ConfigurationError, FailingExchange, simulate
from failing_exchange.virtual.errors import Escape


def test_a_loop_in_another_thread_is_refused() -> None:
    """It would move everybody's clock, each time differently."""
    told: list[BaseException] = []

    def work() -> None:
        sleeping = asyncio.sleep(1)
        try:
            asyncio.run(sleeping)
        except Escape as error:
            told.append(error)
        sleeping.close()

    async def main() -> float:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return asyncio.get_running_loop().time()

    assert simulate(main()) == 0
    assert "an event loop in another thread" in str(told[0])


def test_an_exchange_does_not_go_back_in_time() -> None:
    """What was used in real time has orders that a simulation in the past could not see."""
    exchange = FailingExchange()
    asyncio.run(exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 600))

    async def look() -> int:
        return len(await exchange.fetch_open_orders("BTC/USDT"))

    with pytest.raises(ConfigurationError, match="make the exchange inside the simulation"):
        simulate(look(), start="2026-01-01")
    assert simulate(look(), start=datetime.now(UTC) + timedelta(hours=1)) == 1
