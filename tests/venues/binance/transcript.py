"""Recorded conversations with the venue: `>` is what a client sends, `<` what it receives.

A transcript is a text file that is both: the script of a conversation, and what came of it when it
was recorded. To play it is to carry out its lines that are no `<`, and to write all that is
received beneath each; a play that differs from the file has found a change. Lines:

    # a comment
    > GET /api/v3/time                      a request
    > signed POST /api/v3/order symbol=...  the same with key, timestamp and signature added
    > open NAME /ws/btcusdt@trade           a WebSocket of the market streams, or of /ws-api/v3
    > NAME {"method": "ping", "id": 1}      a text message on it; `NAME signed {...}` adds the rest
    = wait 2.5                              so many virtual seconds pass
    = bob sell BTC/USDT 0.5 50000           another client's limit order
    = do credit account="main" asset=...    the operator does something, as in scenario files
    = venue {"background": false}           first: what kind of venue it is
    < 200                                   the status of an answer, and then its body
    < NAME {...}                            a message that came on a WebSocket

Time is virtual and begins on 2026-01-01, the market is a function of the seed: ids and instants are
the same in every play.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET, Keyring
from failing_exchange.venue.operator_incidents import command_of

HERE = Path(__file__).parent / "transcripts"
REST = "https://api.binance.com"
STREAMS = "wss://stream.binance.com:9443"
SOCKET_API = "wss://ws-api.binance.com:443"
LINE = 100  # columns
HEARD_WITHIN = 0.05  # virtual seconds for what comes without waiting


class Said(NamedTuple):
    """One answer or message: what it belongs to, and its decoded JSON.

    `what` is a REST endpoint, a method of the WebSocket API, "stream", "event" or "control".
    """

    what: str
    status: int
    body: Any


class Play:
    """A transcript being played. `lines` is what becomes of it, `said` all that was received."""

    def __init__(self, text: str) -> None:
        self.script = [line for line in text.splitlines() if not line.startswith("<")]
        self.lines: list[str] = []
        self.said: list[Said] = []
        self._sockets: dict[str, aiohttp.ClientWebSocketResponse] = {}
        self._methods: dict[tuple[str, Any], str] = {}

    @property
    def text(self) -> str:
        """The transcript, as it was played."""
        return "\n".join(self.lines) + "\n"

    def run(self) -> Play:
        """Play it to its end."""
        simulate(self._run())
        return self

    async def _run(self) -> None:
        options: dict[str, Any] = {"background": False, "latency": None}
        for line in self.script:
            if line.startswith("= venue "):
                options |= json.loads(line.removeprefix("= venue "))
        self.venue = Binance.like_production(**{"keys": Keyring.default()} | options)
        await self.venue.listen_in_simulation()
        try:
            async with aiohttp.ClientSession() as self.session:
                for line in self.script:
                    self.lines.append(line)
                    await self._do(line)
        finally:
            await self.venue.close()

    async def _do(self, line: str) -> None:
        kind, _, rest = line.partition(" ")
        if kind == ">":
            await self._send(rest)
        elif kind == "=":
            await self._stage(rest)

    # ---- sending

    async def _send(self, rest: str) -> None:
        word, _, more = rest.partition(" ")
        if word == "open":
            await self._open(*more.split(" "))
        elif word in self._sockets:
            await self._say(word, more)
        else:
            await self._ask(rest)

    async def _ask(self, rest: str) -> None:
        """A REST request."""
        signed = rest.startswith("signed ")
        method, path, *pairs = rest.removeprefix("signed ").split(" ")
        asked: dict[str, str] = dict(pair.partition("=")[::2] for pair in pairs)
        query, headers = urlencode(asked), {}
        if signed:
            query = urlencode({**asked, "timestamp": int(time.time() * 1000)})
            query += f"&signature={_signature(query)}"
            headers = {"X-MBX-APIKEY": DEFAULT_KEY}
        url = f"{REST}{path}?{query}" if query else f"{REST}{path}"
        async with self.session.request(method, url, headers=headers) as response:
            body = await response.json(content_type=None)
            self.lines.append(f"< {response.status}")
            self._show("< ", body)
            self.said.append(Said(f"{method} {path}", response.status, body))
        await self._hear(HEARD_WITHIN)

    async def _open(self, name: str, path: str) -> None:
        host = SOCKET_API if path.startswith("/ws-api") else STREAMS
        self._sockets[name] = await self.session.ws_connect(host + path, autoping=True)
        await self._hear(HEARD_WITHIN)

    async def _say(self, name: str, more: str) -> None:
        """A text message; of a request, its method is remembered for the reply."""
        signed = more.startswith("signed ")
        message = json.loads(more.removeprefix("signed "))
        if signed:
            params = message.setdefault("params", {})
            params |= {"apiKey": DEFAULT_KEY, "timestamp": int(time.time() * 1000)}
            text = "&".join(f"{one}={_plain(params[one])}" for one in sorted(params))
            params["signature"] = _signature(text)
        self._methods[name, message.get("id")] = str(message.get("method"))
        await self._sockets[name].send_str(json.dumps(message))
        await self._hear(HEARD_WITHIN)

    # ---- receiving

    async def _hear(self, seconds: float) -> None:
        """All that comes on the open WebSockets within a time, in the order of their names."""
        until = asyncio.get_running_loop().time() + seconds
        for name, ws in self._sockets.items():
            while True:
                left = max(0.0, until - asyncio.get_running_loop().time())
                try:
                    async with asyncio.timeout(left + 0.001):
                        message = await ws.receive()
                except TimeoutError:
                    break
                if not self._heard(name, message):
                    break

    def _heard(self, name: str, message: aiohttp.WSMessage) -> bool:
        """Note a message; whether there may be more."""
        if message.type is not aiohttp.WSMsgType.TEXT:
            code = message.data if message.type is aiohttp.WSMsgType.CLOSE else "gone"
            if self.lines[-1] != f"< {name} closed {code}":
                self.lines.append(f"< {name} closed {code}")
            return False
        body = json.loads(message.data)
        self._show(f"< {name} ", body)
        self.said.append(self._named(name, body))
        return True

    def _named(self, name: str, body: Any) -> Said:
        if isinstance(body, dict) and "status" in body and "id" in body:
            method = self._methods[name, body["id"]]
            return Said(method, body["status"], body.get("result", body.get("error")))
        if isinstance(body, dict) and "event" in body:
            return Said("event", 200, body["event"])
        if isinstance(body, dict) and ("id" in body or "code" in body):
            return Said("control", 200, body)
        return Said("stream", 200, body.get("data") if "stream" in body else body)

    def _show(self, prefix: str, body: Any) -> None:
        indent = "< " + " " * (len(prefix) - 2)
        for n, line in enumerate(pretty(body, LINE - len(prefix))):
            self.lines.append((indent if n else prefix) + line)

    # ---- stage directions

    async def _stage(self, rest: str) -> None:
        word, _, more = rest.partition(" ")
        if word == "wait":
            await asyncio.sleep(float(more))
            await self._hear(HEARD_WITHIN)
        elif word == "bob":
            side, symbol, amount, price = more.split(" ")
            bob: FailingExchange = self.venue.exchange.client("bob")
            await bob.create_order(symbol, "limit", side, amount, price)
            await self._hear(HEARD_WITHIN)
        elif word == "do":
            name, _, text = more.partition(" ")
            venue = self.venue.exchange.venue
            await self.venue.exchange.operate(command_of(name, json.loads(text), venue.markets))
            await self._hear(HEARD_WITHIN)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _signature(text: str) -> str:
    return hmac.new(DEFAULT_SECRET.encode(), text.encode(), sha256).hexdigest()


def pretty(value: Any, width: int) -> Iterator[str]:
    """JSON in lines: what fits on one stays on one, and short entries share theirs."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) <= width or not isinstance(value, dict | list) or not value:
        yield flat
        return
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    yield opened
    yield from (f"  {line}" for line in _entries(value, width - 2))
    yield closed


def _entries(value: dict[str, Any] | list[Any], width: int) -> Iterator[str]:
    """The entries of a container, filled into lines."""
    entries = list(value.items() if isinstance(value, dict) else [("", one) for one in value])
    line = ""
    for n, (name, one) in enumerate(entries):
        head = f"{json.dumps(name, ensure_ascii=False)}: " if isinstance(value, dict) else ""
        comma = "," if n < len(entries) - 1 else ""
        first, *rest = pretty(one, width - len(head) - len(comma))
        if line and (rest or len(line) + 1 + len(head) + len(first) + len(comma) > width):
            yield line
            line = ""
        line = f"{line} {head}{first}" if line else head + first
        for other in rest:
            yield line
            line = other
        line += comma
        if rest:
            yield line
            line = ""
    if line:
        yield line
