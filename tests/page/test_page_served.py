"""The page at the control port: who may open it, what it is sent, and the story of a trip."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from failing_exchange import Control, FailingExchange
from failing_exchange.errors import (
    ConfigurationError,
    ExchangeError,
    ExchangeMaintenanceError,
    RequestTimeoutError,
)
from failing_exchange.faults.triggers import nth
from failing_exchange.page.assets import HEADERS
from failing_exchange.scenarios.scenario import read
from failing_exchange.server.api_keys import DEFAULT_KEY
from failing_exchange.server.control_server import ControlServer
from failing_exchange.server.messages import Request
from failing_exchange.server.sent_bytes import _without_secrets
from failing_exchange.server.sent_frames import (
    FRAME_BYTES_MAX,
    FRAMES_KEPT_MAX,
    SentFrame,
    SentFrames,
    frames_view,
)
from failing_exchange.server.websocket_frames import frame
from failing_exchange.venue.operator_incidents import INCIDENTS
from failing_exchange.venues.binance.venue import Binance

S, P = "BTC/USDT", "BTC/USDT:USDT"
Story = Callable[[Binance, str, aiohttp.ClientSession], Awaitable[None]]


def served(story: Story, *, token: str | None = None, as_of: str | None = None) -> None:
    """Run a story beside a venue that is served in real time."""

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None, as_of=as_of))
        await venue.listen("127.0.0.1", 0)
        control = ControlServer(venue, token=token)
        port = await control.listen("127.0.0.1", 0)
        try:
            async with aiohttp.ClientSession() as session:
                await story(venue, f"http://127.0.0.1:{port}", session)
        finally:
            await control.close()
            await venue.close()
            await venue.exchange.close()

    asyncio.run(main())


@asynccontextmanager
async def feed(
    session: aiohttp.ClientSession, url: str, **headers: str
) -> AsyncIterator[Callable[[str], Awaitable[Any]]]:
    """Look on; what is yielded waits for the next message of a kind."""
    async with session.get(f"{url}/feed", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"

        async def heard(kind: str) -> Any:
            while True:
                head = (await answer.content.readuntil(b"\n")).decode().strip()
                data = (await answer.content.readuntil(b"\n\n")).decode()
                if head == f"event: {kind}":
                    return json.loads(data.removeprefix("data: "))

        yield heard


def test_a_lost_answer_is_seen_in_both_columns() -> None:
    """The heart of the page: what happened, and beside it what the client was told."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        x = venue.exchange
        x.arm("lose_answer", operations=["create_order"])
        async with feed(session, url) as heard:
            assert (await heard("hello"))["symbols"][0] == "BTC/USDT"
            assert (await heard("state"))["rules"] == [["lose_answer", 0, 0]]
            waiting = asyncio.ensure_future(x.create_order("BTC/USDT", "limit", "buy", 0.1, 30_000))
            while True:
                rows = [r for r in (await heard("rows"))["rows"] if r["op"] == "create_order"]
                if rows and rows[-1]["faults"]:
                    break
            row = rows[-1]
            assert row["happened"] == "order 1 accepted"
            assert row["told"] in ("nothing", "nothing yet")
            assert row["faults"] == ["lose_answer"]
            assert row["differs"]
            waiting.cancel()

    served(story)


def test_the_story_of_a_trip_tells_what_was_learned_later() -> None:
    """A lost order is found again by a later look: that is what a bot has to do."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        x, control = venue.exchange, Control(url)
        x.arm("unknown_outcome", executed="before", after=0, operations=["create_order"])
        with pytest.raises(RequestTimeoutError):
            await x.create_order("BTC/USDT", "limit", "buy", 0.1, 30_000)
        await x.fetch_balance()
        rows = await asyncio.to_thread(control.rows)
        lost = next(row["n"] for row in rows if row["op"] == "create_order")
        found = await asyncio.to_thread(control.trip, lost)
        assert not any(row["knew"] for row in found["related"]["after"])
        assert "unknown_outcome" in found["explanation"]
        await x.fetch_open_orders("BTC/USDT")
        found = await asyncio.to_thread(control.trip, lost)
        [later] = [row for row in found["related"]["after"] if row["knew"]]
        assert later["op"] == "fetch_open_orders"
        assert found["related"]["orders"] == [1]

    served(story)


def test_the_page_opens_without_a_token_and_shows_nothing_without_it() -> None:
    """A browser can't send a token with an address: the page asks its visitor for it."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        async with session.get(f"{url}/") as answer:
            assert answer.status == 200
            for name, value in HEADERS:
                assert answer.headers[name] == value
            assert "s3cret" not in await answer.text()
        for path in ("/feed", "/rows", "/trips/1"):
            async with session.get(f"{url}{path}") as answer:
                assert answer.status == 401
        async with feed(session, url, Authorization="Bearer s3cret") as heard:
            assert "s3cret" not in json.dumps(await heard("hello"))

    served(story, token="s3cret")


def test_changes_of_the_api_that_are_ahead_are_offered() -> None:
    """Until they are in force: a page that is opened later does not name them."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        async def ahead() -> list[str]:
            async with feed(session, url) as heard:
                return [one["name"] for one in (await heard("hello"))["changes"]]

        before = await ahead()
        change = Control(url).incident
        await asyncio.to_thread(change, "venue_changes", change="listen_keys")
        assert [one for one in before if one not in await ahead()] == ["listen_keys"]

    served(story, as_of="2026-02-19")


def test_a_market_is_shown_with_what_clients_did_in_it() -> None:
    """Candles, book and fills in units; of a perpetual what is paid for holding it, too."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        x, control = venue.exchange, Control(url)
        await x.create_order("BTC/USDT", "market", "buy", 0.1)
        await x.create_order("BTC/USDT", "limit", "buy", 0.2, 30_000)
        found = await asyncio.to_thread(control.market, "BTC/USDT", 5)
        times = [candle[0] for candle in found["candles"]]
        assert {after - before for before, after in pairwise(times)} == {5}
        best = [float(found["book"][side][0][0]) for side in ("bids", "asks")]
        assert best[0] < best[1]
        assert [order["price"] for order in found["orders"]] == ["30000"]
        newest = await asyncio.to_thread(control.market, "BTC/USDT", 5, times[-2])
        assert [candle[0] for candle in newest["candles"]][:2] == times[-2:]
        assert found["funding"] is None
        contract = await asyncio.to_thread(control.market, "BTC/USDT:USDT")
        assert contract["funding"]["hours"] == 8
        await x.create_order("BTC/USDT", "limit", "buy", 0.2, 31_000)
        account = await asyncio.to_thread(control.account, "main", 1)
        assert [order["price"] for order in account["open_orders"]] == ["31000"]
        for symbol, seconds in (("X/Y", 60), ("BTC/USDT", 7)):
            with pytest.raises(ConfigurationError, match="no market|expected one of"):
                await asyncio.to_thread(control.market, symbol, seconds)

    served(story)


def test_what_is_used_of_the_limits_is_shown() -> None:
    """Before a bot is refused, and after: a ban has an end."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        control = Control(url)
        await venue.ask(Request("GET", "/api/v3/depth", "symbol=BTCUSDT", peer="10.0.0.1"))
        used = await asyncio.to_thread(control.limits)
        [weight] = [one for one in used if (one["who"], one["what"]) == ("10.0.0.1", "weight")]
        assert weight["used"] > 0
        assert weight["limit"] == 6_000
        assert (weight["interval"], weight["banned_until"]) == ("1M", None)
        limits: Any = venue.products.first.dialect.limits
        for _ in range(10):
            limits._address("10.0.0.1").ladder.refused(venue.exchange.venue.clock.now())
        used = await asyncio.to_thread(control.limits)
        assert any(one["banned_until"] for one in used if one["who"] == "10.0.0.1")

    served(story)


def test_no_other_page_reads_the_feed() -> None:
    """Neither a page of the internet, nor one that has pointed its own name at this machine."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        for path in ("/", "/feed", "/page/app.js"):
            for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
                async with session.get(f"{url}{path}", headers=headers) as answer:
                    assert answer.status == 403
                    assert "Access-Control-Allow-Origin" not in answer.headers

    served(story)


def test_off_loopback_the_page_may_write_and_another_may_not() -> None:
    """A browser sends the page's own Origin with each POST: it is the name that was asked for."""
    control = ControlServer(Binance(FailingExchange()), token="s3cret")
    control._any_host = True

    def status(**headers: str) -> int:
        asked = Request("POST", "/heal", headers={"host": "venue.lan:8090", **headers})
        refused = control._foreign(asked)
        return 200 if refused is None else refused.status

    assert status() == 200
    assert status(origin="http://venue.lan:8090") == 200
    assert status(origin="https://evil.example") == 403
    assert status(origin="null") == 403


def test_what_was_armed_by_hand_becomes_a_scenario_and_heal_ends_it() -> None:
    """An afternoon of clicking is kept as a file, and over with one request."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        control = Control(url)

        def by_hand() -> tuple[str, Any]:
            control.arm("ban", "nth(2)", operations=["create_order"])
            control.incident("halt", symbol="BTC/USDT")
            toml = control.saved_scenario()
            healed = control.heal()
            assert 'do = "resume"' in control.saved_scenario()  # else it is halted for ever
            control.scenario(toml=toml)
            return toml, healed

        toml, healed = await asyncio.to_thread(by_hand)
        assert 'kind = "ban"' in toml
        assert healed == {"rules": 0, "resumed": ["BTC/USDT"], "called_off": 0}
        assert [rule.name for rule in venue.exchange.armed] == ["ban"]

    served(story)


def test_a_hostile_order_id_is_only_text() -> None:
    """It is escaped for terminals and JSON here; the page writes text alone."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        hostile = "<img src=x onerror=alert(1)>\x1b[2J\ud800"
        with suppress(ExchangeError):
            await venue.exchange.create_order(
                "BTC/USDT", "limit", "buy", 0.1, 30_000, {"clientOrderId": hostile}
            )
        async with session.get(f"{url}/rows") as answer:
            text = await answer.text()
            assert "create_order" in text
            assert "\x1b" not in text
            json.loads(text)

    served(story)


def test_the_operator_acts_on_single_orders_and_on_the_venue() -> None:
    """What an operator of a real venue can do, each with its trace in the first column."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        x, control = venue.exchange, Control(url)
        for _ in range(2):
            await x.create_order("BTC/USDT", "limit", "buy", 0.1, 30_000)

        def acts() -> list[str]:
            control.incident("trade_against", symbol="BTC/USDT", order=1, amount="0.04")
            control.incident("cancel_order", order=2)
            control.incident("pull_liquidity", symbol="BTC/USDT", side="sell", depth=1)
            control.incident("fill_in_part", share=50)
            control.incident("restart")
            return [row["happened"] for row in control.rows(limit=5)]

        filled, canceled, pulled, capped, restarted = await asyncio.to_thread(acts)
        assert "order 1: buy 0.04 at 30000" in filled
        assert canceled == "order 2 canceled"
        assert pulled.startswith("offers to sell BTC/USDT up to ")
        assert capped == "the next order of main fills 50 % at once"
        assert restarted == "the venue restarts, open orders are kept"
        [fill] = await x.fetch_my_trades("BTC/USDT")
        undo = partial(control.incident, "undo_trade", symbol="BTC/USDT", trade=int(fill["id"]))
        await asyncio.to_thread(undo)
        with pytest.raises(ConfigurationError, match="was undone already"):
            await asyncio.to_thread(undo)

    served(story)


def test_a_maintenance_begins_now_or_later_and_heal_ends_it() -> None:
    """A bot is refused while it lasts, and told until when where its venue says so."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        x, control = venue.exchange, Control(url)
        await asyncio.to_thread(control.maintenance, "10m", after="1h")
        await x.fetch_balance()
        await asyncio.to_thread(control.maintenance, "10m", message="Upgrade")
        with pytest.raises(ExchangeMaintenanceError, match="Upgrade"):
            await x.fetch_balance()
        await asyncio.to_thread(control.heal)
        await x.fetch_balance()
        toml = await asyncio.to_thread(control.saved_scenario)
        assert 'do = "maintenance"\nseconds = "10m"\nmessage = "Upgrade"' in toml
        assert toml.endswith('do = "end_maintenance"\n')
        with pytest.raises(ConfigurationError, match="above 0"):
            await asyncio.to_thread(control.maintenance, 0)

    served(story)


# What the page's buttons and forms send, in an order in which each is possible.
EVERY: tuple[dict[str, Any], ...] = (
    {"do": "halt", "symbol": S}, {"do": "cancel_only", "symbol": S}, {"do": "resume", "symbol": S},
    {"do": "move_price", "symbol": S, "percent": -1},
    {"do": "change_fees", "symbol": S, "taker": 1},
    {"do": "change_rules", "symbol": S, "orders_max": 50},
    {"do": "trade_against", "symbol": S, "order": 1, "amount": 0.01},
    {"do": "undo_trade", "symbol": S}, {"do": "cancel_order", "order": 1},
    {"do": "fill_in_part", "share": 50},
    {"do": "pull_liquidity", "symbol": S, "side": "sell", "depth": 1},
    {"do": "cancel_orders"}, {"do": "expire_orders", "symbol": S}, {"do": "restart"},
    {"do": "maintenance", "seconds": "10m", "after": "1h"}, {"do": "end_maintenance"},
    {"do": "cut_connections"}, {"do": "credit", "asset": "BTC", "amount": 1},
    {"do": "debit", "asset": "BTC", "amount": 1}, {"do": "freeze", "asset": "BTC", "amount": 0.1},
    {"do": "release", "asset": "BTC", "amount": 0.1},
    {"do": "venue_changes", "change": "listen_keys"},
    {"do": "liquidate", "symbol": P}, {"do": "deleverage", "symbol": P},
    {"do": "pay_funding", "symbol": P}, {"do": "change_funding", "symbol": P, "hours": 4},
    {"do": "move_mark", "symbol": P, "percent": 1},
    {"do": "set_insurance_fund", "asset": "USDT", "amount": 5},
    {"do": "change_collateral", "asset": "BTC", "haircut": 5},
    {"do": "settle_contract", "symbol": P}, {"do": "delist", "symbol": S},
)  # fmt: skip


def test_every_incident_has_a_row_a_mark_and_a_place_in_the_saved_scenario() -> None:
    """What was done by hand is seen, and can be done again by a file."""
    assert {one["do"] for one in EVERY} == set(INCIDENTS)

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        x, control = venue.exchange, Control(url)
        await x.create_order(S, "limit", "buy", 0.1, 30_000)
        for one in EVERY:
            if one["do"] in ("liquidate", "deleverage"):
                await x.create_order(P, "market", "buy", 0.1)
            if one["do"] == "undo_trade":
                [fill] = await x.fetch_my_trades(S)
                one |= {"trade": int(fill["id"])}
            last = x.journal.last
            await asyncio.to_thread(control.request, "POST", "/incidents", one)
            [row] = await asyncio.to_thread(control.rows, after=last, limit=1)
            assert row["asked"].startswith("the operator: "), row
            assert row["happened"], one
            marks = await asyncio.to_thread(control.marks, one.get("symbol", S))
            found = [m for m in marks["marks"] if m["n"] == row["n"] and m["kind"] == "incident"]
            assert found, (one, row)
        saved = read(await asyncio.to_thread(control.saved_scenario))
        assert len(saved.incidents) == len(EVERY)

    served(story)


def test_heal_ends_what_still_goes_on() -> None:
    """Halts, maintenance and moved marks end; what is saved ends them, too."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        x, control = venue.exchange, Control(url)

        def acts() -> str:
            control.incident("halt", symbol=S)
            control.incident("cancel_only", symbol=P)
            control.incident("freeze", asset="USDT", amount="9000000.5")
            control.incident("delist", symbol="ETH/USDT")
            control.incident("move_mark", symbol=P, percent=20)
            control.maintenance("1h")
            control.heal()
            return str(control.saved_scenario())

        toml = await asyncio.to_thread(acts)
        await x.create_order(S, "limit", "buy", 0.1, 30_000)
        await x.create_order(P, "market", "buy", 0.1)
        [price] = (await x.fetch_mark_prices([P])).values()
        ticker = await x.fetch_ticker(P)
        assert abs(price["markPrice"] / ticker["last"] - 1) < 0.05
        assert (await x.fetch_balance())["USDT"]["used"] == 3_000  # of the order alone
        healed = [(one["do"], one.get("symbol")) for one in tomllib.loads(toml)["incidents"][6:]]
        assert healed == [
            ("end_maintenance", None), ("resume", S), ("resume", "ETH/USDT"), ("resume", P),
            ("move_mark", P), ("release", None),
        ]  # fmt: skip

    served(story)


def test_heal_calls_off_what_a_scenario_has_planned() -> None:
    """Else a market would halt an hour after somebody has healed everything."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        x, control = venue.exchange, Control(url)
        toml = '[[incidents]]\nat = 3600\ndo = "halt"\nsymbol = "BTC/USDT"\n'

        def acts() -> tuple[Any, Any]:
            control.request("POST", "/scenario", {"toml": toml})
            control.incident("halt", symbol="ETH/USDT", seconds=60)
            return control.heal(), control.rows(limit=3)

        healed, rows = await asyncio.to_thread(acts)
        assert healed["called_off"] == 1
        assert "1 planned incident called off (healed)" in [row["happened"] for row in rows]
        agenda = x.venue.gateway.engine.state.agenda
        assert "EndHalts" in {type(item.command).__name__ for item in agenda}  # its own stay
        assert not [item for item in agenda if item.planned]

    served(story)


def test_a_story_shows_the_bytes_that_were_sent() -> None:
    """As the venue writes them, and what a fault then did to them; without secrets."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        control = Control(url)
        await venue.ask(Request("GET", "/api/v3/time"))
        venue.exchange.arm("cut_body", nth(1), operations=["fetch_time"])
        await venue.ask(Request("GET", "/api/v3/time"))
        await venue.exchange.fetch_time()
        *_, sound, cut, inside = await asyncio.to_thread(control.rows)
        sent = (await asyncio.to_thread(control.trip, sound["n"]))["response"]
        assert sent["status"] == 200
        assert list(json.loads(sent["body"])) == ["serverTime"]
        assert any(one.startswith("x-mbx-used-weight") for one in sent["headers"])
        assert (await asyncio.to_thread(control.trip, cut["n"]))["response"]["damage"] == "cut"
        assert (await asyncio.to_thread(control.trip, inside["n"]))["response"] is None

    served(story)


def test_a_story_shows_the_frames_of_a_push() -> None:
    """As they were sent, with the venue's envelope; also a frame that a fault has cut."""

    async def story(venue: Binance, url: str, session: aiohttp.ClientSession) -> None:
        x, control = venue.exchange, Control(url)
        place = f"ws://127.0.0.1:{venue._listeners[0].port}"
        asked = Request("POST", "/api/v3/userDataStream", headers={"x-mbx-apikey": DEFAULT_KEY})
        given = await venue.ask(asked)
        assert given is not None
        key = json.loads(given.body)["listenKey"]
        async with session.ws_connect(f"{place}/stream?streams={key}") as socket:
            x.arm("break_frame", nth(2), operations=["watch_orders"])
            for _ in range(2):
                await x.create_order(S, "limit", "buy", 0.1, 30_000)
            heard = [(await socket.receive_json())["data"]["e"] for _ in range(2)]
            assert (await socket.receive()).type in (
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.ERROR,
            )
            rows = await asyncio.to_thread(control.rows)
            pushes = [row["n"] for row in rows if row["push"]][:3]
            shown = [await asyncio.to_thread(control.trip, n) for n in pushes]
        [first], [second], [broken] = (one["frames"] for one in shown)
        whole = [json.loads(one["text"]) for one in (first, second)]
        assert [one["data"]["e"] for one in whole] == heard
        assert {one["stream"] for one in whole} == {"(left out)"}
        assert first["kind"] == broken["kind"] == "text"
        assert first["head"].startswith("81 7e")  # a whole message, its length in two bytes
        assert 3 * broken["bytes"] < 2 * first["bytes"]
        assert broken["text"].startswith('{"stream":"(left out)","data":{"e":"executionReport"')
        assert key not in json.dumps(shown)

    served(story, as_of="2025-06-01")  # when Spot still had listen keys


def test_the_frames_that_are_kept_are_bounded() -> None:
    """A night of pushes must not fill the memory of a venue with a page."""
    log, data = SentFrames(), frame(b"x" * 100_000)
    log.note("ws-1", data)  # of no trip: a market push to all
    for number in range(FRAMES_KEPT_MAX + 5):
        log.begin(SimpleNamespace(number=number + 1))  # type: ignore[arg-type]
        log.note("ws-1", data)
        log.end()
    assert log.of(0) == log.of(5) == []
    [kept] = log.of(6)
    assert len(kept.data) == FRAME_BYTES_MAX
    [shown] = frames_view([kept])
    assert (shown["kind"], shown["bytes"]) == ("text", len(data))
    assert shown["cut"] == len(data) - FRAME_BYTES_MAX


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (frame(b'{"stream":"k3y","data":{"listenKey":"k3y"}}'), "text",
         '{"stream":"(left out)","data":{"listenKey":"(left out)"}}'),
        (frame(b'{"stream":"btcusdt@trade","data":{}}'), "text",
         '{"stream":"btcusdt@trade","data":{}}'),
        (frame(b'{"stream":"k3y-of-somebody"}')[:20], "text", '{"stream":"(left out)"'),
        (frame(b"k3y", 2), "binary", ""), (b"\xf1\x03k3y", "broken", ""), (b"", "broken", ""),
    ],
)  # fmt: skip
def test_frames_that_are_shown_have_no_secrets(data: bytes, kind: str, text: str) -> None:
    """Whole, cut or broken: a listen key gives access to an account's stream."""
    [shown] = frames_view([SentFrame(1, "ws-1", data, len(data))])
    assert (shown["kind"], shown["text"]) == (kind, text)


def test_bytes_that_are_shown_have_no_secrets() -> None:
    """A listen key gives access to an account's stream."""
    body = b'{"a":[{"listenKey":"k3y","b":1}]}'
    assert _without_secrets(body) == '{"a":[{"listenKey":"(left out)","b":1}]}'
    assert _without_secrets(b'{"b": 1}') == '{"b": 1}'
    assert _without_secrets(b"<html>\xff") == "<html>\\xff"
