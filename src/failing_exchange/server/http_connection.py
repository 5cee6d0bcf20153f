"""Plain HTTP/1.1: what clients send day in, day out is read and answered without a task.

What is not plain, an upgrade above all, is left to aiohttp, and the connection with it.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from failing_exchange.core.units import SECOND
from failing_exchange.server.damage import DamagedResponse
from failing_exchange.server.dispatcher import BROKEN, Dispatcher, is_told
from failing_exchange.server.messages import Reply, Request
from failing_exchange.server.request_parser import PHRASES, SERVER, Heads, NotPlain, date_of

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.clock import Cancelable

AHEAD_BYTES_MAX = 1 << 16  # sent ahead of an answer; then the connection is not read for a while
KEEP_ALIVE = 3_630 * SECOND  # a connection without a request for so long is closed, as aiohttp does

logger = logging.getLogger("failing_exchange.http")


class PlainFront:
    """Makes the protocol of each connection, and knows those that are open.

    `others` makes the factory of protocols for what is not plain; it is called at most once.
    """

    def __init__(self, answering: Dispatcher, others: Callable[[], Any]) -> None:
        self.answering = answering
        self.heads = Heads()
        self._others = others
        self._aiohttp: Any = None
        self._open: dict[Line, None] = {}
        self._date = (-1, "")  # second, and how it is written
        self._idle: asyncio.Future[None] | None = None

    def __call__(self) -> Line:
        """The protocol of a new connection."""
        return Line(self)

    def opened(self, line: Line) -> None:
        """One more."""
        self._open[line] = None

    def closed(self, line: Line) -> None:
        """It is gone, or aiohttp's from now on."""
        self._open.pop(line, None)
        self.is_idle()

    def other(self) -> Any:
        """An aiohttp protocol."""
        if self._aiohttp is None:
            self._aiohttp = self._others()
        return self._aiohttp()

    def is_idle(self) -> None:
        """Somebody may wait for the last answer."""
        idle = self._idle
        if idle is not None and not idle.done() and not any(line.busy for line in self._open):
            idle.set_result(None)

    async def close(self, grace: float) -> None:
        """End all connections; answers under way have so many seconds."""
        for line in list(self._open):
            line.leave()
        if self._open:
            self._idle = asyncio.get_running_loop().create_future()
            self.is_idle()
            try:
                await asyncio.wait_for(self._idle, grace)
            except TimeoutError:  # these are not answered
                for line in list(self._open):
                    line.cut()
        if self._aiohttp is not None:
            await self._aiohttp.shutdown(timeout=grace)
            self._aiohttp = None

    def head(self, reply: Reply, at: int, *, close: bool = False) -> bytes:
        """The head of a reply."""
        second, date = self._date
        if at // SECOND != second:
            second = at // SECOND
            date = date_of(second)
            self._date = (second, date)
        more = "".join([f"{name}: {value}\r\n" for name, value in reply.headers])
        if close:
            more += "Connection: close\r\n"
        return (
            f"HTTP/1.1 {reply.status} {PHRASES.get(reply.status, '')}\r\n"
            f"Content-Type: {reply.kind}\r\n{more}Content-Length: {len(reply.body)}\r\n"
            f"Date: {date}\r\nServer: {SERVER}\r\n\r\n"
        ).encode()


class Line(asyncio.Protocol):
    """One connection: its requests are answered one after the other.

    A request that has to wait is a trip that calls back; until then what follows it waits here.
    """

    def __init__(self, front: PlainFront) -> None:
        self._front = front
        self._answering = front.answering
        self._transport: Any = None
        self._address = ""
        self._data = b""
        self._trip: Trip | None = None  # what is waited for
        self._course: DamagedResponse | None = None  # the damaged answer on its way
        self.busy = False
        self._share = front.answering.turns.share()
        self._choked = self._paused = self._leaving = False
        self._due = False  # a turn of the loop is asked for
        self._timer: Cancelable | None = None
        self._heard_at = 0

    # ---- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio says."""
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if peer else ""
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._context = contextvars.copy_context()
        self._front.opened(self)
        clock = self._answering.gateway.clock
        self._heard_at = clock.now()
        self._timer = clock.call_at(self._heard_at + KEEP_ALIVE, self._on_timer)

    def connection_lost(self, exc: BaseException | None) -> None:
        """As asyncio says: the client has left, or we have."""
        self._stop()
        self._front.closed(self)

    def _stop(self) -> None:
        self._transport, self._data = None, b""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._course is not None:
            self._course.stop()
            self._course = None
        trip, self._trip = self._trip, None
        if trip is not None:
            self._answering.give_up(trip)

    def pause_writing(self) -> None:
        """As asyncio says: the client does not take its answers."""
        self._choked = True

    def resume_writing(self) -> None:
        """As asyncio says."""
        self._choked = False
        self._take_turn()

    def _on_timer(self) -> None:
        self._timer = None
        transport, clock = self._transport, self._answering.gateway.clock
        if transport is None:
            return
        due = self._heard_at + KEEP_ALIVE
        if not self.busy and clock.now() >= due:
            transport.close()
        else:
            at = due if due > clock.now() else clock.now() + KEEP_ALIVE
            self._timer = clock.call_at(at, self._on_timer)

    def leave(self) -> None:
        """The venue closes: after the answer that is under way."""
        self._leaving = True
        if not self.busy and self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """The venue has closed: the client has waited in vain."""
        transport = self._transport
        self._stop()
        if transport is not None:
            transport.close()

    # ---- requests

    def data_received(self, data: bytes) -> None:
        """As asyncio says."""
        self._data = self._data + data if self._data else data
        if not (self.busy or self._due):
            self._go_on()
        waits = self.busy or self._choked or self._due
        if waits and len(self._data) > AHEAD_BYTES_MAX and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _go_on(self) -> None:
        """Answer one request, if a whole one is here; the next one has its own turn of the loop.

        So a client that sends many at once does not keep others waiting.
        """
        try:
            self._read()
        except Exception as error:
            self._fail(error)

    def _read(self) -> None:
        self._due = False
        transport = self._transport
        if transport is None or self.busy or self._choked or self._leaving:
            return
        data = self._data
        try:
            head = self._front.heads.read(data) if data else None
        except NotPlain:
            self._hand_over()
            return
        if head is not None:
            self._data = data[head.end :]
            body = data[head.start : head.end]
            request = Request(head.method, head.path, head.query, head.headers, body, self._address)
            if head.path in self._answering.rest.costly:
                self.busy = True
                self._answering.turns.take(self._share, self._ask_in_turns(request))
            else:
                self._ask(request)
        elif self._paused:
            self._paused = False
            transport.resume_reading()

    def _take_turn(self) -> None:
        """Go on with what is here, or with reading, in the next turn of the loop."""
        if (self._data or self._paused) and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _ask_in_turns(self, request: Request) -> Iterator[None]:
        """Answer a costly request in steps, unless its client leaves meanwhile."""
        try:
            for step in self._answering.rest.steps(request):
                yield step
                if self._transport is None:
                    return
        except Exception as error:
            self._fail(error)
            return
        if self._transport is not None:
            self._ask(request)

    def _ask(self, request: Request) -> None:
        answering = self._answering
        self.busy = True
        try:
            gateway = answering.gateway
            trip = answering.receive(gateway, request)
            if trip is None:
                self._heard_at = gateway.clock.now()
                absent = answering.rest.absent(request, self._heard_at)
                self._send(absent, self._heard_at)
            elif is_told(trip):
                self._told(trip)
            else:
                self._trip = trip
                trip.reply = self._heard
        except Exception as error:
            self._fail(error)

    def _heard(self, trip: Trip) -> None:
        """What was waited for is there."""
        self._trip = None
        self._told(trip)

    def _told(self, trip: Trip) -> None:
        durable = self._answering.venue.durable
        if durable is None:
            self._say(trip, True)
        elif durable.commits.has_pending:
            durable.commits.after_commit(partial(self._say, trip))
        else:
            self._say(trip, not durable.commits.halted)

    def _say(self, trip: Trip, written: bool) -> None:
        transport = self._transport
        if transport is None:
            return
        try:
            reply = self._answering.reply(trip, written=written)
        except Exception as error:
            self._fail(error)
            return
        self._heard_at = trip.told_at
        if reply is None:
            transport.abort()
        elif reply is BROKEN:
            self._break()
        elif reply.damage is not None:
            self._course = DamagedResponse(
                transport, reply.steps, self._answering.later, self._is_damaged
            )
        else:
            self._send(reply, trip.told_at)

    def _send(self, reply: Reply, at: int) -> None:
        self._transport.write(self._front.head(reply, at) + reply.body)
        self._is_sent()

    def _is_damaged(self) -> None:
        """The damage is done: the connection goes on, or has ended with it."""
        self._course = None
        if not self._transport.is_closing():
            self._is_sent()

    def _is_sent(self) -> None:
        """The next one, if there is one."""
        self.busy = False
        if self._leaving:
            self._transport.close()
            self._front.is_idle()
        elif self._data or self._paused:
            self._take_turn()

    def _fail(self, error: Exception) -> None:
        """A bug of ours: it costs this answer, or ends the simulation."""
        try:
            self._answering.gateway.unanswered(error, None)
        except Exception as broken:  # the venue, by this bug or an earlier one
            logger.error("Error handling request from %s", self._address, exc_info=broken)
        self._break()

    def _break(self) -> None:
        """Answer 500, and close the connection."""
        transport = self._transport
        if transport is not None:
            at = self._answering.gateway.clock.now()
            transport.write(self._front.head(BROKEN, at, close=True) + BROKEN.body)
            transport.close()

    def _hand_over(self) -> None:
        """Let aiohttp have the connection, and what has come on it."""
        transport, data = self._transport, self._data
        self._stop()
        self._front.closed(self)
        self._context.run(self._to_aiohttp, transport, data)

    def _to_aiohttp(self, transport: Any, data: bytes) -> None:
        protocol = self._front.other()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._paused:
            transport.resume_reading()
        protocol.data_received(data)
