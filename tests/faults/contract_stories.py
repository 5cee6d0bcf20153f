"""Stories of faults of contracts: what a client does, what happened, what it was told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from failing_exchange import FailingExchange
from failing_exchange.core.commands import (
    LiquidatePosition,
    MovePrice,
    PayFunding,
)
from tests.faults.stories import Arm, happened, said, status

P = "BTC/USDT:USDT"
MARKETS = ("BTC/USDT", P)


def buy(x: FailingExchange, **more: Any) -> Any:
    return x.create_order(P, "market", "buy", 0.01, None, more)


async def hold_and_ask(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Ask for a price, then for the position."""
    await buy(x)
    arm()
    before = len(happened(x))
    await x.fetch_ticker(P)
    return happened(x)[before:], len(await x.fetch_positions())


async def pushes(x: FailingExchange, arm: Arm, *commands: Any) -> tuple[Any, Any]:
    """Have something happen to a position, and count the orders that pushes tell of."""
    told: list[str] = []

    async def listen() -> None:
        while True:
            told.extend(order["id"] for order in await x.watch_orders(params={"type": "swap"}))

    task = asyncio.create_task(listen())
    await asyncio.sleep(1)
    arm()
    told.clear()
    before = len(happened(x))
    for command in commands:
        await x.operate(command)
    await asyncio.sleep(5)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return [name for name in happened(x)[before:] if name.startswith("Order")], len(told) > 0


async def liquidated(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    await buy(x)
    return await pushes(x, arm, LiquidatePosition("main", P))


async def stopped(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    await buy(x)
    stop = {"stopLossPrice": 49_000, "reduceOnly": True}
    await x.create_order(P, "market", "sell", 0.01, None, stop)
    return await pushes(x, arm, MovePrice(P, ppm=-30_000))


async def cash_over_a_read(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Whether the wallet has less after a look at the price."""
    await buy(x)
    before = (await x.fetch_balance({"type": "swap"}))["info"]["USDT"]["walletBalance"]
    seen = len(happened(x))
    arm()
    await x.fetch_ticker(P)
    after = (await x.fetch_balance({"type": "swap"}))["info"]["USDT"]["walletBalance"]
    return happened(x)[seen:], float(after) < float(before)


async def funding_told(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """How many payments are listed: at once, and after a quarter of an hour."""
    await buy(x)
    await x.operate(PayFunding(P, 100_000))
    arm()
    told = [len(await x.fetch_funding_history(P))]
    await asyncio.sleep(900)
    told.append(len(await x.fetch_funding_history(P)))
    return [name for name in happened(x) if name == "FundingPaid"], told


async def mark_over_last(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Whether the mark price is far below what was paid."""
    await buy(x)
    arm()
    seen = len(happened(x))
    await x.fetch_ticker(P)
    [position] = await x.fetch_positions()
    return happened(x)[seen:], position["markPrice"] < position["entryPrice"] * 0.97


async def position_after_a_trade(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Look, trade, look: at once, and half a minute later."""
    arm()
    found = [len(await x.fetch_positions())]
    await buy(x)
    found.append(len(await x.fetch_positions()))
    await asyncio.sleep(30)
    found.append(len(await x.fetch_positions()))
    return happened(x).count("OrderFilled"), found


async def how_many_positions(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    await buy(x)
    arm()
    return happened(x)[-1:], len(await x.fetch_positions())


async def leverage(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    told = [await said(x.set_leverage(5, P)), await said(x.set_margin_mode("isolated", P))]
    names = [one if isinstance(one, str) else "done" for one in told]
    return happened(x), (names, (await x.fetch_position(P))["leverage"])


async def stop(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """A stop, and an order that is none."""
    arm()
    told = await status(x.create_order(P, "market", "sell", 0.01, None, {"stopLossPrice": 40_000}))
    told = (told, await status(buy(x)))
    return happened(x), told


async def leave(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Close by a reduce-only order; then by one that is not."""
    await buy(x)
    arm()
    told = await status(x.create_order(P, "market", "sell", 0.01, None, {"reduceOnly": True}))
    return len(await x.fetch_positions()), told


async def enter_and_leave(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """An entry, and an exit that only reduces."""
    arm()
    told = [await status(buy(x))]
    told.append(await status(x.create_order(P, "market", "sell", 0.01, None, {"reduceOnly": True})))
    return happened(x).count("OrderFilled"), told
