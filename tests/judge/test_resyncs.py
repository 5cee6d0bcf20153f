"""A feed that broke is to be there again; who tries and is cut off again is not to blame."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchangeError
from failing_exchange.explorer.trial import run
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.judge.rule import Outcome

BTC = "BTC/USDT"


@pytest.mark.parametrize(("pause", "outcome"), [(50, Outcome.PASS), (130, Outcome.FAIL)])
def test_the_clock_starts_with_each_break(pause: float, outcome: Outcome) -> None:
    """Four times in vain is minutes without the feed, and none of them the bot's fault."""

    async def bot(exchange: Any) -> None:
        await exchange.fetch_time()
        while True:
            with suppress(FailingExchangeError):
                await exchange.watch_ticker(BTC)
            await asyncio.sleep(pause)

    world = World(
        seed=1, seconds=900.0, faults=(FaultSpec("break_feed", "first(4)", ("watch_ticker",)),)
    )
    verdict = run(bot, world).verdict
    assert verdict is not None
    assert verdict.result("resyncs").outcome is outcome
