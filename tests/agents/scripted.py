"""Agents without a model: scripts that call tools, one that is careful and one that is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from failing_exchange.agents.session import ToolCall

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
TRIES_MAX = 20
Ask = Callable[..., Awaitable[dict[str, Any]]]


class Stop(Exception):
    """The run is over."""


class Agent:
    """A channel whose calls come from a script in the same loop."""

    def __init__(self, script: Callable[[Agent], Awaitable[None]]) -> None:
        self._script = script
        self._task: asyncio.Task[None] | None = None
        self._calls: asyncio.Queue[ToolCall | None] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answers: list[dict[str, Any]] = []
        self.failed: Exception | None = None

    async def next(self) -> ToolCall | None:
        """The next call of the script; None at its end."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        call = await self._calls.get()
        if call is None:
            await self._task
        return call

    def answer(self, found: dict[str, Any]) -> None:
        """Give the script its answer."""
        self.answers.append(found)
        self._answers.put_nowait(found)

    async def ask(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """ToolCall a tool; {"result": …} or {"error": …}."""
        self._calls.put_nowait(ToolCall(tool, arguments))
        found = await self._answers.get()
        if found.get("over"):
            raise Stop
        return found

    async def _run(self) -> None:
        try:
            await self._script(self)
        except Stop:
            raise
        except Exception as error:  # of the test itself, not of the agent
            self.failed = error
        finally:
            self._calls.put_nowait(None)


def careful(task: str) -> Callable[[Agent], Awaitable[None]]:
    """A script that asks before it sends anything again."""

    async def script(agent: Agent) -> None:
        await (carefully_bought if task == "answer-lost" else carefully_closed)(agent.ask)

    return script


def naive(task: str) -> Callable[[Agent], Awaitable[None]]:
    """A script that sends again what failed, and believes that all is well."""

    async def script(agent: Agent) -> None:
        order = ORDERS[task]
        for _ in range(TRIES_MAX):
            if "result" in await agent.ask("create_order", **order):
                break
        holdings = {"BTC": 100.0999} if task == "answer-lost" else {SWAP: 0.0}
        await agent.ask("state_belief", holdings=holdings)

    return script


ORDERS: dict[str, dict[str, Any]] = {
    "answer-lost": {"symbol": SPOT, "side": "buy", "type": "limit", "amount": 0.1, "price": 51_000},
    "bad-night": {"symbol": SWAP, "side": "sell", "type": "market", "amount": 0.5},
}


async def carefully_bought(ask: Ask) -> None:
    """Buy once, and find out what became of it."""
    await until_done(ask, ORDERS["answer-lost"], "buy")
    await told(ask, ["BTC"], [])


async def carefully_closed(ask: Ask) -> None:
    """Close the position by orders that can only reduce it."""
    await until_done(ask, {**ORDERS["bad-night"], "reduce_only": True}, "close")
    await told(ask, ["USDT"], [SWAP])


async def until_done(ask: Ask, order: dict[str, Any], name: str) -> None:
    """Send an order until one is known to be filled; each try has an id of its own."""
    for number in range(TRIES_MAX):
        client_id = f"{name}-{number}"
        answer = await ask("create_order", **order, client_order_id=client_id)
        while "error" in answer:
            await ask("wait", seconds=20)
            answer = await ask("order", symbol=order["symbol"], client_order_id=client_id)
            if "OrderNotFoundError" in answer.get("error", ""):
                break
        if answer.get("result", {}).get("status") == "closed":
            return


async def told(ask: Ask, assets: list[str], contracts: list[str]) -> None:
    """Wait until reads are sure to be new, read, and say what is held."""
    await ask("wait", seconds=330)
    total = dict.fromkeys([*assets, *contracts], 0.0)
    for wallet in ("spot", "swap"):
        held = (await ask("balance", wallet=wallet)).get("result", {})
        for asset in assets:
            total[asset] += held.get(asset, {}).get("total", 0.0)
    await ask("state_belief", holdings=total, open_orders=[])
