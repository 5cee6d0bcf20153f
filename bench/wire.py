"""A served venue, beside a toy aiohttp handler, bare aiohttp, and mountebank, in the same run.

The toy checks the signature, parses the form and answers a fixed JSON: the least that a mock server
does. What counts is requests per second of the server's own CPU, for wall time depends on who else
is at work. mountebank answers a fixed body: `npm install --ignore-scripts mountebank` in FOLDER.
"""

from __future__ import annotations

import asyncio
import hmac
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.harness import ROOT, Pair, Size, Unavailable, bench
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

CONNECTIONS = 32
TICK = os.sysconf("SC_CLK_TCK")
RUN = """
import asyncio, sys
def run(main):
    if "uvloop" in sys.argv:
        import uvloop
        uvloop.run(main)
    else:
        asyncio.run(main)
"""
# `serve`, with limits that a benchmark does not reach.
VENUE = """
from failing_exchange import FailingExchange
from failing_exchange.server.venue_server import VenueServer
from failing_exchange.venues.binance.venue import BINANCE
from failing_exchange.venues.binance_usdm.venue import BINANCE_USDM
from failing_exchange.venues.binance_common.metering import Interval, VenueLimits
from failing_exchange.core.units import MINUTE
from failing_exchange.cli.serve import seldom_collected

PLENTY = Interval(10**12, 1, MINUTE)

async def main() -> None:
    limits = VenueLimits(weight=PLENTY, raw=PLENTY, orders=(PLENTY,), connects=PLENTY)
    usdm = sys.argv[1:2] == ["usdm"]
    exchange = FailingExchange(
        markets=["BTC/USDT:USDT"] if usdm else None, balances={"USDT": 10**9}
    )
    venue = VenueServer(exchange, BINANCE_USDM if usdm else BINANCE, limits=limits)
    port = await venue.listen("127.0.0.1", 0)
    print(f"venue at http://127.0.0.1:{port},", flush=True)
    await asyncio.sleep(3_600)

with seldom_collected():
    run(main())
"""
AIOHTTP = """
from aiohttp import web
async def handle(request):
    import hmac, orjson
    from hashlib import sha256
    from urllib.parse import parse_qsl
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
    app.router.add_post("/fapi/v1/order", handle)
    app.router.add_get("/api/v3/time", lambda r: asyncio.sleep(0, web.Response(body=b"{}")))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("toy at http://127.0.0.1:%d," % site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3600)
run(main())
"""
VENUE_COMMAND = (sys.executable, "-c", RUN + VENUE)
TOY_COMMAND = (sys.executable, "-c", RUN + AIOHTTP, DEFAULT_SECRET)
SERVE_COMMAND = (sys.executable, "-m", "failing_exchange", "serve", "binance", "--port", "0")
TIME = b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n"
USDM_TIME = b"GET /fapi/v1/time HTTP/1.1\r\nHost: x\r\n\r\n"
FIXED = {"symbol": "BTCUSDT", "orderId": 1, "status": "NEW", "fills": []}


class Server:
    """A server process, its port, how long it took to answer first, and its memory then."""

    def __init__(self, *command: str, first: bytes = TIME) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, cwd=ROOT
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if " at " not in said:
            self.__exit__()
            raise RuntimeError(f"the server says {said!r}; expected where it listens")
        self.said = said
        self.port = int(said.split(" at ")[1].split(",")[0].split(":")[2])
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(first)
            assert client.recv(4_096).startswith(b"HTTP/1.1 200")
        self.start = time.perf_counter() - began

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def cpu(self) -> float:
        """Seconds of its CPU."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self) -> float:
        """MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Mountebank(Server):
    """mountebank, which answers the order with a fixed body and asks for no signature.

    It is told to keep connections open: as it comes it closes each, which makes it slower.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.port, control = free_port(), free_port()
        headers = {"Content-Type": "application/json", "Connection": "keep-alive"}
        answer = {"statusCode": 200, "headers": headers, "body": json.dumps(FIXED)}
        stub = {"predicates": [{"equals": {"method": "POST", "path": "/api/v3/order"}}],
                "responses": [{"is": answer}]}  # fmt: skip
        imposters = {"imposters": [{"port": self.port, "protocol": "http", "stubs": [stub]}]}
        config = scratch / "imposters.json"
        config.write_text(json.dumps(imposters), encoding="utf-8")
        command = [str(folder / "node_modules" / ".bin" / "mb"), "start", "--configfile",
                   str(config), "--port", str(control), "--nologfile", "--loglevel", "error",
                   "--pidfile", str(scratch / f"{control}.pid"), "--localOnly"]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("mountebank does not answer")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


# ---- the load


def order(path: str = "/api/v3/order") -> bytes:
    """A signed order far below the price."""
    form = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.003&price=20000"
        "&newOrderRespType=RESULT"
    )
    return signed(f"POST {path}", form)


def signed(called: str, form: str) -> bytes:
    """A signed request."""
    form += f"&recvWindow=60000&timestamp={int(time.time() * 1000)}"
    signature = hmac.new(DEFAULT_SECRET.encode(), form.encode(), sha256).hexdigest()
    body = f"{form}&signature={signature}".encode()
    head = (
        f"{called} HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {DEFAULT_KEY}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """One connection that asks as soon as it was answered."""

    def __init__(self, data: bytes, stop: float, taken: list[float]) -> None:
        self.data = data
        self.stop = stop
        self.taken = taken
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.got, self.began = b"", time.perf_counter()
        self.transport.write(self.data)

    def data_received(self, data: bytes) -> None:
        self.got += data
        head, found, body = self.got.partition(b"\r\n\r\n")
        if not found or not whole(head.lower(), body):
            return
        now = time.perf_counter()
        self.taken.append(now - self.began)
        assert b" 200 " in head[:15], self.got[:500]
        self.got, self.began = b"", now
        if now < self.stop:
            self.transport.write(self.data)
        else:
            self.over.set_result(None)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("the server has hung up"))


def whole(head: bytes, body: bytes) -> bool:
    """Whether a body is complete."""
    _, found, rest = head.partition(b"content-length:")
    if found:
        return len(body) >= int(rest.partition(b"\r\n")[0])
    return body.endswith(b"0\r\n\r\n")  # chunked


def _itself(client: Client) -> Client:
    return client


async def load(port: int, seconds: float, connections: int, data: bytes) -> list[float]:
    """Latencies of all orders of a round."""
    taken, loop = list[float](), asyncio.get_running_loop()
    stop = time.perf_counter() + seconds
    clients = [Client(data, stop, taken) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(partial(_itself, client), "127.0.0.1", port)
    await asyncio.gather(*(client.over for client in clients))
    return taken


def per_cpu_second(server: Server, size: Size, path: str = "/api/v3/order") -> float:
    """Orders per second of a server's CPU."""
    before = server.cpu()
    taken = asyncio.run(load(server.port, size(20, 3) / 10, CONNECTIONS, order(path)))
    return len(taken) / max(server.cpu() - before, 1 / TICK)


def _orders(theirs: Server, size: Size, *options: str) -> Iterator[Pair]:
    with theirs, Server(*VENUE_COMMAND, *options) as ours:
        yield lambda: per_cpu_second(ours, size), lambda: per_cpu_second(theirs, size)


@bench("orders/CPU s", "toy handler", at_least=0.55, rounds=5)
def orders(size: Size) -> Iterator[Pair]:
    """Signed orders over HTTP on 32 connections; the toy answers a fixed JSON."""
    yield from _orders(Server(*TOY_COMMAND), size)


@bench("orders/CPU s", "toy handler", at_least=0.55, rounds=5)
def usdm_orders(size: Size) -> Iterator[Pair]:
    """The same of USD-M, whose orders need margin."""
    toy, path = Server(*TOY_COMMAND), "/fapi/v1/order"
    with toy, Server(*VENUE_COMMAND, "usdm", first=USDM_TIME) as ours:
        yield lambda: per_cpu_second(ours, size, path), lambda: per_cpu_second(toy, size, path)


def _beside_mountebank(size: Size, *options: str) -> Iterator[Pair]:
    if not size.mountebank:
        raise Unavailable("needs --mountebank FOLDER")
    with TemporaryDirectory() as scratch:
        theirs = Mountebank(Path(size.mountebank), Path(scratch))
        yield from _orders(theirs, size, *options)


@bench("orders/CPU s", "mountebank", at_least=1.6, rounds=5)
def mountebank(size: Size) -> Iterator[Pair]:
    """The same beside mountebank, which checks nothing."""
    yield from _beside_mountebank(size)


@bench("orders/CPU s", "mountebank", at_least=2.4, rounds=5)
def mountebank_uvloop(size: Size) -> Iterator[Pair]:
    """The same with the venue on uvloop."""
    if importlib.util.find_spec("uvloop") is None:
        raise Unavailable("needs uvloop")
    yield from _beside_mountebank(size, "uvloop")


@bench("ms", at_most=0.3, rounds=5)
def median_latency(size: Size) -> Iterator[Pair]:
    """The median latency of signed orders on one connection."""
    with Server(*VENUE_COMMAND) as server:
        seconds = size(20, 3) / 10
        yield (
            lambda: 1e3 * statistics.median(asyncio.run(load(server.port, seconds, 1, order()))),
            None,
        )


def _start(*command: str) -> float:
    with Server(*command) as server:
        return server.start


def _starts(*command: str) -> Iterator[Pair]:
    for warm in (command, TOY_COMMAND):
        _start(*warm)  # the first compiles
    yield lambda: _start(*command), lambda: _start(*TOY_COMMAND)


@bench("s", "bare aiohttp app", at_most=1.4)
def start(size: Size) -> Iterator[Pair]:
    """From the start of a process to the venue's first answer."""
    yield from _starts(*VENUE_COMMAND)


@bench("s", "bare aiohttp app", at_most=1.4)
def start_serve(size: Size) -> Iterator[Pair]:
    """The same of `failing-exchange serve binance`."""
    yield from _starts(*SERVE_COMMAND)


@bench("MiB", at_most=60, rounds=3)
def memory(size: Size) -> Iterator[Pair]:
    """The memory of `serve` at rest."""

    def at_rest() -> float:
        with Server(*SERVE_COMMAND) as server:
            return server.memory()

    yield at_rest, None
