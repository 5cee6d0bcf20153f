"""Every fault of bytes and connections, armed and disarmed, seen by raw sockets at both doors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, NamedTuple

import pytest

from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.triggers import nth
from failing_exchange.server.websocket_connection import ConnectionPolicy
from failing_exchange.server.websocket_frames import close_frame, frame
from tests.venues.binance.raw import API, BEATS, DOORS, ORDER, STREAM, Place, Seen, at, request

WIRE = [name for name, entry in CATALOGUE.items() if entry.scope == "wire"]
Arm = Callable[[], None]
View = Callable[[Place, Arm], Awaitable[Seen]]


# ---- how a client looks


async def connecting(place: Place, arm: Arm) -> Seen:
    arm()
    try:
        return await place.asked()
    except OSError as error:
        return Seen(type(error).__name__.encode(), "raised")


async def asking(place: Place, arm: Arm) -> Seen:
    arm()
    return await place.asked()


async def asking_again(place: Place, arm: Arm) -> Seen:
    """On a connection that was open before."""
    line = await place.connect()
    line.say("GET /api/v3/ping HTTP/1.1\r\nHost: here\r\n\r\n")
    await line.until(b"{}")
    arm()
    return await place.asked(line)


async def listening(place: Place, arm: Arm) -> Seen:
    """To a market stream."""
    line = await place.upgraded(STREAM)
    arm()
    await place.order()
    return await line.rest()


async def hearing_of_itself(place: Place, arm: Arm) -> Seen:
    """By the user stream: a report and a balance."""
    line = await place.account()
    arm()
    await place.order()
    return await line.rest()


async def calling(place: Place, arm: Arm) -> Seen:
    """By the WebSocket API."""
    line = await place.upgraded(API)
    arm()
    line.send(request("order.place", **ORDER))
    return await line.rest()


async def upgrading(place: Place, arm: Arm) -> Seen:
    arm()
    return await (await place.upgrading()).rest()


async def upgrading_to_the_api(place: Place, arm: Arm) -> Seen:
    arm()
    return await (await place.upgrading(API)).rest()


async def pinging(place: Place, arm: Arm) -> Seen:
    """And not answering the venue's pings."""
    line = await place.upgraded()
    arm()
    line.ping()
    await place.order()
    return await line.rest()


async def answering(place: Place, arm: Arm) -> Seen:
    """Every ping of the venue's, a dozen times."""
    line = await place.upgraded()
    arm()
    got = b""
    for _ in range(12):
        async with asyncio.timeout(30):
            head = await line.reader.readexactly(2)
            payload = await line.reader.readexactly(head[1])
        if head[0] == 0x81:  # the market's second
            continue
        got += head + payload
        if head[0] != 0x89:
            return Seen(got, "closed")
        line.writer.write(frame(payload, 10, mask=b"\0\0\0\0"))
    return Seen(got, "alive")


async def subscribing(place: Place, arm: Arm) -> Seen:
    line = await place.upgraded("/ws")
    arm()
    line.send({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1})
    await line.until(b'{"result":null,"id":1}')
    await place.order()
    return await line.rest()


async def subscribing_to_the_account(place: Place, arm: Arm) -> Seen:
    """Again, after something has happened."""
    first = await place.account()
    await place.order()
    await first.until(b"outboundAccountPosition")
    first.writer.close()
    arm()
    line = await place.account()
    return await line.rest()


# ---- what it sees of each fault


class Row(NamedTuple):
    """A view of a fault; what has arrived begins, what is in it, and how it ends."""

    view: View
    fields: dict[str, Any]
    start: bytes
    inside: bytes
    end: str
    operations: tuple[str, ...] = ()
    beats: ConnectionPolicy | None = None
    tls: bool = False
    doors: tuple[str, ...] = DOORS


OK = b"HTTP/1.1 200 OK\r\n"
REPORT = b'"e":"executionReport"'


def over_http(fields: dict[str, Any], start: bytes, inside: bytes, end: str) -> list[Row]:
    """On a new connection when the exchange acts, on one that was open when it does not."""
    return [
        Row(view, {**fields, "executed": executed}, start, inside, end, ("fetch_time",))
        for view, executed in ((asking, "before"), (asking_again, "after"))
    ]


def in_frames(fields: dict[str, Any], start: bytes, inside: bytes, end: str) -> list[Row]:
    """On a market stream, on a user stream, and on a reply of the WebSocket API."""
    return [
        Row(view, fields, start, inside, end, operations)
        for view, operations in (
            (listening, ()),
            (hearing_of_itself, ()),
            (calling, ("create_order",)),
        )
    ]


TABLE: dict[str, list[Row]] = {
    "fail_lookup": [Row(connecting, {}, b"gaierror", b"", "raised", doors=("simulation",))],
    "refuse_connection": [
        Row(connecting, {}, b"ConnectionRefusedError", b"", "raised", doors=("simulation",)),
        Row(connecting, {}, b"", b"", "reset", doors=("port",)),
        Row(asking_again, {}, b"", b"", "reset", ("fetch_time",)),
    ],
    "reset_on_accept": [
        Row(connecting, {}, b"", b"", "reset"),
        Row(connecting, {}, b"ConnectionResetError", b"", "raised", tls=True, doors=("port",)),
    ],
    "fail_handshake": [
        Row(connecting, {}, b"SSLError", b"", "raised", tls=True),
        Row(connecting, {"how": "eof"}, b"ConnectionResetError", b"", "raised", tls=True),
    ],
    "refuse_upgrade": [
        Row(upgrading, {}, b"HTTP/1.1 403 Forbidden\r\n", b"CloudFront", "eof"),
        Row(upgrading_to_the_api, {"how": "503"}, b"HTTP/1.1 503 ", b"nginx", "eof"),
        Row(upgrading, {"how": "extension"}, b"HTTP/1.1 101 ", b"x-unasked-for", "eof"),
    ],
    "reset_connection": over_http({}, b"", b"", "reset"),
    "close_connection": over_http({}, b"", b"", "eof"),
    "half_close": over_http({}, b"", b"", "eof"),
    "stall_head": over_http({"size": 12}, b"HTTP/1.1 200", b"", "silence"),
    "cut_body": [
        *over_http({}, OK, b"\r\n\r\n{", "eof"),
        *over_http({"how": "reset"}, OK, b"\r\n\r\n{", "reset"),
    ],
    "wrong_length": [
        *over_http({}, OK, b"Content-Length: ", "eof"),
        *over_http({"how": "shorter"}, OK, b"Content-Length: ", "eof"),
    ],
    "bad_chunk": [
        *over_http({}, OK, b"zz\r\n", "eof"),
        *over_http({"how": "unfinished"}, OK, b"Transfer-Encoding: chunked", "eof"),
    ],
    "drip_body": [
        Row(asking, {"seconds": 0.5, "size": 40}, b"", b"", "silence", ("fetch_time",)),
        Row(asking_again, {"seconds": 0.5, "size": 40}, b"", b"", "silence", ("fetch_time",)),
    ],
    "send_garbage": over_http({}, b"\x16\x03\x01", b"not HTTP", "eof"),
    "html_page": [
        *over_http({}, b"HTTP/1.1 502 Bad Gateway", b"<hr><center>nginx</center>", "eof"),
        *over_http({"status": "503"}, b"HTTP/1.1 503 Service Unavail", b"nginx", "eof"),
        *over_http({"status": "504"}, b"HTTP/1.1 504 Gateway Time", b"nginx", "eof"),
        *over_http({"status": "520"}, b"HTTP/1.1 520 Web server", b"cloudflare", "eof"),
        *over_http({"status": "403"}, b"HTTP/1.1 403 Forbidden", b"CloudFront", "eof"),
        *over_http({"status": "451"}, b"HTTP/1.1 451 Unavailable For", b"nginx", "eof"),
    ],
    "empty_answer": over_http({}, OK, b"Content-Length: 0\r\n", "silence"),
    "broken_gzip": over_http({}, OK, b"Content-Encoding: gzip\r\n", "eof"),
    "truncate_json": over_http({}, OK, b"\r\n\r\n{", "silence"),
    "break_frame": in_frames({}, b"\x81", b"", "reset"),
    "garble_frame": [
        *in_frames({}, b"\x81\x7f\x00\x00\x01\x00\x00\x00\x00\x00{", b"", "silence"),
        *in_frames({"how": "utf8"}, b"\x81", b"\xff\xfe\xc3(", "silence"),
        *in_frames({"how": "reserved"}, b"\xf1\x02{}", b"", "silence"),
    ],
    "close_socket": [
        *in_frames({}, close_frame(1001), b"", "silence"),
        *in_frames({"code": "1008"}, close_frame(1008), b"", "silence"),
        *in_frames({"code": "1012"}, close_frame(1012), b"", "silence"),
        *in_frames({"code": "1006"}, b"", b"", "eof"),
    ],
    "stall_socket": [
        *in_frames({}, b"", b"", "silence"),
        Row(listening, {}, b"\x89", b"Pong timeout", "silence", beats=BEATS),
        Row(hearing_of_itself, {}, b"\x89", b"Pong timeout", "silence", beats=BEATS),
        Row(listening, {"pings": False}, b"", b"", "silence", beats=BEATS),
    ],
    "compress_frames": [
        *in_frames({}, b"\x82", b"", "silence"),
        *in_frames({"padding": 16}, b"\x82", bytes(16), "silence"),
    ],
    "announce_shutdown": in_frames(
        {"after": 0.2}, b"\x81", b'"e":"serverShutdown"', "silence"
    ),
    "lose_pings": [
        Row(pinging, {}, b"\x81", b'"s":"BTCUSDT"', "silence", beats=BEATS),
    ],
    "ignore_pongs": [
        Row(answering, {}, b"\x89", b"Pong timeout", "closed", beats=BEATS),
    ],
    "ack_without_data": [
        Row(subscribing, {}, b"", b"", "silence"),
    ],
    "replay_on_subscribe": [
        Row(subscribing_to_the_account, {}, b"\x81", REPORT, "silence"),
        Row(subscribing_to_the_account, {"count": 1}, b"\x81", b"AccountPosition", "silence"),
    ],
}  # fmt: skip
ROWS = [
    pytest.param(name, row, door, id=f"{name}-{n}-{row.view.__name__}-{door}")
    for name, rows in TABLE.items()
    for n, row in enumerate(rows)
    for door in row.doors
]


def test_every_wire_fault_of_the_catalogue_has_a_view() -> None:
    """A fault that no raw socket has seen would be a line in a list."""
    assert list(TABLE) == WIRE


def seen(name: str, row: Row, door: str) -> Seen:
    """A view of a fault at a door."""

    async def story(place: Place) -> Seen:
        def arm() -> None:
            always = name in ("lose_pings", "ignore_pongs")
            when = None if always else nth(1)
            place.exchange.arm(name, when, operations=row.operations, **row.fields)

        found = await row.view(place, arm)
        assert place.exchange.armed[0].struck > 0
        return found

    return at(door, story, tls=row.tls, beats=row.beats)


@cache
def calm(view: View, door: str, beats: ConnectionPolicy | None, tls: bool) -> Seen:
    """The same view where nothing is armed."""
    return at(door, lambda place: view(place, lambda: None), tls=tls, beats=beats)


@pytest.mark.parametrize(("name", "row", "door"), ROWS)
def test_what_a_raw_socket_sees_of_it(name: str, row: Row, door: str) -> None:
    """Down to the byte, and to the way it ends; without the fault it is another sight."""
    found = seen(name, row, door)
    assert found.got.startswith(row.start)
    assert row.inside in found.got
    assert found.end == row.end
    head, whole, _ = found.got.partition(b"\r\n\r\n")
    if whole and head.startswith(b"HTTP/1.1 "):
        assert b"\r\nServer: nginx" in head or b"Server: cloud" in head.replace(b"C", b"c")
    healthy = calm(row.view, door, row.beats, row.tls)
    assert (len(found.got), found.end) != (len(healthy.got), healthy.end)
