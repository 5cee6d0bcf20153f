"""Frames as RFC 6455 wants them, and connections on real sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest
from hypothesis import given, strategies as st

from failing_exchange import FailingExchange
from failing_exchange.server.websocket_frames import (
    REASON_BYTES_MAX,
    Opcode,
    close_frame,
    frame,
    ping_frame,
    pong_frame,
    text_frame,
)
from failing_exchange.venues.binance.venue import Binance

SIZES = st.one_of(st.integers(0, 300), st.sampled_from([125, 126, 65_535, 65_536, 70_000]))


def parsed(data: bytes) -> tuple[bool, int, int, bytes]:
    """(final, reserved bits, opcode, unmasked payload) of a whole frame, by the book."""
    size, at = data[1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    mask = b""
    if data[1] & 0x80:
        mask, at = data[at : at + 4], at + 4
    payload = data[at:]
    assert len(payload) == size
    if mask:
        payload = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
    return bool(data[0] & 0x80), data[0] >> 4 & 7, data[0] & 15, payload


@given(SIZES, st.sampled_from(Opcode), st.booleans(), st.integers(0, 7), st.booleans())
def test_a_frame_is_read_as_it_was_made(
    size: int, opcode: Opcode, final: bool, reserved: int, masked: bool
) -> None:
    """Lengths have three forms, and the shortest must be taken."""
    payload = bytes(n % 251 for n in range(size))
    mask = b"\x01\x80\xff\x07" if masked else None
    made = frame(payload, opcode, final=final, reserved=reserved, mask=mask)
    assert parsed(made) == (final, reserved, opcode, payload)
    head = 2 if size < 126 else 4 if size < 65_536 else 10
    assert len(made) == head + 4 * masked + size


@given(st.text())
def test_text_frames_are_whole_and_plain(text: str) -> None:
    """A server's frames are never masked."""
    assert parsed(text_frame(text)) == (True, 0, Opcode.TEXT, text.encode())
    assert text_frame(text) == text_frame(text.encode())


@given(st.integers(1_000, 4_999), st.text(max_size=300))
def test_a_close_frame_stays_within_its_limit(code: int, reason: str) -> None:
    """Control frames hold 125 bytes; a reason is cut between characters."""
    payload = parsed(close_frame(code, reason))[3]
    said = payload[2:].decode()
    assert int.from_bytes(payload[:2], "big") == code
    assert reason.startswith(said) and len(payload) <= 125
    assert said == reason or len(reason.encode()) > REASON_BYTES_MAX


def test_other_control_frames() -> None:
    """As in the examples of RFC 6455, section 5.7."""
    assert ping_frame(b"Hello") == bytes.fromhex("890548656c6c6f")
    assert pong_frame(b"Hello") == bytes.fromhex("8a0548656c6c6f")
    assert close_frame(None) == bytes.fromhex("8800")
    masked = frame(b"Hello", mask=bytes.fromhex("37fa213d"))
    assert masked == bytes.fromhex("818537fa213d7f9f4d5158")


def on_a_socket(story: Any) -> None:
    """A story against a venue on a real port, in real time, that it never waits for."""

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None, background=False))
        port = await venue.listen("127.0.0.1", 0)
        try:
            await asyncio.wait_for(story(venue, port), 20)
        finally:
            await venue.close()
            await venue.exchange.close()

    asyncio.run(main())


def test_streams_work_on_a_real_socket() -> None:
    """The same code as in virtual time."""

    async def story(venue: Binance, port: int) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}/ws/btcusdt@bookTicker") as ws,
        ):
            await venue.exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 40_000.0)
            best = await ws.receive_json()
            assert (best["s"], best["b"], best["B"]) == (
                "BTCUSDT", "40000.00000000", "0.01000000",
            )  # fmt: skip
            await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 3})
            assert await ws.receive_json() == {"result": ["btcusdt@bookTicker"], "id": 3}

    on_a_socket(story)


HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: stream.binance.com:9443\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n"
)


async def shaken(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A raw socket after its handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE.encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert "101 Switching Protocols" in head
    assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # RFC 6455, section 1.3
    assert "extensions" not in head.lower()  # no compression, as on the venue
    return reader, writer


def test_bytes_of_one_turn_arrive_as_frames_in_order() -> None:
    """Raw bytes go between frames, which is how broken ones are made."""

    async def story(venue: Binance, port: int) -> None:
        reader, writer = await shaken(port)
        (connection,) = venue.sockets.connections
        connection.send_text("one")
        connection.send_raw(b"\x81\x7f")
        connection.send_text("two")
        sent = text_frame("one") + b"\x81\x7f" + text_frame("two")
        assert await reader.readexactly(len(sent)) == sent
        connection.hang_up()
        assert await reader.read() == b""
        writer.close()

    on_a_socket(story)


def test_an_abort_is_a_reset_on_the_wire() -> None:
    """A client sees it as an error, not as an end."""

    async def story(venue: Binance, port: int) -> None:
        reader, writer = await shaken(port)
        (connection,) = venue.sockets.connections
        connection.abort()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

    on_a_socket(story)


def test_a_client_that_reads_nothing_is_cut_off() -> None:
    """The kernel's buffers fill first, then ours, and then it is over."""

    async def story(venue: Binance, port: int) -> None:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, HANDSHAKE.encode())
        await loop.sock_recv(sock, 1)
        (connection,) = venue.sockets.connections
        while not connection.gone:
            connection.send_text("x" * 100_000)
            await asyncio.sleep(0)
        assert connection.ended_by == "slow consumer"
        sock.close()

    on_a_socket(story)
