"""Damaged answers, as a raw socket and a client see them; the exchange has acted all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.triggers import nth
from tests.venues.binance.client import Client, on_the_wire

DAMAGES = [name for name, entry in CATALOGUE.items() if entry.group.startswith("the bytes")]
LOST = [name for name in DAMAGES if name != "drip_body"]  # which arrives, late
STREAM = "wss://stream.binance.com:9443/ws/btcusdt@bookTicker"


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_answer_leaves_the_order_live(name: str) -> None:
    """The bot can't read what came back; the order stands, and its second look finds it."""

    async def story(client: Client) -> None:
        exchange = client.venue.exchange
        exchange.arm(name, nth(1), operations="create_order")
        heard: object
        try:
            async with asyncio.timeout(5):
                heard = (await client.order()).status
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            heard = type(error).__name__
        assert name == "drip_body" or heard != 200 or name == "empty_answer"
        assert len((await client.signed("GET", "/api/v3/openOrders")).body) == 1
        assert exchange.get_failure_statistics()["by_type"] == {name: 1}

    on_the_wire(story)


async def told(client: Client) -> str:
    """What a client makes of its order's answer."""
    try:
        async with asyncio.timeout(5):
            return str((await client.order()).status)
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        return type(error).__name__


@pytest.mark.parametrize("name", LOST)
def test_a_request_that_never_arrived_looks_like_an_answer_that_was_lost(name: str) -> None:
    """The one difference is on the exchange, or a bot could cheat."""

    async def story(client: Client) -> tuple[str, int]:
        client.venue.exchange.arm(name, nth(1), operations="create_order", executed=executed)
        heard = await told(client)
        orders = (await client.signed("GET", "/api/v3/openOrders")).body
        return heard, len(orders)

    found = {}
    for executed in ("before", "after"):
        found[executed] = on_the_wire(story)
    assert (found["before"][1], found["after"][1]) == (1, 0)
    assert found["before"][0] == found["after"][0]


@pytest.mark.parametrize("name", LOST)
def test_either_means_now_one_and_now_the_other(name: str) -> None:
    """Over some orders, both must come."""

    async def story(client: Client) -> int:
        client.venue.exchange.arm(name, operations="create_order", executed="either")
        for _ in range(24):
            await told(client)
        return len((await client.signed("GET", "/api/v3/openOrders")).body)

    assert 4 <= on_the_wire(story) <= 20


@pytest.mark.parametrize(
    ("name", "fields", "kind", "data"),
    [
        ("break_frame", {}, "CLOSED", None),
        ("garble_frame", {"how": "length"}, "ERROR", 1009),
        ("garble_frame", {"how": "utf8"}, "ERROR", 1007),
        ("garble_frame", {"how": "reserved"}, "ERROR", 1002),
        ("close_socket", {"code": "1008"}, "CLOSE", 1008),
        ("close_socket", {"code": "1012"}, "CLOSE", 1012),
        ("close_socket", {"code": "1006"}, "CLOSED", None),
        ("stall_socket", {}, "silence", None),
        ("stall_socket", {"pings": False}, "silence", None),
    ],
)
def test_a_stream_breaks_as_it_was_told(
    name: str, fields: dict[str, Any], kind: str, data: int | None
) -> None:
    """A connection that was open before is struck, and a new one works."""

    async def story(client: Client) -> None:
        async with client.session.ws_connect(STREAM) as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.TEXT
            client.venue.exchange.arm(name, nth(1), operations="watch_bids_asks", **fields)
            try:
                async with asyncio.timeout(30):  # aiohttp's own begins anew with each ping
                    message = await socket.receive()
                found = message.type.name
                if found in ("CLOSING", "CLOSED", "ERROR") and kind == "CLOSED":
                    found = "CLOSED"
                code = getattr(message.data, "code", message.data)
                assert data is None or code == data
            except TimeoutError:
                found = "silence"
            assert found == kind
        async with client.session.ws_connect(STREAM) as again:
            assert (await again.receive()).type is aiohttp.WSMsgType.TEXT

    on_the_wire(story)


@pytest.mark.parametrize(
    ("fault", "fields", "raised"),
    [
        ("cut_body", {}, "ConnectionLostError"),
        ("html_page", {"status": "502"}, "ExchangeUnavailableError"),
        ("truncate_json", {}, "MalformedResponseError"),
        ("stall_head", {}, "RequestTimeoutError"),
    ],
)
def test_in_process_a_fault_of_bytes_has_a_stand_in(
    fault: str, fields: dict[str, str], raised: str
) -> None:
    """A call in process has no bytes; it is raised what a client of the wire makes of them."""
    from failing_exchange import FailingExchange, simulate

    async def main() -> tuple[str, float]:
        exchange = FailingExchange(latency=None, connection_timeout=5)
        exchange.arm(fault, operations="fetch_ticker", **fields)
        began = asyncio.get_running_loop().time()
        with pytest.raises(Exception) as found:
            await exchange.fetch_ticker("BTC/USDT")
        return found.type.__name__, asyncio.get_running_loop().time() - began

    name, seconds = simulate(main())
    assert name == raised
    assert (seconds == pytest.approx(5)) == (fault == "stall_head")


def test_in_process_a_dripping_answer_comes_through() -> None:
    """Late on the wire, and whole."""
    from failing_exchange import FailingExchange, simulate

    async def main() -> None:
        exchange = FailingExchange(latency=None)
        exchange.arm("drip_body", operations="fetch_ticker")
        assert (await exchange.fetch_ticker("BTC/USDT"))["bid"]

    simulate(main())
