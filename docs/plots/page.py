"""Take docs/page.png and docs/story.png: the live page beside a bot. Needs Chromium, Playwright.

python docs/plots/page.py
"""

from __future__ import annotations

import hashlib
import hmac
import io
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.testing.control_client import Control

DOCS = Path(__file__).resolve().parent.parent
SIZE = {"width": 1500, "height": 810}
COLOURS = 96
SERVE = (sys.executable, "-m", "failing_exchange", "serve", "binance", "--port", "0",
         "--control-port", "0", "--seed", "7")  # fmt: skip
GIVES_UP = 1.5  # seconds until the bot takes an answer for lost
LIMIT = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}
MARKET = {"symbol": "BTCUSDT", "type": "MARKET", "quantity": "0.05"}


def main() -> None:
    process = subprocess.Popen(SERVE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        venue = address("binance at", process.stdout)
        control = address("page:", process.stdout)
        trade(venue, Control(control))
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            take(browser.new_page(viewport=SIZE, color_scheme="light"), control)
            browser.close()
    finally:
        process.terminate()
        process.wait()


def address(name: str, lines: Iterable[str]) -> str:
    """The address that `serve` prints behind a name."""
    return next(m[1] for line in lines if (m := re.search(rf"{name} (http://[^/,]+)", line)))


def trade(venue: str, control: Control) -> None:
    """An order's answer is lost; the bot sends it again under the same id, and is refused."""
    for _ in range(3):
        ask(venue, "GET", "account")
        ask(venue, "POST", "order", side="BUY", **MARKET)
        ask(venue, "GET", "openOrders", symbol="BTCUSDT")
        ask(venue, "POST", "order", side="SELL", price="51000", **LIMIT)
        time.sleep(1.2)
    control.arm("lose_answer", "nth(1)", operations=["create_order"])
    for _ in range(2):  # "it failed, so I send it again"
        ask(venue, "POST", "order", side="BUY", price="49950", newClientOrderId="entry-7", **LIMIT)
    ask(venue, "GET", "openOrders", symbol="BTCUSDT")
    ask(venue, "DELETE", "order", symbol="BTCUSDT", origClientOrderId="entry-7")


def ask(venue: str, method: str, path: str, **params: Any) -> None:
    text = urlencode({**params, "timestamp": int(time.time() * 1000)})
    sign = hmac.new(DEFAULT_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    url = f"{venue}/api/v3/{path}?{text}&signature={sign}"
    with suppress(TimeoutError, HTTPError):
        urlopen(
            Request(url, method=method, headers={"X-MBX-APIKEY": DEFAULT_KEY}), timeout=GIVES_UP
        )


def take(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(".chart canvas")
    page.wait_for_timeout(2_000)  # until the chart and the rows stand still
    save(page.screenshot(), "page.png")
    page.click(".row.differs", position={"x": 5, "y": 5})
    page.get_by_text("Learned later").wait_for()
    page.wait_for_timeout(500)
    save(page.screenshot(), "story.png")


def save(picture: bytes, name: str) -> None:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(DOCS / name, optimize=True)
    sys.stdout.write(f"{name}: {(DOCS / name).stat().st_size / 1024:.0f} KiB\n")


if __name__ == "__main__":
    main()
