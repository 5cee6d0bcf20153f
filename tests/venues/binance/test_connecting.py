"""What clients ask for when they connect: time units, formats, streams whose names have a plus.

web-socket-streams.md, web-socket-api.md, "General Information"; faqs/sbe_faq.md; 2026-07-21.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import orjson
import pytest

from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.streams import STREAM, streams

API = "/ws-api/v3"
WRONG_UNIT = {
    "code": -1194,
    "msg": "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
}
DISABLED = {"code": -1155, "msg": "SBE is not enabled."}
TWICE = {"code": -1101, "msg": "Duplicate values for a parameter detected."}


class Handshake(NamedTuple):
    """How an upgrade was answered."""

    status: int
    kind: str
    body: Any


async def shaken(client: Client, path: str) -> Handshake:
    """Ask for an upgrade, byte by byte: clients hide what a refusal says."""
    reader, writer = await asyncio.open_connection("stream.binance.com", 9443)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: stream.binance.com\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    kind = head.partition("Content-Type: ")[2].partition("\r\n")[0]
    body = b"" if head.split()[1] == "101" else await reader.read()
    writer.close()
    return Handshake(int(head.split()[1]), kind, orjson.loads(body) if body else None)


@pytest.mark.parametrize("plus", ["+", "%2B", "%2b"])
@pytest.mark.parametrize("path", ["/ws/{}", "/stream?streams={}"])
def test_a_plus_in_a_stream_name_stays_a_plus(path: str, plus: str) -> None:
    """As the documents write it; read as a space, the stream would be accepted and silent."""
    name = f"btcusdt@kline_1d@{plus}08:00"

    async def story(client: Client) -> None:
        async with streams(client, path.format(name)) as socket:
            message = await socket.next()
            event = message.get("data", message)
            assert (event["e"], event["k"]["i"]) == ("kline", "1d")
            assert event["k"]["t"] % 86_400_000 == 16 * 3_600_000
            assert message.get("stream", "btcusdt@kline_1d@+08:00") == "btcusdt@kline_1d@+08:00"

    on_the_wire(story)


UNITS = {
    "MILLISECOND": 1, "millisecond": 1, "MICROSECOND": 1_000, "microsecond": 1_000,
    "FORTNIGHT": 0, "MicroSecond": 0, "Microsecond": 0, "MICROSECONDS": 0, "us": 0,
}  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_time_units_are_known_or_refused_everywhere(unit: str) -> None:
    """In two spellings each, over REST and at each kind of WebSocket alike."""
    finer = UNITS[unit]

    async def story(client: Client) -> None:
        got = await client.send("GET", "/api/v3/time", headers={"X-MBX-TIME-UNIT": unit})
        assert got.status == (200 if finer else 400)
        assert not finer or len(str(got.body["serverTime"] // finer)) == 13
        assert finer or got.body == WRONG_UNIT
        for path in (API, "/ws/btcusdt@trade", "/stream?streams=btcusdt@trade"):
            mark = "&" if "?" in path else "?"
            found = await shaken(client, f"{path}{mark}timeUnit={unit}")
            assert found.status == (101 if finer else 400)
            assert finer or found == (400, "application/json;charset=UTF-8", WRONG_UNIT)

    on_the_wire(story)


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ("?responseFormat=json", 101, None),
        ("?responseFormat=sbe", 400, DISABLED),
        ("?responseFormat=sbe&sbeSchemaId=3&sbeSchemaVersion=5", 400, DISABLED),
        ("?responseFormat=sbe&responseFormat=json", 400, TWICE),
        ("?responseFormat=json&responseFormat=sbe", 400, TWICE),
        (
            "?responseFormat=xml",
            400,
            {"code": -1130, "msg": "Data sent for parameter 'responseFormat' is not valid."},
        ),
    ],
)
def test_sbe_is_refused_at_the_handshake(query: str, status: int, body: Any) -> None:
    """A client that has asked for SBE must not be told JSON on a connection that was granted."""

    async def story(client: Client) -> Handshake:
        return await shaken(client, API + query)

    found = on_the_wire(story)
    assert (found.status, found.body) == (status, body)
    assert status == 101 or found.kind == "application/json;charset=UTF-8"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/sbe", 406),
        ("Application/SBE;q=0.9", 406),
        ("application/sbe, application/json", 200),
        ("application/json,application/sbe;q=0.5", 200),
        ("application/json", 200),
        ("*/*", 200),
    ],
)
def test_sbe_alone_is_not_acceptable_over_rest(accept: str, status: int) -> None:
    """With JSON beside it, JSON it is; a schema changes nothing where SBE is not enabled."""

    async def story(client: Client) -> None:
        for more in ({}, {"X-MBX-SBE": "3:5"}):
            got = await client.send("GET", "/api/v3/ping", headers={"Accept": accept} | more)
            assert (got.status, got.body) == (status, {} if status == 200 else DISABLED)

    on_the_wire(story)


def test_streams_are_joined_as_they_are_named() -> None:
    """A path of several streams, of which one has a plus and one does not exist."""

    async def story(client: Client) -> None:
        url = f"{STREAM}/stream?streams=btcusdt@kline_1d@+08:00/btcusdt@trade/none@nothing"
        async with client.session.ws_connect(url) as ws:
            await ws.send_str('{"method":"LIST_SUBSCRIPTIONS","id":1}')
            listed = orjson.loads((await ws.receive()).data)["result"]
        assert listed == ["btcusdt@kline_1d@+08:00", "btcusdt@trade", "none@nothing"]

    on_the_wire(story)
