"""How long an honest client waits for its answers beside a client that is heavy, within its limits.

python bench/beside.py [--seconds N]

The venue runs in a process of its own. For each kind of heavy client the honest one asks for the
time, places and cancels an order, and fetches candles, over a connection of its own, one request
after the other. What counts is the longest wait. A target is missed when it exceeds one second.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hmac
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WAIT_MAX = 1.0  # seconds: the target
SECONDS = 4.0  # for each kind
CONNECTIONS = 20  # of a heavy client
AHEAD = 15  # requests that it sends on each before it reads an answer
# `serve`, with limits on weight that the heavy clients together do not reach in one run.
VENUE = """
import asyncio
from failing_exchange import FailingExchange
from failing_exchange.venues.binance.venue import Binance
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.venues.binance.limits_policy import Interval, VenueLimits
from failing_exchange.core.units import MINUTE
from failing_exchange.cli.serve import seldom_collected

PLENTY = Interval(10**12, 1, MINUTE)

async def main():
    limits = VenueLimits(weight=PLENTY, raw=PLENTY, orders=(PLENTY,), connects=PLENTY)
    venue = Binance(FailingExchange(), limits=limits)
    port = await venue.listen("127.0.0.1", 0)
    print(port, DEFAULT_KEY, DEFAULT_SECRET, flush=True)
    await asyncio.sleep(3_600)

with seldom_collected():
    asyncio.run(main())
"""
ZONES = itertools.cycle(f"{hour}:{minute:02}" for hour in range(14) for minute in range(60))


def candles(interval: str, *, zone: str = "0", limit: int = 1_000) -> str:
    """A request for candles."""
    return f"/api/v3/klines?symbol=BTCUSDT&interval={interval}&limit={limit}&timeZone={zone}"


# What a heavy client asks for, and its weight: 6,000 are allowed in a minute.
HEAVY: dict[str, tuple[Callable[[], str], int]] = {
    "nothing": (lambda: "/api/v3/ping", 6_000),
    "trades of 1970": (lambda: "/api/v3/aggTrades?symbol=BTCUSDT&endTime=1", 4),
    "1,000 trades of long ago": (
        lambda: (
            "/api/v3/aggTrades?symbol=BTCUSDT&limit=1000&startTime="
            f"{1_510_000_000_000 + time.time_ns() % 200_000_000_000}"
        ),
        4,
    ),
    "all months": (lambda: candles("1M"), 2),
    "months in odd time zones": (lambda: candles("1M", zone=next(ZONES)), 2),
    "days in odd time zones": (lambda: candles("1d", zone=next(ZONES)), 2),
    "1,000 seconds": (lambda: candles("1s"), 2),
    "5,000 levels": (lambda: "/api/v3/depth?symbol=BTCUSDT&limit=5000", 250),
}
WEIGHT = 6_000


class Client:
    """A connection on which one request follows the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, method: str, path: str, *headers: str) -> None:
        """Send a request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: venue", *headers, "", ""]
        self.writer.write("\r\n".join(lines).encode())

    async def answer(self) -> bytes:
        """The body of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        return await self.reader.readexactly(length)


class Venue:
    """Where the venue is, and with which key one trades there."""

    def __init__(self, port: int, key: str, secret: str) -> None:
        self.port = port
        self.key = key
        self.secret = secret.encode()

    async def connect(self) -> Client:
        """A new connection."""
        return Client(*await asyncio.open_connection("127.0.0.1", self.port))

    def signed(self, **params: object) -> str:
        """The query of a signed request."""
        text = "&".join(f"{name}={value}" for name, value in params.items())
        text += f"&timestamp={time.time_ns() // 1_000_000}&recvWindow=60000"
        return f"{text}&signature={hmac.new(self.secret, text.encode(), sha256).hexdigest()}"


async def honest(venue: Venue, until: float) -> float:
    """The longest wait of a client that asks for one thing at a time, in seconds."""
    client, worst = await venue.connect(), 0.0

    async def ask(method: str, path: str) -> bytes:
        nonlocal worst
        began = time.monotonic()
        client.send(method, path, f"X-MBX-APIKEY: {venue.key}")
        body = await client.answer()
        worst = max(worst, time.monotonic() - began)
        return body

    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
             "quantity": "0.001", "price": "40000"}  # fmt: skip
    while time.monotonic() < until:
        await ask("GET", "/api/v3/time")
        placed = json.loads(await ask("POST", f"/api/v3/order?{venue.signed(**order)}"))
        named = venue.signed(symbol="BTCUSDT", orderId=placed["orderId"])
        await ask("DELETE", f"/api/v3/order?{named}")
        await ask("GET", candles("1m", limit=100))
        await asyncio.sleep(0.02)
    client.writer.close()
    return worst


async def reading(venue: Venue, path: Callable[[], str]) -> None:
    """A heavy client: it sends ahead, and reads what comes."""
    client = await venue.connect()
    for _ in range(AHEAD):
        client.send("GET", path())
    while True:
        await client.answer()
        client.send("GET", path())


async def never_reading(venue: Venue, path: Callable[[], str]) -> None:
    """One that sends as much as is taken, and reads nothing."""
    client = await venue.connect()
    while True:
        client.send("GET", path())
        await client.writer.drain()


async def coming_anew(venue: Venue, path: Callable[[], str]) -> None:
    """One that comes over a new connection for each request."""
    while True:
        client = await venue.connect()
        client.send("GET", path())
        await client.answer()
        client.writer.close()


async def over_the_api(venue: Venue, path: Callable[[], str]) -> None:
    """One that sends ahead on the WebSocket API."""
    client = await venue.connect()
    key = base64.b64encode(os.urandom(16)).decode()
    client.send("GET", "/ws-api/v3", "Upgrade: websocket", "Connection: Upgrade",
                f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")  # fmt: skip
    await client.reader.readuntil(b"\r\n\r\n")
    for number in itertools.count():
        asked = dict(pair.split("=") for pair in path().partition("?")[2].split("&"))
        message = json.dumps({"id": number, "method": "klines", "params": asked}).encode()
        head = bytes((0x81, 0x80 | 126)) + len(message).to_bytes(2, "big")
        client.writer.write(head + bytes(4) + message)
        if number > AHEAD:
            await client.reader.read(65_536)


Heavy = Callable[[Venue, Callable[[], str]], Awaitable[None]]
KINDS: list[tuple[str, str, Heavy]] = [
    *((f"{name}, sent ahead", name, reading) for name in HEAVY),
    ("days in odd time zones, never read", "days in odd time zones", never_reading),
    ("days in odd time zones, by new connections", "days in odd time zones", coming_anew),
    ("days in odd time zones, over the WebSocket API", "days in odd time zones", over_the_api),
]


@contextlib.contextmanager
def served() -> Iterator[Venue]:
    """A venue in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", VENUE], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        port, key, secret = process.stdout.readline().split()
        try:
            yield Venue(int(port), key, secret)
        finally:
            process.kill()


class Spent(Exception):
    """All the weight of a minute is used."""


async def burden(venue: Venue, name: str, heavy: Heavy) -> None:
    """Be a heavy client on so many connections, until the weight of a minute is used."""
    path, weight = HEAVY[name]
    left = iter(range(WEIGHT // weight))

    def within_limits() -> str:
        if next(left, None) is None:
            raise Spent
        return path()

    tasks = [heavy(venue, within_limits) for _ in range(CONNECTIONS)]
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(3_600)


def measured(venue: Venue, name: str, heavy: Heavy, seconds: float) -> float:
    """The longest wait of the honest client beside a heavy one in a process of its own."""
    beside = multiprocessing.get_context("fork").Process(
        target=lambda: asyncio.run(burden(venue, name, heavy)), daemon=True
    )
    beside.start()
    try:
        return asyncio.run(honest(venue, time.monotonic() + seconds))
    finally:
        beside.kill()
        beside.join()


def main() -> int:
    """Measure each kind; 1 where the honest client waited too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each kind")
    seconds = parser.parse_args().seconds
    missed = False
    for title, name, heavy in KINDS:
        with served() as venue:
            wait = measured(venue, name, heavy, seconds)
        missed |= wait > WAIT_MAX
        print(f"{title:<48} {wait * 1_000:8.0f} ms{'  too long' if wait > WAIT_MAX else ''}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
