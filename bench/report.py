"""How long a report of 100,000 messages takes to open in headless Chromium: at most a second.

python bench/report.py
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from failing_exchange.report.page import page  # noqa: E402
from tests.clients.test_report_in_browser import (  # noqa: E402
    CHROMIUM,
    TRIPS,
    Browser,
    in_browser,
    recorded,
)

OPENINGS = 5
TARGET_S = 1.0


def main() -> None:
    if CHROMIUM is None:
        print("not measured: there is no Chromium here (the package chromium)")
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        text = page(json.loads(json.dumps(recorded())))
        path.write_text(text, encoding="utf-8")

        async def story(browser: Browser) -> list[float]:
            return [await browser.open(path.as_uri()) for _ in range(OPENINGS)]

        seconds = in_browser(Path(folder) / "profile", story)
    middle = statistics.median(seconds)
    verdict = "met" if middle <= TARGET_S else "MISSED"
    print(f"a page of {len(text) / 1e6:.1f} MB with {TRIPS:,} messages opens, charts drawn, in")
    print(f"{middle:.2f} s (at most {TARGET_S:g}) {verdict}; the first time in {seconds[0]:.2f} s")


if __name__ == "__main__":
    main()
