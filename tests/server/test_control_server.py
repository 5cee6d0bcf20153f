"""The control API's server: it answers while the venue can't, and lets nobody else in."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web

from failing_exchange import Control, FailingExchange, simulate
from failing_exchange.cli.main import main as command_line
from failing_exchange.core.reject import Reject
from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.server import control_server
from failing_exchange.server.belief_poller import Asking
from failing_exchange.server.control_api import ROUTES, ControlApi
from failing_exchange.server.control_route import openapi
from failing_exchange.server.control_schemas import incidents_table
from failing_exchange.server.control_server import ControlServer, _name
from failing_exchange.venue.operator_incidents import FIELDS, INCIDENTS
from failing_exchange.venues.binance.venue import Binance
from tests.sources import ROOT

Story = Callable[[Binance, Control], Awaitable[None]]


def served(story: Story, venue: Binance | None = None, *, token: str | None = None) -> None:
    """Run a story beside a venue that is served in real time."""

    async def main() -> None:
        at = venue or Binance(FailingExchange(latency=None))
        await at.listen("127.0.0.1", 0)
        door = ControlServer(at, token=token)
        port = await door.listen("127.0.0.1", 0)
        try:
            await story(at, Control(f"http://127.0.0.1:{port}", token))
        finally:
            await door.close()
            await at.close()
            await at.exchange.close()

    asyncio.run(main())


async def beside(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call the blocking client, and let the venue go on."""
    return await asyncio.to_thread(call, *args, **options)


def test_health_answers_while_the_venue_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client blocks the venue's own loop here, and is answered all the same."""
    monkeypatch.setattr(control_server, "BUSY_AFTER", 0.01)

    async def story(venue: Binance, control: Control) -> None:
        assert control.health() == {"ok": True, "rules": 0, "busy": True}
        assert len(control.faults()) == len(CATALOGUE)

    served(story)


def test_the_journal_is_full_and_the_control_api_says_so(tmp_path: Path) -> None:
    """Whoever looks is answered; whoever wants a change is refused, and nothing is half done."""
    durable = DurableJournal(str(tmp_path / "venue.db"))
    venue = Binance(FailingExchange(latency=None, journal=durable))

    async def story(venue: Binance, control: Control) -> None:
        store = cast(Any, durable.commits.store)
        await beside(control.arm, "delay_answer", name="before")
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        for n in range(200):  # until there is no room
            if durable.commits.halted:
                break
            with_room = beside(control.arm, "delay_answer", name=f"{n}" + "x" * 190)
            await asyncio.gather(with_room, return_exceptions=True)
        rules = len(venue.exchange.armed)
        health = control.health()  # also with the venue's loop blocked
        assert (health["ok"], health["journal"]) == (False, "full")
        assert await beside(control.trips)
        for change in (control.reset, lambda: control.incident("halt", symbol="BTC/USDT")):
            with pytest.raises(ConfigurationError, match=r"503 .*full"):
                await beside(change)
        assert len(venue.exchange.armed) == rules
        store._db.execute("PRAGMA max_page_count = 100000")
        durable.commits.commit()
        await beside(control.reset)
        assert (await beside(control.health))["journal"] == "written"

    served(story, venue)


def test_amounts_are_decimal_text_and_times_are_iso_and_milliseconds() -> None:
    """Every language reads them, and none rounds them."""

    async def story(venue: Binance, control: Control) -> None:
        x = venue.exchange
        await x.fetch_ticker("BTC/USDT")
        await x.create_order("BTC/USDT", "limit", "buy", 0.1, 30_000)
        await beside(control.incident, "credit", asset="BTC", amount="1000000000000000")
        for _ in range(2):
            await beside(control.incident, "credit", asset="BTC", amount=10**15)
        truth = await beside(control.account)
        assert truth["balances"]["BTC"] == {"free": "3000000000000100", "used": "0"}
        order = truth["open_orders"][0]
        assert (order["price"], order["amount"], order["filled"]) == ("30000", "0.1", "0")
        trips = await beside(control.trips)
        assert not re.search(r"Market\(|<\w+", json.dumps(trips))
        ticker = next(trip for trip in trips if trip["operation"] == "fetch_ticker")
        assert ticker["told"]["market"] == "BTC/USDT"
        assert re.fullmatch(r"\d+(\.\d+)?", ticker["told"]["bid"][0])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", ticker["at"])
        clock = await beside(control.request, "GET", "/clock")
        assert abs(clock["ms"] - ticker["at_ms"]) < 600_000
        assert int(clock["ns"]) // 10**6 == clock["ms"]

    served(story)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("localhost:8090", "localhost"), ("[::1]:8090", "::1"), ("127.0.0.1", "127.0.0.1"),
        ("http://LOCALHOST:1", "localhost"), ("[::1].evil", "[::1].evil"),
        ("[::1]evil:80", "[::1]evil:80"), ("localhost.evil", "localhost.evil"),
        ("localhost@evil", "localhost@evil"), ("evil#localhost", "evil#localhost"),
        ("//localhost", "//localhost"), ("localhost:80:80", "localhost:80:80"), ("null", "null"),
    ],
)  # fmt: skip
def test_a_host_is_read_whole(text: str, host: str) -> None:
    """`[::1].evil` is a name of somebody else's machine."""
    assert _name(text) == host


@pytest.mark.parametrize("token", ["", " ", "two words", "schlüssel", "a\nb"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    """An empty one would let everybody in who sends `Bearer`."""
    with pytest.raises(ConfigurationError, match="control token"):
        ControlServer(Binance(FailingExchange()), token=token)


def test_serve_refuses_an_empty_token(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything listens."""
    assert command_line(["serve", "--control-port", "0", "--control-token", ""]) == 2
    said = capsys.readouterr()
    assert "control token is empty" in said.err
    assert not said.out


@pytest.mark.parametrize(
    "url",
    ["http://[::1].evil/", "http://localhost.evil/", "https://127.0.0.1/", "http://127.0.0.1@evil/",
     "http://evil#@127.0.0.1/", "http://evil\\@127.0.0.1/", "file:///etc/passwd", "http://[",
     "http://127.0.0.1:99999/", "http://0x7f.1/", "http://127.0.0.1/" + "x" * 5_000, ""],
)  # fmt: skip
def test_a_bot_is_asked_at_this_machine_alone(url: str) -> None:
    """However the other host is spelled."""
    with pytest.raises(ConfigurationError, match="of this machine"):
        Asking(cast(Any, None), url)


def test_a_redirect_is_not_followed(caplog: pytest.LogCaptureFixture) -> None:
    """It may lead to another machine, or to another service of this one."""
    asked: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async def main() -> None:
        server = web.Server(handle)
        await asyncio.get_running_loop().create_server(server, "127.0.0.1", 8000)
        await Asking(cast(Any, None), "http://user:s3cret@127.0.0.1:8000/belief?key=s3cret").once()
        await server.shutdown(0.1)

    simulate(main())
    assert asked == ["/belief"]
    assert "it answers 302" in caplog.text
    assert "s3cret" not in caplog.text


def test_each_field_is_described() -> None:
    """Whoever writes a client in another language needs nothing but the document."""
    document = openapi(ROUTES)
    assert json.loads(json.dumps(document)) == document
    paths = document["paths"]

    def variants(path: str) -> dict[str, Any]:
        body = paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        return {one["title"]: one["properties"] for one in body["oneOf"]}

    faults, incidents = variants("/rules"), variants("/incidents")
    assert list(faults) == list(CATALOGUE)
    delay = faults["delay_answer"]["fields"]["properties"]["seconds"]
    assert (delay["type"], delay["minimum"], delay["default"]) == (["number", "string"], 0.0, 5.0)
    assert "how late" in delay["description"]
    assert "10m" in delay["description"]
    assert {name: set(one) - {"do"} for name, one in incidents.items()} == {
        name: {*incident.needs, *incident.may} for name, incident in INCIDENTS.items()
    }
    assert {field for one in INCIDENTS.values() for field in (*one.needs, *one.may)} == set(FIELDS)


def test_control_can_send_every_request() -> None:
    """A row for each method of `Control`, and a method for each row."""
    methods = {name for name in vars(Control) if not name.startswith("_")} - {"request"}
    assert {route.call for route in ROUTES} == methods
    assert len(ROUTES) == len(methods)


def test_the_document_lists_every_incident() -> None:
    """With its parameters."""
    assert incidents_table() in (ROOT / "docs" / "control.md").read_text(encoding="utf-8")


def test_a_scenario_is_loaded_whole_or_not_at_all() -> None:
    """The second rule has a name that is taken: the first one is disarmed again."""

    async def main() -> None:
        exchange = FailingExchange(latency=None)
        api = ControlApi(Binance(exchange))
        await exchange.ready()
        exchange.arm("lose_answer", name="taken")
        toml = '[[faults]]\nkind = "lose_answer"\n[[faults]]\nkind = "lose_answer"\nname = "taken"'
        with pytest.raises(ConfigurationError, match="taken"):
            api.answer("POST", "/scenario", {"toml": toml})
        assert [rule.name for rule in exchange.armed] == ["taken"]

    simulate(main())


def test_a_terminal_tells_a_served_venue_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All that `Control` can do, `ctl` can."""

    def ctl(control: Control, *arguments: str) -> Any:
        capsys.readouterr()
        assert command_line(["ctl", "--url", control.url, "--token", "s3cret", *arguments]) == 0
        said = capsys.readouterr().out
        return json.loads(said) if said.startswith(("{", "[")) else said

    async def story(venue: Binance, control: Control) -> None:
        venue.judge()
        arm = ("arm", "delay_answer", "--when", "nth(1)", "--operation", "fetch_time", "--name",
               "late", "seconds=10m")  # fmt: skip
        assert (await beside(ctl, control, *arm))["fields"] == {"seconds": 600, "spread": 0.0}
        assert [rule["name"] for rule in await beside(ctl, control, "list")] == ["late"]
        await beside(ctl, control, "disarm", "late")
        await beside(ctl, control, "mode", "TIMEOUT", "--probability", "0.5", "executed=before")
        await beside(ctl, control, "reset")
        halt = ("incident", "halt", "symbol=BTC/USDT", "seconds=1h")
        await beside(ctl, control, *halt)
        assert "halted" in json.dumps(await beside(ctl, control, "trips", "--limit", "1"))
        file = tmp_path / "own.toml"
        file.write_text('[[faults]]\nkind = "lose_answer"', encoding="utf-8")
        for place in (str(file), "order_timeout_after_accept"):
            await beside(ctl, control, "scenario", place)
        await beside(ctl, control, "intend", "BTC/USDT", "buy", "0.1", "covered_within=10m")
        assert (await beside(ctl, control, "verdict"))["account"] == "main"
        for action in ("health", "clock", "faults", "statistics", "connections", "hang-up",
                       "openapi", "account"):  # fmt: skip
            await beside(ctl, control, action)  # ends with exit code 0
        with pytest.raises(ConfigurationError, match="NAME=VALUE"):
            await beside(control_line, "ctl", "arm", "lose_answer", "seconds")

    served(story, token="s3cret")


def control_line(*arguments: str) -> None:
    """A command that is refused: its error instead of its exit code."""
    from failing_exchange.cli.main import parser

    options = parser().parse_args(list(arguments))
    options.command(options)


def test_a_venue_that_is_not_there_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With the way out."""
    assert command_line(["ctl", "--url", "http://127.0.0.1:1", "list"]) == 2
    assert "--control-port" in capsys.readouterr().err


def test_the_python_of_the_document_works() -> None:
    """It is what people copy, and ends with nothing armed."""
    text = (ROOT / "docs" / "control.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]

    async def story(venue: Binance, control: Control) -> None:
        names: dict[str, Any] = {}
        await beside(exec, code.replace("http://127.0.0.1:8090", control.url), names)
        assert await beside(names["control"].rules) == []  # its last line disarms everything

    served(story)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
def test_the_javascript_of_the_document_works() -> None:
    """It is what people copy."""
    text = (ROOT / "docs" / "control.md").read_text(encoding="utf-8")
    code = re.findall(r"```js\n(.*?)```", text, re.DOTALL)[0]

    async def story(venue: Binance, control: Control) -> None:
        script = code.replace("http://127.0.0.1:8090", control.url)
        command = ["node", "--input-type=module", "-e", script]
        ended = await beside(subprocess.run, command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.split()[0].replace(".", "").isdigit()

    served(story)


EXTREMES: list[dict[str, Any]] = [
    {"do": "change_fees", "symbol": "BTC/USDT", "maker": 50, "taker": 50},
    {"do": "change_rules", "symbol": "BTC/USDT", "cost_min": "1e15", "orders_max": 0},
    {"do": "change_rules", "symbol": "ETH/USDT", "price_step": "1e15", "amount_step": "1e15"},
    {"do": "change_rules", "symbol": "SOL/USDT", "band_percent": 0},
    {"do": "move_price", "symbol": "BTC/USDT", "percent": -99.99, "seconds": 1},
    {"do": "move_price", "symbol": "ETH/USDT", "percent": 100_000},
    {"do": "move_price", "symbol": "SOL/USDT", "percent": -99.99},
    {"do": "credit", "asset": "BTC", "amount": "1e15"},
    {"do": "freeze", "asset": "BTC", "amount": "1e15", "seconds": "366d"},
    {"do": "debit", "asset": "USDT", "amount": "1e15"},
    {"do": "halt", "symbol": "BNB/USDT", "seconds": 0.001},
    {"do": "expire_orders"},
]
RISE = {"do": "move_price", "symbol": "BTC/USDT", "percent": 100_000}
POISON: list[dict[str, Any]] = [
    {"do": "change_rules", "symbol": "BTC/USDT", "cost_min": 1e308},
    {"do": "change_fees", "symbol": "BTC/USDT", "maker": 1e20},
    {"do": "credit", "asset": "X" * 5_000, "amount": 1},
]


def test_no_incident_poisons_the_venue_also_after_a_restart(tmp_path: Path) -> None:
    """The worst that is accepted is survived; what is refused is not in the journal either."""
    path = tmp_path / "venue.db"

    async def look(exchange: FailingExchange) -> Any:
        tickers = [await exchange.fetch_ticker(symbol) for symbol in exchange.venue.markets]
        json.dumps([tickers, ControlApi(Binance(exchange)).answer("GET", "/trips", {})])
        return await exchange.fetch_balance()

    async def main() -> None:
        exchange = FailingExchange(latency=None, journal=DurableJournal(str(path)))
        await exchange.ready()
        api = ControlApi(Binance(exchange))
        for fields in POISON:
            with pytest.raises(ConfigurationError):
                api.answer("POST", "/incidents", fields)
        for fields in EXTREMES * 2:
            api.answer("POST", "/incidents", fields)
            await asyncio.sleep(5)
        with pytest.raises(Reject, match="is moved in all"):
            for _ in range(20):
                api.answer("POST", "/incidents", RISE)
                await asyncio.sleep(2)
        before = await look(exchange)
        await exchange.close()
        again = FailingExchange(latency=None, journal=DurableJournal(str(path)))
        after = await look(again)
        assert after["total"] == before["total"]
        await again.close()

    simulate(main())
