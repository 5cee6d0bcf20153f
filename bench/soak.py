"""A thousand connections at one server: its memory stays flat, and nothing is left when they leave.

Nine hundred clients place an order and ask for the time, again and again, and a tenth of them
leaves and comes back each round; a hundred hold a WebSocket with two market streams. After each
round all that is open is canceled.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from bench.harness import Pair, Size, bench
from bench.wire import TIME, VENUE_COMMAND, Server, order, signed

AT_ONCE = 32  # requests under way
LEAVE_EVERY = 10  # of so many clients one leaves each round
FILES = 4_096
UPGRADE = (
    b"GET /stream?streams=btcusdt@bookTicker/ethusdt@trade HTTP/1.1\r\nHost: x\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Client:
    """A connection on which one request follows the other."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, data: bytes) -> bytes:
        self.writer.write(data)
        return await self.answer()

    async def answer(self) -> bytes:
        """The body of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        return await self.reader.readexactly(length)

    async def leave(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def listen(port: int) -> None:
    """A WebSocket that takes all it is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UPGRADE)
    try:
        while await reader.read(65_536):
            pass
    finally:
        writer.close()


async def soak(server: Server, seconds: float, http: int, sockets: int) -> float:
    """By how many MiB the server grows after a third of the time, when all that is kept is full."""
    clients = [Client(server.port) for _ in range(http)]
    await asyncio.gather(*(client.connect() for client in clients))
    listeners = [asyncio.create_task(listen(server.port)) for _ in range(sockets)]
    began, warm, rounds = time.monotonic(), 0.0, 0
    gate = asyncio.Semaphore(AT_ONCE)

    async def turn(client: Client, leaves: bool) -> None:
        async with gate:
            assert b'"orderid"' in (await client.ask(order())).lower()
            await client.ask(TIME)
            if leaves:
                await client.leave()
                await client.connect()

    while (spent := time.monotonic() - began) < seconds:
        if not warm and spent >= seconds / 3:
            warm = server.memory()
        leaving, rounds = rounds % LEAVE_EVERY, rounds + 1
        turns = (turn(one, n % LEAVE_EVERY == leaving) for n, one in enumerate(clients))
        await asyncio.gather(*turns)
        await clients[0].ask(signed("DELETE /api/v3/openOrders", "symbol=BTCUSDT"))
    last = server.memory()
    for task in listeners:
        task.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    await asyncio.gather(*(client.leave() for client in clients))
    return last - (warm or last)


@bench("MiB", at_most=4, rounds=1)
def growth(size: Size) -> Iterator[Pair]:
    """What a server grows by under a thousand connections; each that leaves is forgotten."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    with Server(*VENUE_COMMAND) as server:
        files = Path(f"/proc/{server.process.pid}/fd")
        before = len(list(files.iterdir()))

        def grown() -> float:
            story = soak(server, size(60, 1), size(900, 45), size(100, 5))
            found = asyncio.run(story)
            time.sleep(1)
            left = len(list(files.iterdir())) - before
            assert left <= 0, f"{left} connections left open"
            return found

        yield grown, None
