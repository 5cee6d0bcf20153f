"""SimSocket: `socket.socket` for simulated threads, a TCP connection of the simulation's network.

The two ends of a connection live on the loop that carries the venue; a thread that reads, connects
or accepts waits for them in virtual time. UDP and Unix sockets are refused.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
import sys
from collections import deque
from collections.abc import Coroutine
from typing import Any
from weakref import WeakValueDictionary

from failing_exchange.text.tracebacks import own_place_of
from failing_exchange.virtual.errors import Escape
from failing_exchange.virtual.thread_registry import current
from failing_exchange.virtual.transport import MemoryTransport, join

REAL_SOCKET = socket.socket
UNREAD_LIMIT = 262_144  # received bytes that the program has not read; then the sender has to wait
DESCRIPTORS_FROM = 1 << 20  # numbers of simulated sockets, above those of the operating system
STREAM_FLAGS = getattr(socket, "SOCK_NONBLOCK", 0) | getattr(socket, "SOCK_CLOEXEC", 0)

SOCKETS: WeakValueDictionary[int, SimSocket] = WeakValueDictionary()  # by descriptor


class Pipe(asyncio.Protocol):
    """What a connection's end has received, and who waits for it."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.data = bytearray()
        self.ended = False  # the other end will send no more
        self.error: BaseException | None = None
        self.lost = False
        self.full = False  # the way to the other end is: a writer has to wait
        self.waiting: dict[Any, None] = {}  # threads

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > UNREAD_LIMIT:
            self.transport.pause_reading()
        self.wake()

    def eof_received(self) -> bool:
        self.ended = True
        self.wake()
        return True  # this end can go on sending

    def connection_lost(self, error: BaseException | None) -> None:
        self.error, self.lost = error, True
        self.ended = True
        self.wake()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self.wake()

    def wake(self) -> None:
        """Let all who wait look again."""
        waiting, self.waiting = self.waiting, {}
        for thread in waiting:
            thread.program.wake(thread)

    def take(self, size: int) -> bytes:
        """The next bytes."""
        taken = bytes(self.data[:size])
        del self.data[:size]
        if not self.lost and len(self.data) <= UNREAD_LIMIT:
            self.transport.resume_reading()
        return taken

    @property
    def readable(self) -> bool:
        """Whether a read would not wait."""
        return bool(self.data or self.ended)

    @property
    def writable(self) -> bool:
        """Whether a write would not wait."""
        return self.lost or (self.transport is not None and not self.full)


class Accepting:
    """Where a listening socket's connections wait to be accepted."""

    def __init__(self) -> None:
        self.queue: deque[Pipe] = deque()
        self.waiting: dict[Any, None] = {}
        self.server: Any = None

    writable = False

    @property
    def readable(self) -> bool:
        """Whether `accept` would not wait."""
        return bool(self.queue)

    def accept(self) -> Pipe:
        """The protocol of a new connection."""
        pipe = Pipe()
        self.queue.append(pipe)
        waiting, self.waiting = self.waiting, {}
        for thread in waiting:
            thread.program.wake(thread)
        return pipe


class Connecting:
    """A connection that is being made."""

    def __init__(self) -> None:
        self.waiting: dict[Any, None] = {}
        self.task: asyncio.Task[Any] | None = None

    readable = writable = False


class SimSocket(REAL_SOCKET):
    """A simulated socket: of its parent it has the type, `makefile` and the context manager."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        """A real one for threads that are not simulated."""
        if current() is None and cls is SimSocket:
            return REAL_SOCKET(*args, **options)
        return super().__new__(cls)

    def __init__(
        self,
        family: int = -1,
        type: int = -1,
        proto: int = -1,
        fileno: int | None = None,
    ) -> None:  # not the parent's, which opens a real one
        family = socket.AF_INET if family == -1 else family
        kind = socket.SOCK_STREAM if type == -1 else type & ~STREAM_FLAGS
        if fileno is not None or kind != socket.SOCK_STREAM or family not in INTERNET:
            raise refusal(f"a socket of {socket.AddressFamily(family)!r}, {kind!r}")
        self._family, self._proto = socket.AddressFamily(family), max(proto, 0)
        self._io_refs, self._closed = 0, False
        self._gone = False  # closed, and no file made from it is open
        self._timeout = socket.getdefaulttimeout()
        self._end: Any = None  # Pipe, Accepting or Connecting
        self._name: tuple[str, int] = ("0.0.0.0", 0)
        self._peer: tuple[str, int] | None = None
        self._options: dict[tuple[int, int], Any] = {}
        self._failed = 0  # errno of a connection that could not be made: SO_ERROR
        self._number = next(_numbers)
        self._loop: Any = current().program.loop
        SOCKETS[self._number] = self

    # Attributes

    @property
    def family(self) -> socket.AddressFamily:
        return self._family

    @property
    def type(self) -> socket.SocketKind:
        return socket.SOCK_STREAM

    @property
    def proto(self) -> int:
        return self._proto

    @property
    def timeout(self) -> float | None:
        return self._timeout

    def __repr__(self) -> str:
        return f"<SimSocket fd={self.fileno()} {self._name} -> {self._peer}>"

    def fileno(self) -> int:
        """A number that `select` and `selectors` know in a simulation; -1 once closed."""
        return -1 if self._gone else self._number

    def settimeout(self, value: float | None) -> None:
        if value is not None and value < 0:
            raise ValueError("Timeout value out of range")
        self._timeout = value

    def gettimeout(self) -> float | None:
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        self._timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        return self._timeout != 0

    def get_inheritable(self) -> bool:
        return False

    def set_inheritable(self, inheritable: bool) -> None:
        """There is no other process."""

    def setsockopt(self, level: int, option: int, value: Any = None, *_: Any) -> None:
        """SO_LINGER is heeded, everything else accepted."""
        self._options[level, option] = value
        if isinstance(self._end, Pipe) and self._end.transport is not None:
            self._end.transport.get_extra_info("socket").setsockopt(level, option, value)

    def getsockopt(self, level: int, option: int, buflen: int = 0) -> Any:
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            failed, self._failed = self._failed, 0
            return failed
        if (level, option) == (socket.SOL_SOCKET, socket.SO_TYPE):
            return int(socket.SOCK_STREAM)
        return self._options.get((level, option), 0)

    def getsockname(self) -> tuple[str, int]:
        self._check_open()
        return self._name

    def getpeername(self) -> tuple[str, int]:
        self._check_open()
        if self._peer is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self._peer

    def _check_open(self) -> None:
        if self._gone:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    # Waiting

    def _wait(self, what: str, end: Any, deadline: int | None) -> None:
        """Wait until something has happened at an end, or raise at the deadline."""
        me = current()
        if me is None:
            raise Escape(f"{self!r} belongs to a simulated thread; no other can wait for it")
        if self._timeout == 0:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        end.waiting[me] = None
        try:
            if not me.program.wait(me, deadline, what, outside=True):
                raise TimeoutError("timed out")
        finally:
            end.waiting.pop(me, None)

    def _deadline(self) -> int | None:
        me = current()
        return None if me is None or not self._timeout else me.program.until(self._timeout)

    # Connecting

    def connect(self, address: Any) -> None:
        """Connect to a server of the simulation; another host raises UnknownHost."""
        self._check_open()
        if isinstance(self._end, Pipe):
            raise OSError(errno.EISCONN, os.strerror(errno.EISCONN))
        if not isinstance(self._end, Connecting):
            self._begin_connecting(address)
            if self._timeout == 0:
                raise BlockingIOError(errno.EINPROGRESS, os.strerror(errno.EINPROGRESS))
        elif self._timeout == 0:
            raise BlockingIOError(errno.EALREADY, os.strerror(errno.EALREADY))
        self._finish_connecting()

    def _begin_connecting(self, address: Any) -> None:
        me = current()
        if me is None:
            raise Escape(f"{self!r} belongs to a simulated thread; no other can connect it")
        connecting = self._end = Connecting()
        host, port = str(address[0]), int(address[1])
        pipe = Pipe()
        loop = me.program.loop
        connecting.task = task = loop.create_task(
            loop.network.create_connection(lambda: pipe, host, port)
        )
        task.add_done_callback(lambda done: self._connected(connecting, pipe, done))

    def _connected(self, connecting: Connecting, pipe: Pipe, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._end is connecting and error is None and not task.cancelled():
            self._join(pipe)
        elif isinstance(error, OSError):
            self._failed = error.errno or errno.ECONNREFUSED
        waiting, connecting.waiting = connecting.waiting, {}
        for thread in waiting:
            thread.program.wake(thread)

    def _finish_connecting(self) -> None:
        connecting, deadline = self._end, self._deadline()
        task = connecting.task
        try:
            while not task.done():
                self._wait("socket.connect()", connecting, deadline)
            error = task.exception()
            if error is not None:
                self._failed = 0
                raise error
        except BaseException:
            task.cancel()
            if self._end is connecting:
                self._end = None
            raise

    def connect_ex(self, address: Any) -> int:
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.ETIMEDOUT
        return 0

    def _join(self, pipe: Pipe) -> None:
        """Take over a connection that was made."""
        self._end = pipe
        transport: MemoryTransport = pipe.transport
        self._name = transport.get_extra_info("sockname")
        self._peer = transport.get_extra_info("peername")
        for (level, option), value in self._options.items():
            transport.get_extra_info("socket").setsockopt(level, option, value)

    # Listening

    def bind(self, address: Any) -> None:
        self._check_open()
        self._name = (str(address[0]) or "0.0.0.0", int(address[1]))

    def listen(self, backlog: int = 128) -> None:
        """Listen on the simulation's network: other threads and tasks can connect."""
        me, (host, port) = current(), self._name
        if me is None:
            raise Escape(f"{self!r} belongs to a simulated thread; no other can listen at it")
        if isinstance(self._end, Accepting):
            return
        listener = self._end = Accepting()
        network = me.program.loop.network
        making = network.create_server(listener.accept, host, port or None)
        listener.server = at_once(making)
        self._name = (host, listener.server.sockets[0].getsockname()[1])

    def accept(self) -> tuple[Any, Any]:
        """Wait for a connection."""
        self._check_open()
        listener = self._end
        if not isinstance(listener, Accepting):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        deadline = self._deadline()
        while not listener.queue:
            self._wait("socket.accept()", listener, deadline)
        made = type(self)(self._family)
        made._join(listener.queue.popleft())
        return made, made._peer

    # Reading

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """The next bytes; b"" once the other end sends no more."""
        pipe = self._pipe()
        if not pipe.readable:
            deadline = self._deadline()
            while not pipe.readable:
                self._wait("socket.recv()", pipe, deadline)
                self._check_open()
        if pipe.error is not None:
            error, pipe.error = pipe.error, None
            pipe.data.clear()
            raise error
        if flags & socket.MSG_PEEK:
            return bytes(pipe.data[:bufsize])
        return pipe.take(bufsize)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        return self.recv(bufsize, flags), None

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        return self.recv_into(buffer, nbytes, flags), None

    def _pipe(self) -> Pipe:
        self._check_open()
        if isinstance(self._end, Connecting) and self._timeout != 0:
            self._finish_connecting()
        if not isinstance(self._end, Pipe):
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self._end

    # Writing

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of it; waits while the way to the other end is full."""
        pipe, me = self._pipe(), current()
        if me is not None:
            me.program.survive(me)
            me.program.may_lose_turn(me)
        deadline = self._deadline()
        while pipe.full and not pipe.lost:
            self._wait("socket.send()", pipe, deadline)
        if pipe.lost:
            error, pipe.error = pipe.error, None
            raise error or BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        if pipe.transport.is_closing():
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        view = memoryview(data).cast("B")
        pipe.transport.write(bytes(view))
        return len(view)

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.send(data, flags)

    def sendmsg(self, buffers: Any, *_: Any) -> int:
        return self.send(b"".join(bytes(one) for one in buffers))

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        return int(self._sendfile_use_send(file, offset, count))  # type: ignore[attr-defined]

    # Ending

    def shutdown(self, how: int) -> None:
        pipe = self._pipe()
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            pipe.transport.write_eof()
        if how in (socket.SHUT_RD, socket.SHUT_RDWR):
            pipe.ended = True
            pipe.wake()

    def _real_close(self, *_: Any) -> None:
        """What the parent's `close` comes to when no file made from it is open."""
        end, self._end, self._gone = self._end, None, True
        SOCKETS.pop(self._number, None)
        if end is None or self._loop.is_closed():
            return
        if isinstance(end, Pipe):
            if end.data:  # as the kernel does with unread data
                end.transport.get_extra_info("socket").resets = True
            end.transport.close()
            end.wake()
        elif isinstance(end, Accepting):
            end.server.close()
            for pipe in end.queue:
                pipe.transport.abort()
        elif isinstance(end, Connecting) and end.task is not None:
            end.task.cancel()

    def detach(self) -> int:
        raise refusal("socket.detach()")

    def dup(self) -> Any:
        raise refusal("socket.dup()")


INTERNET = (socket.AF_INET, socket.AF_INET6)
_numbers = itertools.count(DESCRIPTORS_FROM)


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise AssertionError("this coroutine was not to wait")


def refusal(what: str) -> Escape:
    """The error for what reaches for the real world, with the place in the bot's code."""
    return Escape(
        f"{what} reaches for the real world, which a simulation has no part in "
        f"({own_place_of(sys._getframe(2))}); run this program in real time, or replace that "
        "part of it by a stand-in"
    )


def pair(family: int = -1, type: int = -1, proto: int = -1) -> tuple[SimSocket, SimSocket]:
    """`socket.socketpair`: two ends of one connection."""
    me = current()
    here, there = SimSocket(), SimSocket()
    one, other = Pipe(), Pipe()
    loop = me.program.loop
    at, facing = ("127.0.0.1", here.fileno()), ("127.0.0.1", there.fileno())
    near = MemoryTransport(loop, one, sockname=at, peername=facing)
    far = MemoryTransport(loop, other, sockname=facing, peername=at)
    one.connection_made(near)
    join(far, near)
    here._join(one)
    there._join(other)
    return here, there
