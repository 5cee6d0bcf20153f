"""Signed orders over HTTP, beside a toy aiohttp handler in the same run.

python bench/wire.py

The toy checks the signature, parses the form and answers a fixed JSON: the least that a mock server
does. What counts is requests per second of the server's own CPU, for wall time depends on who else
is at work. Also: the latency of one connection, the start, and the memory at rest.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import statistics
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

SECONDS = 2.0  # a round
ROUNDS = 3
CONNECTIONS = 32
ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
TARGETS = {"orders": 0.55, "p50_ms": 0.3, "start": 1.4, "rss_mib": 60}
# `serve`, with limits that a benchmark does not reach.
VENUE = """
import asyncio
from itertools import count

from failing_exchange import Binance, FailingExchange
from failing_exchange.fronts.wire.metering import Interval, VenueLimits
from failing_exchange.limits import MINUTE

PLENTY = Interval(10**12, 1, MINUTE)

async def main() -> None:
    limits = VenueLimits(weight=PLENTY, raw=PLENTY, orders=(PLENTY,), connects=PLENTY)
    venue = Binance(FailingExchange(balances={"USDT": 10**9}), limits=limits)
    port = await venue.listen("127.0.0.1", 0)
    print(f"venue at http://127.0.0.1:{port},", flush=True)
    for _ in count():
        await asyncio.sleep(3_600)

if __name__ == "__main__":
    asyncio.run(main())
"""
TOY = """
import hmac, sys, asyncio, orjson
from hashlib import sha256
from urllib.parse import parse_qsl
from aiohttp import web
async def handle(request):
    body = await request.read()
    payload, _, signature = body.partition(b"&signature=")
    good = hmac.new(sys.argv[1].encode(), payload, sha256).hexdigest().encode()
    assert hmac.compare_digest(good, signature)
    form = dict(parse_qsl(payload.decode()))
    return web.Response(body=orjson.dumps({"symbol": form["symbol"], "orderId": 1, "fills": []}),
                        content_type="application/json")
async def main():
    app = web.Application()
    app.router.add_post("/api/v3/order", handle)
    app.router.add_get("/api/v3/time", lambda r: asyncio.sleep(0, web.Response(body=b"{}")))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("toy at http://127.0.0.1:%d," % site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


class Server:
    """A server process, its port, and how long it took to answer first."""

    def __init__(self, *command: str) -> None:
        began = time.perf_counter()
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        self.process = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split(" at ")[1].split(",")[0].split(":")[2])
        asyncio.run(one(self.port, b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n"))
        self.start = time.perf_counter() - began
        self.rss = self.memory()

    def cpu(self) -> float:
        """Seconds of its CPU."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self) -> float:
        """MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


def request(key: str, secret: str) -> bytes:
    """A signed order far below the price."""
    form = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=20000"
        f"&newOrderRespType=RESULT&recvWindow=60000&timestamp={int(time.time() * 1000)}"
    )
    signature = hmac.new(secret.encode(), form.encode(), sha256).hexdigest()
    body = f"{form}&signature={signature}".encode()
    head = (
        f"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {key}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def one(port: int, data: bytes) -> bytes:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = await ask(reader, writer, data)
    writer.close()
    return answer


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    """One request on an open connection; the head of its answer."""
    writer.write(data)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    await reader.readexactly(length)
    return head


async def load(port: int, data: bytes, connections: int) -> list[float]:
    """Latencies of all requests of a round."""
    stop = time.perf_counter() + SECONDS
    taken: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < stop:
            head = await ask(reader, writer, data)
            taken.append(time.perf_counter() - began)
            assert b" 200 " in head[:15] or b" 429 " in head[:15], head[:200]
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return taken


def round_of(server: Server, data: bytes, connections: int) -> tuple[float, float]:
    """(requests per second of the server's CPU, median latency in ms)."""
    before = server.cpu()
    taken = asyncio.run(load(server.port, data, connections))
    return len(taken) / (server.cpu() - before), statistics.median(taken) * 1e3


def main() -> None:
    sys.path.insert(0, str(ROOT / "src"))
    from failing_exchange.fronts.wire.keys import DEFAULT_KEY, DEFAULT_SECRET

    ours = Server("-c", VENUE)
    toy = Server("-c", TOY, DEFAULT_SECRET)
    try:
        rates: dict[str, list[float]] = {"ours": [], "toy": []}
        for _ in range(ROUNDS):
            for name, server in (("ours", ours), ("toy", toy)):
                data = request(DEFAULT_KEY, DEFAULT_SECRET)
                rates[name].append(round_of(server, data, CONNECTIONS)[0])
        data = request(DEFAULT_KEY, DEFAULT_SECRET)
        p50 = min(round_of(ours, data, 1)[1] for _ in range(ROUNDS))
        ratio = statistics.median(rates["ours"]) / statistics.median(rates["toy"])
        served = statistics.median(rates["ours"])
        print(f"signed orders, {CONNECTIONS} connections: {served:,.0f} per CPU second")
        show("orders", ratio, "x the toy handler", at_least=True)
        show("p50_ms", p50, "ms on one connection")
        show("start", ours.start / toy.start, "x the toy's start to the first response")
        show("rss_mib", ours.rss, "MiB at rest")
    finally:
        ours.stop()
        toy.stop()


def show(name: str, found: float, text: str, *, at_least: bool = False) -> None:
    """A figure beside its target."""
    target = TARGETS[name]
    met = found >= target if at_least else found <= target
    word = "at least" if at_least else "at most"
    print(f"{found:8.2f} {text} ({word} {target:g}) {'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main()
