"""How long an honest client waits for its answers beside a client that is heavy, within its limits.

The venue runs in a process of its own. For each kind of heavy client the honest one asks for the
time, places and cancels an order, and fetches candles, over a connection of its own, one request
after the other. What counts is the longest wait.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable, Iterator

from bench.harness import Pair, Size, bench
from bench.soak import Client
from bench.wire import TIME, VENUE_COMMAND, Server, order, signed

CONNECTIONS = 20  # of a heavy client
AHEAD = 15  # requests that it sends on each before it reads an answer
WEIGHT = 6_000  # that is allowed in a minute
ZONES = itertools.cycle(f"{hour}:{minute:02}" for hour in range(14) for minute in range(60))
Path = Callable[[], str]
Heavy = Callable[[int, Path], Awaitable[None]]


def candles(interval: str, *, zone: str = "0", limit: int = 1_000) -> str:
    """A request for candles."""
    return f"/api/v3/klines?symbol=BTCUSDT&interval={interval}&limit={limit}&timeZone={zone}"


# What a heavy client asks for, and its weight.
HEAVY: dict[str, tuple[Path, int]] = {
    "nothing": (lambda: "/api/v3/ping", 6_000),
    "trades_of_1970": (lambda: "/api/v3/aggTrades?symbol=BTCUSDT&endTime=1", 4),
    "old_trades": (
        lambda: (
            "/api/v3/aggTrades?symbol=BTCUSDT&limit=1000&startTime="
            f"{1_510_000_000_000 + time.time_ns() % 200_000_000_000}"
        ),
        4,
    ),
    "all_months": (lambda: candles("1M"), 2),
    "odd_months": (lambda: candles("1M", zone=next(ZONES)), 2),
    "odd_days": (lambda: candles("1d", zone=next(ZONES)), 2),
    "1000_seconds": (lambda: candles("1s"), 2),
    "5000_levels": (lambda: "/api/v3/depth?symbol=BTCUSDT&limit=5000", 250),
}


def get(path: str, *headers: str) -> bytes:
    """A request without a body."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: venue", *headers, "", ""]).encode()


async def connected(port: int) -> Client:
    """A new connection."""
    client = Client(port)
    await client.connect()
    return client


async def honest(port: int, seconds: float) -> float:
    """The longest wait of a client that asks for one thing at a time, in seconds."""
    client, worst, until = await connected(port), 0.0, time.monotonic() + seconds

    async def ask(data: bytes) -> bytes:
        nonlocal worst
        began = time.monotonic()
        body = await client.ask(data)
        worst = max(worst, time.monotonic() - began)
        return body

    while time.monotonic() < until:
        await ask(TIME)
        placed = json.loads(await ask(order()))["orderId"]
        await ask(signed("DELETE /api/v3/order", f"symbol=BTCUSDT&orderId={placed}"))
        await ask(get(candles("1m", limit=100)))
        await asyncio.sleep(0.02)
    await client.leave()
    return worst


async def reading(port: int, path: Path) -> None:
    """A heavy client: it sends ahead, and reads what comes."""
    client = await connected(port)
    for _ in range(AHEAD):
        client.writer.write(get(path()))
    while True:
        await client.answer()
        client.writer.write(get(path()))


async def never_reading(port: int, path: Path) -> None:
    """One that sends as much as is taken, and reads nothing."""
    client = await connected(port)
    while True:
        client.writer.write(get(path()))
        await client.writer.drain()


async def coming_anew(port: int, path: Path) -> None:
    """One that comes over a new connection for each request."""
    while True:
        client = await connected(port)
        await client.ask(get(path()))
        client.writer.close()


async def over_the_api(port: int, path: Path) -> None:
    """One that sends ahead on the WebSocket API."""
    client = await connected(port)
    key = base64.b64encode(os.urandom(16)).decode()
    client.writer.write(get("/ws-api/v3", "Upgrade: websocket", "Connection: Upgrade",
                            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"))  # fmt: skip
    await client.reader.readuntil(b"\r\n\r\n")
    for number in itertools.count():
        asked = dict(pair.split("=") for pair in path().partition("?")[2].split("&"))
        message = json.dumps({"id": number, "method": "klines", "params": asked}).encode()
        head = bytes((0x81, 0x80 | 126)) + len(message).to_bytes(2, "big")
        client.writer.write(head + bytes(4) + message)
        if number > AHEAD:
            await client.reader.read(65_536)


class Spent(Exception):
    """All the weight of a minute is used."""


async def burden(port: int, asks: str, heavy: Heavy) -> None:
    """Be a heavy client on many connections, until the weight of a minute is used."""
    path, weight = HEAVY[asks]
    left = iter(range(WEIGHT // weight))

    def within_limits() -> str:
        if next(left, None) is None:
            raise Spent
        return path()

    tasks = [heavy(port, within_limits) for _ in range(CONNECTIONS)]
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(3_600)


def waited(asks: str, heavy: Heavy, seconds: float) -> float:
    """The longest wait of the honest client beside a heavy one in a process of its own."""
    with Server(*VENUE_COMMAND) as server:
        beside = multiprocessing.get_context("fork").Process(
            target=lambda: asyncio.run(burden(server.port, asks, heavy)), daemon=True
        )
        beside.start()
        try:
            return asyncio.run(honest(server.port, seconds))
        finally:
            beside.kill()
            beside.join()


def _register(name: str, asks: str, heavy: Heavy) -> None:
    @bench("s", at_most=1, rounds=1, name=name)
    def wait(size: Size) -> Iterator[Pair]:
        """The longest wait of an honest client beside a heavy one of this kind."""
        yield lambda: waited(asks, heavy, size(40, 3) / 10), None


for _name in HEAVY:
    _register(_name, _name, reading)
_register("odd_days_never_read", "odd_days", never_reading)
_register("odd_days_anew", "odd_days", coming_anew)
_register("odd_days_websocket", "odd_days", over_the_api)
