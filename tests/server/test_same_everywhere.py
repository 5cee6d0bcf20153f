"""One scenario, three doors: in process, in a simulation and on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from failing_exchange import Binance, ConnectionLostError, FailingExchange, simulate
from failing_exchange.errors import FailingExchangeError
from failing_exchange.journal.trip import Trip
from tests.venues.binance import client as wire
from tests.venues.binance.client import Client

SCENARIO = """
seed = 11
background = false
latency = "none"

[[faults]]
kind = "break_connection"
when = "chance(0.3)"
operations = ["create_order"]
executed = "either"

[[faults]]
kind = "reject_request"
when = "nth(3)"
operations = ["cancel_order"]

[[faults]]
kind = "repeat_request"
when = "every(4)"
operations = ["create_order"]
"""
ORDERS = 12
Seen = list[tuple[Any, ...]]
Place = Callable[[str, str, int], Awaitable[None]]
Cancel = Callable[[int], Awaitable[None]]


async def story(place: Place, cancel: Cancel) -> None:
    """Orders that rest and orders that meet them, and a cancel after each third."""
    for n in range(ORDERS):
        await place("buy" if n % 2 else "sell", "0.01", 50_000 + n % 3)
        if n % 3 == 2:
            await cancel(n)


def seen(trips: list[Trip]) -> Seen:
    """What was asked, what happened and what was decided; without instants and forms of message."""
    return [
        (
            trip.operation,
            trip.symbol,
            trip.request_number,
            bool(trip.echo_of),
            tuple(timeless(event) for event in trip.happened),
            tuple((decision.rule, str(decision.stage)) for decision in trip.struck),
        )
        for trip in trips
        if trip.operation in ("create_order", "cancel_order")
    ]


def timeless(event: Any) -> Any:
    """An event without its instants."""
    if not hasattr(event, "_asdict"):
        return event
    rest = {k: timeless(v) for k, v in event._asdict().items() if k not in ("at", "trade_id")}
    return (type(event).__name__, *rest.items())


def in_process(path: Path) -> Seen:
    """By unified calls."""

    async def main() -> Seen:
        exchange = FailingExchange(scenario=str(path))

        async def place(side: str, amount: str, price: int) -> None:
            try:
                await exchange.create_order("BTC/USDT", "limit", side, amount, price)
            except ConnectionLostError as lost:
                print(lost)

        async def cancel(order_id: int) -> None:
            try:
                await exchange.cancel_order(str(order_id), "BTC/USDT")
            except FailingExchangeError as refused:
                print(refused)

        await story(place, cancel)
        return seen(list(exchange.journal.trips))

    return simulate(main())


async def over_the_wire(client: Client) -> Seen:
    """By signed requests."""

    async def place(side: str, amount: str, price: int) -> None:
        try:
            await client.order(side=side.upper(), quantity=amount, price=str(price))
        except aiohttp.ServerDisconnectedError as lost:
            print(lost)

    async def cancel(order_id: int) -> None:
        await client.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=order_id)

    await story(place, cancel)
    return seen(list(client.venue.exchange.journal.trips))


def in_simulation(path: Path) -> Seen:
    """Under production names, in virtual time."""

    async def main() -> Seen:
        venue = Binance(FailingExchange(scenario=str(path)))
        await venue.listen_in_simulation()
        async with aiohttp.ClientSession() as session:
            found = await over_the_wire(Client(session, venue))
        await venue.close()
        return found

    return simulate(main())


def on_a_socket(path: Path, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """On loopback, in real time."""

    async def main() -> Seen:
        venue = Binance(FailingExchange(scenario=str(path)))
        port = await venue.listen("127.0.0.1", 0)
        monkeypatch.setattr(wire, "HOST", f"http://127.0.0.1:{port}")
        async with aiohttp.ClientSession() as session:
            found = await over_the_wire(Client(session, venue))
        await venue.close()
        return found

    return asyncio.run(main())


def test_one_scenario_is_the_same_at_every_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure found in one place is the same failure in another."""
    path = tmp_path / "doors.toml"
    path.write_text(SCENARIO)
    first = in_process(path)
    assert sum(bool(struck) for *_, struck in first) > 4, "the scenario should fail now and then"
    assert in_simulation(path) == first
    assert on_a_socket(path, monkeypatch) == first
