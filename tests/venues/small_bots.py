"""Bots of the small venue, for the explorer: it finds what is wrong with one of them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp

ORDERS = "https://api.small.test/v1/orders"
BUY = {"market": "BTC-USDT", "side": "buy", "type": "limit", "size": "0.01", "price": "1000"}
EVERY = 30.0  # seconds between two orders


async def ask(session: aiohttp.ClientSession, tag: str) -> dict[str, Any] | None:
    """Place an order; its envelope, or None for no answer."""
    now = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    headers = {"Small-Key": "mine", "Small-Time": now, "Small-Sign": "simulated"}
    try:
        async with asyncio.timeout(5):
            async with session.post(ORDERS, json={**BUY, "tag": tag}, headers=headers) as got:
                return await got.json() if got.status == 200 else None
    except (TimeoutError, aiohttp.ClientError, ValueError):
        return None


async def believes_the_status() -> None:
    """Takes HTTP 200 for a success, and dies of the first refusal."""
    async with aiohttp.ClientSession() as session:
        for number in range(1_000_000):
            answer = await ask(session, f"bot-{number}")
            if answer is not None:
                print("placed", answer["data"]["no"])
            await asyncio.sleep(EVERY)


async def reads_the_envelope() -> None:
    """Looks whether it is ok."""
    async with aiohttp.ClientSession() as session:
        for number in range(1_000_000):
            answer = await ask(session, f"bot-{number}")
            if isinstance(answer, dict) and answer.get("ok") and answer.get("data"):
                print("placed", answer["data"].get("no"))
            await asyncio.sleep(EVERY)
