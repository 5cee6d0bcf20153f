"""Signed orders over HTTP, beside a toy aiohttp handler, and beside mountebank, in the same run.

python bench/wire.py [--mountebank FOLDER] [--uvloop] [--rounds N]

The toy checks the signature, parses the form and answers a fixed JSON: the least that a mock server
does. What counts is requests per second of the server's own CPU, for wall time depends on who else
is at work. Also: the latency of one connection, the start, and the memory at rest.

FOLDER is where `npm install --ignore-scripts mountebank` was done; it answers a fixed body.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS = 2.0  # a round
ROUNDS = 5
STARTS = 7  # of each server, of which the fastest counts
CONNECTIONS = 32
ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
TARGETS = {
    "orders": 0.55, "p50_ms": 0.3, "start": 1.4, "rss_mib": 60, "mountebank": 1.6,
    "mountebank_uvloop": 2.4,
}  # fmt: skip
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
from failing_exchange.venues.binance.venue import Binance
from failing_exchange.venues.binance.limits_policy import Interval, VenueLimits
from failing_exchange.core.units import MINUTE
from failing_exchange.cli.serve import seldom_collected

PLENTY = Interval(10**12, 1, MINUTE)

async def main() -> None:
    limits = VenueLimits(weight=PLENTY, raw=PLENTY, orders=(PLENTY,), connects=PLENTY)
    venue = Binance(FailingExchange(balances={"USDT": 10**9}), limits=limits)
    port = await venue.listen("127.0.0.1", 0)
    print(f"venue at http://127.0.0.1:{port},", flush=True)
    await asyncio.sleep(3_600)

with seldom_collected():
    run(main())
"""
TOY = """
import hmac, orjson
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
run(main())
"""
BARE = """
from aiohttp import web
async def main():
    app = web.Application()
    app.router.add_get("/api/v3/time", lambda r: asyncio.sleep(0, web.Response(body=b"{}")))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("bare at http://127.0.0.1:%d," % site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3600)
run(main())
"""
WORDS = {"mountebank": "mountebank", "kept": "mountebank with connections kept open"}
SERVE = ("-m", "failing_exchange", "serve", "binance", "--port", "0")
TIME = b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n"
FIXED = {"symbol": "BTCUSDT", "orderId": 1, "status": "NEW", "fills": []}


class Server:
    """A server process, its port, how long it took to answer first, and its memory then."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment, stdin=subprocess.DEVNULL
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split(" at ")[1].split(",")[0].split(":")[2])
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(TIME)
            assert client.recv(4_096).startswith(b"HTTP/1.1 200")
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


class Mountebank(Server):
    """mountebank, which answers the order with a fixed body and asks for no signature.

    As it comes it closes each connection; `more` headers tell it to keep them.
    """

    def __init__(self, folder: Path, scratch: Path, **more: str) -> None:
        self.port, control = free_port(), free_port()
        headers = {"Content-Type": "application/json", **more}
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


def request(key: str, secret: str) -> bytes:
    """A signed order far below the price."""
    form = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=20000"
        "&newOrderRespType=RESULT"
    )
    return signed("POST /api/v3/order", form, key, secret)


def signed(called: str, form: str, key: str, secret: str) -> bytes:
    """A signed request."""
    form += f"&recvWindow=60000&timestamp={int(time.time() * 1000)}"
    signature = hmac.new(secret.encode(), form.encode(), sha256).hexdigest()
    body = f"{form}&signature={signature}".encode()
    head = (
        f"{called} HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {key}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """One connection that asks as soon as it was answered; where the server closes it, the next."""

    def __init__(self, port: int, data: bytes, stop: float, taken: list[float]) -> None:
        self.port = port
        self.data = data
        self.stop = stop
        self.taken = taken
        self.loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self.loop.create_future()

    async def connect(self) -> None:
        self.began = time.perf_counter()
        await self.loop.create_connection(lambda: self, "127.0.0.1", self.port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.got = b""
        self.transport.write(self.data)

    def data_received(self, data: bytes) -> None:
        self.got += data
        head, found, body = self.got.partition(b"\r\n\r\n")
        if not found or not whole(head.lower(), body):
            return
        now = time.perf_counter()
        self.taken.append(now - self.began)
        assert b" 200 " in head[:15], self.got[:500]
        self.got = b""
        if now >= self.stop:
            self.over.set_result(None)
            self.transport.close()
        elif b"connection: close" not in head.lower():
            self.began = now
            self.transport.write(self.data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.connecting = self.loop.create_task(self.connect())


def whole(head: bytes, body: bytes) -> bool:
    """Whether a body is complete."""
    _, found, rest = head.partition(b"content-length:")
    if found:
        return len(body) >= int(rest.partition(b"\r\n")[0])
    return body.endswith(b"0\r\n\r\n")  # chunked


async def load(port: int, data: bytes, connections: int) -> list[float]:
    """Latencies of all requests of a round."""
    stop = time.perf_counter() + SECONDS
    taken: list[float] = []
    clients = [Client(port, data, stop, taken) for _ in range(connections)]
    await asyncio.gather(*(client.connect() for client in clients))
    await asyncio.gather(*(client.over for client in clients))
    return taken


def round_of(server: Server, data: bytes, connections: int) -> tuple[float, float, float]:
    """(requests per second of the server's CPU, of the wall's, median latency in ms)."""
    before, began = server.cpu(), time.perf_counter()
    taken = asyncio.run(load(server.port, data, connections))
    spent, wall = server.cpu() - before, time.perf_counter() - began
    return len(taken) / spent, len(taken) / wall, statistics.median(taken) * 1e3


# ---- the report


def starts(environment: dict[str, str]) -> None:
    """From the start of a process to its first answer, compiled files there already."""
    from_shell = [sys.executable, *SERVE]
    bare, venue = ([sys.executable, "-c", RUN + text] for text in (BARE, VENUE))
    found: dict[str, list[Server]] = {"bare": [], "venue": [], "serve": []}
    for number in range(STARTS + 1):
        for name, command in (("bare", bare), ("venue", venue), ("serve", from_shell)):
            server = Server(command, environment)
            server.stop()
            if number:  # the first compiles
                found[name].append(server)
    best = {name: min(server.start for server in all_of) for name, all_of in found.items()}
    print(f"first response after {best['bare'] * 1e3:.0f} ms by a bare aiohttp app")
    show("start", best["venue"] / best["bare"], f"x that, {best['venue'] * 1e3:.0f} ms: the venue")
    text = f"x that, {best['serve'] * 1e3:.0f} ms: failing-exchange serve binance"
    show("start", best["serve"] / best["bare"], text)
    show("rss_mib", max(server.rss for server in found["serve"]), "MiB of serve at rest")


def orders(servers: dict[str, Server], rounds: int, key: str, secret: str) -> None:
    """Signed orders, by turns."""
    per_cpu: dict[str, list[float]] = {name: [] for name in servers}
    per_second: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            cpu, wall, _ = round_of(server, request(key, secret), CONNECTIONS)
            per_cpu[name].append(cpu)
            per_second[name].append(wall)
    print(f"signed orders, {CONNECTIONS} connections, median (and best) of {rounds} rounds")
    for name, cpus in per_cpu.items():
        walls = per_second[name]
        print(
            f"{name:12s} {statistics.median(cpus):8,.0f} ({max(cpus):,.0f}) per CPU second, "
            f"{statistics.median(walls):8,.0f} ({max(walls):,.0f}) a second"
        )
    compare("orders", per_cpu["venue"], per_cpu["toy"], "x the toy handler")
    for ours, target in (("venue", "mountebank"), ("venue-uvloop", "mountebank_uvloop")):
        for theirs in ("mountebank", "kept"):
            if ours in per_cpu and theirs in per_cpu:
                for what, values in (("per CPU second", per_cpu), ("a second", per_second)):
                    text = f"x {WORDS[theirs]}, {ours}, {what}"
                    compare(target, values[ours], values[theirs], text)


def compare(name: str, ours: list[float], theirs: list[float], text: str) -> None:
    """The median of the rounds' ratios."""
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    show(name, ratio, text, at_least=True)


def show(name: str, found: float, text: str, *, at_least: bool = False) -> None:
    """A figure beside its target."""
    target = TARGETS[name]
    met = found >= target if at_least else found <= target
    word = "at least" if at_least else "at most"
    print(f"{found:8.2f} {text} ({word} {target:g}) {'MET' if met else 'MISSED'}", flush=True)


def main() -> None:
    sys.path.insert(0, str(ROOT / "src"))
    from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

    options = argparse.ArgumentParser(description="Signed orders over HTTP.")
    options.add_argument("--mountebank", type=Path, help="where npm has installed it")
    options.add_argument("--uvloop", action="store_true", help="the venue on uvloop, too")
    options.add_argument("--rounds", type=int, default=ROUNDS)
    wanted = options.parse_args()
    with TemporaryDirectory() as scratch:
        # compiled files as an installation has them, wherever this tree may be written
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONPYCACHEPREFIX": scratch}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        starts(environment)
        venue, toy = [sys.executable, "-c", RUN + VENUE], [sys.executable, "-c", RUN + TOY]
        servers = {"venue": Server(venue, environment)}
        servers["toy"] = Server([*toy, DEFAULT_SECRET], environment)
        if wanted.uvloop:
            servers["venue-uvloop"] = Server([*venue, "uvloop"], environment)
        if wanted.mountebank:
            folder = wanted.mountebank
            servers["mountebank"] = Mountebank(folder, Path(scratch))
            servers["kept"] = Mountebank(folder, Path(scratch), Connection="keep-alive")
        try:
            data = request(DEFAULT_KEY, DEFAULT_SECRET)
            p50 = min(round_of(servers["venue"], data, 1)[2] for _ in range(wanted.rounds))
            show("p50_ms", p50, "ms on one connection")
            orders(servers, wanted.rounds, DEFAULT_KEY, DEFAULT_SECRET)
        finally:
            for server in servers.values():
                server.stop()


if __name__ == "__main__":
    main()
