"""The live page: what those who look at it cost a bot at full speed.

Orders per second of the server's own CPU, with viewers beside without, by turns on one server. The
viewers are another process; the last of several never reads. Also by how much the server grows.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.harness import ROOT, Pair, Size, bench
from bench.soak import soak
from bench.wire import RUN, VENUE, Server, per_cpu_second

PAGE_VENUE = VENUE.replace(
    "    print(f",
    """    page = await ControlServer(venue).listen("127.0.0.1", 0)
    print(f""",
).replace('{port},"', '{port}, page {page}"')
IMPORT = "from failing_exchange.server.control_server import ControlServer"
STUCK_BYTES = 4_096
TOGETHER = 5  # viewers who ask for their tab once a second; more do so less often (poll.js)
ASK = b"GET /feed HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class PageServer(Server):
    """A served venue with its control port."""

    def __init__(self) -> None:
        super().__init__(sys.executable, "-c", RUN + IMPORT + PAGE_VENUE)
        self.page = int(self.said.split()[-1])

    def __enter__(self) -> PageServer:
        return self


class Tabs:
    """What the Market and Bots tabs of some viewers ask for, by turns."""

    def __init__(self, port: int, viewers: int) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port)
        self._after = [0] * viewers
        self._turn = 0
        self._every = 1 / min(viewers, TOGETHER)
        self._due = time.monotonic()

    def ask(self) -> None:
        """Ask for the next viewer when its turn has come."""
        if time.monotonic() < self._due:
            return
        self._due += self._every
        viewer = self._turn % len(self._after)
        self._turn += 1
        if viewer % 2:
            self._get("/accounts/main?limit=100")
            self._get("/limits")
            return
        since = int(time.time()) - 5 if self._after[viewer] else 0
        self._get(f"/market?symbol=BTC%2FUSDT&seconds=5&since={since}")
        marks = self._get(f"/marks?symbol=BTC%2FUSDT&after={self._after[viewer]}")
        self._after[viewer] = marks["last"]

    def _get(self, path: str) -> Any:
        self._line.request("GET", path)
        answer = self._line.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status, body[:200])
        return json.loads(body)


def look(port: int, viewers: int) -> None:
    """The viewers: all but the last one of several read until the server leaves."""
    selector, buffer = selectors.DefaultSelector(), bytearray(1 << 20)
    stuck = []
    for n in range(viewers):
        last = n > 0 and n == viewers - 1
        sock = socket.socket()
        if last:  # what it doesn't read must wait in the server, not in its own kernel
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STUCK_BYTES)
        sock.connect(("127.0.0.1", port))
        sock.sendall(ASK)
        sock.recv(1 << 12)
        if last:
            stuck.append(sock)
        else:
            selector.register(sock, selectors.EVENT_READ)
    tabs = Tabs(port, viewers)
    tabs.ask()
    print("ready", flush=True)
    while selector.get_map():
        tabs.ask()
        for key, _ in selector.select(0.05):
            reader = key.fileobj
            if not reader.recv_into(buffer):  # type: ignore[union-attr]
                selector.unregister(reader)


@contextmanager
def looking(port: int, viewers: int) -> Iterator[None]:
    """Have viewers look on for a while."""
    command = (sys.executable, "-m", "bench.page", str(port), str(viewers))
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
            assert process.poll() is None, "the viewers have stopped"
        finally:
            process.kill()


def _viewers(size: Size, viewers: int) -> Iterator[Pair]:
    with PageServer() as server:

        def watched() -> float:
            with looking(server.page, viewers):
                return per_cpu_second(server, size)

        yield watched, lambda: per_cpu_second(server, size)


@bench("orders/CPU s", "no viewer", at_least=0.9, rounds=5)
def one_viewer(size: Size) -> Iterator[Pair]:
    """Signed orders over HTTP on 32 connections while one page is open, on Market."""
    yield from _viewers(size, 1)


@bench("orders/CPU s", "no viewer", at_least=0.9, rounds=5)
def twenty_viewers(size: Size) -> Iterator[Pair]:
    """The same with twenty pages on Market and Bots, one of which does not read."""
    yield from _viewers(size, 20)


@bench("MiB", at_most=4, rounds=1)
def growth(size: Size) -> Iterator[Pair]:
    """What a server grows by under a hundred connections and twenty pages, one of them stuck."""
    with PageServer() as server:

        def grown() -> float:
            with looking(server.page, 20):
                return asyncio.run(soak(server, size(60, 1), 100, 0))

        yield grown, None


if __name__ == "__main__":
    look(int(sys.argv[1]), int(sys.argv[2]))
