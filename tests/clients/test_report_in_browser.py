"""The report in a real browser: it draws, fits a phone, and asks nobody for anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.report.page import page
from failing_exchange.runs.bot_run import RunConfig, run
from tests.clients.browser import CHROMIUM, Browser, browsing, chromium

TRIPS = 100_000
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


def recorded() -> dict[str, Any]:
    """A naive bot's bad hour, blown up to 100,000 messages."""
    config = RunConfig(bot="naive", scenario="order_timeout_after_accept", duration=2_400, modes=(),
                       rate_limit=None)  # fmt: skip
    found: dict[str, Any] = json.loads(json.dumps(run(config).as_dict()))
    columns = found["recording"]["trips"]
    times = -(-TRIPS // len(columns[0]))
    found["recording"]["trips"] = [(column * times)[:TRIPS] for column in columns]
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(recorded()), encoding="utf-8")
    return path


def in_browser(folder: Path, story: Any) -> Any:
    """Run a story with a page of a browser."""

    async def told(place: str) -> Any:
        async with browsing(place) as browser:
            return await story(browser)

    with chromium(folder) as place:
        return asyncio.run(told(place))


def test_the_page_opens_at_once_quietly_and_alone(report: Path, tmp_path: Path) -> None:
    """A hundred thousand messages, no error in the console, no request to anybody."""

    async def story(browser: Browser) -> tuple[float, list[str], list[str], str]:
        seconds = await browser.open(report.as_uri())
        asked = [e["params"]["request"]["url"] for e in browser.events
                 if e.get("method") == "Network.requestWillBeSent"]  # fmt: skip
        return seconds, asked, browser.errors(), await browser.value("document.body.innerText")

    seconds, asked, errors, text = in_browser(tmp_path, story)
    assert all(url.startswith(("file:", "data:", "about:", "blob:")) for url in asked), asked
    assert not errors
    assert "HAPPENED" in text
    assert "instead of 0.1" in text
    assert seconds < 5  # the target is 1 s on an idle machine; `python -m bench report`


def test_charts_are_drawn_and_findings_fold(report: Path, tmp_path: Path) -> None:
    """By the library, with axes: what is believed, what is true, prices; the first line is open."""

    async def story(browser: Browser) -> tuple[list[str], list[bool], str, bool]:
        await browser.open(report.as_uri())
        drawn = await browser.value(
            "[...document.querySelectorAll('.chart')].filter(c => c.querySelector('canvas'))"
            ".map(c => c.id)"
        )
        folded = await browser.value(
            "[...document.querySelectorAll('#findings details')].map(d => d.open)"
        )
        values = await browser.value("document.querySelector('#belief .legend').textContent")
        await browser.value("document.querySelector('nav a:last-child').click()")
        opened = await browser.value(
            "[...document.querySelectorAll('#findings details')].at(-1).open"
        )
        return drawn, folded, values, opened

    drawn, folded, values, opened = in_browser(tmp_path, story)
    assert drawn == ["position", "cash", "price"]
    assert folded[0]
    assert not any(folded[1:])
    assert "true" in values
    assert "believed" in values
    assert "difference" in values
    assert opened


def test_a_day_is_drawn_as_means_until_one_zooms_in(tmp_path: Path) -> None:
    """A bot that buys and sells in turn is no band as thick as its trades; nothing is lost."""
    found = recorded()
    found["recording"]["samples"] = [
        [30_000 * n, 0.1 * (n % 2), 0.1 * (n % 2), 0.0, 0.0] for n in range(2_880)
    ]
    path = tmp_path / "report.html"
    path.write_text(page(found), encoding="utf-8")
    place = """(() => {
      const box = document.getElementById("position");
      box.scrollIntoView({block: "center"});
      const at = box.getBoundingClientRect();
      return [at.x + at.width / 2, at.y + 50];
    })()"""

    async def pointed(browser: Browser, *, wheel: int) -> str:
        x, y = await browser.value(place)
        for _ in range(wheel):
            await browser.do("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0,
                             deltaY=-100)  # fmt: skip
        for step in range(60):  # until the library has drawn what was asked for
            await browser.do("Input.dispatchMouseEvent", type="mouseMoved", x=x + step % 9, y=y)
            text: str = await browser.value("document.querySelector('#belief .legend').textContent")
            if "At the end" not in text and ("on average" in text) != bool(wheel):
                break
            await asyncio.sleep(0.05)
        return text

    async def story(browser: Browser) -> tuple[str, str]:
        await browser.open(path.as_uri())
        return await pointed(browser, wheel=0), await pointed(browser, wheel=30)

    whole, near = in_browser(tmp_path / "profile", story)
    assert "on average" in whole
    assert "0.05 BTC" in whole
    assert "on average" not in near
    assert "true 0 BTC" in near or "true 0.1 BTC" in near


# Elements of which something is hidden at the side, once all that folds is open.
CUT = """(() => {
  document.querySelectorAll("details").forEach(d => { d.open = true; });
  return [...document.querySelectorAll("body *")]
    .filter(e => !e.closest(".chart") && e.clientWidth && e.scrollWidth > e.clientWidth + 1)
    .map(e => `${e.tagName}.${e.className} ${e.textContent.slice(0, 60)}`);
})()"""


def explored() -> dict[str, Any]:
    """Two findings with long words: a token, a path, a traceback."""
    one = {"rule": "alive", "text": f"died: ValueError: {'x' * 80}", "money": 1e6, "times": 3,
           "token": "fx1." + "A" * 500, "place": "a_folder/of_mine/" * 4 + "bot.py:1", "also": [],
           "kinds": ["lose_answer"] * 9, "needs": "9 faults suffice", "columns": [],
           "traceback": f"Traceback\n  File {'y' * 120}"}  # fmt: skip
    causes = [one, {**one, "traceback": ""}]
    return {"kind": "explore", "target": "bot.py:main", "findings": [{**one, "causes": causes}] * 2}


def graded() -> dict[str, Any]:
    """A card with long names."""
    one = {"scenario": "a_name_" * 8, "family": "F1", "passed": False, "money": 1e7, "error": "",
           "broken": {"once": "bought " + "z" * 90, "converges": "is wrong"},
           "again": "failing-exchange run --bot " + "b" * 90}  # fmt: skip
    return {"kind": "card", "bot": "path/to/a/" * 9 + "bot.py:main", "wanted": 3,
            "baseline": {"once": "bought twice"}, "interrupted": True, "broken_off": "",
            "grades": [one, {**one, "passed": True, "broken": {}}]}  # fmt: skip


@pytest.mark.parametrize("made", [recorded, explored, graded])
def test_nothing_is_cut_on_a_phone(made: Callable[[], dict[str, Any]], tmp_path: Path) -> None:
    """At 390 points every word can be read without moving anything to the side."""
    path = tmp_path / "report.html"
    path.write_text(page(made()), encoding="utf-8")

    async def story(browser: Browser) -> list[str]:
        await browser.do("Emulation.setDeviceMetricsOverride", width=390, height=800,
                         deviceScaleFactor=2, mobile=True)  # fmt: skip
        await browser.open(path.as_uri())
        cut: list[str] = await browser.value(CUT)
        return cut

    assert in_browser(tmp_path / "profile", story) == []


def test_it_fits_a_phone_and_both_colours(report: Path, tmp_path: Path) -> None:
    """Nothing sticks out at 375 points, by day and by night."""

    async def story(browser: Browser) -> list[tuple[int, str]]:
        found = []
        await browser.do("Emulation.setDeviceMetricsOverride", width=375, height=800,
                         deviceScaleFactor=2, mobile=True)  # fmt: skip
        for scheme in ("light", "dark"):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            await browser.do("Emulation.setEmulatedMedia", features=[feature])
            await browser.open(report.as_uri())
            width = await browser.value("document.documentElement.scrollWidth")
            ground = await browser.value("getComputedStyle(document.body).backgroundColor")
            found.append((width, ground))
        return found

    (light_width, light), (dark_width, dark) = in_browser(tmp_path, story)
    assert (light_width, dark_width) == (375, 375)
    assert light != dark


CONTRAST = """(() => {
  const part = x => (x /= 255) <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4;
  const lum = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return "rgb(255,255,255)";
  };
  const bad = [];
  for (const e of document.querySelectorAll("h1,h2,h3,p,a,pre,td,th,span,b,button,code,footer")) {
    if (!e.textContent.trim() || !e.getClientRects().length || e.closest(".chart")) continue;
    const ink = lum(getComputedStyle(e).color), paper = lum(ground(e));
    const ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
    if (ratio < 4.5) bad.push(`${e.tagName} ${e.className} ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)];
})()"""


def test_everybody_can_read_and_use_it(report: Path, tmp_path: Path) -> None:
    """Contrast in both colours, names for all that can be pressed, and the keyboard."""

    async def story(browser: Browser) -> tuple[list[str], list[str], int, bool]:
        weak = []
        await browser.open(report.as_uri())
        for _ in range(2):
            weak += await browser.value(CONTRAST)
            await browser.value("document.getElementById('theme').click()")
        nameless = await browser.value(
            "[...document.querySelectorAll('button,canvas,[role=img],[role=region]')]"
            ".filter(e => !e.closest('.chart') || e.matches('.chart'))"
            ".filter(e => !(e.getAttribute('aria-label') || e.textContent.trim()))"
            ".map(e => e.outerHTML.slice(0, 80))"
        )
        reached = await browser.value(
            "[...document.querySelectorAll('button')].filter(b => { b.focus(); "
            "return document.activeElement === b; }).length"
        )
        every = await browser.value("document.querySelectorAll('button').length")
        return weak, nameless, reached, reached == every

    weak, nameless, reached, every = in_browser(tmp_path, story)
    assert not weak
    assert not nameless
    assert reached > 5
    assert every
