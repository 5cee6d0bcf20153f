"""A client of the wire that does a round of everything, and writes down all that it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

import aiohttp

from tests.venues.binance.client import Client
from tests.venues.binance.raw import request

STREAMS = (
    "btcusdt@ticker/btcusdt@bookTicker/btcusdt@trade/btcusdt@depth@100ms/btcusdt@depth5/"
    "btcusdt@kline_1s/!miniTicker@arr"
)
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
         "quantity": "0.01", "price": "40000"}  # fmt: skip
OCO = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER",
       "abovePrice": "70000", "belowType": "STOP_LOSS", "belowStopPrice": "30000"}  # fmt: skip
REST = 22.0  # seconds of listening after the round: the venue pings once
PATIENCE = 3.0  # seconds for an answer


class Witness:
    """What was seen, in order."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.saw: list[str] = []
        self._listening: list[asyncio.Task[None]] = []
        self._began = asyncio.get_running_loop().time()

    def note(self, *what: Any) -> None:
        """Write something down, with the instant."""
        at = asyncio.get_running_loop().time() - self._began
        self.saw.append(f"{at:.3f} {' '.join(map(str, what))}")

    async def hear(self, what: str, answer: Awaitable[Any]) -> Any:
        """A request: its answer, or what is raised."""
        try:
            async with asyncio.timeout(PATIENCE):
                found = await answer
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            self.note(what, type(error).__name__)
            return None
        self.note(what, found.status, json.dumps(found.body))
        return found.body if isinstance(found.body, dict) else None

    async def signed(self, method: str, path: str, **params: Any) -> Any:
        """A signed request."""
        sent = self.client.signed(method, f"/api/v3/{path}", **params)
        return await self.hear(f"{method} {path}", sent)

    async def public(self, path: str, **params: Any) -> Any:
        """An unsigned one."""
        return await self.hear(path, self.client.public("GET", f"/api/v3/{path}", **params))

    def listen(self) -> None:
        """To market and account, from now on, on connections that are opened again and again."""
        self._listening = [
            asyncio.create_task(self._market()), asyncio.create_task(self._account()),
        ]  # fmt: skip

    async def stop(self) -> None:
        """Listen no more."""
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)

    async def _market(self) -> None:
        url = f"wss://stream.binance.com:9443/stream?streams={STREAMS}"
        while True:
            await self._keep("market", url, None)

    async def _account(self) -> None:
        url = "wss://ws-api.binance.com/ws-api/v3"
        while True:
            await self._keep("account", url, "userDataStream.subscribe.signature")

    async def _keep(self, name: str, url: str, ask: str | None) -> None:
        try:
            async with self.client.session.ws_connect(url, autoping=False) as ws:
                if ask is not None:
                    await ws.send_json(request(ask))
                await ws.ping(b"there?")
                while True:
                    message = await ws.receive()
                    self.note(name, message.type.name, message.data)
                    if message.type is aiohttp.WSMsgType.PING:
                        await ws.pong(message.data)
                    elif message.type.name not in ("TEXT", "PONG", "BINARY"):
                        break
        except (aiohttp.ClientError, OSError) as error:
            self.note(name, type(error).__name__)
        await asyncio.sleep(5)

    async def round(self) -> None:
        """Everything that can be asked."""
        pair = {"symbol": "BTCUSDT"}
        await self.look(pair)
        rests = await self.signed("POST", "order", **LIMIT) or {}
        buys = {**LIMIT, "type": "MARKET", "price": None, "timeInForce": None}
        await self.signed("POST", "order", **{n: v for n, v in buys.items() if v is not None})
        await self.signed("POST", "order", **{**LIMIT, "price": "60000", "timeInForce": "IOC"})
        await self.signed("POST", "order", **{**LIMIT, "price": "60000", "quantity": "0.05"})
        await self.signed("POST", "order", **{**LIMIT, "price": "40000.01"})
        for n in range(4):
            await self.signed("POST", "order", **{**LIMIT, "price": str(39_000 + n)})
        await self.signed("POST", "order", **{**LIMIT, "quantity": "0.001"})
        order = {**pair, "orderId": rests.get("orderId", 1)}
        for path in ("order", "openOrders", "allOrders", "myTrades"):
            await self.signed("GET", path, **(order if path == "order" else pair))
        await self.signed("PUT", "order/amend/keepPriority", **order, newQty="0.005")
        await self.signed("POST", "order/cancelReplace", **LIMIT | {"price": "40500"},
                          cancelOrderId=order["orderId"],
                          cancelReplaceMode="ALLOW_FAILURE")  # fmt: skip
        await self.signed("DELETE", "order", **order)
        await self.signed("GET", "order", **order)
        more = await self.signed("POST", "order", **LIMIT) or {}
        await self.signed("DELETE", "order", **pair, orderId=more.get("orderId", 1))
        await self.signed("POST", "orderList/oco", **OCO)
        await self.signed("POST", "order/test", **LIMIT)
        await self.signed("GET", "account")
        await self.signed("DELETE", "openOrders", **pair)

    async def look(self, pair: dict[str, Any]) -> None:
        """At the market."""
        await self.public("time")
        await self.public("ticker/24hr", **pair)
        await self.public("ticker/price")
        await self.public("ticker/bookTicker")
        await self.public("depth", **pair, limit=5)
        await self.public("trades", **pair, limit=5)
        await self.public("klines", **pair, interval="1m", limit=20)
        await self.public("exchangeInfo", **pair)

    async def testify(self, arm: Any, rest: float = REST) -> list[str]:
        """Two rounds, the first of them before a fault is armed."""
        self.listen()
        await self.round()
        await self.signed("POST", "order", **LIMIT)
        await asyncio.sleep(5)
        self.saw.clear()
        arm()
        await self.round()
        await asyncio.sleep(rest)
        await self.look({"symbol": "BTCUSDT"})
        await self.signed("GET", "account")
        await self.signed("GET", "myTrades", symbol="BTCUSDT")
        async with aiohttp.ClientSession() as session:  # a newcomer
            again = Witness(Client(session, self.client.venue))
            await again.public("ping")
            again.listen()
            await asyncio.sleep(2)
            await again.signed("POST", "order", **LIMIT)
            await asyncio.sleep(3)
            await again.stop()
        await self.stop()
        return [*self.saw, *again.saw]
