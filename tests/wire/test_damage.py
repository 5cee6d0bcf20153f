"""Damaged answers, as a raw socket and a client see them; the exchange has acted all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.triggers import nth
from tests.wire.client import Client, on_the_wire

WIRE = [entry for entry in CATALOGUE.values() if entry.door == "wire"]
DAMAGES = [entry.name for entry in WIRE if "create_order" in entry.operations]
STREAM = "wss://stream.binance.com:9443/ws/btcusdt@bookTicker"
REQUEST = b"GET /api/v3/time HTTP/1.1\r\nHost: api.binance.com\r\n\r\n"


async def raw(seconds: float = 30.0) -> tuple[bytes, str]:
    """All bytes that come back for a request, and how it ends: eof, reset or silence."""
    reader, writer = await asyncio.open_connection("api.binance.com", 443)
    writer.write(REQUEST)
    got = b""
    try:
        async with asyncio.timeout(seconds):
            while piece := await reader.read(65_536):
                got += piece
        return got, "eof"
    except ConnectionResetError:
        return got, "reset"
    except TimeoutError:
        return got, "silence"
    finally:
        writer.close()


def seen(name: str, **fields: Any) -> tuple[bytes, str]:
    """What a raw socket sees of one struck request; the next one on a new connection works."""

    async def story(client: Client) -> tuple[bytes, str]:
        client.venue.exchange.arm(name, nth(1), operations="fetch_time", **fields)
        found = await raw()
        whole, end = await raw(1.0)
        assert (whole[:15], end) == (b"HTTP/1.1 200 OK", "silence")
        assert b"serverTime" in whole
        return found

    return on_the_wire(story)


@pytest.mark.parametrize(
    ("name", "fields", "start", "inside", "end"),
    [
        ("reset_connection", {}, b"", b"", "reset"),
        ("close_connection", {}, b"", b"", "eof"),
        ("half_close", {}, b"", b"", "eof"),
        ("stall_head", {"size": 12}, b"HTTP/1.1 200", b"", "silence"),
        ("cut_body", {"share": 0.5}, b"HTTP/1.1 200 OK", b"Content-Length: 28\r\n", "eof"),
        ("cut_body", {"how": "reset"}, b"HTTP/1.1 200 OK", b'{"server', "reset"),
        ("wrong_length", {}, b"HTTP/1.1 200 OK", b"Content-Length: 78\r\n", "eof"),
        ("wrong_length", {"how": "shorter"}, b"HTTP/1.1 200 OK", b"Content-Length: 14\r\n", "eof"),
        ("bad_chunk", {}, b"HTTP/1.1 200 OK", b"zz\r\n", "eof"),
        ("bad_chunk", {"how": "unfinished"}, b"HTTP/1.1 200 OK", b"1c\r\n{", "eof"),
        ("drip_body", {}, b"HTTP/1.1 200 OK", b"serverTime", "silence"),
        ("send_garbage", {}, b"\x16\x03\x01", b"not HTTP", "eof"),
        ("html_page", {}, b"HTTP/1.1 502 Bad Gateway", b"<hr><center>nginx</center>", "eof"),
        ("html_page", {"status": "520"}, b"HTTP/1.1 520 Web server", b"cloudflare", "eof"),
        ("empty_answer", {}, b"HTTP/1.1 200 OK", b"Content-Length: 0\r\n", "silence"),
        ("broken_gzip", {}, b"HTTP/1.1 200 OK", b"Content-Encoding: gzip\r\n", "eof"),
        ("truncate_json", {}, b"HTTP/1.1 200 OK", b"Content-Length: 14\r\n", "silence"),
    ],
)
def test_a_raw_socket_sees_the_damage(
    name: str, fields: dict[str, Any], start: bytes, inside: bytes, end: str
) -> None:
    """Down to the byte, and to the way the connection ends."""
    got, ended = seen(name, **fields)
    assert got.startswith(start)
    assert inside in got
    assert ended == end


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
        exchange.arm(fault, operations="fetch_ticker", **fields)  # type: ignore[arg-type]
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
