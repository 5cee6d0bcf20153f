"""HTTP/1.1 server: connections that are read one request at a time, and answered without a task.

What requests are answered is a `Handler`'s affair: a venue's, or the control API's. After an
upgrade the connection carries WebSocket frames, and only passes its bytes on.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from failing_exchange.core.units import SECOND
from failing_exchange.server.damage import DamagedResponse
from failing_exchange.server.http_reader import USUAL, RequestReader, Terms
from failing_exchange.server.http_response import CONTINUE, head_of, response_head
from failing_exchange.server.messages import Reply, Request

if TYPE_CHECKING:
    from failing_exchange.server.turn_taking import Share
    from failing_exchange.venue.venue_clock import Cancelable

READ_AHEAD_BYTES_MAX = 1 << 16  # sent ahead of a reply; then the connection is not read for a while
KEEP_ALIVE = 3_630 * SECOND  # a connection without a request for this long is closed
BROKEN = Reply(500, b"500 Internal Server Error\n\nServer got itself in trouble", kind="text/plain")


logger = logging.getLogger("failing_exchange.http")


class Handler(Protocol):
    """Answers the requests of connections, one at a time each."""

    def handle(self, request: Request, connection: HttpConnection) -> None:
        """Answer a request: call `respond` of the connection once, now or later."""

    def refusal(self, status: int, reason: str) -> Reply:
        """The reply to a request that can't be read: 400, 413 or 417."""

    def failed(self, bug: Exception, connection: HttpConnection) -> None:
        """Take note of a bug of ours that has cost a reply; the client is sent 500."""


class ServerClock(Protocol):
    """Time in nanoseconds since the epoch, and timers."""

    @property
    def now(self) -> Callable[[], int]:
        """The instant."""

    @property
    def call_at(self) -> Callable[..., Cancelable]:
        """Have something called: `call_at(instant, callback, *args)`."""


class Upgraded(Protocol):
    """What reads the bytes of a connection after an upgrade."""

    def feed(self, data: bytes) -> None:
        """Read more bytes."""

    def end(self) -> None:
        """The connection is gone."""


Upgrade = Callable[["Request", "HttpConnection"], None]


class HttpServer:
    """Makes a connection for each client, and knows those that are open.

    `upgrade` answers requests that ask to speak WebSocket: it calls `respond` of the connection, or
    `switch`. Without it upgrades are ignored.
    """

    def __init__(
        self, handler: Handler, clock: ServerClock, upgrade: Upgrade | None = None
    ) -> None:
        self.handler = handler
        self.clock = clock
        self.upgrade = upgrade
        self.open: dict[HttpConnection, None] = {}
        self._idle: asyncio.Future[None] | None = None

    def __call__(self) -> HttpConnection:
        """The protocol of a new connection, as `create_server` wants it."""
        return HttpConnection(self)

    def note_idle(self) -> None:
        """Wake `close` when no reply is under way any more."""
        idle = self._idle
        if idle is not None and not idle.done() and not any(line.busy for line in self.open):
            idle.set_result(None)

    async def close(self, grace: float) -> None:
        """End all connections; replies under way have `grace` seconds."""
        for connection in list(self.open):
            connection.leave()
        if not self.open:
            return
        self._idle = asyncio.get_running_loop().create_future()
        self.note_idle()
        try:
            await asyncio.wait_for(self._idle, grace)
        except TimeoutError:  # these are not answered
            for connection in list(self.open):
                connection.cut()


class HttpConnection(asyncio.Protocol):
    """One connection: its requests are answered one after the other.

    While a reply is under way (`busy`) further requests wait here, as bytes. `peer` is the client's
    address, `loop` the loop that serves it. A handler that waits for something sets `on_lost`,
    which is called when the client leaves before its reply; `share` is what the connection has used
    of the processor (see `Turns`).
    """

    def __init__(self, server: HttpServer) -> None:
        self.peer = ""
        self.loop = asyncio.get_running_loop()
        self.busy = False
        self.transport: Any = None
        self.on_lost: Callable[[], None] | None = None
        self.share: Share | None = None
        self._server = server
        self._reader: RequestReader | None = None
        self._upgraded: Upgraded | None = None
        self._terms = USUAL  # of the reply that is under way
        self._data = b""
        self._damaged: DamagedResponse | None = None  # the damaged reply on its way
        self._choked = self._paused = self._leaving = False
        self._turn_due = False  # a turn of the loop is asked for
        self._timer: Cancelable | None = None
        self._heard_at = 0

    # ---- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else ""
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            # asyncio does so for sockets only that were made with their protocol's number
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = self._server
        self._reader = RequestReader(self.peer, upgrades=server.upgrade is not None)
        server.open[self] = None
        self._heard_at = server.clock.now()
        self._timer = server.clock.call_at(self._heard_at + KEEP_ALIVE, self._on_timer)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop()

    def _stop(self) -> None:
        self.transport, self._data = None, b""
        self._server.open.pop(self, None)
        self._server.note_idle()
        self._cancel_timer()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._damaged is not None:
            self._damaged.stop()
            self._damaged = None
        upgraded, self._upgraded = self._upgraded, None
        if upgraded is not None:
            upgraded.end()
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost()

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        self._take_turn()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        transport, clock = self.transport, self._server.clock
        if transport is None:
            return
        due = self._heard_at + KEEP_ALIVE
        if not self.busy and clock.now() >= due:
            transport.close()
        else:
            at = due if due > clock.now() else clock.now() + KEEP_ALIVE
            self._timer = clock.call_at(at, self._on_timer)

    def leave(self) -> None:
        """Close after the reply that is under way."""
        self._leaving = True
        if not self.busy and self.transport is not None:
            self.transport.close()

    def cut(self) -> None:
        """Close without the reply that is under way."""
        transport = self.transport
        self._stop()
        if transport is not None:
            transport.close()

    # ---- requests

    def data_received(self, data: bytes) -> None:
        if self._upgraded is not None:
            self._upgraded.feed(data)
            return
        self._data = self._data + data if self._data else data
        if not (self.busy or self._turn_due):
            self._go_on()
        if len(self._data) > READ_AHEAD_BYTES_MAX and not self._paused:
            self._paused = self.busy or self._choked or self._turn_due
            if self._paused:
                self.transport.pause_reading()

    def _go_on(self) -> None:
        """Answer one request, if a whole one is here; the next one has its own turn of the loop.

        So a client that sends many at once does not keep others waiting.
        """
        self._turn_due = False
        reader = self._reader
        if reader is None or self.busy or self._choked or self._leaving:
            return
        received = reader.received
        try:
            if self._data and not received:
                self._data = reader.read(self._data)
            if received:
                self.busy = True
                request, self._terms = received.popleft()
                if self._terms is USUAL:
                    self._server.handler.handle(request, self)
                else:
                    self._answer_unusual(request, self._terms)
            elif reader.awaits_continue:
                reader.awaits_continue = False
                self.transport.write(CONTINUE)
            elif self._paused:
                self._resume()
        except Exception as bug:
            self.fail(bug)

    def _answer_unusual(self, request: Request, terms: Terms) -> None:
        server = self._server
        if terms.status:
            logger.info("a malformed request from %s: %s", self.peer, terms.reason)
            refusal = server.handler.refusal(terms.status, terms.reason)
            self.respond(refusal, server.clock.now())
        elif terms.upgrade and server.upgrade is not None:
            server.upgrade(request, self)
        else:
            server.handler.handle(request, self)

    def _resume(self) -> None:
        self._paused = False
        self.transport.resume_reading()

    def _take_turn(self) -> None:
        """Go on with what is here, or with reading, in the next turn of the loop."""
        reader = self._reader
        parsed = reader is not None and (reader.received or reader.awaits_continue)
        if (self._data or self._paused or parsed) and not self._turn_due:
            self._turn_due = True
            self.loop.call_soon(self._go_on)

    # ---- replies

    @property
    def gone(self) -> bool:
        """Whether the client has left, or was left."""
        return self.transport is None

    def respond(self, reply: Reply, at: int, *, close: bool = False) -> None:
        """Send the reply to the present request at an instant (ns); damage is done to it here.

        `close`: end the connection with it. Nothing happens where the client has left.
        """
        transport = self.transport
        if transport is None:
            return
        self._heard_at = at
        terms = self._terms
        if terms is USUAL and not close and reply.damage is None:
            transport.write(response_head(reply, at) + reply.body)
            self._is_sent()
            return
        if close or not terms.keep_alive:
            self._leaving = True
        if reply.damage is not None:
            done = self._is_damage_done
            self._damaged = DamagedResponse(transport, reply.steps, self._later, done)
            return
        head = self._unusual_head(reply, at)
        transport.write(head + reply.body if terms.has_body else head)
        self._is_sent()

    def _unusual_head(self, reply: Reply, at: int) -> bytes:
        """Say whether the connection goes on, where that is not understood (RFC 9112, 9.3)."""
        if self._terms.version == "1.0":
            more = () if self._leaving else ("Connection: keep-alive",)
        else:
            more = ("Connection: close",) if self._leaving else ()
        return response_head(reply, at, more, version=self._terms.version)

    def stream(self, *fields: str) -> Any:
        """Begin a reply that goes on until the connection ends: the transport to write it to.

        `fields` are those of its head. `on_lost` is called when the client leaves.
        """
        self._leaving = True
        self.transport.write(head_of(200, *fields, "Connection: close"))
        return self.transport

    def abort(self) -> None:
        """End the connection in the reply's place."""
        if self.transport is not None:
            self.transport.abort()

    def fail(self, bug: Exception) -> None:
        """A bug of ours: it costs this reply, or ends the simulation."""
        self._server.handler.failed(bug, self)
        self.respond(BROKEN, self._server.clock.now(), close=True)

    def switch(self, upgraded: Upgraded) -> None:
        """Speak another protocol after an upgrade that was granted."""
        reader = self._reader
        assert reader is not None
        self._cancel_timer()
        self._upgraded = upgraded
        data, self._data, self._reader = reader.rest + self._data, b"", None
        reader.close()
        if self._paused:
            self._resume()
        if data:
            upgraded.feed(data)

    def _later(self, wait: int, callback: Callable[[], None]) -> Cancelable:
        clock = self._server.clock
        return clock.call_at(clock.now() + wait, self._guarded, callback)

    def _guarded(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as bug:
            self.fail(bug)

    def _is_damage_done(self) -> None:
        """The damage is done: the connection goes on, or has ended with it."""
        self._damaged = None
        if self.transport is not None and not self.transport.is_closing():
            self._is_sent()

    def _is_sent(self) -> None:
        """Answer the next request, if there is one."""
        self.busy = False
        if self._leaving:
            self.transport.close()
            self._server.note_idle()
        else:
            self._take_turn()
