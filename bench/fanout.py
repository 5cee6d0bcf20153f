"""WebSocket fan-out: one message to a hundred clients, beside bare aiohttp in the same process.

Work per CPU second of the server; the clients are another process that only reads.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from aiohttp import web

from bench.harness import ROOT, Pair, Size, bench
from failing_exchange import FailingExchange
from failing_exchange.server.websocket_frames import text_frame
from failing_exchange.venues.binance.venue import Binance

CLIENTS = 100
UNSENT_BYTES = 1 << 18  # a client that holds more back is waited for
TEXT = (
    '{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"30000.12000000",'
    '"q":"0.01000000","T":1672515782136,"m":true,"M":true,"pad":"' + "x" * 60 + '"}'
)
HEAD = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def read(*ports: int) -> None:
    """The clients: connect, then read until the server leaves."""
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


class Servers:
    """Ours and bare aiohttp's, with a hundred clients each."""

    async def start(self) -> None:
        self.joined: list[web.WebSocketResponse] = []
        self.transports: list[Any] = []

        async def handle(request: web.BaseRequest) -> web.WebSocketResponse:
            ws = web.WebSocketResponse(compress=False)
            await ws.prepare(request)
            self.joined.append(ws)
            self.transports.append(request.transport)
            await ws.receive()
            return ws

        server = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
        self.venue = Binance(FailingExchange(latency=None, background=False))
        ports = (server.sockets[0].getsockname()[1], await self.venue.listen("127.0.0.1", 0))
        command = (sys.executable, "-m", "bench.fanout", *map(str, ports))
        self.clients = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        while min(len(self.joined), len(self.venue.sockets.connections)) < CLIENTS:
            await asyncio.sleep(0.05)
        self.ours = list(self.venue.sockets.connections)

    async def stop(self) -> None:
        self.clients.kill()
        await self.clients.wait()
        await self.venue.close()

    async def bare(self, messages: int) -> float:
        """aiohttp's send_str, a message a turn of the loop."""

        async def send() -> None:
            for ws in self.joined:
                await ws.send_str(TEXT)

        return await rate(send, self.transports, messages, CLIENTS)

    async def frames(self, messages: int, together: int) -> float:
        """Frames of ours, so many in a turn of the loop."""
        frame, own = text_frame(TEXT), [connection.transport for connection in self.ours]

        async def send() -> None:
            for _ in range(together):
                for connection in self.ours:
                    connection.send_frame(frame)

        return await rate(send, own, messages // together, CLIENTS * together)


async def rate(
    send: Callable[[], Awaitable[None]], transports: list[Any], turns: int, messages: int
) -> float:
    """Messages per CPU second."""
    began = time.process_time()
    for _ in range(turns):
        await send()
        await asyncio.sleep(0)
        while any(one.get_write_buffer_size() > UNSENT_BYTES for one in transports):
            await asyncio.sleep(0)
    return turns * messages / (time.process_time() - began)


def _pair(size: Size, together: int) -> Iterator[Pair]:
    servers, messages = Servers(), size(500, 20)
    with asyncio.Runner() as runner:
        runner.run(servers.start())
        try:
            yield (
                lambda: runner.run(servers.frames(messages, together)),
                lambda: runner.run(servers.bare(messages)),
            )
        finally:
            runner.run(servers.stop())


@bench("messages/CPU s", "aiohttp send_str", at_least=0.8)
def one_a_turn(size: Size) -> Iterator[Pair]:
    """Market streams to 100 clients, one message in a turn of the loop."""
    yield from _pair(size, 1)


@bench("messages/CPU s", "aiohttp send_str", at_least=4)
def ten_a_turn(size: Size) -> Iterator[Pair]:
    """The same, ten messages in a turn, which are sent together."""
    yield from _pair(size, 10)


if __name__ == "__main__":
    read(*map(int, sys.argv[1:]))
