"""The process of an agent's venue: no call may end it, shift answers, or read its results."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from failing_exchange.agents.session import CALL_BYTES_MAX, AgentConfig
from failing_exchange.agents.session_client import CallFailed, SessionProcess
from tests.agents.scripted import SPOT


@pytest.mark.slow
def test_a_huge_call_and_a_canceled_one_change_nothing_for_the_next() -> None:
    """An agent's host gives up waiting, or a model writes a novel: the run goes on."""

    async def story() -> None:
        world = SessionProcess(AgentConfig(seed=1))
        await world.start()
        try:
            with pytest.raises(CallFailed, match=f"expected at most {CALL_BYTES_MAX:,}"):
                await world.call("order", {"symbol": SPOT, "order_id": "9" * CALL_BYTES_MAX})
            given_up = asyncio.ensure_future(world.call("wait", {"seconds": 60}))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            given_up.cancel()
            asked = await world.call("ticker", {"symbol": SPOT})
            assert asked["result"]["symbol"] == SPOT  # not the answer to `wait`
            results = await world.finish()
        finally:
            await world.close()
        assert [call["tool"] for call in results["agent"]["calls"]] == ["wait", "ticker"]

    asyncio.run(story())


def test_the_results_are_never_an_answer() -> None:
    """The call after the last one finds the results in the pipe: they hold the truth."""

    class Ended(SessionProcess):
        async def _ask(self, line: Mapping[str, Any]) -> dict[str, Any]:
            return {"over": True, "agent": {"passed": False}}

    async def story() -> None:
        world = Ended(AgentConfig())
        for _ in range(2):
            with pytest.raises(CallFailed, match="the run is over"):
                await world.call("ticker", {"symbol": SPOT})
        assert (await world.finish())["agent"] == {"passed": False}

    asyncio.run(story())
