"""The live page in a real browser, as people use it, beside a bot that trades over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from failing_exchange.report.page import page as report_page
from failing_exchange.runs.bot_run import RunConfig, run
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from tests.clients.browser import CHROMIUM
from tests.clients.venue import ROOT, TOKEN, Served, serving

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

STOPS_MAX = 60  # presses of Tab until what is wanted must have the keyboard
WAIT_MS = 10_000  # until the page must show what a test waits for
GIVES_UP = 0.5  # seconds until the bot stops waiting for an answer
SITE = ROOT / "build" / "site"
TABS = {  # what stands in each once it has loaded
    "market": "(UTC): from", "faults": "the bytes of an answer", "incidents": "move price",
    "bots": "BTC/USDT",
}  # fmt: skip
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
UNREACHABLE = "net::ERR"  # the browser's own complaint while a server is away


# ---- the bot


class Bot:
    """Signed requests of Spot, by an account of the venue."""

    def __init__(self, venue: Served) -> None:
        self.url = venue.url
        self.opener = build_opener(ProxyHandler({}))

    def ask(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        """Status and JSON of the answer; TimeoutError where none comes."""
        text = urlencode({**params, "timestamp": int(time.time() * 1000)})
        sign = hmac.new(DEFAULT_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        asked = Request(
            f"{self.url}/api/v3/{path}?{text}&signature={sign}", method=method,
            headers={"X-MBX-APIKEY": DEFAULT_KEY},
        )  # fmt: skip
        try:
            with self.opener.open(asked, timeout=GIVES_UP) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    def order(self, **params: Any) -> tuple[int, Any]:
        """Bid for a little, far below the market."""
        return self.ask(
            "POST", "order", **{**ORDER, "quantity": "0.01", "price": "30000", **params}
        )

    def loses(self, **params: Any) -> None:
        """Send an order whose answer doesn't come."""
        with pytest.raises(TimeoutError):
            self.order(**params)


@pytest.fixture
def bot(venue: Served) -> Bot:
    """A bot that knows nothing of the page."""
    return Bot(venue)


# ---- the browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium: Playwright's own download is not needed."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Page:
    """A tab of the browser with the page in it; `do` is Playwright's page."""

    def __init__(self, venue: Served, context: Any) -> None:
        self.do = context.new_page()
        self.errors: list[str] = []
        self.do.on("pageerror", lambda error: self.errors.append(str(error)))
        self.do.on("console", self.heard)
        self.do.goto(venue.control.url)
        self.sees("#venue", "Binance")

    def heard(self, said: Any) -> None:
        """Keep what the console complains about."""
        if said.type == "error":
            self.errors.append(said.text)

    def sees(self, place: str, text: str) -> None:
        """Wait until an element holds a text."""
        playwright.expect(self.do.locator(place)).to_contain_text(text, timeout=WAIT_MS)

    def tab(self, name: str) -> None:
        """Look at a tab, and wait until it has loaded."""
        self.do.click(f"#tab-{name}")
        self.sees(f"#{name}", TABS.get(name, ""))

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.do.keyboard.press(key)

    def focused(self) -> str:
        """What the element that has the keyboard says of itself."""
        found: str = self.do.evaluate(
            "(e => e.getAttribute('aria-label') || e.id || e.innerText)(document.activeElement)"
        )
        return found

    def reach(self, name: str, key: str = "Tab") -> None:
        """Press Tab until an element that is called so has the keyboard."""
        seen = [""]
        while name not in seen[-1]:
            assert len(seen) < STOPS_MAX, f"{key} does not reach {name!r}: {seen}"
            self.press(key)
            seen.append(self.focused())


@pytest.fixture
def tabs(venue: Served, chromium: Any) -> Iterator[Any]:
    """Open pages in one window; none may complain in the end, and none has an image."""
    contexts, pages = [], []

    def opened(beside: Page | None = None, **options: Any) -> Page:
        if beside is None:
            context = chromium.new_context(
                **{"viewport": {"width": 1400, "height": 900}, **options}
            )
            context.add_init_script(f"sessionStorage['failing-exchange-token'] = '{TOKEN}'")
            contexts.append(context)
        else:
            context = beside.do.context
        pages.append(Page(venue, context))
        return pages[-1]

    yield opened
    for page in pages:
        assert not [error for error in page.errors if UNREACHABLE not in error]
        assert page.do.locator("img").count() == 0
    for context in contexts:
        context.close()


@pytest.fixture
def page(tabs: Any) -> Page:
    """The page in a wide window."""
    opened: Page = tabs()
    return opened


PLACED, LOST = "#rows .row:not([hidden]):has-text('create_order')", "#rows .row.differs"


def arm(page: Page, fault: str, when: str, operation: str) -> None:
    """Arm a fault by the form of the catalogue."""
    page.tab("faults")
    page.do.get_by_label("Search the faults").fill(fault)
    page.do.locator(".choices").get_by_role("button", name=fault.replace("_", " ")).first.click()
    page.do.get_by_label("When it strikes").fill(when)
    page.do.get_by_text("Whom it strikes").click()
    page.do.get_by_label("operations (").fill(operation)
    page.do.get_by_role("button", name="Arm it").click()
    page.sees("#notices", f"{fault} is armed")


# ---- walks


def test_a_fault_armed_by_the_form_is_seen_in_both_columns(page: Page, bot: Bot) -> None:
    """The first thing that people do: lose an answer, and see what the bot does not know."""
    arm(page, "lose_answer", "nth(1)", "create_order")
    bot.loses()
    page.sees(f"{LOST} .happened", "order 1 accepted")
    page.sees(f"{LOST} .told", "⚡ lose_answer")
    page.sees("#faults .armed", "struck 1 of 1")
    page.do.get_by_label("Explain the last request that lose_answer struck").click()
    page.sees("#story", "lose_answer: ")
    page.press("Escape")
    page.do.click(LOST)
    page.sees("#story", "main has not been told of it")
    bot.ask("GET", "openOrders", symbol="BTCUSDT")
    page.press("Escape")
    page.do.click(LOST)
    page.sees("#story", "main was told of it in #")


def test_every_row_has_a_story_and_every_tab_loads(page: Page, bot: Bot) -> None:
    """Without an error in the console: the policy forbids nothing that the page does."""
    bot.order(price="999999")  # refused by a filter of the venue
    assert bot.order(type="MARKET", price="", timeInForce="")[0] == 400
    bot.order(quantity="0.02")
    page.sees("#requests", "3")
    rows = page.do.locator("#rows .row[data-n]")
    assert rows.count() >= 3
    for number in rows.evaluate_all("all => all.map(one => one.dataset.n)"):
        page.do.click(f"#row-{number}", position={"x": 5, "y": 5})
        page.sees("#story h2", f"#{number} ")
        page.press("Escape")
    for name in TABS:
        page.tab(name)
    assert page.do.locator(".chart canvas").count() > 0


@pytest.mark.parametrize(
    ("button", "row"),
    [
        ("Halt", "BTC/USDT is halted"), ("Delist", "BTC/USDT is delisted"),
        ("Maintenance for 10 minutes", "maintenance from"),
    ],
)  # fmt: skip
def test_an_incident_refuses_orders_until_all_is_healed(
    page: Page, bot: Bot, button: str, row: str
) -> None:
    """Each is one click and one row, and the bot feels it at once."""
    page.tab("incidents")
    page.do.get_by_role("button", name=button, exact=True).click()
    page.sees("#rows", row)
    assert bot.order()[0] >= 400
    page.do.get_by_role("button", name="Heal everything").click()
    page.sees("#notices", "Healed: nothing is armed")
    assert bot.order()[0] == 200


def test_a_reload_keeps_all(page: Page, bot: Bot) -> None:
    """Rows, faults and the token: who reloads has lost nothing."""
    arm(page, "lose_answer", "nth(1)", "create_order")
    bot.loses()
    page.sees(LOST, "order 1 accepted")
    page.do.reload()
    page.sees(LOST, "order 1 accepted")
    page.tab("faults")
    page.sees("#faults .armed", "struck 1 of 1")
    page.do.click(LOST)
    page.sees("#story", "has not been told of it")


def test_a_second_tab_sees_and_does_the_same(tabs: Any, bot: Bot) -> None:
    """Two people at one venue: what one does, the other sees."""
    first, second = tabs(), tabs()
    second.tab("faults")
    arm(first, "lose_answer", "", "create_order")
    second.sees("#faults .armed", "lose_answer")
    bot.loses()
    for page in (first, second):
        page.sees(LOST, "order 1 accepted")
    second.do.get_by_role("button", name="Disarm lose_answer").click()
    first.sees("#faults .armed", "Nothing: the venue is healthy.")
    assert bot.order()[0] == 200


def test_the_keyboard_does_all(page: Page, bot: Bot) -> None:
    """Tab to a fault and arm it, to the rows, into a story and out: no mouse at all."""
    page.do.keyboard.press("Tab")
    assert "Skip" in page.focused()
    page.reach("tab-market")
    page.press("ArrowRight")
    page.sees("#faults", TABS["faults"])
    page.reach("Search the faults")
    page.do.keyboard.type("lose_answer")
    page.reach("lose answer")
    page.press("Enter")
    page.reach("When it strikes")
    page.do.keyboard.type("nth(1)")
    page.reach("Arm it")
    page.press("Enter")
    page.sees("#faults .armed", "struck 0 of 0")
    bot.loses()
    page.sees(LOST, "order 1 accepted")
    page.reach("What happened, and what the client was told", "Shift+Tab")
    page.press("End", "Enter")
    page.sees("#story h2", "create_order")
    assert "create_order" in page.focused()
    page.press("Escape")
    assert "What happened" in page.focused()
    page.reach("heal", "Shift+Tab")
    page.press("Enter")
    page.sees("#notices", "Healed")
    assert page.focused() == "heal"  # it stays where it was


def test_arrows_go_round_the_tabs(page: Page) -> None:
    """A wide window has one tab less, for the two columns stand beside the others."""
    for width, first in ((1400, "tab-market"), (600, "tab-columns"), (1400, "tab-market")):
        page.do.set_viewport_size({"width": width, "height": 800})
        page.do.click("#tab-bots")
        page.press("ArrowRight")
        assert page.focused() == first
        assert page.do.locator("#panes > :visible").count() == (first != "tab-columns")


def test_a_long_list_is_one_tab_stop(page: Page) -> None:
    """Nobody presses Tab 172 times to get behind the scenarios: arrows move in a list."""
    page.tab("faults")
    page.sees("#faults", "Mixed weather")
    page.do.get_by_label("Search the scenarios").fill("a")
    groups = page.do.locator(".choices")
    stops = (
        "lists => lists.map(one => one.querySelectorAll('button:not([tabindex=\"-1\"])').length)"
    )
    assert set(groups.evaluate_all(stops)) == {1}
    assert page.do.locator("#faults .choices button").count() > 150
    page.do.locator(".choices:visible button").first.focus()
    first = page.focused()
    page.press("ArrowDown")
    second = page.focused()
    assert second != first
    page.press("Shift+Tab", "Tab")
    assert page.focused() == second  # it comes back to where it was
    page.press("Home")
    assert page.focused() == first
    page.tab("incidents")
    page.do.get_by_label("Search the incidents").fill("halt")
    assert page.do.locator(".incident summary:visible").count() < 5


def test_the_newest_rows_stay_in_sight_when_the_window_narrows(page: Page, bot: Bot) -> None:
    """Rows are higher on a phone: the list must not end up in the past by that."""
    for _ in range(40):
        bot.ask("GET", "openOrders", symbol="BTCUSDT")
    page.sees("#requests", "40")
    newest = "#rows .row:not([hidden]):has-text('#%s ')"
    last = page.do.locator("#rows .row[data-n]").evaluate_all(
        "all => Math.max(...all.filter(one => !one.hidden).map(one => one.dataset.n))"
    )
    page.do.set_viewport_size({"width": 390, "height": 700})
    page.do.click("#tab-columns")
    playwright.expect(page.do.locator(newest % last)).to_be_in_viewport()
    page.do.locator("#rows").evaluate("one => { one.scrollTop = 0; }")
    playwright.expect(page.do.locator(newest % last)).not_to_be_in_viewport()
    page.do.set_viewport_size({"width": 1400, "height": 700})
    first = page.do.locator("#rows .row[data-n]").first
    playwright.expect(first).to_be_in_viewport()  # who looks at old rows still does


def test_a_list_that_is_drawn_anew_keeps_the_keyboard(page: Page, bot: Bot) -> None:
    """Else nobody could disarm a fault by keyboard while it strikes."""
    arm(page, "lose_answer", "", "create_order")
    page.do.get_by_label("Disarm lose_answer").focus()
    bot.loses()
    page.sees("#faults .armed", "struck 1 of 1")
    page.press("Enter")
    page.sees("#faults .armed", "Nothing: the venue is healthy.")


HOSTILE = {
    "markup": "<img src=x onerror=\"document.title='owned'\">",
    "quotes": "'\"`</script><svg/onload=alert(1)>${1}{{1}}",
    "long": "x" * 5_000,
    "right to left": "\u202egnorts\u202c שלום",
    "control": "a\u0007b\u2028c\td",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_client_sends_stays_text(page: Page, bot: Bot, name: str) -> None:
    """A bot's order id is a stranger's text: in the row, the story and the search."""
    bot.order(newClientOrderId=HOSTILE[name])
    bot.ask("GET", "order", symbol="BTCUSDT", origClientOrderId=HOSTILE[name])
    page.sees("#requests", "2")
    shown = " ".join(HOSTILE[name][:40].split())
    for row in page.do.locator("#rows .row").filter(has_text="_order").all():
        row.click(position={"x": 5, "y": 5})
        page.sees("#story", "in full")
        for part in page.do.locator("#story summary").all():
            part.click()
        assert shown in " ".join(page.do.locator("#story").text_content().split())
        page.press("Escape")
    page.do.get_by_label("Search the rows").fill(HOSTILE[name])
    assert page.do.locator("#rows, #story").locator("script, svg, iframe, object").count() == 0
    assert "owned" not in page.do.title()
    assert page.do.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_server_that_stops_is_named_and_found_again(chromium: Any) -> None:
    """The banner comes and goes by itself, and the rows of the new run are shown."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = str(one.getsockname()[1])
    context = chromium.new_context()
    context.add_init_script(f"sessionStorage['failing-exchange-token'] = '{TOKEN}'")
    with serving("--control-port", port) as venue:
        page = Page(venue, context)
        for _ in range(2):
            Bot(venue).order()
        page.sees("#requests", "2")
        page.tab("incidents")
        page.do.get_by_text("Plan a maintenance").click()
        page.do.get_by_label("message").fill("by hand")
    page.sees("#banner", "The server does not answer")
    assert page.do.locator("#banner").get_attribute("role") == "status"
    for name in ("Heal everything", "Plan it"):
        page.do.get_by_role("button", name=name).click()
        page.sees("#notices p:last-child", "The server does not answer. Try again")
    with serving("--control-port", port) as venue:
        page.do.wait_for_selector("#banner", state="hidden", timeout=WAIT_MS)
        assert page.do.get_by_label("message").input_value() == "by hand"  # nothing is lost
        page.sees("#requests", "0")
        Bot(venue).order()
        page.sees("#requests", "1")
        page.sees(PLACED, "order 1 accepted")
    context.close()


def test_the_token_is_asked_for_and_kept_in_the_tab(venue: Served, chromium: Any) -> None:
    """A wrong one is named as wrong; the right one opens, also after a reload."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(venue.control.url)
    for token in ("guessed", TOKEN):
        page.get_by_label("Token", exact=True).fill(token)
        page.get_by_role("button", name="Open").click()
        if token != TOKEN:
            playwright.expect(page.locator("#login-error")).to_have_text("That is not the token.")
    playwright.expect(page.locator("#venue")).to_contain_text("Binance")
    page.reload()
    playwright.expect(page.locator("#venue")).to_contain_text("Binance")
    assert TOKEN not in page.content()
    assert page.evaluate("Object.values(localStorage).join()") == ""
    context.close()


def test_it_fits_a_phone(tabs: Any, bot: Bot) -> None:
    """390 pixels: nothing scrolls sideways but tables that say so."""
    page = tabs(viewport={"width": 390, "height": 844}, has_touch=True)
    bot.order()
    page.sees(PLACED, "order 1 accepted")
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not page.do.evaluate(wide)
    page.do.tap(PLACED)
    page.sees("#story h2", "create_order")
    assert not page.do.evaluate(wide)
    page.do.tap("#story .close")
    for name in TABS:
        page.tab(name)
        assert not page.do.evaluate(wide), name
        assert not page.do.evaluate(f"(e => e.scrollWidth > e.clientWidth)({name})"), name


def test_dark_is_kept(tabs: Any) -> None:
    """It follows the system, until somebody chooses; the choice outlives a reload."""
    ground = "getComputedStyle(document.body).backgroundColor"
    page = tabs(color_scheme="dark")
    dark = page.do.evaluate(ground)
    page.do.get_by_role("button", name="Switch to light colours").click()
    light = page.do.evaluate(ground)
    page.do.reload()
    page.sees("#venue", "Binance")
    assert page.do.evaluate(ground) == light != dark


# ---- accessibility


def faults(page: Any) -> list[str]:
    """What axe finds serious or critical, with the first element of each kind."""
    found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_axe_finds_nothing_serious(tabs: Any, bot: Bot, scheme: str, width: int) -> None:
    """On every tab, with forms and a story open, and with a banner and notices.

    axe needs a context without the policy for its script.
    """
    page = tabs(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900})
    found = {"nothing asked yet": faults(page.do)}
    bot.order()
    for name in TABS:
        page.tab(name)
        for closed in page.do.locator(f"#{name} summary:visible").all()[:8]:
            closed.click()  # groups of faults, forms of incidents, candles as a table
        found[name] = faults(page.do)
    arm(page, "lose_answer", "nth(1)", "create_order")
    bot.loses()
    found["form"] = faults(page.do)
    if width < 1200:
        page.tab("columns")
    page.sees(LOST, "order 2 accepted")
    found["columns"] = faults(page.do)
    page.do.click(LOST)
    page.sees("#story", "has not been told of it")
    for closed in page.do.locator("#story summary").all():
        closed.click()
    found["story"] = faults(page.do)
    page.do.evaluate(BANNER)
    page.do.get_by_label("Close the story").click()
    page.do.get_by_role("button", name="Heal everything").click()
    page.sees("#notices", "Healed")
    found["banner"] = faults(page.do)
    page.do.evaluate("document.getElementById('login').showModal()")
    found["dialog"] = faults(page.do)
    assert found == {name: [] for name in found}


BANNER = """(banner => {
  banner.hidden = false; banner.className = "lost";
  banner.textContent = "The server does not answer.";
})(document.getElementById("banner"))"""


def test_axe_can_find(tabs: Any) -> None:
    """Else the tests above would prove nothing."""
    page = tabs(bypass_csp=True)
    page.do.evaluate("document.querySelector('#theme').removeAttribute('aria-label'), "
                     "document.querySelector('#theme').replaceChildren()")  # fmt: skip
    assert [one.split(":")[0] for one in faults(page.do)] == ["button-name"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_report(
    chromium: Any, tmp_path: Path, scheme: str
) -> None:
    """The page that `report` writes is read by the same people."""
    config = RunConfig(bot="naive", scenario="order_timeout_after_accept", duration=1_200, modes=(),
                       rate_limit=None)  # fmt: skip
    path = tmp_path / "report.html"
    with ThreadPoolExecutor() as threads:  # Playwright's loop is in this one
        found = threads.submit(run, config).result().as_dict()
    path.write_text(report_page(json.loads(json.dumps(found))), encoding="utf-8")
    with chromium.new_context(bypass_csp=True, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector("[data-ready=yes]")
        assert faults(page) == []


@pytest.mark.skipif(not SITE.is_dir(), reason="the site is not built: make site")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_site(chromium: Any, scheme: str) -> None:
    """The page of the documentation that has tables, code and a list."""
    with chromium.new_context(bypass_csp=True, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto((SITE / "page" / "index.html").as_uri())
        assert faults(page) == []
