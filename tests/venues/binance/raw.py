"""Raw sockets at both doors: a port of this machine, and production's names in a simulation.

Time costs nothing at either: see `settled` for the port.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.units import SECOND
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.server.certificate import context
from failing_exchange.server.websocket_connection import ConnectionPolicy
from failing_exchange.server.websocket_frames import frame
from failing_exchange.venues.binance.connecting import STREAMS
from failing_exchange.venues.binance.venue import Binance
from failing_exchange.venues.binance_common.metering import VenueLimits
from tests.server import settled

T = TypeVar("T")
DOORS = ("simulation", "port")
SILENCE = 0.3  # seconds of the loop's time without a byte, in which nothing was under way
BYTES_MAX = 2_000  # of an answer that has no end: pings, again and again
BEATS = STREAMS._replace(  # no minute is waited for
    ping_every=SECOND // 10,
    pong_within=SECOND // 2,
    messages=1_000,
)
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
STREAM, API = "/ws/btcusdt@bookTicker", "/ws-api/v3"


class Seen(NamedTuple):
    """All bytes that came, and how it ended: eof, reset or silence."""

    got: bytes
    end: str


class Line:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, text: str) -> None:
        """Send HTTP."""
        self.writer.write(text.encode())

    def send(self, message: dict[str, Any]) -> None:
        """Send a text frame."""
        self.writer.write(frame(json.dumps(message).encode(), mask=b"\0\0\0\0"))

    def ping(self) -> None:
        """Send a ping."""
        self.writer.write(frame(b"are you there", 9, mask=b"\0\0\0\0"))

    async def head(self) -> bytes:
        """The head of an answer."""
        return await self.until(b"\r\n\r\n")

    async def until(self, part: bytes) -> bytes:
        """Hear until something has come."""
        async with asyncio.timeout(30):
            return await self.reader.readuntil(part)

    async def next(self) -> bytes:
        """What comes next; nothing where the connection ends instead."""
        try:
            async with asyncio.timeout(30):
                return await self.reader.read(65_536)
        except ConnectionResetError:
            return b""

    async def rest(self) -> Seen:
        """All that comes until the end, or until nothing does."""
        got = b""
        try:
            while True:
                async with asyncio.timeout(SILENCE):
                    piece = await self.reader.read(65_536)
                if not piece:
                    return Seen(got, "eof")
                got += piece
                if len(got) > BYTES_MAX:
                    return Seen(got, "endless")
        except ConnectionResetError:
            return Seen(got, "reset")
        except TimeoutError:
            return Seen(got, "silence")
        finally:
            self.writer.close()


class Place:
    """A venue at one of the doors."""

    def __init__(self, door: str, venue: Binance, host: str, port: int, *, tls: bool) -> None:
        self.door = door
        self.venue = venue
        self.host = host
        self.port = port
        self.tls = tls
        self.lines: list[Line] = []

    @property
    def exchange(self) -> FailingExchange:
        """The venue's in-process door."""
        return self.venue.exchange

    async def connect(self) -> Line:
        """A new connection."""
        trust: Any = None
        if self.tls:
            trust = ssl.create_default_context()
            if self.door == "port":  # nobody trusts the certificate of a test
                trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=trust)
        line = Line(reader, writer)
        self.lines.append(line)
        return line

    async def upgrading(self, path: str = STREAM) -> Line:
        """A connection that asks to be a WebSocket."""
        line = await self.connect()
        line.say(UPGRADE.format(path=path, host=self.host))
        return line

    async def upgraded(self, path: str = STREAM) -> Line:
        """A WebSocket."""
        line = await self.upgrading(path)
        assert (await line.head()).startswith(b"HTTP/1.1 101 ")
        return line

    async def account(self) -> Line:
        """A WebSocket that listens to the account."""
        line = await self.upgraded(API)
        line.send(request("userDataStream.subscribe.signature"))
        await line.until(b'"subscriptionId"')
        await line.until(b"}]}")
        return line

    async def asked(self, line: Line | None = None, path: str = "/api/v3/time") -> Seen:
        """What comes back for a request, on a new connection or on one that is open."""
        line = line or await self.connect()
        line.say(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n")
        return await line.rest()

    async def order(self, price: float = 40_000.0) -> None:
        """An order in process: those who listen hear of it at once."""
        await self.exchange.create_order("BTC/USDT", "limit", "buy", 0.1, price)


def request(method: str, **params: Any) -> dict[str, Any]:
    """A signed request of the WebSocket API."""
    params = {"apiKey": DEFAULT_KEY, "timestamp": settled.milliseconds()} | params
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    signature = hmac.new(DEFAULT_SECRET.encode(), text.encode(), sha256).hexdigest()
    return {"id": 1, "method": method, "params": params | {"signature": signature}}


def signed(host: str, path: str = "/api/v3/order", **params: Any) -> str:
    """A signed POST over HTTP."""
    text = urlencode(params | {"timestamp": settled.milliseconds()})
    signature = hmac.new(DEFAULT_SECRET.encode(), text.encode(), sha256).hexdigest()
    return (
        f"POST {path}?{text}&signature={signature} HTTP/1.1\r\nHost: {host}\r\n"
        f"X-MBX-APIKEY: {DEFAULT_KEY}\r\n\r\n"
    )


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
         "quantity": "0.1", "price": "40000"}  # fmt: skip


def at(
    door: str,
    story: Callable[[Place], Awaitable[T]],
    *,
    tls: bool = False,
    beats: ConnectionPolicy | None = None,
    limits: VenueLimits | None = None,
) -> T:
    """Run a story at a door. No background, so that nothing comes which nobody has caused."""

    async def main() -> T:
        exchange = FailingExchange(latency=None, background=False)
        await exchange.ready()
        venue = Binance(exchange, limits=limits)
        if beats is not None:
            routes = venue.dialect.routes
            routes |= {path: route._replace(policy=beats) for path, route in routes.items()}
        host, port, certified = "api.binance.com", 443, None
        if door == "simulation":
            await venue.listen_in_simulation()
        else:
            certified = context() if tls else None
            host = "127.0.0.1"
            port = await venue.listen(host, 0, ssl=certified)
        place = Place(door, venue, host, port, tls=tls)
        try:
            return await story(place)
        finally:
            for line in place.lines:
                line.writer.close()
            await venue.close()
            await exchange.close()

    return simulate(main()) if door == "simulation" else settled.run(main())
