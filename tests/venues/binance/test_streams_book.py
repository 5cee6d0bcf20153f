"""The diff. depth stream joins the snapshots of REST: the venue's own procedure, step by step."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from failing_exchange.core.commands import MovePrice, PullLiquidity
from failing_exchange.core.order import Side
from failing_exchange.core.queries import BookSnapshot
from failing_exchange.feeds.book_delta import BookView
from failing_exchange.venue.default_world import MARKETS
from tests.examples import examples
from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.streams import Socket, streams


class Book:
    """A local order book, kept as "How to manage a local order book correctly" says."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.id = snapshot["lastUpdateId"]
        self.sides = {"b": dict(map(tuple, snapshot["bids"])),
                      "a": dict(map(tuple, snapshot["asks"]))}  # fmt: skip

    def apply(self, event: dict[str, Any]) -> None:
        """One event of the stream."""
        if event["u"] <= self.id:
            return
        assert event["U"] <= self.id + 1, "events were missed"
        for name, levels in self.sides.items():
            for price, amount in event[name]:
                levels[price] = amount
                if not Decimal(amount):
                    del levels[price]
        self.id = event["u"]

    def shown(self, limit: int) -> tuple[list[Any], list[Any]]:
        """As a snapshot shows it."""
        bids = sorted(self.sides["b"].items(), key=lambda level: Decimal(level[0]), reverse=True)
        asks = sorted(self.sides["a"].items(), key=lambda level: Decimal(level[0]))
        return bids[:limit], asks[:limit]


def snapshot(client: Client, limit: int) -> dict[str, Any]:
    """What REST would answer at this instant: through the same gates."""
    from failing_exchange.core.queries import FetchBook
    from failing_exchange.venues.binance.stream_events import partial_depth

    found = []
    client.venue.exchange.venue.gateway.receive(
        "main", "fetch_order_book", None, "BTC/USDT",
        lambda trip: found.append(trip.told),
        lambda trip: FetchBook("main", "BTC/USDT", limit),
    )  # fmt: skip
    return partial_depth(found[0])


async def joined(client: Client, socket: Socket, limit: int) -> Book:
    """Steps 2 to 6 of the procedure."""
    buffered = [await socket.next()]
    book = Book(snapshot(client, limit))
    while book.id < buffered[0]["U"]:
        book = Book(snapshot(client, limit))
    for event in buffered:
        book.apply(event)
    return book


@pytest.mark.parametrize("speed", ["", "@100ms"])
@pytest.mark.parametrize("limit", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_a_local_book_stays_the_venues_book(speed: str, limit: int) -> None:
    """With orders coming, going and trading in between, at any moment of joining."""

    async def story(client: Client) -> None:
        async with streams(client, f"/ws/btcusdt@depth{speed}") as socket:
            await asyncio.sleep(0.73)
            book = await joined(client, socket, limit)
            last, compared = book.id, 0
            for n in range(60):
                event = await socket.next()
                assert event["U"] <= last + 1 <= event["u"] + 1
                book.apply(event)
                last = event["u"]
                truth = Book(snapshot(client, limit))
                if book.id == truth.id - 1:  # else the event is older than this instant
                    assert book.shown(limit) == truth.shown(limit)
                    compared += 1
                if n % 3 == 0:
                    price = f"{float(truth.shown(1)[1][0][0]) - 0.01 * (n % 5):.2f}"
                    await client.order(price=price, quantity="0.05")
                if n % 5 == 0:
                    await client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
                    await asyncio.sleep(0.13)
            assert compared > 40

    on_the_wire(story)


def test_events_have_no_gap_between_them() -> None:
    """U is the u before, plus one; else a client has to start again."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@depth@100ms") as socket:
            last = (await socket.next())["u"]
            for n in range(40):
                await client.order(price=f"{40_000 + n}", quantity="0.01")
                event = await socket.next()
                assert event["U"] == last + 1
                last = event["u"]

    on_the_wire(story)


def test_a_level_that_came_and_went_is_told() -> None:
    """Whoever took the snapshot in between would keep it for ever."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@depth") as socket:
            await socket.next()
            await asyncio.sleep(0.2)
            ask = Book(snapshot(client, 5)).shown(1)[1][0][0]
            price = f"{float(ask) - 0.01:.2f}"
            placed = (await client.order(price=price, quantity="0.01")).body
            between = Book(snapshot(client, 20))
            assert between.shown(1)[0][0][0] == f"{price}000000"
            await client.signed(
                "DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"]
            )
            event = await socket.next()
            assert [f"{price}000000", "0.00000000"] in event["b"]
            between.apply(event)
            assert between.shown(5) == Book(snapshot(client, 5)).shown(5)

    on_the_wire(story)


def test_what_the_operator_does_is_told() -> None:
    """A pulled book is different at once, a moved price from the next second on."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@depth@100ms") as socket:
            book = await joined(client, socket, 100)
            exchange = client.venue.exchange
            await asyncio.sleep(0.31)
            pull = PullLiquidity("BTC/USDT", Side.SELL, ppm=10_000, lots=5)
            await exchange.operate(pull)
            book.apply(await socket.next())
            assert book.shown(20) == Book(snapshot(client, 100)).shown(20)
            assert book.shown(1)[1][0][1] == "0.00005000"
            await exchange.operate(MovePrice("BTC/USDT", 50_000))
            book.apply(await socket.next())
            assert book.shown(100) == Book(snapshot(client, 100)).shown(100)

    on_the_wire(story)


def test_a_deeper_snapshot_deepens_the_updates() -> None:
    """Nobody pays for five thousand levels before somebody has read them."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@depth") as socket:
            narrow = await joined(client, socket, 100)
            narrow.apply(await socket.next())
            wide = Book(snapshot(client, 5_000))
            for _ in range(3):
                event = await socket.next()
                narrow.apply(event)
                wide.apply(event)
                truth = Book(snapshot(client, 5_000))
                assert wide.shown(5_000) == truth.shown(5_000)
                assert narrow.shown(50) == truth.shown(50)

    on_the_wire(story)


def test_the_procedure_works_over_http() -> None:
    """Word for word: the stream, then GET /api/v3/depth with 5,000 levels, then the events."""

    async def story(client: Client) -> None:
        async with streams(client, "/ws/btcusdt@depth@100ms") as socket:
            buffered = [await socket.next()]
            answer = await client.public("GET", "/api/v3/depth", symbol="BTCUSDT", limit=5_000)
            book = Book(answer.body)
            assert book.id >= buffered[0]["U"]
            buffered += await socket.take(3)
            first = next(event for event in buffered if event["u"] > book.id)
            assert first["U"] <= book.id <= first["u"]
            for event in buffered:
                book.apply(event)
            answer = await client.public("GET", "/api/v3/depth", symbol="BTCUSDT", limit=5_000)
            assert book.id < answer.body["lastUpdateId"]
            assert book.shown(5_000) == Book(answer.body).shown(5_000)

    on_the_wire(story, latency="auto")


LEVELS = st.dictionaries(st.integers(1, 9), st.integers(1, 3), max_size=6)


@examples(200)
@given(st.lists(st.tuples(LEVELS, LEVELS, st.booleans()), min_size=1, max_size=12), st.data())
def test_updates_lead_from_any_state_to_the_last(steps: list[Any], data: st.DataObject) -> None:
    """Whatever happens between two updates: from each snapshot on the way the end is right."""
    market = MARKETS["BTC/USDT"]

    def book(number: int, bids: dict[int, int], asks: dict[int, int]) -> BookSnapshot:
        ordered = tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items()))
        return BookSnapshot(market, number, *ordered, 2 * number)  # ids of snapshots are even

    view = BookView(book(0, {}, {}))
    states: list[Any] = [({}, {}, 0)]
    updates = []
    for number, (bids, asks, pushed) in enumerate(steps, 1):
        states.append((bids, asks, number))
        now = book(number, bids, asks)
        if not pushed and number < len(steps):
            view.note(now)
        elif (update := view.update(now)) is not None:
            updates.append(update)
    start = data.draw(st.sampled_from(states))
    mine = {Side.BUY: dict(start[0]), Side.SELL: dict(start[1])}
    at = 2 * start[2]
    for update in updates:
        if update.sequence <= at:
            continue
        assert update.first <= at + at % 2  # a snapshot lies inside, never at the edge
        for side, levels in ((Side.BUY, update.bids), (Side.SELL, update.asks)):
            for ticks, lots in levels:
                mine[side][ticks] = lots
                if not lots:
                    del mine[side][ticks]
        at = update.sequence
    assert (mine[Side.BUY], mine[Side.SELL]) == steps[-1][:2]
