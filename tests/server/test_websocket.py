"""The WebSocket layer, whatever is spoken on it: upgrades, pings, limits, ends."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from failing_exchange.core.chance import mix
from failing_exchange.server.websocket_connection import (
    Connection,
    ConnectionPolicy,
    WebSocketRoute,
)
from failing_exchange.server.websocket_frames import (
    Opcode,
    close_frame,
    frame,
    pong_frame,
    text_frame,
)
from failing_exchange.server.websocket_reader import FRAGMENTS_MAX
from failing_exchange.venues.binance.connecting import STREAMS
from tests.venues.binance.client import Client, on_the_wire

URL = "wss://stream.binance.com:9443"
ECHO = "/echo"
HANDSHAKE = (
    f"GET {ECHO} HTTP/1.1",
    "Host: stream.binance.com:9443",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


def echo(connection: Connection) -> None:
    """Say again what is said."""
    connection.on_text = Connection.send_text


def on_sockets(
    story: Callable[[Client], Awaitable[None]],
    limits: ConnectionPolicy | None = None,
    *,
    idle: bool = False,
) -> None:
    """A story against a venue that also speaks an echo; unless `idle`, something else goes on."""

    async def with_echo(client: Client) -> None:
        client.venue.dialect.routes[ECHO] = WebSocketRoute(echo, limits or STREAMS)
        going_on = asyncio.ensure_future(asyncio.sleep(0 if idle else 1_000_000))
        await story(client)
        going_on.cancel()

    on_the_wire(with_echo)


async def raw_connection() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection after its handshake, byte by byte."""
    reader, writer = await asyncio.open_connection("stream.binance.com", 9443)
    writer.write("\r\n".join((*HANDSHAKE, "", "")).encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    return reader, writer


async def end_of(ws: Any) -> tuple[int | None, Any]:
    """Read to the end; the close code and the reason."""
    reason = None
    while True:
        message = await ws.receive()
        if message.type is WSMsgType.CLOSE:
            reason = message.extra
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR):
            return ws.close_code, reason


def test_what_is_said_is_heard_and_answered_in_order() -> None:
    """Replies that overtook each other would be taken for those of other requests."""

    async def story(client: Client) -> None:
        async with client.session.ws_connect(URL + ECHO) as ws:
            for text in ("one", "two", "snow ☃", "x" * 70_000):
                await ws.send_str(text)
            heard = [(await ws.receive()).data for _ in range(4)]
            assert heard == ["one", "two", "snow ☃", "x" * 70_000]
            assert [c.name for c in client.venue.sockets.connections] == ["ws-1"]
        await asyncio.sleep(0.1)
        assert len(client.venue.sockets.connections) == 0

    on_sockets(story)


def test_an_unknown_path_is_no_websocket() -> None:
    """A wrong URL must fail as it does in production, at the handshake."""

    async def story(client: Client) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.session.ws_connect(URL + "/nothing")
        assert caught.value.status == 404

    on_sockets(story)


def test_the_venue_pings_every_twenty_seconds_with_a_payload() -> None:
    """A client has to answer each with the same payload."""

    async def story(client: Client) -> None:
        async with client.session.ws_connect(URL + ECHO, autoping=False) as ws:
            loop, times = asyncio.get_running_loop(), []
            for _ in range(3):
                message = await ws.receive()
                assert message.type is WSMsgType.PING and message.data
                times.append(loop.time())
                await ws.pong(message.data)
            assert [b - a for a, b in pairwise(times)] == [20, 20]

    on_sockets(story)


def test_without_a_pong_within_a_minute_the_connection_is_closed() -> None:
    """Unsolicited pongs keep nobody alive (web-socket-streams.md)."""

    async def story(client: Client) -> None:
        loop = asyncio.get_running_loop()
        async with client.session.ws_connect(URL + ECHO, autoping=False) as ws:
            began = loop.time()
            while (message := await ws.receive()).type is WSMsgType.PING:
                await ws.pong(b"")
            assert (message.data, message.extra) == (1008, "Pong timeout")
            assert round(loop.time() - began) == 80  # a minute after the first ping

    on_sockets(story)


def test_a_late_pong_of_a_newer_ping_answers_the_older_ones() -> None:
    """Clients may answer only the last ping (RFC 6455, section 5.5.3)."""

    async def story(client: Client) -> None:
        async with client.session.ws_connect(URL + ECHO, autoping=False) as ws:
            for n in range(12):
                message = await ws.receive()
                assert message.type is WSMsgType.PING
                if n % 2:
                    await ws.pong(message.data)

    on_sockets(story)


def test_a_connection_ends_after_a_day() -> None:
    """A bot that never reconnects is deaf from the second day on."""

    async def story(client: Client) -> None:
        loop = asyncio.get_running_loop()
        ws = await client.session.ws_connect(URL + ECHO)
        began = loop.time()
        assert (await end_of(ws))[0] == 1001
        assert round(loop.time() - began) == 86_400

    on_sockets(story)


def test_the_sixth_message_within_a_second_is_one_too_many() -> None:
    """Whoever resubscribes one by one after a reconnect is thrown out again."""

    async def story(client: Client) -> None:
        ws = await client.session.ws_connect(URL + ECHO)
        for n in range(5):
            await ws.send_str(str(n))
        await asyncio.sleep(1)
        for n in range(6):
            await ws.send_str(str(n))
        heard = [(await ws.receive()).data for _ in range(10)]
        assert heard[5:] == list("01234")
        assert await end_of(ws) == (1008, "Too many requests")

    on_sockets(story)


def test_pings_and_pongs_of_a_client_count_as_messages() -> None:
    """A library that pings eagerly is thrown out without having said a word."""

    async def story(client: Client) -> None:
        ws = await client.session.ws_connect(URL + ECHO)
        for _ in range(3):
            await ws.ping()
            await ws.pong()
        assert (await end_of(ws))[0] == 1008

    on_sockets(story)


def test_where_text_does_not_count_it_may_be_fast() -> None:
    """The WebSocket API has weights instead."""

    async def story(client: Client) -> None:
        async with client.session.ws_connect(URL + ECHO) as ws:
            for n in range(100):
                await ws.send_str(str(n))
            assert [(await ws.receive()).data for _ in range(100)] == [str(n) for n in range(100)]

    on_sockets(story, STREAMS._replace(counts_text=False))


def test_the_301st_connect_within_five_minutes_is_refused() -> None:
    """A reconnect loop without a pause locks itself out."""

    async def story(client: Client) -> None:
        for _ in range(300):
            await (await client.session.ws_connect(URL + ECHO)).close()
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.session.ws_connect(URL + ECHO)
        assert caught.value.status == 429
        await asyncio.sleep(300)
        await (await client.session.ws_connect(URL + ECHO)).close()

    on_sockets(story)


def test_a_slow_client_is_cut_off() -> None:
    """The venue does not keep what a client does not take."""

    async def story(client: Client) -> None:
        ws = await client.session.ws_connect(URL + ECHO)
        (connection,) = client.venue.sockets.connections
        for _ in range(3_000):
            connection.send_text("x" * 1_000)
            await asyncio.sleep(0.001)
        assert connection.ended_by == "slow consumer" and connection.gone
        await ws.close()

    on_sockets(story, STREAMS._replace(outbox_bytes=1 << 20))


def test_messages_of_one_turn_leave_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system call for each message would cost most of the time."""

    async def story(client: Client) -> None:
        async with client.session.ws_connect(URL + ECHO):
            (connection,) = client.venue.sockets.connections
            written: list[bytes] = []
            monkeypatch.setattr(connection.transport, "write", written.append)
            for n in range(10):
                connection.send_text(str(n))
            assert not written
            await asyncio.sleep(0)
            assert written == [b"".join(text_frame(str(n)) for n in range(10))]
            monkeypatch.undo()

    on_sockets(story)


@pytest.mark.parametrize(("data", "pings"), [(True, False), (False, True), (True, True)])
def test_a_stalled_connection_loses_data_or_pings_and_stays_open(data: bool, pings: bool) -> None:
    """Pings that live on while data is dead fool every watchdog that looks at pings."""

    async def story(client: Client) -> None:
        async with client.session.ws_connect(URL + ECHO, autoping=False) as ws:
            (connection,) = client.venue.sockets.connections
            connection.stall(data=data, pings=pings)
            await asyncio.sleep(10)
            await ws.send_str("anybody?")
            await asyncio.sleep(15)
            connection.resume()
            await ws.send_str("back")
            heard = [await ws.receive() for _ in range(1 + (not data) + (not pings))]
            kinds = [message.type for message in heard]
            assert kinds.count(WSMsgType.PING) == (not pings)
            texts = [message.data for message in heard if message.type is WSMsgType.TEXT]
            assert texts == (["back"] if data else ["anybody?", "back"])

    on_sockets(story)


def test_a_client_that_breaks_the_protocol_is_told_so() -> None:
    """Frames that a server must not accept end the connection with the code that says why."""

    async def story(client: Client) -> None:
        ws = await client.session.ws_connect(URL + ECHO)
        await ws.send_bytes(b"binary")
        assert (await end_of(ws))[0] == 1003
        for bad, code in ((frame(b"\xff", mask=b"abcd"), 1007), (frame(b"x", reserved=1), 1002)):
            reader, writer = await raw_connection()
            writer.write(bad)
            assert await reader.readexactly(4) == close_frame(code)
            assert await reader.read() == b""
            writer.close()

    on_sockets(story)


PROTOCOL_ERRORS = {
    "unmasked text": (frame(b"hello"), 1002),
    "unmasked ping": (frame(b"", Opcode.PING), 1002),
    "unmasked close": (close_frame(1000), 1002),
    "reserved bit": (frame(b"x", reserved=1, mask=b"abcd"), 1002),
    "unknown opcode": (frame(b"x", 3, mask=b"abcd"), 1002),
    "long ping": (frame(b"x" * 126, Opcode.PING, mask=b"abcd"), 1002),
    "ping in parts": (frame(b"x", Opcode.PING, final=False, mask=b"abcd"), 1002),
    "nothing to go on with": (frame(b"x", Opcode.CONTINUATION, mask=b"abcd"), 1002),
    "a message within another": (frame(b"x", final=False, mask=b"abcd") * 2, 1002),
    "close code of nobody": (frame(b"\x03\xed", Opcode.CLOSE, mask=b"abcd"), 1002),
    "half a close code": (frame(b"\x03", Opcode.CLOSE, mask=b"abcd"), 1002),
    "close reason": (frame(b"\x03\xe8\xff", Opcode.CLOSE, mask=b"abcd"), 1007),
    "no UTF-8": (frame(b"\xff", mask=b"abcd"), 1007),
    "too big": (frame(b"", length=(1 << 20) + 1, mask=b"abcd"), 1009),
    "too big in parts": (
        frame(b"x", final=False, mask=b"abcd")
        + frame(b"", Opcode.CONTINUATION, length=1 << 20, mask=b"abcd"),
        1009,
    ),
    "too many parts": (
        frame(b"", final=False, mask=b"abcd")
        + frame(b"", Opcode.CONTINUATION, final=False, mask=b"abcd") * FRAGMENTS_MAX,
        1008,
    ),
}


@pytest.mark.parametrize("name", PROTOCOL_ERRORS)
def test_broken_frames_close_the_connection(name: str) -> None:
    """A client that does not mask, say, works against a lax server and fails in production."""
    sent, code = PROTOCOL_ERRORS[name]

    async def story(client: Client) -> None:
        reader, writer = await raw_connection()
        writer.write(frame(b"before", mask=b"abcd") + sent + frame(b"after", mask=b"abcd"))
        assert await reader.read() == text_frame("before") + close_frame(code)
        assert len(client.venue.sockets.connections) == 0
        writer.close()

    on_sockets(story, STREAMS._replace(counts_text=False))


def test_messages_in_parts_and_pieces_are_whole() -> None:
    """A ping may come between the parts of a message, and bytes arrive as the network likes."""
    sent = (
        frame("sn☃".encode()[:3], final=False, mask=b"abcd")
        + frame(b"ping", Opcode.PING, mask=b"efgh")
        + frame("sn☃".encode()[3:], Opcode.CONTINUATION, final=False, mask=b"ijkl")
        + frame(b"ow", Opcode.CONTINUATION, mask=b"mnop")
        + frame(b"y" * 300, mask=b"qrst")
    )

    async def story(client: Client) -> None:
        expected = pong_frame(b"ping") + text_frame("sn☃ow") + text_frame("y" * 300)
        for size in (1, 5, len(sent)):
            reader, writer = await raw_connection()
            for start in range(0, len(sent), size):
                writer.write(sent[start : start + size])
                await asyncio.sleep(0)
            assert await reader.readexactly(len(expected)) == expected
            writer.close()

    on_sockets(story)


def test_messages_sent_at_once_have_a_turn_each() -> None:
    """Else whoever sends a thousand keeps everybody else waiting until all are answered."""
    count = 20_000

    async def story(client: Client) -> None:
        reader, writer = await raw_connection()
        other = await client.session.ws_connect(URL + ECHO)
        heard: list[str] = []
        flooded = next(iter(client.venue.sockets.connections))
        flooded.on_text = lambda _, text: heard.append(text)
        writer.write(frame(b"x", mask=b"abcd") * count)
        await other.send_str("one")
        assert await other.receive_str() == "one"
        assert len(heard) < count / 10
        while len(heard) < count:
            await asyncio.sleep(0.001)
        flooded.on_text = Connection.send_text
        writer.write(frame(b"still there?", mask=b"abcd"))
        assert await reader.readexactly(14) == text_frame("still there?")
        writer.close()

    on_sockets(story, STREAMS._replace(counts_text=False))


def test_an_upgrade_names_the_same_server_as_rest() -> None:
    """Whether it is granted or refused; a client can tell who has answered it."""

    async def story(client: Client) -> None:
        rest = (await client.public("GET", "/api/v3/ping")).headers["Server"]
        for path, status in ((ECHO, b"101"), ("/nothing", b"404")):
            reader, writer = await asyncio.open_connection("stream.binance.com", 9443)
            writer.write("\r\n".join((*HANDSHAKE, "", "")).replace(ECHO, path).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] == status
            assert head.count(f"\r\nServer: {rest}\r\n".encode()) == 1
            assert head.count(b"\r\nDate: ") == 1
            writer.close()

    on_sockets(story)


def test_a_close_is_answered_with_its_code() -> None:
    """A clean goodbye is no error."""

    async def story(client: Client) -> None:
        ws = await client.session.ws_connect(URL + ECHO)
        await ws.close(code=1001)
        assert ws.close_code == 1001
        ended: list[str] = []
        ws = await client.session.ws_connect(URL + ECHO)
        (connection,) = client.venue.sockets.connections
        connection.on_closed = lambda c: ended.append(c.name)
        connection.close(4000, "maintenance")
        assert await end_of(ws) == (4000, "maintenance")
        await asyncio.sleep(1)
        assert ended == ["ws-2"]

    on_sockets(story)


def test_a_reset_reaches_a_connection_that_was_opened_before() -> None:
    """The registry finds every open connection."""

    async def story(client: Client) -> None:
        ws = await client.session.ws_connect(URL + ECHO)
        for connection in client.venue.sockets.connections:
            connection.abort()
        assert (await end_of(ws))[0] == 1006
        assert len(client.venue.sockets.connections) == 0

    on_sockets(story)


def test_an_idle_connection_does_not_keep_a_simulation_going() -> None:
    """A bot that waits for a message that can't come is told so, not left for a year."""

    from failing_exchange.virtual.errors import Deadlock

    async def story(client: Client) -> None:
        ws = await client.session.ws_connect(URL + ECHO)
        await ws.receive()

    with pytest.raises(Deadlock):
        on_sockets(story, idle=True)


def test_no_bytes_of_a_client_break_the_venue(caplog: pytest.LogCaptureFixture) -> None:
    """Random frames and garbage end their own connection at most."""

    async def story(client: Client) -> None:
        draw = 12345
        for _ in range(200):
            _, writer = await raw_connection()
            for _ in range(3):
                draw = mix(draw, 7)
                payload = draw.to_bytes(8, "big")[: draw % 9]
                opcode, reserved = draw >> 8 & 15, draw >> 12 & 7 if draw % 3 == 0 else 0
                mask = None if draw % 7 == 0 else b"abcd"
                final = draw % 5 != 0
                writer.write(frame(payload, opcode, final=final, reserved=reserved, mask=mask))
            await asyncio.sleep(0.1)
            writer.close()
            await asyncio.sleep(2)
        async with client.session.ws_connect(URL + ECHO) as ws:
            await ws.send_str("still there?")
            assert await ws.receive_str() == "still there?"
        assert len(client.venue.sockets.connections) == 0

    on_sockets(story)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_thousand_reset_connections_leave_nothing_behind() -> None:
    """A bot that reconnects for days must not wear the venue out."""

    async def story(client: Client) -> None:
        gone = []
        for n in range(1_000):
            ws = await client.session.ws_connect(URL + "/ws/btcusdt@trade")
            (connection,) = client.venue.sockets.connections
            gone.append(weakref.ref(connection))
            await asyncio.sleep(1.1)
            if n % 2:
                connection.abort()
                await asyncio.sleep(0.1)
            await ws.close()
            del connection, ws
        await asyncio.sleep(100)
        assert len(client.venue.sockets.connections) == 0
        assert not client.venue.dialect.feeds._feeds
        gc.collect()
        assert sum(ref() is not None for ref in gone) <= 1

    on_sockets(story)


BAD_HANDSHAKES = [
    ("Connection: Upgrade", "Connection: close"),
    ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: short"),
    ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12"),
]


@pytest.mark.parametrize(("right", "wrong"), BAD_HANDSHAKES)
def test_a_bad_handshake_is_a_bad_request(right: str, wrong: str) -> None:
    """It must not look like a connection that was opened and lost."""

    async def story(client: Client) -> None:
        reader, writer = await asyncio.open_connection("stream.binance.com", 9443)
        writer.write("\r\n".join((*HANDSHAKE, "", "")).replace(right, wrong).encode())
        head = await reader.readline()
        assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        writer.close()

    on_sockets(story)
