"""How long a report of 100,000 messages takes to open in headless Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.harness import Pair, Size, Unavailable, bench
from failing_exchange.report.page import page
from tests.clients.browser import CHROMIUM, Browser
from tests.clients.test_report_in_browser import in_browser, recorded


@bench("s", at_most=1, rounds=5)
def opening(size: Size) -> Iterator[Pair]:
    """A report of 100,000 messages opens in a browser, charts drawn."""
    if CHROMIUM is None:
        raise Unavailable("needs Chromium (the package chromium)")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(page(json.loads(json.dumps(recorded()))), encoding="utf-8")

        async def story(browser: Browser) -> float:
            return await browser.open(path.as_uri())

        yield lambda: in_browser(Path(folder) / "profile", story), None
