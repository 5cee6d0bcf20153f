"""A client that makes a round of everything, and writes down what is not as it should be."""

from __future__ import annotations

import asyncio
import hmac
import time
from contextlib import suppress
from hashlib import sha256
from math import inf
from typing import Any
from urllib.parse import urlencode

import aiohttp

from failing_exchange import FailingExchange, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.venues.base import serve
from tests.scenarios.usdm_observer import OnUsdm

ROUNDS = 24
PAUSE = 5.0  # seconds between rounds
TIMEOUT = 12.0
SYMBOL = "BTC/USDT"
WORSE = 0.996  # of the best bid: a market order of this size gets more where nothing is withdrawn
FEEDS = ("watch_ticker", "watch_orders", "watch_order_book", "watch_trades", "watch_my_trades")


def watch_pushes(exchange: FailingExchange, found: dict[str, None]) -> None:
    """Note what becomes of pushes, which nobody misses: lost, late, twice."""
    last: dict[str, int] = {}

    def ended(trip: Any) -> None:
        if trip.is_push and trip.operation.startswith("watch_"):
            late = trip.ended_at - trip.born_at > 500_000_000 or trip.number < last.get(
                trip.operation, 0
            )
            if trip.told is None and not trip.hung_up:
                found[f"{trip.operation}: a push lost"] = None
            elif trip.echo_of:
                found[f"{trip.operation}: a push twice"] = None
            elif late:
                found[f"{trip.operation}: a push late"] = None
            last[trip.operation] = max(trip.number, last.get(trip.operation, 0))

    exchange.journal.readers.append(ended)


def seen_in_process(name: str) -> list[str]:
    """What a client in process sees of a scenario: `operation: error`, each kind once."""
    found: dict[str, None] = {}

    async def main() -> None:
        exchange = FailingExchange(scenario=name, connection_timeout=TIMEOUT)
        await exchange.ready()
        look = _InProcess(exchange, found)
        feeds = [asyncio.create_task(look.feed(one)) for one in FEEDS]
        watch_pushes(exchange, found)
        for _ in range(ROUNDS):
            await look.round()
            await asyncio.sleep(PAUSE)
        await look.sell()
        for feed in feeds:
            feed.cancel()
        await asyncio.gather(*feeds, return_exceptions=True)
        await exchange.close()

    simulate(main(), seed=1)
    return list(found)


class _InProcess:
    def __init__(self, exchange: FailingExchange, found: dict[str, None]) -> None:
        self.exchange = exchange
        self.found = found
        self.bought = 0.0

    async def call(self, name: str, *args: Any, **more: Any) -> Any:
        before = self.exchange.journal.last
        try:
            answer = await getattr(self.exchange, name)(*args, **more)
        except Exception as error:
            self.found[f"{name}: {type(error).__name__}"] = None
            return None
        trips = [t for t in self.exchange.journal.trips if t.number > before]
        if any(t.struck and t.operation == name for t in trips):
            self.found[f"{name}: answered"] = None
        return answer if isinstance(answer, dict) else None

    async def round(self) -> None:
        call = self.call
        ticker = await call("fetch_ticker", SYMBOL) or {}
        for name in ("fetch_order_book", "fetch_ohlcv", "fetch_trades"):
            await call(name, SYMBOL)
        await call("fetch_tickers")
        await call("fetch_balance")
        price = ticker.get("ask") or 50_100.0
        bought = await call("create_order", SYMBOL, "limit", "buy", 0.01, round(price * 1.001, 2))
        rests = await call("create_order", SYMBOL, "limit", "buy", 0.01, 48_000.0)
        if bought and bought.get("id"):
            self.bought += bought.get("filled") or 0.0
            await call("fetch_order", bought["id"], SYMBOL)
        await call("fetch_open_orders", SYMBOL)
        await call("fetch_orders", SYMBOL)
        if rests and rests.get("id"):
            await call("cancel_order", rests["id"], SYMBOL)
            await call("fetch_order", rests["id"], SYMBOL)
        await call("fetch_my_trades", SYMBOL)
        with suppress(Exception):
            await self.exchange.cancel_all_orders(SYMBOL)

    async def sell(self) -> None:
        """At the end all that was bought, at the market: with no thought of fees."""
        ticker = await self.call("fetch_ticker", SYMBOL) or {}
        amount = round(self.bought, 5)
        sold = await self.call("create_order", SYMBOL, "market", "sell", amount) or {}
        if (sold.get("average") or inf) < (ticker.get("bid") or 0.0) * WORSE:
            self.found["create_order: a worse price"] = None

    async def feed(self, name: str) -> None:
        while True:
            try:
                await asyncio.wait_for(getattr(self.exchange, name)(SYMBOL), 20)
            except TimeoutError:
                self.found[f"{name}: silent"] = None
            except Exception as error:
                self.found[f"{name}: {type(error).__name__}"] = None
                await asyncio.sleep(1)


def seen_on_the_wire(venue: str, name: str) -> list[str]:
    """What a client of a venue's protocol sees: `operation: status code`, each kind once."""
    found: dict[str, None] = {}

    async def main() -> None:
        exchange = FailingExchange(scenario=name)
        served = serve(venue, exchange)
        await served.listen_in_simulation()
        try:
            await _round_trips(OBSERVERS[venue], exchange, found)
        finally:
            await served.close()

    simulate(main(), seed=1)
    return list(found)


async def _round_trips(
    observer: type[_OnBinance | OnUsdm], exchange: FailingExchange, found: dict[str, None]
) -> None:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        look = observer(session, exchange, found)
        watch_pushes(exchange, found)
        feed = asyncio.create_task(look.feed())
        events = asyncio.create_task(look.events())
        for _ in range(observer.rounds):
            await look.round()
            await asyncio.sleep(observer.pause)
        await look.sell()
        feed.cancel()
        events.cancel()
        await asyncio.gather(feed, events, return_exceptions=True)


class _OnBinance:
    rounds = ROUNDS
    pause = PAUSE

    def __init__(
        self, session: aiohttp.ClientSession, exchange: FailingExchange, found: dict[str, None]
    ) -> None:
        self.session = session
        self.exchange = exchange
        self.found = found
        self.bought = 0.0

    async def call(
        self, operation: str, method: str, path: str, *, sign: bool = True, **params: Any
    ) -> Any:
        headers, before = {}, self.exchange.journal.last
        if sign:
            params["timestamp"] = int(time.time() * 1000)
            query = urlencode(params)
            signature = hmac.new(DEFAULT_SECRET.encode(), query.encode(), sha256).hexdigest()
            params["signature"], headers = signature, {"X-MBX-APIKEY": DEFAULT_KEY}
        url = f"https://api.binance.com/api/v3/{path}?{urlencode(params)}"
        try:
            async with self.session.request(method, url, headers=headers) as response:
                body = await response.read()
                status = response.status
        except TimeoutError:
            self.found[f"{operation}: no answer"] = None
            return None
        except aiohttp.ClientError as error:
            self.found[f"{operation}: {_broken(error)}"] = None
            return None
        return self._answer(operation, status, body, before)

    def _answer(self, operation: str, status: int, body: bytes, before: int) -> Any:
        import orjson

        try:
            answer = orjson.loads(body)
        except ValueError:
            kind = "HTML" if body.lstrip().startswith(b"<") else "no JSON"
            self.found[f"{operation}: {status} {kind}"] = None
            return None
        if status != 200:
            code = answer.get("code") if isinstance(answer, dict) else ""
            self.found[f"{operation}: {status} {code}"] = None
            return None
        trips = [t for t in self.exchange.journal.trips if t.number > before]
        if any(t.struck and t.operation == operation for t in trips):
            self.found[f"{operation}: 200"] = None
        return answer if isinstance(answer, dict) else None

    async def round(self) -> None:
        call, pair = self.call, dict[str, Any](symbol="BTCUSDT")
        ticker = await call("fetch_ticker", "GET", "ticker/24hr", sign=False, **pair) or {}
        await call("fetch_order_book", "GET", "depth", sign=False, limit=5, **pair)
        await call("fetch_ohlcv", "GET", "klines", sign=False, interval="1m", limit=5, **pair)
        await call("fetch_trades", "GET", "trades", sign=False, limit=5, **pair)
        await call("fetch_tickers", "GET", "ticker/price", sign=False)
        await call("fetch_balance", "GET", "account")
        price = float(ticker.get("askPrice") or 0) or 50_100.0
        order = {**pair, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
        bought = await call("create_order", "POST", "order", price=f"{price * 1.001:.2f}", **order)
        rests = await call("create_order", "POST", "order", price="48000", **order)
        if bought and bought.get("orderId"):
            self.bought += float(bought.get("executedQty") or 0)
            await call("fetch_order", "GET", "order", orderId=bought["orderId"], **pair)
        await call("fetch_open_orders", "GET", "openOrders", **pair)
        await call("fetch_orders", "GET", "allOrders", **pair)
        if rests and rests.get("orderId"):
            await call("cancel_order", "DELETE", "order", orderId=rests["orderId"], **pair)
            await call("fetch_order", "GET", "order", orderId=rests["orderId"], **pair)
        await call("fetch_my_trades", "GET", "myTrades", **pair)
        await call("cancel_all_orders", "DELETE", "openOrders", **pair)

    async def sell(self) -> None:
        """At the end all that was bought, at the market: with no thought of fees."""
        pair, quantity = dict[str, Any](symbol="BTCUSDT"), f"{self.bought:.5f}"
        ticker = await self.call("fetch_ticker", "GET", "ticker/24hr", sign=False, **pair) or {}
        order = {**pair, "side": "SELL", "type": "MARKET", "quantity": quantity}
        sold = await self.call("create_order", "POST", "order", **order) or {}
        quoted = float(ticker.get("bidPrice") or 0) * self.bought
        if float(sold.get("cummulativeQuoteQty") or inf) < quoted * WORSE:
            self.found["create_order: a worse price"] = None

    async def feed(self) -> None:
        url = "wss://stream.binance.com:9443/ws/btcusdt@ticker/btcusdt@depth/btcusdt@trade"
        while True:
            try:
                async with self.session.ws_connect(url) as socket:
                    await self._listen(socket)
            except aiohttp.ClientError as error:
                self.found[f"watch_ticker: {_broken(error)}"] = None
            await asyncio.sleep(1)

    async def events(self) -> None:
        """The user data stream, by subscription."""
        params = {"apiKey": DEFAULT_KEY, "timestamp": int(time.time() * 1000)}
        text = urlencode(sorted(params.items()))
        signature = hmac.new(DEFAULT_SECRET.encode(), text.encode(), sha256).hexdigest()
        asked = {"id": 1, "method": "userDataStream.subscribe.signature",
                 "params": {**params, "signature": signature}}  # fmt: skip
        while True:
            with suppress(aiohttp.ClientError):
                async with self.session.ws_connect("wss://ws-api.binance.com/ws-api/v3") as socket:
                    await socket.send_json(asked)
                    async for _ in socket:
                        pass
            await asyncio.sleep(1)

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            try:
                message = await asyncio.wait_for(socket.receive(), 20)
            except TimeoutError:
                self.found["watch_ticker: silent"] = None
                return
            if message.type is aiohttp.WSMsgType.BINARY:
                self.found["watch_ticker: binary"] = None
            elif message.type is not aiohttp.WSMsgType.TEXT:
                self.found[f"watch_ticker: close {socket.close_code}"] = None
                return


# A client of each venue that scenarios name.
OBSERVERS: dict[str, type[_OnBinance | OnUsdm]] = {"binance": _OnBinance, "binance-usdm": OnUsdm}
CONNECTING: dict[type[Exception], str] = {  # the narrowest first
    aiohttp.ClientConnectorDNSError: "no address",
    aiohttp.ClientConnectorSSLError: "no handshake",
    aiohttp.ClientConnectorError: "no connection",
}


def _broken(error: Exception) -> str:
    """How a connection broke, in a word that no library decides."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"upgrade refused {error.status}"
    for kind, word in CONNECTING.items():
        if isinstance(error, kind):
            return word
    return "no answer" if isinstance(error, aiohttp.ServerTimeoutError) else "broken"
