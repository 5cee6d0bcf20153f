"""WebSocket fan-out: one message to a hundred clients, beside bare aiohttp in the same process.

python bench/fanout.py [ROUNDS] [--uvloop]

Work per CPU second of the server; the clients are another process that only reads.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from aiohttp import web

from failing_exchange import FailingExchange
from failing_exchange.server.websocket_frames import text_frame
from failing_exchange.venues.binance.venue import Binance

CLIENTS = 100
MESSAGES = 500  # to each client in a round
TOGETHER = 10  # messages of one turn of the loop, where they are coalesced
UNSENT_BYTES = 1 << 18  # a client that holds more back is waited for
TEXT = (
    '{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"30000.12000000",'
    '"q":"0.01000000","T":1672515782136,"m":true,"M":true,"pad":"' + "x" * 60 + '"}'
)
TARGETS = {"one message a turn": 0.8, "ten messages a turn": 4.0}
HEAD = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

Send = Callable[[], Awaitable[None]]


def read(*ports: int) -> None:
    """The clients: connect, then read until the server leaves."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    selector, buffer = selectors.DefaultSelector(), bytearray(1 << 20)
    for port in ports:
        for _ in range(CLIENTS):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.sendall(HEAD.encode())
            selector.register(sock, selectors.EVENT_READ)
    while selector.get_map():
        for key, _ in selector.select():
            sock = key.fileobj  # type: ignore[assignment]
            if not sock.recv_into(buffer):
                selector.unregister(sock)


async def bare(joined: list[web.WebSocketResponse], transports: list[Any]) -> int:
    """A plain aiohttp server; its port."""

    async def handle(request: web.BaseRequest) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        joined.append(ws)
        transports.append(request.transport)
        await ws.receive()
        return ws

    listener = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
    return int(listener.sockets[0].getsockname()[1])


async def measure(send: Send, transports: list[Any], rounds: int, per_round: int) -> float:
    """Messages per CPU second."""
    began = time.process_time()
    for _ in range(rounds):
        await send()
        await asyncio.sleep(0)
        while any(one.get_write_buffer_size() > UNSENT_BYTES for one in transports):
            await asyncio.sleep(0)
    return rounds * per_round / (time.process_time() - began)


async def main(rounds: int) -> None:
    """Measure in turn, and print the medians."""
    joined: list[web.WebSocketResponse] = []
    transports: list[Any] = []
    venue = Binance(FailingExchange(latency=None, background=False))
    ports = (await bare(joined, transports), await venue.listen("127.0.0.1", 0))
    arguments = (__file__, "read", *map(str, ports))
    clients = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    while len(joined) < CLIENTS or len(venue.sockets.connections) < CLIENTS:
        await asyncio.sleep(0.05)
    ours = list(venue.sockets.connections)
    own = [connection.transport for connection in ours]
    frame = text_frame(TEXT)

    async def send_str() -> None:
        for ws in joined:
            await ws.send_str(TEXT)

    async def one() -> None:
        for connection in ours:
            connection.send_frame(frame)

    async def ten() -> None:
        for _ in range(TOGETHER):
            for connection in ours:
                connection.send_frame(frame)

    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, send, where, times, size in (
            ("bare aiohttp send_str", send_str, transports, MESSAGES, CLIENTS),
            ("one message a turn", one, own, MESSAGES, CLIENTS),
            ("ten messages a turn", ten, own, MESSAGES // TOGETHER, CLIENTS * TOGETHER),
        ):
            found.setdefault(name, []).append(await measure(send, where, times, size))
    report(found)
    clients.kill()
    await clients.wait()


def report(found: dict[str, list[float]]) -> None:
    """The medians, and their ratios to bare aiohttp within each round."""
    base = found["bare aiohttp send_str"]
    print(f"{CLIENTS} clients, {len(TEXT)} bytes, median of {len(base)} rounds")
    for name, values in found.items():
        ratio = median(value / other for value, other in zip(values, base, strict=True))
        target = TARGETS.get(name)
        verdict = "" if target is None else f"   target {target:g}x: {verdict_of(ratio, target)}"
        print(f"{name:24s} {median(values):12,.0f} messages/CPU s  {ratio:5.2f}x{verdict}")


def verdict_of(ratio: float, target: float) -> str:
    """Whether a target is met."""
    return "met" if ratio >= target else "MISSED"


if __name__ == "__main__":
    if sys.argv[1:2] == ["read"]:
        read(*map(int, sys.argv[2:]))
    else:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {0})
        rounds = next((int(word) for word in sys.argv[1:] if word.isdigit()), 7)
        if "--uvloop" in sys.argv:
            import uvloop

            uvloop.run(main(rounds))
        else:
            asyncio.run(main(rounds))
