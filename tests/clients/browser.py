"""A headless Chromium by its debugging protocol, for tests of pages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One page of a headless Chromium, by its debugging protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self.events: list[dict[str, Any]] = []

    async def do(self, method: str, **params: Any) -> Any:
        """A command's result."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": params})
        while True:
            said = await asyncio.wait_for(self._socket.receive_json(), 30)
            if said.get("id") == self._last:
                assert "error" not in said, said
                return said["result"]
            self.events.append(said)

    async def value(self, expression: str) -> Any:
        """What an expression is in the page."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        return (await self.do("Runtime.evaluate", **asked))["result"].get("value")

    def errors(self) -> list[str]:
        """What the console has complained about."""
        bad = ("Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(e["params"])[:300] for e in self.events if e.get("method") in bad]

    async def open(self, url: str) -> float:
        """Open a page; seconds until it was drawn."""
        began = time.perf_counter()
        await self.do("Page.navigate", url=url)
        while await self.value("document.documentElement.dataset.ready") != "yes":
            assert time.perf_counter() - began < 20, self.events[-5:]
            await asyncio.sleep(0.02)
        return time.perf_counter() - began


async def until(browser: Browser, expression: str, holds: str) -> str:
    """Wait until an expression's text contains another one."""
    for _ in range(200):
        if holds in (text := str(await browser.value(expression))):
            return text
        await asyncio.sleep(0.05)
    raise AssertionError(f"{expression} has no {holds!r}: {text[:500]} {browser.errors()}")


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[str]:
    """A browser's debugging address; it ends with the block."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu",
               "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "DevTools listening on" in line)
            yield line.split("ws://")[1].split("/")[0]
        finally:
            process.terminate()
            process.wait(20)


@contextlib.asynccontextmanager
async def browsing(place: str) -> AsyncIterator[Browser]:
    """A page of it, whose console and network are heard."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{place}/json/list") as answer:
            pages = await answer.json()
        url = next(one["webSocketDebuggerUrl"] for one in pages if one["type"] == "page")
        async with session.ws_connect(url, max_msg_size=0) as socket:
            browser = Browser(socket)
            for domain in ("Page", "Runtime", "Network", "Log"):
                await browser.do(f"{domain}.enable")
            yield browser
