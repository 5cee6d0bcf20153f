"""Connections in memory behave like TCP: flow control, half-close, reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from failing_exchange.virtual.loop import VirtualLoop
from failing_exchange.virtual.transport import RECEIVE_WINDOW_LIMIT

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.cancel_leftovers()
    made.close()


def talk(loop: VirtualLoop, serve: Handler, client: Handler) -> None:
    async def main() -> None:
        server = await asyncio.start_server(serve, "venue", 7)
        reader, writer = await asyncio.open_connection("venue", 7)
        await client(reader, writer)
        writer.close()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_a_half_closed_connection_still_answers(loop: VirtualLoop) -> None:
    """The client says that it has no more to send, and then reads the whole answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read()
        await asyncio.sleep(1)
        writer.write(question.upper())
        writer.close()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"buy")
        assert writer.can_write_eof()
        writer.write_eof()
        assert await reader.read() == b"BUY"

    talk(loop, serve, client)


def test_an_end_that_is_closed_at_once_is_told(loop: VirtualLoop) -> None:
    """`write_eof` and `close` in one turn, as servers of the standard library end a reply."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        writer.close()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await asyncio.wait_for(reader.read(), 5) == b"bye"

    talk(loop, serve, client)


def test_a_writer_is_held_up_by_a_reader_that_does_not_read(loop: VirtualLoop) -> None:
    """Flow control: `drain()` waits until the other side has taken enough."""
    moments: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(10)
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        total = 0
        while data := await reader.read(65_536):
            total += len(data)
        assert total == 2 * RECEIVE_WINDOW_LIMIT
        writer.close()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 2 * RECEIVE_WINDOW_LIMIT)
        moments.append(loop.time())
        await writer.drain()
        moments.append(loop.time())
        writer.write_eof()
        assert await reader.read() == b""

    talk(loop, serve, client)
    assert moments == [0.0, 10.0]


def test_close_sends_what_was_written_and_then_the_end(loop: VirtualLoop) -> None:
    """FIN comes after the bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"last words")
        writer.close()
        await writer.wait_closed()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b"last words"
        assert reader.at_eof()

    talk(loop, serve, client)


def reset_on_close(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def reset_by_linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reset_on_close(writer)
    writer.transport.abort()


async def close_with_unread_bytes(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(1)
    writer.close()


@pytest.mark.parametrize("serve", [reset_by_linger, close_with_unread_bytes])
def test_a_reset_is_an_error_to_the_reader(loop: VirtualLoop, serve: Handler) -> None:
    """RST is not the end of a stream: the client can't tell what was executed."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"order")
        with pytest.raises(ConnectionResetError, match="reset by peer"):
            await reader.read()

    talk(loop, serve, client)


def test_writing_to_a_closed_peer_is_answered_by_a_reset(loop: VirtualLoop) -> None:
    """The first write goes through; the reset comes back."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    class Stubborn(asyncio.Protocol):
        def __init__(self) -> None:
            self.lost = loop.create_future()

        def eof_received(self) -> bool:
            return True

        def connection_lost(self, exc: BaseException | None) -> None:
            self.lost.set_result(exc)

    async def main() -> None:
        await asyncio.start_server(serve, "venue", 7)
        transport, protocol = await loop.create_connection(Stubborn, "venue", 7)
        await asyncio.sleep(1)
        transport.write(b"anybody there?")
        assert isinstance(await protocol.lost, ConnectionResetError)

    loop.run_until_complete(main())


def test_a_protocol_that_fails_loses_its_connection(loop: VirtualLoop) -> None:
    """As in asyncio: the error is reported, the other side sees the end."""
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))

    class Broken(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            raise ValueError("cannot parse")

    async def main() -> bytes:
        await loop.create_server(Broken, "venue", 7)
        reader, writer = await asyncio.open_connection("venue", 7)
        writer.write(b"?")
        return await reader.read()

    assert loop.run_until_complete(main()) == b""
    assert str(reported[0]["exception"]) == "cannot parse"


def test_a_buffered_protocol_is_filled_piece_by_piece(loop: VirtualLoop) -> None:
    """asyncio's second kind of protocol lends its own buffer."""

    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer, self.got, self.done = bytearray(4), b"", loop.create_future()

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.got += self.buffer[:nbytes]

        def connection_lost(self, exc: BaseException | None) -> None:
            self.done.set_result(self.got)

    async def main() -> bytes:
        protocol = Buffered()
        await loop.create_server(lambda: protocol, "venue", 7)
        _, writer = await asyncio.open_connection("venue", 7)
        writer.write(b"0123456789")
        writer.close()
        return bytes(await protocol.done)

    assert loop.run_until_complete(main()) == b"0123456789"
