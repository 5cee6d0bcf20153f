"""WebSocket connection: what is sent leaves in order, and pings, limits and closing are its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from failing_exchange.core.units import MINUTE, SECOND
from failing_exchange.server.closing import half_close, reset as send_reset
from failing_exchange.server.websocket_frames import (
    Code,
    Opcode,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
)
from failing_exchange.server.websocket_reader import FrameReader, Message, close_code, decoded
from failing_exchange.venue.connection_events import connection_fault

if TYPE_CHECKING:
    import asyncio

    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Request
    from failing_exchange.server.observing import Observers
    from failing_exchange.server.rest_api import RoutedCall
    from failing_exchange.server.turn_taking import Turns
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.persistence import Commits
    from failing_exchange.venue.venue_clock import Cancelable

OUTBOX_BYTES_MAX = 4 << 20  # unsent bytes of a slow client; beyond it the connection is cut
PINGS_KEPT_MAX = 100  # unanswered pings whose payload is remembered; then the oldest is not
CLOSE_WAIT = 5 * SECOND  # how long a client may take to answer a close frame

NEVER = 1 << 62


class Goodbye(NamedTuple):
    """The code and the reason with which a connection is closed."""

    code: int
    reason: str


def _nothing(at: int) -> bytes:
    return b""


class ConnectionPolicy(NamedTuple):
    """How a venue keeps connections alive, and when it ends them.

    `messages` may be sent by the client in a span of `messages_within`; without `counts_text` only
    pings and pongs count. The server sends a ping each `ping_every`, with `ping_payload(at)`, and
    waits for its pong for `pong_within`. A client that says nothing for `silence_max`, or stays for
    longer than `lifetime`, is left. Spans are in nanoseconds; 0 switches a limit or the pings off.
    """

    messages: int = 0
    messages_within: int = SECOND
    counts_text: bool = True
    ping_every: int = 0
    ping_payload: Callable[[int], bytes] = _nothing
    pong_within: int = MINUTE
    silence_max: int = 0
    lifetime: int = 0
    outbox_bytes: int = OUTBOX_BYTES_MAX
    too_many: Goodbye = Goodbye(Code.POLICY, "too many messages")
    no_pong: Goodbye = Goodbye(Code.POLICY, "no pong")
    too_silent: Goodbye = Goodbye(Code.POLICY, "silent for too long")
    too_old: Goodbye = Goodbye(Code.GOING_AWAY, "open for too long")


class CallSender(Protocol):
    """Sends the calls that arrive on connections through the gateway: a `Dispatcher`."""

    turns: Turns
    observers: Observers

    def send(self, gateway: Gateway, call: RoutedCall, hear: Callable[[Trip], None] | None) -> Trip:
        """Send a call on its way; `hear` is told of the trip when there is an answer."""


class Outgoing:
    """Writes what one turn of the loop has sent: one write a connection, after the turn.

    With a durable journal, when all that happened until then is written.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, commits: Commits | None = None) -> None:
        self._loop = loop
        self._commits = commits
        self._waiting: list[Connection] = []

    def add(self, connection: Connection) -> None:
        """Write for this connection after the present turn of the loop."""
        if not self._waiting:
            self._loop.call_soon(self._turn_is_over)
        self._waiting.append(connection)

    def hurry(self) -> None:
        """Commit now what happened, for a connection that can't wait for the turn's end."""
        if self._commits is not None:
            self._commits.commit()

    def _turn_is_over(self) -> None:
        if self._commits is None:
            self._flush(True)
        else:
            self._commits.after_commit(self._flush)

    def _flush(self, written: bool) -> None:
        """Write; reset the connections instead where the journal could not be written."""
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            if written:
                connection.flush()
            else:
                connection.ended_by = "the journal can't be written"
                connection.abort()


class Connection:
    """An open connection. Its name ("ws-1", …) is the same in each run of a seed.

    A route's `open` sets `on_text` (called with each text message) and `on_closed` (called once, at
    the end). What is sent leaves after the present turn of the loop, in order, in one write.
    Pings, pongs, limits on messages, and the end by age or silence follow `ConnectionPolicy`.
    """

    def __init__(
        self,
        *,
        name: str,
        dispatcher: CallSender,
        request: Request,
        transport: asyncio.Transport,
        gateway: Gateway,
        outgoing: Outgoing,
        policy: ConnectionPolicy,
        ended: Callable[[Connection], None],
    ) -> None:
        self.name = name
        self.dispatcher = dispatcher
        self.request = request
        self.transport = transport
        self.gateway = gateway
        self.policy = policy
        self.opened_at = gateway.clock.now()
        self.on_text: Callable[[Connection, str], None] = _refuse
        self.on_closed: Callable[[Connection], None] | None = None
        self.on_shutdown: Callable[[], None] | None = None  # tells the client of one
        self.closing = False  # a close frame was sent, or the end has come
        self.gone = False
        self.reader = FrameReader(transport, self._handle, self._finish)
        self.ended_by = ""  # why the venue ended it
        self._ended = ended
        self._outgoing = outgoing
        self._outbox: list[bytes] = []
        self._lost_data = self._lost_pings = False
        self._message_times: deque[int] = deque(maxlen=policy.messages)
        self._pings: deque[tuple[int, bytes]] = deque(maxlen=PINGS_KEPT_MAX)
        self._ping_at = self.opened_at + policy.ping_every if policy.ping_every else NEVER
        self._last_message_at = self.opened_at
        self._timer: Cancelable | None = None
        self._set_timer()

    def __repr__(self) -> str:
        state = "gone" if self.gone else "closing" if self.closing else "open"
        return f"<Connection {self.name} {self.request.path} {state}>"

    # ---- sending

    def send_text(self, text: str | bytes) -> None:
        """Send a message of text; bytes are UTF-8 already."""
        self.send_frame(text_frame(text))

    def send_frame(self, data: bytes) -> None:
        """Send a frame that was made before: many connections share one."""
        if self.closing or self._lost_data:
            return
        self._write(data)

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, also while data is stalled."""
        if not self.gone:
            self._write(data)

    def _write(self, data: bytes) -> None:
        outbox, sent = self._outbox, self.gateway.sent
        if sent is not None:
            sent.note(self.name, data)
        if not outbox:
            self._outgoing.add(self)
        outbox.append(data)

    def flush(self) -> None:
        """Write now what was sent in this turn; reset a client that is too slow to take it."""
        outbox = self._outbox
        if not outbox:
            return
        data = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        outbox.clear()
        transport = self.transport
        if transport.get_write_buffer_size() + len(data) > self.policy.outbox_bytes:
            self.ended_by = "slow consumer"
            self.abort()
        elif not transport.is_closing():
            transport.write(data)

    def guarded(self, read: Callable[..., None], *args: Any) -> None:
        """Call a function of what is spoken here, with a message of the client's.

        A bug of ours in it ends a simulation; in real time it costs this connection.
        """
        try:
            read(*args)
        except Exception as bug:
            self.gateway.unanswered(bug, None)
            self.close(Code.INTERNAL, "internal error")

    def answer(self, trip: Trip, write: Callable[[Trip], None]) -> None:
        """Call `write`, which sends what a trip is told.

        A bug of ours in it ends a simulation; in real time it costs this connection.
        """
        try:
            write(trip)
        except Exception as bug:
            self.gateway.unanswered(bug, trip)
            self.close(Code.INTERNAL, "internal error")

    # ---- faults: silence

    def stall(self, *, data: bool = True, pings: bool = False) -> None:
        """Drop messages, or pings and pongs, or both; the connection stays open."""
        self._lost_data, self._lost_pings = data, pings

    def resume(self) -> None:
        """End a stall. What was dropped meanwhile is not sent."""
        self._lost_data = self._lost_pings = False

    # ---- ending

    def close(self, code: int | None = Code.NORMAL, reason: str = "") -> None:
        """Send a close frame; the connection ends with the client's, or after `CLOSE_WAIT`."""
        if self.closing:
            return
        self.closing = True
        self.ended_by = self.ended_by or reason or str(code)
        self._write(close_frame(code, reason))
        self._cancel_timer()
        at = self.gateway.clock.now() + CLOSE_WAIT
        self._timer = self.gateway.later(at, self.transport.close)

    def hang_up(self) -> None:
        """End without a close frame: what was sent is written, then FIN."""
        self._outgoing.hurry()
        self.flush()
        self.closing = True
        self.transport.close()

    def half_close(self) -> None:
        """Send FIN after what was sent, and go on reading."""
        self._outgoing.hurry()
        self.flush()
        self.closing = True
        half_close(self.transport)

    def abort(self, *, reset: bool = True) -> None:
        """End at once, and lose what is unsent; `reset` with RST."""
        self.closing = True
        self._outbox.clear()
        if reset:
            send_reset(self.transport)
        else:
            self.transport.abort()

    def end(self) -> None:
        """Call `on_closed`, once: the transport is gone, or about to be."""
        if self.gone:
            return
        self.closing = self.gone = True
        self.reader.close()
        self._cancel_timer()
        self._outbox.clear()
        self._ended(self)
        if self.on_closed is not None:
            self.gateway.run(self.on_closed, self)

    # ---- receiving

    def feed(self, data: bytes) -> None:
        """Read more bytes from the client."""
        self.reader.feed(data)

    def _handle(self, message: Message) -> bool:
        """Handle a message; return whether more may follow. Raises `Broken`."""
        opcode, payload = message
        if opcode is Opcode.TEXT:
            text = decoded(payload)
            if self._within_limits(self.policy.counts_text):
                self.guarded(self.on_text, self, text)
        elif opcode is Opcode.BINARY:
            self.close(Code.UNSUPPORTED, "binary messages are not supported")
        elif opcode is Opcode.PING:
            if (
                self._within_limits(True)
                and not self._lost_pings
                and self._gets_through("answer_ping")
            ):
                self._write(pong_frame(payload))
        elif opcode is Opcode.PONG:
            if self._within_limits(True) and self._gets_through("hear_pong"):
                self._note_pong(payload)
        else:
            self._finish(close_code(payload))
        return opcode is not Opcode.CLOSE

    def _finish(self, code: int | None) -> None:
        """Send a close frame, unless that was done before, and end the connection."""
        if not self.closing:
            self._write(close_frame(code))
        self._outgoing.hurry()
        self.flush()
        self.end()
        self.transport.close()

    def _within_limits(self, counts: bool) -> bool:
        """Count a message; close the connection where it is one too many."""
        if self.closing:
            return False
        now, times, policy = self.gateway.clock.now(), self._message_times, self.policy
        self._last_message_at = now
        if not counts or not policy.messages:
            return True
        if len(times) == policy.messages and now - times[0] < policy.messages_within:
            self.close(*policy.too_many)
            return False
        times.append(now)
        return True

    # ---- pings, pongs and the end

    def _set_timer(self) -> None:
        at = min(self._ping_at, *self._ends())
        if at < NEVER:
            self._timer = self.gateway.later(at, self._on_timer, keeps_running=False)

    def _ends(self) -> tuple[int, int, int]:
        """The instants at which it ends by age, without a pong, and by silence."""
        policy = self.policy
        return (
            self.opened_at + policy.lifetime if policy.lifetime else NEVER,
            self._pings[0][0] + policy.pong_within if self._pings else NEVER,
            self._last_message_at + policy.silence_max if policy.silence_max else NEVER,
        )

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        if self.closing:
            return
        now, policy = self.gateway.clock.now(), self.policy
        old, unanswered, silent = self._ends()
        if now >= old:
            self.close(*policy.too_old)
        elif now >= unanswered:
            self.close(*policy.no_pong)
        elif now >= silent:
            self.close(*policy.too_silent)
        else:
            if now >= self._ping_at:
                self._ping(now)
            self._set_timer()

    def _ping(self, now: int) -> None:
        self._ping_at = now + self.policy.ping_every
        if not self._gets_through("send_ping"):
            return
        payload = self.policy.ping_payload(now)
        self._pings.append((now, payload))
        if not self._lost_pings:
            self._write(ping_frame(payload))

    def _gets_through(self, beat: str) -> bool:
        """Whether no fault strikes this ping or pong."""
        return connection_fault(self.gateway, beat, self.name) is None

    def _note_pong(self, payload: bytes) -> None:
        """Take a pong as the answer to its ping and those before; ignore an unsolicited one."""
        if any(sent == payload for _, sent in self._pings):
            while self._pings.popleft()[1] != payload:
                pass
            self._cancel_timer()
            self._set_timer()


def _refuse(connection: Connection, text: str) -> None:
    connection.close(Code.POLICY, "nothing is spoken here")


class WebSocketRoute(NamedTuple):
    """What is spoken on a path: `open` is given each new connection, and sets its `on_text`.

    `upgrade` is the connection event that faults strike when a client upgrades to it.
    """

    open: Callable[[Connection], None]
    policy: ConnectionPolicy = ConnectionPolicy()
    upgrade: str = "open_stream"
