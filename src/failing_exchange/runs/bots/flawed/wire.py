"""Bots that make their own connections to Binance, for what is seen on the wire only."""

from __future__ import annotations

import asyncio
from typing import Any

from failing_exchange.runs.bots.flawed.base import FLAWED

REST = "https://api.binance.com/api/v3"
DEPTH = "wss://stream.binance.com:9443/ws/btcusdt@depth"


async def dies_of_no_address() -> None:
    """`dns_failure`: a name that can't be looked up once ends it."""
    import aiohttp

    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{REST}/ticker/24hr?symbol=BTCUSDT") as answer:
                await answer.read()
            await asyncio.sleep(60)


async def applies_across_gaps() -> None:
    """`depth_gap`: applies each update to its book, whatever came before, until that is crossed."""
    import aiohttp

    async with aiohttp.ClientSession() as session, session.ws_connect(DEPTH) as stream:
        first = await stream.receive_json()
        async with session.get(f"{REST}/depth?symbol=BTCUSDT&limit=100") as answer:
            snapshot = await answer.json()
        book = {side: dict(map(_level, snapshot[side])) for side in ("bids", "asks")}
        update = first
        while True:
            if update["u"] > snapshot["lastUpdateId"]:
                _apply(book, update)
                assert max(book["bids"]) < min(book["asks"]), "the book is crossed"
            update = await stream.receive_json()


def _level(row: list[str]) -> tuple[float, float]:
    return float(row[0]), float(row[1])


def _apply(book: dict[str, dict[float, float]], update: Any) -> None:
    for side, rows in (("bids", update["b"]), ("asks", update["a"])):
        for price, amount in map(_level, rows):
            book[side][price] = amount
            if not amount:
                del book[side][price]


FLAWED["dies-of-no-address"] = dies_of_no_address
FLAWED["applies-across-gaps"] = applies_across_gaps
