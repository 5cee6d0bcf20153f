"""An exchange that nobody uses any more is freed at once."""

from __future__ import annotations

import asyncio
import gc
from typing import Any
from weakref import ref

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.client.running_test import running_test

CONTRACT = "BTC/USDT:USDT"


async def traded(**options: Any) -> ref[Any]:
    """The journal of an exchange that was used for a while."""
    exchange = FailingExchange(**options)
    exchange.arm("lose_answer", operations="cancel_all_orders")
    for symbol in exchange.symbols[:2]:
        await exchange.fetch_ticker(symbol)
        await exchange.create_order(symbol, "market", "buy", 1)
    await exchange.fetch_balance()
    return ref(exchange.journal)


@pytest.mark.parametrize("run", [simulate, asyncio.run])
@pytest.mark.parametrize("markets", [None, [CONTRACT]])
def test_an_exchange_forms_no_cycles(
    run: Any, markets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To search all trips of a day for cycles takes a fifth as long as the day itself."""
    monkeypatch.setattr(running_test, "made", None)  # it would be kept for a report

    async def main() -> Any:
        gc.disable()
        try:
            return (await traded(markets=markets))()
        finally:
            gc.enable()

    assert run(main()) is None
