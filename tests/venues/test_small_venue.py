"""A second venue is served, simulated, explored and failing as Binance is, by nobody's changing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import pytest

from failing_exchange import ConfigurationError, FailingExchange, simulate
from failing_exchange.explorer import targets, worker
from failing_exchange.explorer.search import Options, explore
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET, Key, Keyring
from failing_exchange.server.venue_server import VenueServer
from failing_exchange.venues.base import like_production, serve, venue_of
from tests.venues.small_venue import HOST, SMALL, STREAM, STREAM_HOST, SmallVenue, signature

T = TypeVar("T")
BUY = {"market": "BTC-USDT", "side": "buy", "type": "limit", "size": "0.1", "price": "40000"}
PATH = f"{Path(__file__).with_name('small_venue.py')}:SMALL"


class Client:
    """Signs as the venue wants it."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session, self.base = session, base

    async def ask(self, method: str, path: str, **fields: Any) -> Any:
        """The envelope of an answer."""
        body = json.dumps(fields).encode() if method == "POST" else b""
        target = path + (f"?{urlencode(fields)}" if fields and method == "GET" else "")
        now = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        sign = signature(DEFAULT_SECRET, now, f"{method}{target}".encode() + body)
        headers = {"Small-Key": DEFAULT_KEY, "Small-Time": now, "Small-Sign": sign}
        send = self.session.request(method, self.base + target, data=body, headers=headers)
        async with send as response:
            assert response.status == 200
            return await response.json()


def on_the_wire(
    story: Callable[[Client, VenueServer], Awaitable[T]], spoken: SmallVenue = SMALL, **options: Any
) -> T:
    """Run a story in a simulation, under the venue's production names."""

    async def main() -> T:
        exchange = FailingExchange(**{"latency": None, "background": False, **options})
        venue = serve(spoken, exchange, keys=Keyring.default())
        await venue.listen_in_simulation()
        try:
            async with aiohttp.ClientSession() as session:
                return await story(Client(session, f"https://{HOST}"), venue)
        finally:
            await venue.close()

    return simulate(main())


async def order(client: Client, venue: VenueServer) -> Any:
    """Place one."""
    return await client.ask("POST", "/v1/orders", **BUY)


def test_an_order_is_placed_and_canceled_in_its_own_words() -> None:
    """Keys in headers, JSON in the body, an envelope around it."""

    async def story(client: Client, venue: VenueServer) -> None:
        placed = await order(client, venue)
        assert placed["ok"] is True
        assert placed["at"] == "2026-01-01T00:00:00.000Z"
        assert placed["data"]["state"] == "live"
        assert placed["data"]["size"] == "0.1"
        (found,) = (await client.ask("GET", "/v1/orders", market="BTC-USDT"))["data"]
        assert found == placed["data"]
        gone = await client.ask("POST", "/v1/orders/cancel", no=found["no"])
        assert gone["data"]["state"] == "gone"

    on_the_wire(story)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"size": "0.1e1"}, 1102), ({"price": "0.001"}, 1101), ({"market": "X-Y"}, 1002),
     ({"what": "?"}, 1000), ({"size": "1000000000"}, 1102), ({"type": "stop"}, 1100)],
)  # fmt: skip
def test_a_refusal_comes_with_http_200(changes: dict[str, str], code: int) -> None:
    """Whoever looks at the status only takes it for a success."""

    async def story(client: Client, venue: VenueServer) -> int:
        no = await client.ask("POST", "/v1/orders", **{**BUY, **changes})
        assert no["ok"] is False
        return int(no["error"]["code"])

    assert on_the_wire(story) == code


def test_calls_are_counted_by_key_and_endpoint() -> None:
    """The eleventh in a second is refused; another endpoint goes on."""

    async def story(client: Client, venue: VenueServer) -> list[bool]:
        wallets = [await client.ask("GET", "/v1/wallet") for _ in range(11)]
        other = await client.ask("GET", "/v1/orders", market="BTC-USDT")
        await asyncio.sleep(1)
        return [one["ok"] for one in (*wallets, other, await client.ask("GET", "/v1/wallet"))]

    assert on_the_wire(story) == [*[True] * 10, False, True, True]


def test_two_hosts_are_two_products() -> None:
    """The request knows which host it was meant for."""

    async def story(client: Client, venue: VenueServer) -> tuple[bool, bool]:
        known = await client.ask("GET", "/v1/time")
        client.base = f"https://{STREAM_HOST}"
        return known["ok"], (await client.ask("GET", "/v1/time"))["ok"]

    assert on_the_wire(story) == (True, False)


# ---- the same faults


FAULTS: list[tuple[str, dict[str, Any], Callable[[Any], Any], Any]] = [
    ("reject_request", {}, lambda told: told["error"]["code"], 1700),
    ("set_field", {"field": "filled", "value": 0.1}, lambda told: told["data"]["done"], "0.1"),
    ("set_field", {"field": "status", "value": "closed"}, lambda told: told["data"]["state"],
     "done"),
]  # fmt: skip


def test_the_same_faults_strike_it_in_its_own_words() -> None:
    """A fault knows unified names only; edits and refusals are the venue's to write."""

    async def story(client: Client, venue: VenueServer) -> None:
        for kind, fields, shown, expected in FAULTS:
            with venue.exchange.arm(kind, operations=("create_order",), **fields):
                assert shown(await order(client, venue)) == expected
        assert (await order(client, venue))["data"]["done"] == "0"

    on_the_wire(story)


def test_a_lost_answer_leaves_its_order() -> None:
    """The exchange has acted, and its client does not know."""

    async def story(client: Client, venue: VenueServer) -> int:
        with venue.exchange.arm("lose_answer"), pytest.raises(TimeoutError):
            await asyncio.wait_for(order(client, venue), 5)
        return len((await client.ask("GET", "/v1/orders", market="BTC-USDT"))["data"])

    assert on_the_wire(story) == 1


def test_bytes_of_an_answer_are_damaged() -> None:
    """The table of damage is the server's, whatever the venue."""

    async def story(client: Client, venue: VenueServer) -> None:
        venue.exchange.arm("cut_body", operations=("create_order",))
        with pytest.raises(aiohttp.ClientError):
            await order(client, venue)

    on_the_wire(story)


# ---- WebSocket


def test_the_client_pings_and_who_is_silent_is_left() -> None:
    """The direction and the words of heartbeats are the venue's."""

    async def story(client: Client, venue: VenueServer) -> tuple[Any, int | None, float]:
        async with client.session.ws_connect(f"wss://{STREAM_HOST}{STREAM}") as ws:
            assert (await ws.receive_json())["op"] == "hello"
            await asyncio.sleep(25)
            await ws.send_json({"op": "ping", "seq": 7})
            pong = await ws.receive_json()
            began = time.time()
            await ws.receive()
            return pong, ws.close_code, time.time() - began

    assert on_the_wire(story) == ({"op": "pong", "seq": 7}, 4000, 30.0)


def test_a_connection_asks_what_rest_asks() -> None:
    """One call, one pass, two ways in."""

    async def story(client: Client, venue: VenueServer) -> Any:
        async with client.session.ws_connect(f"wss://{STREAM_HOST}{STREAM}") as ws:
            await ws.receive_json()
            fields = {"market": "BTC-USDT"}
            await ws.send_json({"op": "ask", "name": "GET /v1/book", "fields": fields, "seq": 1})
            return await ws.receive_json()

    told = on_the_wire(story)
    assert (told["seq"], told["ok"], told["data"]["bids"]) == (1, True, [])


def test_a_book_is_a_snapshot_and_then_deltas() -> None:
    """Feeds find what changed; the venue says when a snapshot comes, and in which words."""

    async def story(client: Client, venue: VenueServer) -> tuple[Any, Any]:
        async with client.session.ws_connect(f"wss://{STREAM_HOST}{STREAM}") as ws:
            await ws.receive_json()
            await ws.send_json({"op": "book", "market": "BTC-USDT"})
            snapshot = await ws.receive_json()
            await order(client, venue)
            return snapshot["data"], await ws.receive_json()

    snapshot, delta = on_the_wire(story)
    assert (snapshot["bids"], snapshot["asks"]) == ([], [])
    assert delta["bids"] == [{"price": "40000", "size": "0.1"}]
    assert (delta["op"], delta["market"]) == ("delta", "BTC-USDT")
    assert delta["from"] <= snapshot["seq"] + 1 <= delta["seq"]


def test_a_fault_may_forget_that_a_book_was_joined() -> None:
    """Whoever waits for the first delta only waits for ever, at any venue."""

    async def story(client: Client, venue: VenueServer) -> Any:
        async with client.session.ws_connect(f"wss://{STREAM_HOST}{STREAM}") as ws:
            await ws.receive_json()
            with venue.exchange.arm("ack_without_data"):
                await ws.send_json({"op": "book", "market": "BTC-USDT"})
                await ws.receive_json()
            await order(client, venue)
            await ws.send_json({"op": "ping", "seq": 1})
            return await ws.receive_json()

    assert on_the_wire(story)["op"] == "pong"


# ---- served


def test_it_is_served_on_a_port_by_its_path() -> None:
    """As `serve small_venue.py:SMALL` does, in real time."""

    async def main() -> Any:
        venue = like_production(PATH, keys=Keyring.default(), latency=None)
        port = await venue.listen("127.0.0.1", 0)
        try:
            async with aiohttp.ClientSession() as session:
                return await order(Client(session, f"http://127.0.0.1:{port}"), venue)
        finally:
            await venue.close()
            await venue.exchange.close()

    assert asyncio.run(main())["data"]["state"] == "live"


def test_it_is_small() -> None:
    """It measures what a venue has to say: what grows here is missing in the protocol."""
    text = Path(__file__).with_name("small_venue.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500


# ---- found by name


def test_it_is_found_by_path_and_by_value() -> None:
    """Without a change to the package."""
    assert venue_of(PATH).title == SMALL.title
    assert venue_of(SMALL) is SMALL


@pytest.mark.parametrize(
    ("name", "words"),
    [("binanse", "no venue is called 'binanse'; did you mean 'binance'? (known: binance, "),
     ("small_venue.py:NOBODY", "no file 'small_venue.py'"),
     (f"{PATH}ER", "has no venue 'SMALLER'")],
)  # fmt: skip
def test_an_unknown_venue_is_refused_with_those_there_are(name: str, words: str) -> None:
    """With the way out, before anything runs."""
    with pytest.raises(ConfigurationError) as refused:
        simulate(asyncio.sleep(0), venue=name)
    assert words in str(refused.value)


def test_a_switch_or_a_key_it_does_not_have_is_refused() -> None:
    """Nothing unknown is silently ignored."""
    with pytest.raises(ConfigurationError, match="venue small has no switch 'legacy_listen_keys'"):
        like_production(SMALL, switches={"legacy_listen_keys": True})
    key = Key(name="k", account="main", secret="s", permissions=frozenset({"TRADE"}))
    with pytest.raises(ConfigurationError, match="no permissions"):
        like_production(SMALL, keys=Keyring([key]))


def test_a_simulation_of_the_same_seed_is_the_same() -> None:
    """By its name, with production's hosts and a market that moves."""

    async def main() -> Any:
        async with aiohttp.ClientSession() as session:
            client = Client(session, f"https://{HOST}")
            await asyncio.sleep(60)
            return await client.ask("GET", "/v1/ticker", market="BTC-USDT")

    first = simulate(main, seed=7, venue=SMALL)
    assert first == simulate(main, seed=7, venue=PATH)
    assert first["data"]["last"] is not None


# ---- explored

BOTS = Path(__file__).with_name("small_bots.py")


@pytest.mark.parametrize(
    ("bot", "dies"), [("believes_the_status", True), ("reads_the_envelope", False)]
)
def test_a_bot_of_this_venue_is_judged_in_a_world_of_it(bot: str, dies: bool) -> None:
    """A refusal in HTTP 200 kills the one that never looks at `ok`."""
    refusal = FaultSpec("reject_request", "nth(2)", ("create_order",))
    world = World(seed=1, seconds=300.0, faults=(refusal,), venue=PATH)
    outcome = targets.load(f"{BOTS}:{bot}").run(world)
    assert not outcome.error
    assert ("alive" in outcome.broken) is dies
    assert World.of(json.loads(json.dumps(world.as_dict()))) == world


def test_a_worker_warms_up_with_the_venue_of_its_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another venue needs would be loaded again by each of thousands of children."""
    visited: list[Any] = []
    real = simulate

    def watched(coroutine: Any, *, venue: Any) -> None:
        visited.append(venue)
        real(coroutine, venue=venue)

    monkeypatch.setattr(worker, "simulate", watched)
    monkeypatch.setattr(worker, "freeze", lambda: None)
    monkeypatch.setattr(worker, "_loaded", {})
    done = {"spins": False}
    monkeypatch.setattr(worker, "_in_child", lambda job: ([done] * len(job["worlds"]), ""))
    world = World(seed=1, seconds=60.0, venue=PATH)
    job = {"target": f"{BOTS}:reads_the_envelope", "worlds": [world.as_dict()]}
    assert worker._results(job) == [done]
    assert [venue.name for venue in visited] == [SMALL.name]


def test_it_is_explored_in_processes_of_their_own() -> None:
    """As `explore small_bots.py:believes_the_status --venue small_venue.py:SMALL` does."""
    wanted = Options(
        target=f"{BOTS}:believes_the_status", seeds=6, seconds=600.0, venue=PATH, jobs=1,
        stop_at_first=True, quick=True,
    )  # fmt: skip
    found = explore(wanted)
    (finding, *_) = found.findings
    assert (finding.cause.rule, finding.example.world.venue) == ("alive", PATH)
