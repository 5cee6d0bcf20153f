"""A thousand connections at one server: its memory stays flat, and nothing is left when they leave.

python bench/soak.py [SECONDS]

Nine hundred clients place an order and ask for the time, again and again, and a tenth of them
leaves and comes back each round; a hundred hold a WebSocket with two market streams. After each
round all that is open is canceled.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from wire import ROOT, RUN, TIME, VENUE, Server, request, signed

SECONDS = 60.0
WARM = 1 / 3  # of that, after which all that is kept is full
HTTP, SOCKETS = 900, 100
AT_ONCE = 32  # requests under way
LEAVE_EVERY = 10  # the so-manieth client leaves each round
GROWTH_MAX = 4.0  # MiB, from the warm server to the end
FILES = 4_096
UPGRADE = (
    b"GET /stream?streams=btcusdt@bookTicker/ethusdt@trade HTTP/1.1\r\nHost: x\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, data: bytes) -> None:
        self.writer.write(data)
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head[:15], head
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await self.reader.readexactly(length)

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


def cancel_all(key: str, secret: str) -> bytes:
    """Cancel what is open."""
    data: bytes = signed("DELETE /api/v3/openOrders", "symbol=BTCUSDT", key, secret)
    return data


async def soak(server: Server, seconds: float, key: str, secret: str) -> tuple[int, float, float]:
    """(requests, MiB when warm, MiB at the end)."""
    clients = [Client(server.port) for _ in range(HTTP)]
    await asyncio.gather(*(client.connect() for client in clients))
    sockets = [asyncio.create_task(listen(server.port)) for _ in range(SOCKETS)]
    began, asked, warm, rounds = time.monotonic(), 0, 0.0, 0
    gate = asyncio.Semaphore(AT_ONCE)

    async def turn(client: Client, leaves: bool) -> None:
        async with gate:
            await client.ask(request(key, secret))
            await client.ask(TIME)
            if leaves:
                await client.leave()
                await client.connect()

    while (spent := time.monotonic() - began) < seconds:
        if not warm and spent >= seconds * WARM:
            warm = server.memory()
        leaving = rounds % LEAVE_EVERY
        await asyncio.gather(
            *(turn(client, n % LEAVE_EVERY == leaving) for n, client in enumerate(clients))
        )
        await clients[0].ask(cancel_all(key, secret))
        asked, rounds = asked + 2 * HTTP, rounds + 1
    last = server.memory()
    for task in sockets:
        task.cancel()
    await asyncio.gather(*sockets, return_exceptions=True)
    await asyncio.gather(*(client.leave() for client in clients))
    return asked, warm, last


def main() -> None:
    """Start a server, soak it, and look at what is left."""
    sys.path.insert(0, str(ROOT / "src"))
    from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    with TemporaryDirectory() as scratch:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONPYCACHEPREFIX": scratch}
        server = Server([sys.executable, "-c", RUN + VENUE], environment)
        files = Path(f"/proc/{server.process.pid}/fd")
        before = len(list(files.iterdir()))
        try:
            asked, warm, last = asyncio.run(soak(server, seconds, DEFAULT_KEY, DEFAULT_SECRET))
            time.sleep(1)
            left = max(0, len(list(files.iterdir())) - before)
        finally:
            server.stop()
    met = "MET" if last - warm <= GROWTH_MAX else "MISSED"
    print(f"{HTTP + SOCKETS:,} connections, {asked:,} requests in {seconds:g} s")
    print(f"{warm:.1f} MiB when warm, {last:.1f} at the end (at most {GROWTH_MAX:g} more) {met}")
    print(f"{left} connections left open (at most 0) {'MET' if left <= 0 else 'MISSED'}")


if __name__ == "__main__":
    main()
