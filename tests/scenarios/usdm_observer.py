"""A client of Binance USD-M that trades one position after another, and notes what it is told."""

from __future__ import annotations

import asyncio
import hmac
import time
from contextlib import suppress
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson

from failing_exchange import FailingExchange
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

REST = "https://fapi.binance.com"
STREAM = "wss://fstream.binance.com"
SYMBOL = "BTCUSDT"
PAIR: dict[str, Any] = {"symbol": SYMBOL}
LOOK_S = 10.0  # seconds between two looks at a position
LOOKS = 5
SILENT_S = 60.0  # without a price
POLLS = 70  # of prices, in a row
NAMES = ("autoclose-", "adl_autoclose", "settlement_autoclose-")  # of orders of the venue


class OnUsdm:
    """Each kind of thing once, as `POST order: 400 -2019`."""

    rounds = 3
    pause = 5.0

    def __init__(
        self, session: aiohttp.ClientSession, exchange: FailingExchange, found: dict[str, None]
    ) -> None:
        self.session = session
        self.exchange = exchange
        self.found = found
        self.sizes: dict[str, float] = {}  # of the position by side, as told last
        self.pushed: dict[Any, None] = {}  # orders and pushes that were heard
        self.filled: dict[int, None] = {}  # orders that were filled
        self.place = 0  # rounds so far

    def note(self, what: str) -> None:
        self.found[what] = None

    async def call(self, method: str, path: str, *, sign: bool = True, **params: Any) -> Any:
        """The answer; None for a refusal, and where there was none."""
        headers = {"X-MBX-APIKEY": DEFAULT_KEY}
        if sign:
            params["timestamp"] = int(time.time() * 1000)
            query = urlencode(params)
            params["signature"] = hmac.new(
                DEFAULT_SECRET.encode(), query.encode(), sha256
            ).hexdigest()
        name = f"{method} {path.rsplit('/', 1)[-1]}"
        url = f"{REST}{path}?{urlencode(params)}"
        try:
            async with self.session.request(method, url, headers=headers) as response:
                body, status = await response.read(), response.status
                if response.headers.get("X-MBX-USED-WEIGHT-1M"):
                    self.note("header: used weight")
        except (TimeoutError, aiohttp.ClientError):
            return self.note(f"{name}: no answer")
        try:
            answer = orjson.loads(body)
        except ValueError:
            return self.note(f"{name}: {status} no JSON")
        if status != 200:
            return self.note(f"{name}: {status} {answer.get('code')}")
        return answer

    # ---- a position: open it, protect it, look at it, close it

    async def round(self) -> None:
        """One of them."""
        self.place += 1
        await self.settings()
        entry = asyncio.get_running_loop().create_task(self.order("BUY", "0.1"))
        if self.place == self.rounds:
            await asyncio.sleep(0.5)
            await self.stop(timeInForce="GTE_GTC")
        await entry
        stop = await self.stop(reduceOnly="true")
        for _ in range(LOOKS):
            await self.look()
            await asyncio.sleep(LOOK_S)
        await self.targets()
        await self.close(stop)
        await self.histories()
        if self.filled.keys() - self.pushed.keys():
            self.note("user data: a fill is missing")
        if self.place == self.rounds:
            await self.hedged()
            await self.polls()

    async def hedged(self) -> None:
        """A long and a short position at a time."""
        await self.call("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
        for side, quantity, of in (("BUY", "0.1", "LONG"), ("SELL", "0.05", "SHORT")):
            await self.order(side, quantity, positionSide=of)
        await self.look()
        if {"LONG", "SHORT"} <= self.sizes.keys():
            self.note("GET positionRisk: LONG and SHORT")
        for side, quantity, of in (("BUY", "0.05", "SHORT"), ("SELL", "0.1", "LONG")):
            await self.order(side, quantity, positionSide=of)
        await self.call("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false")

    async def polls(self) -> None:
        """Spend the limit on prices, then try to trade."""
        for _ in range(POLLS):
            await self.call("GET", "/fapi/v1/ticker/price", sign=False, **PAIR)
        await self.order("SELL", "0.1", reduceOnly="true")

    async def settings(self) -> None:
        margin, leverage = {**PAIR, "marginType": "ISOLATED"}, {**PAIR, "leverage": 5}
        await self.call("POST", "/fapi/v1/marginType", **margin)
        await self.call("POST", "/fapi/v1/leverage", **leverage)
        await self.call("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false")

    async def order(self, side: str, quantity: str, **more: Any) -> Any:
        params = {**PAIR, "side": side, "type": "MARKET", "quantity": quantity, **more}
        answer = await self.call("POST", "/fapi/v1/order", newOrderRespType="RESULT", **params)
        if answer is not None:
            if answer["status"] == "FILLED":
                self.filled[answer["orderId"]] = None
            if "avgPrice" not in answer:
                self.note("POST order: without avgPrice")
            if float(answer["origQty"]) < float(quantity):
                self.note("POST order: a smaller origQty")
            if (
                answer["status"] == "FILLED"
                and more.get("reduceOnly") is None
                and side == "SELL"
                and "positionSide" not in more
            ):
                self.note("POST order: a second close is FILLED")
        return answer

    async def stop(self, **more: Any) -> Any:
        ticker = await self.call("GET", "/fapi/v1/ticker/price", sign=False, **PAIR) or {}
        level = f"{float(ticker.get('price') or 50_000) * 0.98:.1f}"
        stop = await self.call(
            "POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", side="SELL", type="STOP_MARKET",
            triggerPrice=level, quantity="0.1", **{"reduceOnly": "true", **more}, **PAIR,
        )  # fmt: skip
        if stop is not None:
            await self.call("GET", "/fapi/v1/order", orderId=stop["algoId"], **PAIR)
        return stop

    async def look(self) -> None:
        rows = await self.call("GET", "/fapi/v3/positionRisk", **PAIR)
        names = [(row["symbol"], row["positionSide"]) for row in rows or ()]
        if len(names) > len(set(names)):
            self.note("GET positionRisk: a row twice")
        for row in rows or ():
            self.sizes[row["positionSide"]] = size = float(row["positionAmt"])
            if size > 0.11:
                self.note("GET positionRisk: larger than its stop")
            if float(row["isolatedMargin"] or 0) == 0 and size:
                self.note("GET positionRisk: cross")
        if rows == [] and any(self.sizes.values()):
            self.note("GET positionRisk: gone")
            self.sizes = {}
        waiting = await self.call("GET", "/fapi/v1/openAlgoOrders", **PAIR)
        if waiting and not any(self.sizes.values()):
            self.note("GET openAlgoOrders: a stop without a position")
        await self.call("GET", "/fapi/v1/openOrders", **PAIR)
        await self.account()

    async def account(self) -> None:
        found = await self.call("GET", "/fapi/v3/account") or {}
        for one in found.get("assets", ()):
            if one["asset"] not in ("USDT", "BTC", "USDC"):
                self.note(f"GET account: asset {one['asset']}")
            free, margin = float(one["availableBalance"]), float(one["marginBalance"])
            if one["asset"] == "USDT" and free < 0.8 * margin:
                self.note("GET account: availableBalance below marginBalance")
        config = await self.call("GET", "/fapi/v1/symbolConfig", **PAIR)
        for one in config or ():
            self.note(f"GET symbolConfig: leverage {one['leverage']}")

    async def targets(self) -> None:
        """A limit order that closes, beside the stop."""
        ticker = await self.call("GET", "/fapi/v1/ticker/price", sign=False, **PAIR) or {}
        price = f"{float(ticker.get('price') or 50_000) * 1.04:.1f}"
        limit = {"type": "LIMIT", "timeInForce": "GTC", "price": price, "reduceOnly": "true"}
        await self.order("SELL", "0.1", **limit)

    async def close(self, stop: Any) -> None:
        await self.order("SELL", "0.12", reduceOnly="true")
        await self.call("DELETE", "/fapi/v1/allOpenOrders", **PAIR)
        if stop is not None:
            await self.call("DELETE", "/fapi/v1/algoOrder", algoId=stop["algoId"])
        await self.look()
        left = self.sizes.get("BOTH", 0.0)
        if left > 0:
            await self.order("SELL", f"{left:.3f}", reduceOnly="true")
            await self.look()
        await self.order("SELL", "0.1", reduceOnly="true")

    async def histories(self) -> None:
        await self.call("GET", "/fapi/v1/userTrades", limit=2, **PAIR)
        for one in await self.call("GET", "/fapi/v1/income", **PAIR) or ():
            if one["incomeType"] == "FUNDING_FEE":
                self.note("GET income: FUNDING_FEE")
        for one in await self.call("GET", "/fapi/v1/fundingInfo", sign=False) or ():
            self.note(f"GET fundingInfo: {one['fundingIntervalHours']} h")
        info = await self.call("GET", "/fapi/v1/exchangeInfo", sign=False) or {"symbols": ()}
        for one in info["symbols"]:
            if one["symbol"] == SYMBOL and one["status"] != "TRADING":
                self.note(f"GET exchangeInfo: status {one['status']}")

    async def sell(self) -> None:
        """Nothing is left to be sold."""

    # ---- pushes

    async def feed(self) -> None:
        """Prices."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self.session.ws_connect(f"{STREAM}/market/ws/btcusdt@ticker") as socket:
                    while True:
                        message = await asyncio.wait_for(socket.receive(), SILENT_S)
                        if message.type is not aiohttp.WSMsgType.TEXT:
                            break
            self.note("ticker: silent")
            await asyncio.sleep(1)

    async def events(self) -> None:
        """User data, under one listen key after another."""
        while True:
            with suppress(aiohttp.ClientError):
                key = (await self.call("POST", "/fapi/v1/listenKey", sign=False) or {}).get(
                    "listenKey", ""
                )
                async with self.session.ws_connect(f"{STREAM}/private/ws/{key}") as socket:
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            if message.data in self.pushed:
                                self.note("user data: the same push twice")
                            self.pushed[message.data] = None
                            self.take(orjson.loads(message.data))
            self.note("user data: broke")
            await asyncio.sleep(1)

    def take(self, event: dict[str, Any]) -> None:
        """Note what a push tells."""
        kind = event["e"]
        if kind == "TRADE_LITE":
            if ("fill", event["t"]) in self.pushed:
                self.note("TRADE_LITE: the same fill twice")
            self.pushed["fill", event["t"]] = None
        elif kind == "ORDER_TRADE_UPDATE":
            self.order_update(event["o"])
        elif kind == "ALGO_UPDATE":
            self.note(
                f"ALGO_UPDATE: {event['o']['X']}" + (" with ai" if event["o"].get("ai") else "")
            )
        elif kind == "ACCOUNT_UPDATE":
            self.note(f"ACCOUNT_UPDATE: {event['a']['m']}")
        else:
            self.note(f"{kind}: E as {type(event['E']).__name__}")

    def order_update(self, order: dict[str, Any]) -> None:
        name = next((one for one in NAMES if order["c"].startswith(one)), "")
        if name:
            self.note(f"ORDER_TRADE_UPDATE: {order['x']} of {name}")
        if order["x"] == "TRADE":
            self.pushed[order["i"]] = None
            self.note(f"ORDER_TRADE_UPDATE: a fill of ps {order['ps']}")
