"""The control API: faults armed from outside, the truth shown, nobody let in who should not."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import given, strategies as st

from failing_exchange import FailingExchange, simulate
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults import operations as ops
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.server.control_api import ROUTES, ControlApi
from failing_exchange.server.control_route import NotFound, table
from failing_exchange.server.control_server import ControlServer
from failing_exchange.testing.control_client import Control
from failing_exchange.venues.binance.venue import Binance
from tests.examples import examples
from tests.sources import ROOT
from tests.venues.binance.client import Client

CONTROL = "http://localhost:8090"


class Operator:
    """Sends requests to the control API."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """(status, JSON)."""
        data = None if body is None else json.dumps(body)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, CONTROL + path, data=data, headers=names) as found:
            return found.status, await found.json()


def with_control(
    story: Callable[[Operator, Client], Awaitable[None]], *, token: str | None = None
) -> None:
    """Run a story with a served venue and its control API, in virtual time."""

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None))
        await venue.listen_in_simulation()
        door = ControlServer(venue, token=token)
        await door.listen("localhost", 8090)
        async with aiohttp.ClientSession() as session:
            await story(Operator(session), Client(session, venue))
        await door.close()
        await venue.close()

    simulate(main())


def test_a_body_that_cannot_be_unpacked_is_refused() -> None:
    """It is the caller's mistake, and none of ours."""

    async def story(operator: Operator, client: Client) -> None:
        status, said = await operator.ask("POST", "/rules", {}, Content_Encoding="gzip")
        assert (status, said) == (400, {"error": "the body can't be read"})
        assert (await operator.ask("GET", "/rules"))[0] == 200

    with_control(story)


def test_a_body_that_is_held_back_is_asked_for() -> None:
    """curl does so with long ones."""

    async def story(operator: Operator, client: Client) -> None:
        rule = {"kind": "lose_answer"}
        async with operator.session.post(f"{CONTROL}/rules", json=rule, expect100=True) as found:
            assert found.status == 200
        status, said = await operator.ask("POST", "/rules", rule, Expect="the-worst")
        assert (status, "100-continue" in said["error"]) == (417, True)

    with_control(story)


def test_a_fault_armed_from_outside_strikes_a_connection_that_was_open_before() -> None:
    """A test suite in any language arms the fault while its bot is connected."""

    async def story(operator: Operator, client: Client) -> None:
        assert (await client.order()).status == 200
        asked = {"kind": "lose_answer", "when": "nth(1)", "operations": ["create_order"]}
        status, rule = await operator.ask("POST", "/rules", asked)
        assert (status, rule["name"]) == (200, "lose_answer")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await client.order()
        _, truth = await operator.ask("GET", "/accounts/main")
        assert len(truth["open_orders"]) == 2
        _, rules = await operator.ask("GET", "/rules")
        assert rules[0]["struck"] == 1
        _, trips = await operator.ask("GET", "/trips?after=0")
        lost = next(trip for trip in trips if trip["struck"])
        assert (lost["told"], bool(lost["happened"])) == (None, True)
        _, why = await operator.ask("GET", f"/trips/{lost['number']}/explanation")
        assert "lose_answer" in why["text"]
        assert (await operator.ask("DELETE", "/rules/lose_answer"))[0] == 200
        assert (await operator.ask("GET", "/rules"))[1] == []

    with_control(story)


def test_incidents_and_scenarios_come_from_outside_too() -> None:
    """All that a scenario file can do, a running server can be told."""

    async def story(operator: Operator, client: Client) -> None:
        halt = {"do": "halt", "symbol": "BTC/USDT"}
        assert (await operator.ask("POST", "/incidents", halt))[0] == 200
        refused = await client.order()
        assert (refused.status, refused.body["msg"]) == (400, "Market is closed.")
        toml = '[[faults]]\nkind = "lose_answer"\nwhen = "nth(3)"\n'
        status, found = await operator.ask("POST", "/scenario", {"toml": toml})
        assert (status, found["rules"]) == (200, 1)
        assert (await operator.ask("DELETE", "/rules"))[1] == {"rules": 0}
        mode = {"mode": "TIMEOUT", "probability": 0.5}
        told = (await operator.ask("POST", "/modes", mode))[1]
        assert told == {"mode": "TIMEOUT", "rate": 0.5}

    with_control(story)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "word"),
    [
        ("POST", "/rules", {"kind": "lose_anser"}, 400, "lose_answer"),
        ("POST", "/rules", {"kind": "lose_answer", "when": "nth("}, 400, "nth("),
        ("POST", "/rules", {}, 400, "'kind' is missing"),
        ("POST", "/rules", {"kind": 5}, 400, "expected string"),
        ("POST", "/rules", {"kind": "lose_answer", "operations": ["creat_order"]}, 400,
         "did you mean 'create_order'"),
        ("GET", "/trips?limit=-1", None, 400, "whole number"),
        ("GET", "/accounts/bob", None, 404, "no account 'bob'"),
        ("GET", "/nothing", None, 404, "/openapi.json"),
        ("DELETE", "/rules/none", None, 400, "no rule named"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_told_what_is_expected(
    method: str, path: str, body: Any, status: int, word: str
) -> None:
    """The error shows the value and the way out."""

    async def story(operator: Operator, client: Client) -> None:
        got, answer = await operator.ask(method, path, body)
        assert got == status
        assert word in answer["error"]

    with_control(story)


def test_only_who_knows_the_token_is_let_in() -> None:
    """A door that others can reach asks who is there."""

    async def story(operator: Operator, client: Client) -> None:
        assert (await operator.ask("GET", "/health"))[0] == 401
        assert (await operator.ask("GET", "/health", Authorization="Bearer no"))[0] == 401
        assert (await operator.ask("GET", "/health", Authorization="Bearer s3cret"))[0] == 200

    with_control(story, token="s3cret")


def test_web_pages_are_not_let_in() -> None:
    """A page in the tester's browser could otherwise arm faults, or read balances."""

    async def story(operator: Operator, client: Client) -> None:
        assert (await operator.ask("GET", "/health", Host="evil.example"))[0] == 403
        assert (await operator.ask("GET", "/health", Origin="http://evil.example"))[0] == 403
        assert (await operator.ask("GET", "/health", Origin="http://localhost:3000"))[0] == 200

    with_control(story)


def test_without_a_token_the_door_stays_on_loopback() -> None:
    """An open control API on a network is refused before it listens."""

    async def main() -> None:
        door = ControlServer(Binance(FailingExchange()))
        with pytest.raises(ConfigurationError, match="give it a token"):
            await door.listen("10.1.2.3", 8090)

    simulate(main())


def test_where_others_may_reach_it_the_token_is_enough() -> None:
    """In a container it is asked for under the container's name."""

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None))
        await venue.listen_in_simulation()
        door = ControlServer(venue, token="s3cret")
        await door.listen("0.0.0.0", 8090)
        async with aiohttp.ClientSession() as session:
            ask = Operator(session).ask
            key = "Bearer s3cret"
            named = {"Host": "failing-exchange:8090"}
            assert (await ask("GET", "/health", Authorization=key, **named))[0] == 200
            assert (await ask("GET", "/health", **named))[0] == 401
            web = {"Origin": "http://evil.example"}
            assert (await ask("GET", "/health", Authorization=key, **web))[0] == 403
        await door.close()
        await venue.close()

    simulate(main())


def test_the_door_survives_every_fault() -> None:
    """All of them at once, on everything: the venue is lost, and its operator is not."""

    async def story(operator: Operator, client: Client) -> None:
        _, catalogue = await operator.ask("GET", "/faults")
        assert [fault["name"] for fault in catalogue] == list(CATALOGUE)
        everything = [*ops.ALL, *ops.CONNECTION_EVENTS]
        for fault in catalogue:
            asked = {"kind": fault["name"], "operations": everything}
            assert (await operator.ask("POST", "/rules", asked))[0] == 200
        for _ in range(3):
            with pytest.raises((aiohttp.ClientError, TimeoutError)):
                async with asyncio.timeout(60):
                    await client.order()
            assert (await operator.ask("GET", "/health"))[1]["ok"]
        assert (await operator.ask("GET", "/rules"))[1][0]["met"] > 0
        assert (await operator.ask("DELETE", "/rules"))[1] == {"rules": 0}
        await asyncio.sleep(600)
        assert (await client.public("GET", "/api/v3/time")).status == 200

    with_control(story)


def test_the_tail_is_the_end_of_the_journal() -> None:
    """And what comes after a trip is read on from there."""

    async def story(operator: Operator, client: Client) -> None:
        for _ in range(5):
            await client.public("GET", "/api/v3/ping")
        _, tail = await operator.ask("GET", "/trips?limit=2")
        last = client.venue.exchange.journal.last
        assert [trip["number"] for trip in tail] == [last - 1, last]
        _, page = await operator.ask("GET", "/trips?after=1&limit=2")
        assert [trip["number"] for trip in page] == [2, 3]

    with_control(story)


def test_a_rule_of_any_name_can_be_disarmed() -> None:
    """A slash in it is a part of the name."""

    async def story(operator: Operator, client: Client) -> None:
        asked = {"kind": "lose_answer", "name": "a/b c", "operations": ["create_order"]}
        assert (await operator.ask("POST", "/rules", asked))[0] == 200
        assert (await operator.ask("DELETE", "/rules/a%2Fb%20c"))[1] == {"disarmed": "a/b c"}

    with_control(story)


@examples(60)
@given(
    route=st.sampled_from(ROUTES),
    asked=st.dictionaries(
        st.sampled_from(["kind", "when", "do", "mode", "name", "toml", "fields", "after", "symbol",
                         "operations", "params", "x"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text()
        | st.lists(st.integers() | st.text()) | st.dictionaries(st.text(), st.integers()),
    ),
)  # fmt: skip
def test_no_request_breaks_the_desk(route: Any, asked: dict[str, Any]) -> None:
    """Whatever is asked is answered or refused."""

    async def main() -> None:
        exchange = FailingExchange(latency=None)
        api = ControlApi(Binance(exchange))
        await exchange.ready()
        path = route.path.replace("{name}", "main").replace("{number}", "1")
        try:
            api.answer(route.method, path, asked)
        except (NotFound, ConfigurationError, TypeError, ValueError):
            pass
        except Exception as error:
            assert type(error).__name__ == "Reject", repr(error)

    simulate(main())


def test_the_document_lists_every_request() -> None:
    """docs/control.md and the OpenAPI document are the table."""
    assert table(ROUTES) in (ROOT / "docs" / "control.md").read_text(encoding="utf-8")


def test_a_served_venue_is_told_what_to_do_by_the_client() -> None:
    """The whole way: `serve`, its control port, and the small client."""
    command = [sys.executable, "-m", "failing_exchange", "serve", "--port", "0",
               "--control-port", "0"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            url = next(line for line in served.stdout if line.startswith("control API: "))
            control = Control(url.removeprefix("control API: ").removesuffix("/openapi.json\n"))
            control.arm("lose_answer", "nth(2)", operations=["create_order"])
            assert [rule["when"] for rule in control.rules()] == ["nth(2)"]
            assert [fault["name"] for fault in control.faults()] == list(CATALOGUE)
            assert [trip["operation"] for trip in control.trips()] == ["(market)"]
            assert control.connections() == []
            assert control.account("main")["open_orders"] == []
            with pytest.raises(ConfigurationError, match="no fault"):
                control.arm("nothing")
            control.reset()
            assert control.health() == {"ok": True, "rules": 0, "busy": False}
        finally:
            served.terminate()
        assert "stopped after" in served.stdout.read()
    assert served.returncode == 0
