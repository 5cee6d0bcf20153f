"""Update ids: the venue's local-book procedure works from any snapshot, and wrong rules fail.

web-socket-streams.md, "How to manage a local order book correctly", 2026-07-21.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from failing_exchange.core.commands import MovePrice, PullLiquidity, SetMarketStatus
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.order import Side
from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.socket_client import URL, SocketClient
from tests.venues.binance.streams import Socket, streams
from tests.venues.binance.test_streams_book import Book

DEPTH = "/api/v3/depth"
LIMIT = 100
Recorded = tuple[list[Any], list[Any]]  # snapshots and events, in the order in which they came


class Recording:
    """Snapshots at many instants, and all events of a diff stream beside them."""

    def __init__(self, client: Client, socket: Socket) -> None:
        self.client = client
        self.socket = socket
        self.snapshots: list[Any] = []
        self.events: list[Any] = []

    async def listen(self) -> None:
        """Keep each event, and a snapshot of the same instant."""
        while True:
            self.events.append(await self.socket.next())
            await self.snap()

    async def snap(self) -> None:
        """Keep a snapshot."""
        got = await self.client.public("GET", DEPTH, symbol="BTCUSDT", limit=LIMIT)
        self.snapshots.append(got.body)


async def own_orders(client: Client, n: int) -> None:
    """Some that rest, some that take, and a cancel of all now and then."""
    if n % 7 == 6:
        await client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    elif n % 3 == 1:
        await client.order(side="SELL", price="40000", quantity="0.5")
    else:
        await client.order(price=f"{40_000 + n}", quantity="0.01")


async def operator(client: Client, n: int) -> None:
    """Offers that are pulled, a price that jumps, a market that halts."""
    command: Any = (
        PullLiquidity("BTC/USDT", Side.SELL, ppm=20_000, lots=5),
        MovePrice("BTC/USDT", 50_000),
        SetMarketStatus("BTC/USDT", MarketStatus.HALTED, nanoseconds=700_000_000),
        PullLiquidity("BTC/USDT", Side.BUY, ppm=20_000),
    )[n // 4 % 4]
    if n % 4 == 0:
        await client.venue.exchange.operate(command)


async def nothing(client: Client, n: int) -> None:
    """The background alone."""


def record(speed: str, act: Callable[[Client, int], Any], **options: Any) -> Recorded:
    """Eight seconds of a stream, with snapshots at odd instants and at those of the events."""

    async def story(client: Client) -> Recorded:
        async with streams(client, f"/ws/btcusdt@depth{speed}") as socket:
            recording = Recording(client, socket)
            listening = asyncio.ensure_future(recording.listen())
            for n in range(60):
                await act(client, n)
                await asyncio.sleep(0.0731)
                await recording.snap()
                await asyncio.sleep(0.0621)
            await asyncio.sleep(1.3)
            await act(client, 1)  # so that an event follows each snapshot that is looked at
            await asyncio.sleep(1.3)
            listening.cancel()
            return recording.snapshots[:-2], recording.events

    return on_the_wire(story, **options)


STORIES = {
    "background": (nothing, {}),
    "own orders": (own_orders, {}),
    "own orders alone": (own_orders, {"background": False}),
    "operator": (operator, {}),
}


@pytest.mark.parametrize("speed", ["", "@100ms"])
@pytest.mark.parametrize("name", STORIES)
def test_the_procedure_works_from_every_snapshot(name: str, speed: str) -> None:
    """A client that follows the document word for word always starts, and ends with the truth."""
    act, options = STORIES[name]
    snapshots, events = record(speed, act, **options)
    usable = [one for one in snapshots if events[0]["U"] <= one["lastUpdateId"] < events[-1]["u"]]
    assert len(usable) > 40
    final: set[str] = set()
    for snapshot in usable:
        kept = [event for event in events if event["u"] > snapshot["lastUpdateId"]]
        assert kept[0]["U"] <= snapshot["lastUpdateId"] <= kept[0]["u"]  # step 5
        book = Book(snapshot)
        for event in kept:
            book.apply(event)
        final.add(str(book.shown(20)))
    assert len(final) == 1, "every snapshot leads to the same book"


@pytest.mark.parametrize("name", STORIES)
def test_ids_advance_by_each_changed_level(name: str) -> None:
    """Also by those of the background; and no id is missing or told twice."""
    act, options = STORIES[name]
    _, events = record("@100ms", act, **options)
    for before, event in zip([None, *events], events, strict=False):
        assert event["u"] - event["U"] + 1 >= len(event["b"]) + len(event["a"]) > 0
        assert before is None or event["U"] == before["u"] + 1


@pytest.mark.parametrize("name", STORIES)
def test_a_wrong_rule_does_not_work(name: str) -> None:
    """`U == lastUpdateId + 1` holds for other venues; a bot with it must fail here, too."""
    act, options = STORIES[name]
    snapshots, events = record("@100ms", act, **options)
    starts = {event["U"] for event in events}
    lucky = [one for one in snapshots if one["lastUpdateId"] + 1 in starts]
    assert len(lucky) < len(snapshots) / 2


def test_a_whole_book_that_changes_is_counted_whole() -> None:
    """Five thousand levels a side, pulled and moved at once: an id for each of them."""

    async def story(client: Client) -> list[int]:
        spare = []
        async with streams(client, "/ws/btcusdt@depth@100ms") as socket:
            await client.public("GET", DEPTH, symbol="BTCUSDT", limit=5_000)
            for command in (
                PullLiquidity("BTC/USDT", Side.SELL, ppm=900_000),
                MovePrice("BTC/USDT", 100_000),
            ):
                await asyncio.sleep(0.95)
                await client.venue.exchange.operate(command)
                for event in await socket.take(3):
                    changed = len(event["b"]) + len(event["a"])
                    spare.append(event["u"] - event["U"] + 1 - changed)
        return spare

    assert min(on_the_wire(story)) >= 0


@pytest.mark.parametrize("command", ["pull", "resume"])
def test_a_book_that_is_redrawn_within_a_second_counts_all_of_it(command: str) -> None:
    """Orders that stand hold off a market that resumes: each of its prices may be another."""

    async def story(client: Client) -> int:
        operate = client.venue.exchange.operate
        ids = []
        for _ in range(2):
            got = await client.public("GET", DEPTH, symbol="BTCUSDT")
            ids.append(got.body["lastUpdateId"])
            if command == "pull":
                await operate(PullLiquidity("BTC/USDT", Side.SELL, ppm=20_000))
            else:
                for status in (MarketStatus.HALTED, MarketStatus.TRADING):
                    await operate(SetMarketStatus("BTC/USDT", status))
        return int(ids[1] - ids[0])

    assert on_the_wire(story) >= 20_000


def test_all_interfaces_tell_of_one_book() -> None:
    """REST, WebSocket API, partial books, bookTicker and the diff stream, at one instant."""
    names = ("btcusdt@depth@100ms", "btcusdt@depth20@100ms", "btcusdt@bookTicker")

    async def story(client: Client) -> int:
        compared = 0
        async with (
            streams(client, f"/stream?streams={'/'.join(names)}") as socket,
            client.session.ws_connect(URL) as ws,
        ):
            api = SocketClient(ws, client.venue)
            book = Book((await client.public("GET", DEPTH, symbol="BTCUSDT", limit=LIMIT)).body)
            for n in range(12):
                if n % 3 == 2:
                    best = book.shown(1)[0][0][0]
                    await client.order(price=f"{Decimal(best) + 1:.2f}", quantity="0.01")
                told: dict[str, Any] = {}
                while len(told) < len(names) - (n % 3 == 2):
                    message = await socket.next()
                    told[message["stream"]] = message["data"]
                    if message["stream"] == names[0]:
                        book.apply(message["data"])
                rest = (await client.public("GET", DEPTH, symbol="BTCUSDT", limit=LIMIT)).body
                asked = await api.ask("depth", symbol="BTCUSDT", limit=LIMIT)
                assert rest == asked["result"]
                assert [*map(list, book.shown(20)[0])] == rest["bids"][:20]
                assert [*map(list, book.shown(20)[1])] == rest["asks"][:20]
                compared += _agree(told, names, rest)
        return compared

    assert on_the_wire(story) > 12


def _agree(told: dict[str, Any], names: tuple[str, ...], rest: dict[str, Any]) -> int:
    """Hold what streams have told against a snapshot of the same instant; how many did."""
    assert told[names[0]]["U"] <= rest["lastUpdateId"] - 1 == told[names[0]]["u"]
    top = {name: rest[name][:20] for name in ("bids", "asks")}
    found = 0
    if names[1] in told:
        assert told[names[1]] == {"lastUpdateId": rest["lastUpdateId"], **top}
        found += 1
    if (best := told.get(names[2])) and best["u"] == rest["lastUpdateId"]:
        assert [best["b"], best["B"], best["a"], best["A"]] == rest["bids"][0] + rest["asks"][0]
        found += 1
    return found


def test_a_stale_snapshot_has_the_id_that_its_book_had() -> None:
    """With a later id, a client would skip the updates that its book still needs."""

    async def story(client: Client) -> tuple[int, int, int]:
        ids: list[int] = []
        for act in (None, PullLiquidity("BTC/USDT", Side.SELL, ppm=20_000, lots=5), None):
            if act is not None:
                await client.venue.exchange.operate(act)
                await asyncio.sleep(0.1)
            elif ids:
                client.venue.exchange.arm("stale_read", operations="fetch_order_book", seconds=0.25)
            got = await client.public("GET", DEPTH, symbol="BTCUSDT")
            ids.append(got.body["lastUpdateId"])
            await asyncio.sleep(0.1)
        return ids[0], ids[1], ids[2]

    before, pulled, stale = on_the_wire(story)
    assert before < stale < pulled - 10_000
