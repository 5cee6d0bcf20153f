"""The live page in a real browser: a lost answer is seen, and hostile input stays text."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from failing_exchange import FailingExchange
from failing_exchange.server.control_server import ControlServer
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance.venue import Binance
from tests.clients.browser import CHROMIUM, Browser, browsing, chromium

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
SHOWN = "document.getElementById('rows').innerText"
HOSTILE = "%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D'owned'%22%3E"

PANELS = {  # what stands in each tab once it has loaded
    "market": "What happened here", "faults": "the bytes of an answer", "incidents": "move price",
    "bots": "BTC/USDT",
}  # fmt: skip


async def until(browser: Browser, expression: str, holds: str) -> str:
    """Wait until an expression's text contains another one."""
    for _ in range(200):
        if holds in (text := str(await browser.value(expression))):
            return text
        await asyncio.sleep(0.05)
    raise AssertionError(f"{expression} has no {holds!r}: {text[:500]} {browser.errors()}")


async def story(browser: Browser, venue: Binance, page: str) -> None:
    """Look on while an order's answer is lost; read its story, arm a fault, heal."""
    await browser.do("Page.navigate", url=page)
    await until(browser, "document.getElementById('venue').textContent", "Binance")
    venue.exchange.arm("lose_answer", operations=["create_order"])
    order = asyncio.ensure_future(
        venue.exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 30_000)
    )
    await until(browser, SHOWN, "⚡ lose_answer")
    order.cancel()
    await venue.ask(Request("GET", "/api/v3/depth", f"symbol={HOSTILE}"))
    await until(browser, SHOWN, "fetch_order_book")
    await browser.value("document.querySelector('.row.differs').click()")
    await until(browser, "document.getElementById('story').innerText", "has not been told of it")
    numbers = [json.loads(one)["number"] for one in venue.exchange.journal.lines()]
    for number in numbers:  # each story opens
        await browser.value(f"document.querySelector('[data-n=\"{number}\"]')?.click()")
        await until(browser, "document.getElementById('story').innerText", f"#{number} ")
    for panel, holds in PANELS.items():
        await browser.value(f"document.getElementById('tab-{panel}').click()")
        await until(browser, f"document.getElementById('{panel}').innerText", holds)
    assert await browser.value("document.querySelectorAll('.chart canvas').length") > 0
    await by_keyboard(browser)
    await until(browser, "document.getElementById('notices').textContent", "Healed")
    assert not venue.exchange.armed
    assert await browser.value("document.querySelectorAll('img').length") == 0
    assert await browser.value("document.title") != "owned"


async def press(browser: Browser, key: str, text: str = "") -> None:
    """Press and release a key."""
    pressed = {"key": key, "code": key, **({"text": text} if text else {})}
    await browser.do("Input.dispatchKeyEvent", type="keyDown", **pressed)
    await browser.do("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)


async def by_keyboard(browser: Browser) -> None:
    """Go round the tabs, wide and narrow, and heal: the focus stays where the user is."""
    focus = "document.activeElement.id"
    shown = "document.querySelectorAll('#panes > :not([hidden])').length"
    await browser.value("document.getElementById('tab-market').click()")
    for width, first in ((1400, "tab-market"), (600, "tab-columns"), (1400, "tab-market")):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        await browser.do("Emulation.setDeviceMetricsOverride", **size)
        await until(browser, "innerWidth", str(width))
        assert await browser.value(shown) == 1
        await browser.value("document.getElementById('tab-bots').focus()")
        await browser.value("document.getElementById('tab-bots').click()")
        await press(browser, "ArrowRight")
        assert await browser.value(focus) == first
        assert await browser.value(shown) == (first != "tab-columns")
    await browser.value("document.getElementById('heal').focus()")
    await press(browser, "Enter", "\r")
    await until(browser, focus, "heal")


def test_a_lost_answer_is_seen_and_healed(tmp_path: Path) -> None:
    """Without an error in the console: the policy forbids nothing that the page does."""

    async def main(place: str) -> list[str]:
        venue = Binance(FailingExchange(latency=None))
        await venue.listen("127.0.0.1", 0)
        control = ControlServer(venue)
        port = await control.listen("127.0.0.1", 0)
        try:
            async with browsing(place) as browser:
                await story(browser, venue, f"http://127.0.0.1:{port}/")
                return browser.errors()
        finally:
            await control.close()
            await venue.close()
            await venue.exchange.close()

    with chromium(tmp_path) as place:
        assert asyncio.run(main(place)) == []
