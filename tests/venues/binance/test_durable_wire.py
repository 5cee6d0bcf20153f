"""On the wire nothing is told before it is written; where nothing can be written, nothing is."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.durable.group_commit import GroupCommit
from failing_exchange.durable.sqlite_store import WriteBatch
from failing_exchange.faults.triggers import nth
from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.socket_client import SocketClient, on_a_socket

MILLISECOND = 1_000_000


def written(path: Path, text: str) -> int:
    """How many trips in the file say this; another process would see the same."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT count(*) FROM trips WHERE trip LIKE ?", (f"%{text}%",))
        return int(found.fetchone()[0])


def commits_of(client: Client | SocketClient) -> GroupCommit:
    """The venue's."""
    durable = client.venue.exchange.venue.durable
    assert isinstance(durable, DurableJournal)
    return durable.commits


def fill_the_disk(client: Client | SocketClient) -> None:
    """From now on nothing can be written."""
    cast(Any, commits_of(client).store)._db.execute("PRAGMA query_only = 1")


def test_an_answer_leaves_after_its_batch(tmp_path: Path) -> None:
    """What the client has heard, another process can read at that moment."""
    path = tmp_path / "run.db"

    async def story(client: Client) -> None:
        begun = time.time()
        got = await client.order(newClientOrderId="mine")
        assert got.status == 200
        assert time.time() - begun == pytest.approx(0.3, abs=0.01)
        assert written(path, "create_order") == 1

    on_the_wire(story, journal=DurableJournal(path, every=300 * MILLISECOND))


def test_many_answers_share_one_commit(tmp_path: Path) -> None:
    """A commit each would cost a disk's patience; together they wait once."""

    async def story(client: Client) -> None:
        commits, sizes = commits_of(client), list[int]()
        ahead = commits.ahead

        def count(batch: WriteBatch) -> None:
            sizes.append(len(batch.commands))
            ahead(batch)

        commits.ahead = count
        got = await asyncio.gather(*(client.order(price=str(30_000 + n)) for n in range(40)))
        assert {one.status for one in got} == {200}
        assert sizes == [41]  # with the opening of the account

    on_the_wire(story, journal=DurableJournal(tmp_path / "run.db", every=300 * MILLISECOND))


def test_replies_and_events_of_a_socket_wait_as_well(tmp_path: Path) -> None:
    """Reply, report and position leave together, in their order, when all is written."""
    path = tmp_path / "run.db"

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        begun = time.time()
        await client.order(newClientOrderId="mine")
        assert time.time() - begun == pytest.approx(0.3, abs=0.01)
        assert client.events[0]["c"] == "mine"
        assert written(path, "create_order") == 1
        assert written(path, "watch_orders") == 1

    on_a_socket(story, journal=DurableJournal(path, every=300 * MILLISECOND))


def test_a_full_disk_is_told_on_the_wire(tmp_path: Path) -> None:
    """The venue refuses as one that is unavailable; with room again it goes on."""

    async def story(client: Client) -> None:
        assert (await client.order(newClientOrderId="first")).status == 200
        fill_the_disk(client)
        refused = await client.order(newClientOrderId="second")
        assert refused.status == 503
        assert (await client.public("GET", "/api/v3/time")).status == 503
        cast(Any, commits_of(client).store)._db.execute("PRAGMA query_only = 0")
        await asyncio.sleep(1.1)
        got = await client.signed("GET", "/api/v3/openOrders")
        assert [order["clientOrderId"] for order in got.body] == ["first", "second"]

    on_the_wire(story, journal=DurableJournal(tmp_path / "run.db"))


def test_a_full_disk_breaks_what_would_tell_of_the_unwritten(tmp_path: Path) -> None:
    """An event of an order that is written nowhere must not be heard."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        fill_the_disk(client)
        with pytest.raises((TypeError, aiohttp.ClientError)):
            await client.order(newClientOrderId="mine")
        assert client.events == []

    on_a_socket(story, journal=DurableJournal(tmp_path / "run.db"))


@pytest.mark.parametrize("orders", ["kept", "lost"])
def test_a_venue_dies_and_comes_back(orders: str) -> None:
    """All connections break, then it answers again, with or without what was open."""

    async def story(client: SocketClient) -> None:
        await client.subscribe()
        await client.order(newClientOrderId="before")
        exchange = client.exchange
        exchange.arm("venue_restart", nth(1), operations="create_order", orders=orders)
        with pytest.raises((TypeError, aiohttp.ClientError)):
            await client.order(newClientOrderId="last")
        assert client.ws.closed
        count = len(exchange.venue.gateway.engine.state.orders)
        assert count == (2 if orders == "kept" else 0)
        await asyncio.sleep(6)
        assert (await exchange.fetch_balance())["USDT"]["total"] > 0

    on_a_socket(story)
