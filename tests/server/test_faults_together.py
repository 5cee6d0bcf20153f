"""Several faults on one answer, at each door: the answer is struck, and the venue goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import fields
from functools import partial
from itertools import combinations
from typing import Any
from urllib.parse import urlencode

import pytest

from failing_exchange.core.chance import key, mix
from failing_exchange.core.commands import SetMarketStatus
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.units import SECOND
from failing_exchange.errors import FailingExchangeError, InternalError
from failing_exchange.faults import operations as ops
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.connection import ConnectionDamage
from failing_exchange.faults.http import HttpDamage
from failing_exchange.faults.plan import Stage
from failing_exchange.faults.websocket_faults import FrameDamage
from failing_exchange.feeds.market_feeds import Feed
from failing_exchange.journal.trip import BUG, DamageKind
from failing_exchange.server.damage import EFFECTS
from failing_exchange.server.http_reader import RequestReader
from failing_exchange.venues.binance import user_events
from failing_exchange.venues.binance.spot_rest import SpotRest
from failing_exchange.venues.binance_common import early_replies, ws_envelope
from failing_exchange.venues.binance_common.metering import Interval, VenueLimits
from failing_exchange.venues.binance_common.ws_api import ApiRequest
from tests.passes import as_ours
from tests.venues.binance.raw import API, DOORS, ORDER, STREAM, Line, Place, at, request, signed

EVERYTHING = (*ops.ALL, *ops.CONNECTION_EVENTS)
# These clients trade on Spot: faults of contracts find nothing to strike there.
ON_SPOT = [name for name, entry in CATALOGUE.items() if entry.group != "contracts"]
WIRE = [name for name, entry in CATALOGUE.items() if Stage.WIRE in entry.kind.stages]
PAIRS = list(combinations(WIRE, 2))
TOLD = [  # pairs that once broke the venue for good
    ("half_close", "empty_answer"), ("set_field", "reply_without_id"), ("html_page", "drop_fields"),
    ("truncate_json", "broken_gzip"), ("compress_frames", "garble_frame"),
]  # fmt: skip
TURNS_MAX = 60  # of the loop, in which what is not held up has been told
MANY = Interval(1_000_000, 1, 60 * SECOND)
NO_LIMITS = VenueLimits(weight=MANY, raw=MANY, orders=(), connects=MANY)
SEED = key(13, "faults together")


def some(n: int, among: Sequence[Any], draw: int) -> list[Any]:
    """So many of them, drawn."""
    return sorted(among, key=lambda one: mix(draw, key(str(one))))[:n]


def arm(place: Place, names: Iterable[str], draw: int) -> None:
    """Arm faults on everything; the exchange acts, or does not."""
    for name in names:
        given: dict[str, Any] = {}
        if any(one.name == "executed" for one in fields(CATALOGUE[name].kind)):
            given["executed"] = ("before", "after")[mix(draw, key(name)) % 2]
        place.exchange.arm(name, operations=EVERYTHING, **given)


async def turns() -> None:
    """Let everything happen that need not wait; no test waits for what never comes."""
    for _ in range(TURNS_MAX):
        await asyncio.sleep(0)


async def ask_all(place: Place, lines: Sequence[Line]) -> None:
    """Ask at each entrance: REST, the WebSocket API, both kinds of streams, and in process."""
    rest, api, *_ = lines
    rest.say(signed(place.host, **ORDER))
    rest.say(f"GET /api/v3/time HTTP/1.1\r\nHost: {place.host}\r\n\r\n")
    api.send(request("order.place", **ORDER))
    api.ping()
    exchange, named = place.exchange, {"clientOrderId": "rests"}
    for call in (
        exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000, named),
        exchange.cancel_order(None, "BTC/USDT", named),  # by a name that no answer need tell
        exchange.fetch_ticker("BTC/USDT"),
        exchange.create_order("BTC/USDT", "market", "buy", 0.001),
    ):
        with contextlib.suppress(FailingExchangeError, TimeoutError):
            async with asyncio.timeout(1):
                await call
    await turns()


async def heal(place: Place) -> None:
    """Take faults and orders away, and open the market: a fault may have closed it for good."""
    place.exchange.venue.plan.disarm_all()
    await place.exchange.cancel_all_orders("BTC/USDT")
    await place.exchange.operate(SetMarketStatus("BTC/USDT", MarketStatus.TRADING))


async def open_lines(place: Place) -> list[Line]:
    """A connection to each entrance, opened while nothing is wrong."""
    return [
        await place.connect(),
        await place.upgraded(API),
        await place.upgraded(STREAM),
        await place.account(),
    ]


async def survives(place: Place, names: Sequence[str], draw: int) -> None:
    """Strike with some faults; then a healthy request is answered, and no bug was met."""
    lines = await open_lines(place)
    arm(place, names, draw)
    await ask_all(place, lines)
    with contextlib.suppress(OSError):  # a new connection may be refused
        lines.append(await place.connect())
    assert any(rule.struck for rule in place.exchange.armed), names
    await heal(place)
    for line in lines:
        line.writer.close()
    place.lines.clear()
    again = await place.connect()
    again.say(f"GET /api/v3/time HTTP/1.1\r\nHost: {place.host}\r\n\r\n")
    assert (await again.head()).startswith(b"HTTP/1.1 200 OK"), names
    again.writer.close()
    journal = place.exchange.journal
    assert not [trip for trip in journal.trips if trip.operation == BUG], names


def all_survive(door: str, sets: Sequence[Sequence[str]]) -> None:
    """One venue for all of them, as one server would have it."""

    async def story(place: Place) -> None:
        for names in sets:
            await survives(place, names, key(SEED, *names))

    at(door, story, limits=NO_LIMITS)


@pytest.mark.parametrize("door", DOORS)
def test_two_faults_on_one_answer_leave_the_venue_alive(door: str) -> None:
    """A venue that answers 500 for ever after two faults tells nothing about a bot."""
    all_survive(door, [*TOLD, *some(25, PAIRS, SEED)])


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("part", range(8))
def test_every_pair_of_wire_faults_leaves_the_venue_alive(door: str, part: int) -> None:
    """All of them, a part at a time."""
    all_survive(door, PAIRS[part::8])


@pytest.mark.parametrize("door", DOORS)
def test_many_faults_on_one_answer_leave_the_venue_alive(door: str) -> None:
    """Sets of three to eight, of all that there is at any stage."""
    all_survive(door, [some(3 + n % 6, ON_SPOT, mix(SEED, n)) for n in range(18)])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_random_sets_of_faults_leave_the_venue_alive(part: int) -> None:
    """The same, with more draws."""
    numbers = range(part * 100, part * 100 + 100)
    all_survive("simulation", [some(3 + n % 6, ON_SPOT, mix(SEED, n)) for n in numbers])


def test_edits_of_several_faults_add_up_and_then_the_bytes_are_damaged() -> None:
    """The order in which they are armed decides only where both say something of one field."""

    async def story(place: Place) -> bytes:
        arm = partial(place.exchange.arm, operations="create_order")
        arm("truncate_json", share=0.99, executed="before")
        arm("set_field", field="status", value="canceled")
        arm("drop_fields", fields=("type",))
        arm("set_field", field="side", value="sell")
        line = await place.connect()
        line.say(signed(place.host, **ORDER))
        return (await line.rest()).got

    body = at("simulation", story).partition(b"\r\n\r\n")[2]
    assert b'"status":"CANCELED"' in body
    assert b'"side":"SELL"' in body
    assert b'"type":' not in body
    assert not body.endswith(b"}")


def test_of_two_damages_the_one_armed_first_wins_and_the_other_does_not_count() -> None:
    """Statistics that count a fault which changed nothing would mislead."""

    async def story(place: Place) -> tuple[bytes, list[int]]:
        for name in ("html_page", "empty_answer"):
            place.exchange.arm(name, operations="fetch_time", executed="before")
        seen = await place.asked()
        return seen.got, [rule.struck for rule in place.exchange.armed]

    got, struck = at("simulation", story)
    assert got.startswith(b"HTTP/1.1 502 ")
    assert struck == [1, 0]


def broken_once(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> None:
    """Give what reads or answers requests a bug that shows the first time it is called."""
    write, calls = getattr(place, name), iter([1])

    def buggy(*given: Any, **more: Any) -> Any:
        if next(calls, None):
            raise ZeroDivisionError("a bug of ours")
        return write(*given, **more)

    monkeypatch.setattr(place, name, as_ours(buggy))


async def time_over_rest(place: Place) -> bytes:
    line = await place.connect()
    line.say(f"GET /api/v3/time HTTP/1.1\r\nHost: {place.host}\r\n\r\n")
    return await line.next()


async def order_over_the_api(place: Place) -> bytes:
    line = await place.upgraded(API)
    line.send(request("order.place", **ORDER))
    return await line.next()


async def own_stream(place: Place) -> bytes:
    line = await place.account()
    await place.order()
    return await line.next()


async def market_stream(place: Place) -> bytes:
    line = await place.upgraded("/ws/btcusdt@bookTicker")
    await place.order()
    return await line.next()


CANDLES = {"symbol": "BTCUSDT", "interval": "1d", "timeZone": "5:47", "limit": 20}


async def candles_over_rest(place: Place) -> bytes:
    line = await place.connect()
    line.say(f"GET /api/v3/klines?{urlencode(CANDLES)} HTTP/1.1\r\nHost: {place.host}\r\n\r\n")
    return await line.next()


async def candles_over_the_api(place: Place) -> bytes:
    line = await place.upgraded(API)
    line.send({"id": 1, "method": "klines", "params": CANDLES})
    return await line.next()


async def upgrade(place: Place) -> bytes:
    line = await place.upgrading(STREAM)
    return await line.next()


BUGS = [
    (time_over_rest, RequestReader, "read", b"HTTP/1.1 500 ", b'"serverTime"'),
    (time_over_rest, SpotRest, "route", b"HTTP/1.1 500 ", b'"serverTime"'),
    (time_over_rest, SpotRest, "read", b"HTTP/1.1 500 ", b'"serverTime"'),
    (candles_over_rest, SpotRest, "make", b"HTTP/1.1 500 ", b"HTTP/1.1 200 "),
    (upgrade, early_replies, "given", b"HTTP/1.1 500 ", b"HTTP/1.1 101 "),
    (order_over_the_api, SpotRest, "read", b"\x81", b'"status":200'),
    (order_over_the_api, ApiRequest, "call", b"\x81", b'"status":200'),
    (order_over_the_api, ws_envelope, "asked", b"\x88", b'"status":200'),
    (candles_over_the_api, SpotRest, "make", b"\x81", b'"status":200'),
    (time_over_rest, SpotRest, "written", b"HTTP/1.1 500 ", b'"serverTime"'),
    (order_over_the_api, SpotRest, "written", b"\x81", b'"status":200'),
    (own_stream, user_events, "write", b"", b"executionReport"),
    (market_stream, Feed, "payload", b"\x88", b'"s":"BTCUSDT"'),
]


@pytest.mark.parametrize(("ask", "where", "name", "broken", "healthy"), BUGS)
def test_in_real_time_a_bug_in_reading_or_answering_costs_that_answer(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    ask: Callable[[Place], Awaitable[bytes]],
    where: Any,
    name: str,
    broken: bytes,
    healthy: bytes,
) -> None:
    """It is journalled and logged; whoever asks next is answered."""

    async def story(place: Place) -> tuple[bytes, bytes, list[Any]]:
        broken_once(monkeypatch, where, name)
        first, then = await ask(place), await ask(place)
        return first, then, [t.message for t in place.exchange.journal.trips if t.operation == BUG]

    first, then, noted = at("port", story)
    assert first.startswith(broken)
    assert healthy not in first
    assert healthy in then
    assert len(noted) == 1
    assert "ZeroDivisionError: a bug of ours" in noted[0]
    assert "a bug in the venue" in caplog.text


@pytest.mark.parametrize(("ask", "where", "name", "broken", "healthy"), BUGS)
def test_in_a_simulation_a_bug_in_reading_or_answering_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[Place], Awaitable[bytes]],
    where: Any,
    name: str,
    broken: bytes,
    healthy: bytes,
) -> None:
    """A test that goes on with a broken venue would prove nothing."""

    async def story(place: Place) -> None:
        broken_once(monkeypatch, where, name)
        await ask(place)

    with pytest.raises(InternalError, match="a bug of ours"):
        at("simulation", story)


def test_in_real_time_a_bug_in_reading_a_call_costs_that_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In process, too: the caller is raised it, and the venue goes on."""

    async def story(place: Place) -> int:
        broken_once(monkeypatch, place.exchange.venue.gateway, "decode")
        with pytest.raises(InternalError, match="a bug of ours"):
            await place.exchange.fetch_ticker("BTC/USDT")
        await place.order()
        return sum(trip.operation == BUG for trip in place.exchange.journal.trips)

    assert at("port", story) == 1


def test_every_kind_of_damage_has_a_row_and_a_name_of_its_own() -> None:
    """A kind that is forgotten would break the connection of the first client that meets it."""
    kinds = [*HttpDamage, *FrameDamage, *ConnectionDamage]
    assert set(DamageKind.__subclasses__()) == {HttpDamage, FrameDamage, ConnectionDamage}
    assert list(EFFECTS) == kinds
    assert len({str(kind) for kind in kinds}) == len(kinds)
    used = {entry.kind.kind for entry in CATALOGUE.values() if entry.scope == "wire"}
    assert used == set(kinds), "a kind that no fault has can't be seen by any test"
