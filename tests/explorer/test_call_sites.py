"""The line of the bot that has sent a request, seen from the venue's door."""

from __future__ import annotations

from pathlib import Path

import pytest

from failing_exchange.explorer import targets
from failing_exchange.explorer.trial import RunRequest, TrialResult
from failing_exchange.explorer.world import World

IN_PROCESS = """
import asyncio
from failing_exchange import place_order_with_retry

async def order(exchange):
    await exchange.create_order("BTC/USDT", "market", "buy", 0.1)

async def main(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    await order(exchange)
    await asyncio.gather(exchange.fetch_balance(), exchange.fetch_time())
    await place_order_with_retry(exchange, "BTC/USDT", "limit", "buy", 0.1, 40_000)
"""
AIOHTTP = """
import asyncio
import aiohttp

HOST = "https://api.binance.com/api/v3"

async def get(session, path):
    async with session.get(HOST + path) as answer:
        await answer.read()

async def main():
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(get(session, "/time"), get(session, "/ping"))
        async with session.post(HOST + "/order/test", data={"symbol": "BTCUSDT"}) as answer:
            await answer.read()
        async with session.ws_connect("wss://ws-api.binance.com/ws-api/v3") as socket:
            await socket.send_json({"id": 1, "method": "time"})
            await socket.receive()
"""
CCXT = """
import asyncio
import ccxt.async_support as ccxt

async def main():
    client = ccxt.binance({"apiKey": "myKey", "secret": "mine"})
    try:
        await client.load_markets()
        await client.create_order("BTC/USDT", "market", "buy", 0.01)
        await asyncio.gather(
            client.fetch_balance(),
            client.fetch_open_orders("BTC/USDT"),
        )
    finally:
        await client.close()
"""


def run(folder: Path, text: str) -> TrialResult:
    """A bot of that text for a minute."""
    path = folder / "mybot.py"
    path.write_text(text)
    outcome = targets.load(f"{path}:main").run(
        RunRequest(world=World(seed=1, seconds=60.0), digest=True)
    )
    assert outcome.verdict is not None, outcome.error
    assert outcome.verdict.crashed is None
    return outcome


def lines(outcome: TrialResult, text: str) -> list[tuple[str, str]]:
    """(operation, source line of its place) of each request."""
    assert outcome.places is not None
    source = [line.strip() for line in text.splitlines()]
    found = []
    for trip in outcome.trips:
        if trip.operation != "(market)" and not trip.is_push:
            file, _, number = outcome.places.of(trip.number).partition(":")
            assert file == "mybot.py", trip
            found.append((trip.operation, source[int(number) - 1]))
    return found


def test_in_process_it_is_the_innermost_line_of_the_bot(tmp_path: Path) -> None:
    """Not a line of ours that it calls, nor of the function that has called its function."""
    order = 'await exchange.create_order("BTC/USDT", "market", "buy", 0.1)'
    both = "await asyncio.gather(exchange.fetch_balance(), exchange.fetch_time())"
    retry = 'await place_order_with_retry(exchange, "BTC/USDT", "limit", "buy", 0.1, 40_000)'
    found = lines(run(tmp_path, IN_PROCESS), IN_PROCESS)
    assert found[:2] == [
        ("fetch_ticker", 'await exchange.fetch_ticker("BTC/USDT")'), ("create_order", order),
    ]  # fmt: skip
    assert {line for operation, line in found if operation == "create_order"} == {order, retry}
    assert [line for operation, line in found if operation == "fetch_time"] == [both]


def test_a_client_that_writes_from_a_task_of_its_own_is_followed(tmp_path: Path) -> None:
    """aiohttp does so; and the venue reads a WebSocket in a task of its own, too."""
    found = lines(run(tmp_path, AIOHTTP), AIOHTTP)
    get = "async with session.get(HOST + path) as answer:"
    post = 'async with session.post(HOST + "/order/test", data={"symbol": "BTCUSDT"}) as answer:'
    assert sorted(found[:2]) == [("fetch_status", get), ("fetch_time", get)]
    asked = 'await socket.send_json({"id": 1, "method": "time"})'
    assert found[2:] == [("create_order", post), ("fetch_time", asked)]


def test_a_client_of_ccxt_is_followed(tmp_path: Path) -> None:
    """Through its own tasks: what it loads first is the doing of the line that asks for it."""
    pytest.importorskip("ccxt")
    found = dict(lines(run(tmp_path, CCXT), CCXT))
    assert found["fetch_markets"] == "await client.load_markets()"
    assert found["create_order"].startswith("await client.create_order")
    assert found["fetch_balance"] == found["fetch_open_orders"] == "await asyncio.gather("


def test_a_journal_does_not_know_of_places(tmp_path: Path) -> None:
    """A comment above the bot moves all its lines, and no byte of what it does."""
    first, again = run(tmp_path, IN_PROCESS), run(tmp_path, "\n# a comment\n" + IN_PROCESS)
    assert first.digest == again.digest
    assert first.places is not None
    assert again.places is not None
    number = next(trip.number for trip in first.trips if trip.operation == "fetch_ticker")
    assert first.places.of(number) != again.places.of(number)
