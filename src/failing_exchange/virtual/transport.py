"""One end of an in-memory TCP connection: bytes in order, flow control, FIN, RST, half-close."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failing_exchange.virtual.loop_api import LoopApi

RECEIVE_WINDOW_LIMIT = 262_144  # bytes on the way or unread that do not fill the sender's buffer
HIGH_WATER_LIMIT = 65_536  # beyond it the writing protocol is paused, as in asyncio

Address = tuple[str, int]
Delay = Callable[["MemoryTransport"], int]


class Signal(Enum):
    """What travels between the two ends besides bytes."""

    FIN = "the other side will send no more"
    RST = "the other side is gone"


class MemoryTransport(asyncio.Transport):
    """One of two ends; `join` makes the pair.

    What is written in one turn of the loop arrives together, after `delay(transport)` nanoseconds
    (at the next turn without a delay), in order. `close()` ends with FIN, or with RST when
    unread data is thrown away, as the kernel does. `abort()` drops what this turn has written. With
    SO_LINGER (1, 0) set on `get_extra_info("socket")` either of them sends RST. Bytes that arrive
    at a closed end are answered by RST.
    """

    def __init__(
        self,
        loop: LoopApi,
        protocol: asyncio.BaseProtocol,
        *,
        sockname: Address,
        peername: Address,
        tls: Any = None,
        delay: Delay | None = None,
    ) -> None:
        sock = MemorySocket(sockname, peername)
        extra = {"sockname": sockname, "peername": peername, "socket": sock}
        if tls:
            extra["sslcontext"] = tls
        super().__init__(extra)
        self._loop = loop
        self._protocol: Any = protocol
        self._tls = bool(tls)
        self._delay = delay
        self._socket = sock
        self._peer: MemoryTransport | None = None
        self.on_write: Callable[[], None] | None = None  # called in the context of the writer
        self._written: list[bytes] = []  # in this turn
        self._unread = 0  # written here, not yet taken by the peer's protocol
        self._flushing = self._eof = self._write_paused = False
        self._has_ended = False  # FIN is on its way
        self._closing = self._lost = self._closed = self._paused = False
        self._arrives_ns = 0  # when the last thing sent arrives: nothing overtakes it
        self._inbox: deque[bytes | Signal] = sock.inbox
        self.set_write_buffer_limits()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "closing" if self._closing else "open"
        return f"<MemoryTransport {self._socket.sockname} -> {self._socket.peername} {state}>"

    # Writing

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes; they leave at the end of this turn of the loop."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if self._eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._closing or not data:
            return
        if self.on_write is not None:
            self.on_write()
        chunk = bytes(data)
        self._written.append(chunk)
        self._unread += len(chunk)
        self._flush_soon()
        if not self._write_paused and self.get_write_buffer_size() > self._high:
            self._write_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Any) -> None:
        """Send several chunks as one."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Send FIN after what was written; keep reading."""
        if not self._eof and not self._closing:
            self._eof = True
            self._flush_soon()

    def can_write_eof(self) -> bool:
        """Not over (elided) TLS, as in asyncio."""
        return not self._tls

    def get_write_buffer_size(self) -> int:
        """Bytes that neither the way nor the receive window takes."""
        return max(0, self._unread - RECEIVE_WINDOW_LIMIT)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The low and the high water mark."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = HIGH_WATER_LIMIT if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._written:
            data = b"".join(self._written)
            self._written.clear()
            self._send(data)
        if self._eof and not self._has_ended:
            self._has_ended = True
            self._send(Signal.FIN)
        self._finish_if_drained()

    @property
    def _is_dead(self) -> bool:
        """Whether its loop was closed with this open: its protocol is never called again."""
        return self._loop.is_closed()

    def _send(self, item: bytes | Signal) -> None:
        peer = self._peer
        if peer is None or peer._is_dead:
            return
        now = self._loop.time_ns()
        arrives = now + (self._delay(self) if self._delay is not None else 0)
        arrives = self._arrives_ns = max(arrives, self._arrives_ns)
        if arrives > now:
            peer._loop.call_at_ns(arrives, peer._arrive, item, keeps_running=True)
        elif peer._loop is self._loop:
            peer._arrive(item)
        else:
            peer._loop.call_soon(peer._arrive, item)

    # Reading

    def is_reading(self) -> bool:
        """Whether bytes are handed to the protocol."""
        return not self._paused and not self._closing

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        """Hand over what waits, from the next turn on."""
        if self._paused:
            self._paused = False
            self._loop.call_soon(self._read)

    def _arrive(self, item: bytes | Signal) -> None:
        if item is Signal.RST and (self._closing or self._unread):
            self._lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
        elif not self._closing:
            self._inbox.append(item)
            self._read()
        elif isinstance(item, bytes):
            self._send(Signal.RST)

    def _read(self) -> None:
        while self._inbox and self.is_reading():
            item = self._inbox.popleft()
            if item is Signal.RST:
                self._lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
            elif item is Signal.FIN:
                self._receive_eof()
            else:
                self._receive(item)

    def _receive(self, data: bytes) -> None:
        try:
            if isinstance(self._protocol, asyncio.BufferedProtocol):
                _fill(self._protocol, data)
            else:
                self._protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._lose(error, "Fatal error: protocol.data_received() call failed.")
        peer = self._peer
        if peer is None or peer._is_dead:
            return
        if peer._loop is self._loop:
            peer._taken(len(data))
        else:
            peer._loop.call_soon(peer._taken, len(data))

    def _receive_eof(self) -> None:
        self._socket.ended = True
        try:
            keep_open = self._protocol.eof_received()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._lose(error, "Fatal error: protocol.eof_received() call failed.")
            return
        if self._tls or not keep_open:
            self.close()

    def _taken(self, size: int) -> None:
        """The peer's protocol took `size` bytes: there is room to write again."""
        self._unread -= size
        if self._closed:
            return
        if self._write_paused and self.get_write_buffer_size() <= self._low:
            self._write_paused = False
            self._protocol.resume_writing()
        self._finish_if_drained()

    # Ending

    def is_closing(self) -> bool:
        """Whether it is closing or closed."""
        return self._closing

    def close(self) -> None:
        """Send what is written, then FIN."""
        if not self._closing:
            self._closing = True
            self._flush_soon()

    def _finish_if_drained(self) -> None:
        if (
            self._closing
            and not self._lost
            and not self._flushing
            and not self.get_write_buffer_size()
        ):
            self._finish(None)

    def abort(self) -> None:
        """End now; what this turn has written is lost."""
        self._lose(None)

    def _lose(self, error: BaseException | None, message: str = "") -> None:
        """End now: what was not sent is lost."""
        if self._lost or self._closed:
            return
        if message:
            self._loop.call_exception_handler(
                {
                    "message": message,
                    "exception": error,
                    "transport": self,
                    "protocol": self._protocol,
                }
            )
        self._closing = self._lost = True
        self._written.clear()
        if self._is_dead:
            self._finish(error)
        else:
            self._loop.call_soon(self._finish, error)

    def _finish(self, error: BaseException | None) -> None:
        if self._closed:
            return
        self._closing = self._closed = self._socket.closed = True
        unread = any(isinstance(item, bytes) for item in self._inbox)
        self._inbox.clear()
        if unread or self._socket.resets:
            self._send(Signal.RST)
        elif not self._has_ended:
            self._send(Signal.FIN)
        peer = self._peer
        if peer is not None and peer._closed:
            self._peer = peer._peer = None  # no cycle is left for the garbage collector
        if not self._is_dead:
            self._protocol.connection_lost(error)

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol


class MemorySocket:
    """What libraries ask of `get_extra_info("socket")`: names, options, and whether bytes wait."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, sockname: Address, peername: Address | None = None) -> None:
        self.sockname = sockname
        self.peername = peername
        self.resets = False  # SO_LINGER (1, 0): closing sends RST
        self.inbox: deque[bytes | Signal] = deque()  # what came and was not read
        self.ended = False  # the other side's FIN was read
        self.closed = peername is None

    def getsockname(self) -> Address:
        """This end."""
        return self.sockname

    def getpeername(self) -> Address:
        """The other end. Raises OSError (ENOTCONN) for a listener."""
        if self.peername is None:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return self.peername

    def setsockopt(self, level: int, option: int, value: Any = None, *_: Any) -> None:
        """SO_LINGER is heeded, everything else accepted."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            self.resets = struct.unpack("ii", value) == (1, 0)

    def getsockopt(self, level: int, option: int, *_: Any) -> int:
        """Always 0."""
        return 0

    def fileno(self) -> int:
        """A descriptor to ask `select` or `poll`, now, whether something is to be read here.

        httpx asks before it uses a connection again. The two there are are shared by all; -1 once
        closed, and for a listener.
        """
        if self.closed:
            return -1
        silent, readable = descriptors()
        return readable if self.inbox or self.ended else silent


@cache
def descriptors() -> tuple[int, int]:
    """One that is never readable and one that always is, of this process, for good."""
    (silent, keeps_silent), (readable, said) = socket.socketpair(), socket.socketpair()
    said.send(b"!")
    for end in (keeps_silent, said):
        end.detach()
    return silent.detach(), readable.detach()


def join(server: MemoryTransport, client: MemoryTransport) -> None:
    """Make the two ends one connection, and tell the server's protocol, on its own loop."""
    client._peer, server._peer = server, client
    accept = server.get_protocol().connection_made
    if server._loop is client._loop:
        accept(server)
    else:
        server._loop.call_soon(accept, server)


def _fill(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        room = memoryview(protocol.get_buffer(len(rest)))
        if not len(room):
            raise RuntimeError("get_buffer() returned an empty buffer")
        size = min(len(room), len(rest))
        room[:size] = rest[:size]
        protocol.buffer_updated(size)
        rest = rest[size:]
