"""The Market and Bots tabs in a real browser: marks, stories, what a bot believes, its rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from failing_exchange import FailingExchange, FailingExchangeError
from failing_exchange.judge.probe import Sample
from failing_exchange.server.control_server import ControlServer
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance.venue import Binance
from tests.clients.browser import CHROMIUM, Browser, browsing, chromium, until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
S, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
SUMMARY = "document.getElementById('market-summary').textContent"
LIST = "document.getElementById('market-marks').textContent"
STORY = "document.getElementById('story').innerText"
ASKED = """String(performance.getEntriesByType("resource")
  .filter(one => /market\\?|marks\\?|accounts\\//.test(one.name)).length)"""
CHOOSE = """(() => {
  const select = document.getElementById('%s');
  select.value = '%s';
  select.dispatchEvent(new Event('change'));
})()"""
CLICK = "document.%s.click()"


def part(name: str) -> str:
    """The text of a part of the Bots tab."""
    return f"document.getElementById('bot-{name}').textContent"


async def trade(venue: Binance) -> None:
    """An order rests, one trades, the answer of a third is lost; the operator halts a market."""
    x = venue.exchange
    await x.create_order(S, "limit", "buy", 0.1, 30_000)
    await x.create_order(S, "market", "buy", 0.1)
    x.arm("unknown_outcome", executed="before", after=0, operations=["create_order"])
    with suppress(FailingExchangeError):
        await x.create_order(S, "limit", "buy", 0.2, 31_000)
    x.reset()
    await x.create_order(PERPETUAL, "market", "sell", 0.1)
    await venue.ask(Request("GET", "/api/v3/depth", "symbol=BTCUSDT", peer="10.0.0.1"))
    judge = venue.judges["main"]
    judge.sampled(Sample(x.venue.clock.now(), {S: 5.0}, ("1", "77"), {"USDT": 1.0}))


async def look_at_market(browser: Browser) -> None:
    """Read the chart in words, choose marks, open a story from the list, change the product."""
    await browser.value(CLICK % "getElementById('tab-market')")
    text = await until(browser, SUMMARY, "bought: 1")
    assert "order placed: 3; bought: 1; fault: 1" in text
    assert await browser.value("document.querySelectorAll('#market-chart canvas').length") > 0
    assert "unknown_outcome" in await until(browser, LIST, "order 3")
    await browser.value(CLICK % "querySelector('#market-marks button')")
    await until(browser, STORY, "create_order")
    await browser.value(CLICK % "querySelector('#story .close')")
    for box in range(3):  # orders, their ends, what was bought
        await browser.value(CLICK % f"querySelectorAll('fieldset.legend input')[{box}]")
    assert "bought" not in await until(browser, LIST, "fault")
    for key in ("ArrowLeft", "+", "-", "0"):
        await browser.value("document.getElementById('market-chart').focus()")
        await browser.do("Input.dispatchKeyEvent", type="keyDown", key=key)
    await browser.value(CHOOSE % ("market-product", "Perpetuals"))
    await until(browser, "document.querySelector('#market .facts').textContent", "next funding")
    await until(browser, SUMMARY, f"{PERPETUAL} from")


async def look_at_bots(browser: Browser, venue: Binance) -> None:
    """What it believes beside what is true, what it was not told, and a rule that falls."""
    await browser.value(CLICK % "getElementById('tab-bots')")
    await until(browser, part("orders"), "30000")
    await browser.value("document.querySelector('#bot-orders [aria-label^=Cancel]').focus()")
    label = await browser.value("document.activeElement.getAttribute('aria-label')")
    await venue.exchange.create_order(S, "limit", "buy", 0.1, 29_000)
    await until(browser, part("orders"), "29000")  # drawn again, and the keyboard is where it was
    assert await browser.value("document.activeElement.getAttribute('aria-label')") == label
    believed = await until(browser, part("believed"), "What it was not told")
    for words in ("differs by", "It believes to have 77, not open", "does not say that it has 3"):
        assert words in believed
    assert "nothing" in believed  # what it was told of order 3
    assert PERPETUAL in await until(browser, part("positions"), PERPETUAL)
    assert "orders of main" in await until(browser, part("limits"), "weight of 10.0.0.1")
    await until(browser, part("rules"), "kept")


async def rests_out_of_sight(browser: Browser) -> None:
    """Nothing is asked for a tab that nobody sees."""
    await browser.value(CLICK % "getElementById('tab-faults')")
    before = await browser.value(ASKED)
    assert before != "0"
    await asyncio.sleep(1.5)
    assert await browser.value(ASKED) == before


def visit(
    folder: Path, story: Callable[[Browser, Binance], Awaitable[None]], *, judged: bool
) -> None:
    """Open the page of a served venue; its console must stay empty."""

    async def main(place: str) -> list[str]:
        venue = Binance(FailingExchange(latency=None))
        await venue.listen("127.0.0.1", 0)
        if judged:
            venue.judge()
        control = ControlServer(venue)
        port = await control.listen("127.0.0.1", 0)
        try:
            async with browsing(place) as browser:
                if judged:
                    await trade(venue)
                await browser.do("Page.navigate", url=f"http://127.0.0.1:{port}/")
                await until(browser, "document.getElementById('venue').textContent", "Binance")
                await story(browser, venue)
                return browser.errors()
        finally:
            await control.close()
            await venue.close()
            await venue.exchange.close()

    with chromium(folder) as place:
        assert asyncio.run(main(place)) == []


def test_a_market_and_a_bot_are_shown(tmp_path: Path) -> None:
    """All that was done is there: on the chart, in words, and with its story."""

    async def story(browser: Browser, venue: Binance) -> None:
        await look_at_market(browser)
        await look_at_bots(browser, venue)
        await rests_out_of_sight(browser)

    visit(tmp_path, story, judged=True)


def test_without_a_judge_the_page_says_so(tmp_path: Path) -> None:
    """What is absent is not shown as being fine."""

    async def story(browser: Browser, venue: Binance) -> None:
        await browser.value(CLICK % "getElementById('tab-bots')")
        for name in ("believed", "fallen", "rules"):
            await until(browser, part(name), "serve with --judge")

    visit(tmp_path, story, judged=False)
