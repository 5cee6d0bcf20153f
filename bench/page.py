"""The live page: what those who look at it cost a bot at full speed.

Orders per second of the server's own CPU, with viewers beside without, by turns on one server. The
viewers are another process; the last of several never reads. Also by how much the server grows, and
how smoothly a browser scrolls through 10,000 rows (with Playwright and Chromium).
"""

from __future__ import annotations

import asyncio
import http.client
import json
import selectors
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

from bench.harness import ROOT, Pair, Size, Unavailable, bench
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
LATE = 50.0  # ms between two frames, from which on a person sees the list stutter
STEP = 1_150  # pixels that are scrolled in each frame: 25 rows, as in a fast flick
SCROLL = """async step => {
  const box = document.getElementById("rows"), times = [];
  box.scrollTop = 0;
  await new Promise(done => setTimeout(done, 500));
  await new Promise(done => {
    const draw = now => {
      times.push(now);
      box.scrollTop += step;
      if (box.scrollTop + box.clientHeight >= box.scrollHeight - 2) done();
      else requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  });
  return times;
}"""


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


class Scrolled(NamedTuple):
    """A way through all rows: milliseconds between frames, and of work for each."""

    rows: int
    pauses: list[float]
    script: float
    work: float


def _fill(port: int, rows: int) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(rows):
        line.request("GET", "/api/v3/time")
        line.getresponse().read()
    line.close()


def _spent(session: Any) -> dict[str, float]:
    """Seconds of the page's main thread so far, by what they were spent on."""
    found = session.send("Performance.getMetrics")["metrics"]
    return {one["name"]: one["value"] for one in found}


def scroll(page: Any, url: str, rows: int) -> Scrolled:
    """Show all rows of a page, and scroll through them a frame at a time."""
    page.goto(url)
    page.wait_for_selector("#rows .row[data-n]")
    more = page.get_by_role("button", name="Show them")
    page.wait_for_timeout(1_500)  # until the last 2,000 have come
    for _ in range(rows // 1_000):
        page.locator("#rows").evaluate("box => { box.scrollTop = 0; }")
        page.wait_for_timeout(300)
        if not more.count():
            break
        more.first.click()
        page.wait_for_timeout(300)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})  # CPU, not wall
    before = _spent(session)
    times = page.evaluate(SCROLL, STEP)
    after = _spent(session)
    shown = int(page.inner_text(".count").split()[0].replace(",", ""))
    spent = [1e3 * (after[n] - before[n]) / len(times) for n in ("ScriptDuration", "TaskDuration")]
    return Scrolled(shown, [b - a for a, b in pairwise(times)], *spent)


@contextmanager
def _scrolling(size: Size) -> Iterator[Scrolled]:
    """A browser that has scrolled through the rows of a served venue."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise Unavailable("Playwright is not installed: pip install --group clients") from None
    if chromium is None:
        raise Unavailable("there is no Chromium")
    rows = size(9_900, 400)
    with PageServer() as server, sync_playwright() as driver:
        _fill(server.port, rows)
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        found = scroll(page, f"http://127.0.0.1:{server.page}/", rows)
        browser.close()
        assert found.rows >= rows, f"{found.rows} of {rows} rows are shown"
        yield found


@bench("ms/frame", at_most=16.7, rounds=1)
def scrolling(size: Size) -> Iterator[Pair]:
    """What a browser works for a frame (script, layout, painting) while 10,000 rows scroll by."""
    with _scrolling(size) as found:
        yield lambda: found.work, None


@bench("frames in 100", at_most=1, rounds=1)
def late_frames(size: Size) -> Iterator[Pair]:
    """How many frames come more than 50 ms after the one before, while 10,000 rows scroll by."""
    with _scrolling(size) as found:
        late = sum(pause > LATE for pause in found.pauses)
        yield lambda: 100 * late / len(found.pauses), None


if __name__ == "__main__":
    look(int(sys.argv[1]), int(sys.argv[2]))
