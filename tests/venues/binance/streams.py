"""A client of the market streams for the stories: it says what it is told, and collects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from tests.venues.binance.client import Client

STREAM = "wss://stream.binance.com:9443"


class Socket:
    """A connection to market streams."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def next(self) -> Any:
        """The next message, decoded."""
        message = await self.ws.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return orjson.loads(message.data)

    async def take(self, count: int) -> list[Any]:
        """The next messages."""
        return [await self.next() for _ in range(count)]

    async def say(self, message: Any) -> None:
        """Send JSON, or a text as it is."""
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        await self.ws.send_str(text)

    async def ask(self, method: str, params: Any = None, id: Any = 1) -> Any:
        """A request, and the message that comes next."""
        sent = {"method": method, "id": id} | ({} if params is None else {"params": params})
        await self.say(sent)
        return await self.next()


@asynccontextmanager
async def streams(client: Client, path: str = "/ws") -> AsyncIterator[Socket]:
    """Connect."""
    async with client.session.ws_connect(STREAM + path) as ws:
        yield Socket(ws)
