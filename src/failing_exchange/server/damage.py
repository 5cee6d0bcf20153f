"""Damage to bytes: what each kind does to an HTTP reply and to a WebSocket frame, in one table.

What a call in process is told, which has no bytes, says the kind itself (`DamageKind.in_process`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.units import SECOND
from failing_exchange.faults.connection import ConnectionDamage
from failing_exchange.faults.http import HttpDamage
from failing_exchange.faults.websocket_faults import FrameDamage
from failing_exchange.server.closing import close, half_close, reset
from failing_exchange.server.http_response import (
    SERVER,
    SERVERS,
    head_of,
    html_page,
    switching,
)
from failing_exchange.server.reply_headers import marks_of
from failing_exchange.server.websocket_frames import Code, Opcode, accept_key, frame, payload_of

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage, DamageKind
    from failing_exchange.server.messages import Reply
    from failing_exchange.server.websocket_connection import Connection
    from failing_exchange.venue.venue_clock import Cancelable

Plan = Callable[["Reply", "Damage"], list[Any]]
Later = Callable[[int, Callable[[], None]], "Cancelable"]
Send = Callable[["Connection", bytes, "Damage"], None]

SETTLING = 0.05  # seconds for bytes to arrive before a reset, which may discard what is unread
HELD_SECONDS_MAX = 300.0  # a stalled answer is let go then, and its connection closed
GARBAGE = b"\x16\x03\x01\x00\xff\x00 not HTTP \x80\x81\r\n\r\n"

LENGTH = 1 << 40  # what a frame of a false length promises
BROKEN = {
    "length": frame(b"{", length=LENGTH),
    "utf8": frame(b'{"e":"\xff\xfe\xc3("}'),
    "reserved": frame(b"{}", reserved=7),
}
ABNORMAL = 1006  # no frame says it: the connection ends without one


class DamagedResponse:
    """A damaged answer on its way: it carries out the steps of a plan, then calls `done`.

    A step is bytes to write, a number of seconds to wait, or a function to call with the transport.
    `later` calls a function after a number of nanoseconds.
    """

    def __init__(
        self, transport: Any, steps: Iterable[Any], later: Later, done: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._steps = iter(steps)
        self._later = later
        self._done = done
        self._timer: Cancelable | None = None
        self._go_on()

    def _go_on(self) -> None:
        self._timer = None
        for step in self._steps:
            if step.__class__ is bytes:
                self._transport.write(step)
            elif step.__class__ is float:
                self._timer = self._later(int(step * SECOND), self._go_on)
                return
            else:
                step(self._transport)
        self._done()

    def stop(self) -> None:
        """The client has left: there is nobody to go on for."""
        if self._timer is not None:
            self._timer.cancel()


def false_handshake(key: str, damage: Damage, at: int) -> bytes:
    """An upgrade that no client accepts."""
    if damage.text == "key":
        return switching(accept_key(key[::-1]), at)
    return switching(accept_key(key), at, "Sec-WebSocket-Extensions: x-unasked-for")


def repeated(params: Mapping[str, str]) -> dict[str, str]:
    """A stand-in for an answer that does not exist: it repeats the parameters of the request.

    A client that reads the part which arrives can't tell it from the start of a real one.
    """
    return {name: value for name, value in params.items() if name not in SECRETS} | {
        "status": "NEW"
    }


SECRETS = ("apiKey", "signature", "timestamp", "recvWindow")


def head(reply: Reply, length: int | None, *more: str) -> bytes:
    """The head of a reply, with another length or none."""
    fields = [f"Content-Type: {reply.kind}"]
    fields += [f"{name}: {value}" for name, value in reply.headers]
    if length is not None:
        fields.append(f"Content-Length: {length}")
    return head_of(reply.status, *fields, f"Server: {SERVER}", *more)


# ---- plans: the steps of each kind of damage (`EFFECTS` is the table of them)


def http_only(step: Callable[[Any], None]) -> Plan:
    """Make the plan of a single step."""
    return lambda reply, d: [step]


def http_whole(reply: Reply, d: Damage) -> list[Any]:
    """Send the answer as it is."""
    return [head(reply, len(reply.body)) + reply.body]


def http_silence(reply: Reply, d: Damage) -> list[Any]:
    """Send nothing."""
    return [HELD_SECONDS_MAX, close]


def http_half_closed(reply: Reply, d: Damage) -> list[Any]:
    """Send FIN in the answer's place, and keep reading."""
    return [half_close, HELD_SECONDS_MAX, close]


def http_garbage(reply: Reply, d: Damage) -> list[Any]:
    """Send bytes that are not HTTP."""
    return [GARBAGE, close]


def http_empty(reply: Reply, d: Damage) -> list[Any]:
    """Send 200 without a body."""
    return [head(reply._replace(status=200), 0)]


def http_shutdown(reply: Reply, d: Damage) -> list[Any]:
    """Send the answer, and close a while later."""
    return [*http_whole(reply, d), float(d.seconds), close]


def http_cut_in_half(reply: Reply, d: Damage) -> list[Any]:
    """Send half of the body, then RST."""
    return http_cut(reply, d._replace(share=0.5, text="reset"))


def http_cut(reply: Reply, d: Damage) -> list[Any]:
    """Send a part of the body, then FIN or RST."""
    part = reply.body[: int(len(reply.body) * d.share)]
    sent = head(reply, len(reply.body)) + part
    return [sent, SETTLING, reset if d.text == "reset" else close]


def http_length(reply: Reply, d: Damage) -> list[Any]:
    """Promise another length than the body has."""
    wrong = len(reply.body) + (50 if d.text == "longer" else -(len(reply.body) // 2))
    return [head(reply, wrong) + reply.body, close]


def http_chunk(reply: Reply, d: Damage) -> list[Any]:
    """Send chunks of which one is broken, or the last one is missing."""
    start = head(reply, None, "Transfer-Encoding: chunked")
    chunk = b"%x\r\n%s\r\n" % (len(reply.body), reply.body)
    return [start + chunk + (b"zz\r\nxx\r\n" if d.text == "broken" else b""), SETTLING, close]


def http_drip(reply: Reply, d: Damage) -> list[Any]:
    """Send the answer piece by piece."""
    sent = head(reply, len(reply.body)) + reply.body
    steps: list[Any] = []
    for start in range(0, len(sent), d.size):
        steps += [sent[start : start + d.size], float(d.seconds)]
    return steps


def http_page(reply: Reply, d: Damage) -> list[Any]:
    """Send what a gateway shows."""
    body = html_page(d.size)
    start = head_of(
        d.size,
        f"Server: {SERVERS.get(d.size, SERVER)}",
        "Content-Type: text/html",
        *marks_of(reply),
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return [start + body, close]


def broken_gzip(body: bytes) -> bytes:
    """Bytes with a gzip header that can't be unpacked."""
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + body[::-1]


def http_gzip(reply: Reply, d: Damage) -> list[Any]:
    """Send a body that claims to be compressed and is not."""
    body = broken_gzip(reply.body)
    return [head(reply, len(body), "Content-Encoding: gzip") + body, close]


def http_deflate(reply: Reply, d: Damage) -> list[Any]:
    """Send a body of raw deflate, without saying so."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = packer.compress(reply.body) + packer.flush() + bytes(d.size)
    return [head(reply, len(body)) + body, close]


def http_truncate(reply: Reply, d: Damage) -> list[Any]:
    """Send a part of the body as if it were whole."""
    part = reply.body[: max(1, int(len(reply.body) * d.share))]
    return [head(reply, len(part)) + part]


def http_stall(reply: Reply, d: Damage) -> list[Any]:
    """Stop in the middle of the head."""
    return [head(reply, len(reply.body))[: d.size], HELD_SECONDS_MAX, close]


# ---- what is sent on a WebSocket in the place of a frame


def frame_reset(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send RST."""
    connection.abort()


def frame_close(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send FIN without a close frame."""
    connection.hang_up()


def frame_close_code(connection: Connection, whole: bytes, d: Damage) -> None:
    """Close with a code."""
    if d.size == ABNORMAL:
        connection.hang_up()
    else:
        connection.close(d.size)


def frame_stall(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send nothing from now on."""
    connection.stall(data=True, pings=not d.text)


def frame_half_frame(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send half of the frame, then RST."""
    _part(connection, whole[: len(whole) // 2], connection.abort)


def frame_cut(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a part of the frame, then FIN or RST."""
    end = connection.abort if d.text == "reset" else connection.hang_up
    _part(connection, whole[: int(len(whole) * d.share)], end)


def _part(connection: Connection, part: bytes, end: Callable[[], None]) -> None:
    """Send a part and nothing more; end when it has arrived, which a reset would undo."""
    connection.send_raw(part)
    connection.stall(data=True, pings=True)
    at = connection.gateway.clock.now() + int(SETTLING * SECOND)
    connection.gateway.later(at, end)


def frame_bad_frame(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a frame that no server may send."""
    connection.send_raw(BROKEN[d.text])


def frame_length(connection: Connection, whole: bytes, d: Damage) -> None:
    """Promise another length than the frame has, then FIN."""
    payload = payload_of(whole)
    wrong = len(payload) + 50 if d.text == "longer" else len(payload) // 2
    connection.send_raw(frame(payload, length=wrong))
    connection.hang_up()


def frame_deflate(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send the message as raw deflate in a binary frame."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(payload_of(whole)) + packer.flush()
    connection.send_frame(frame(packed + bytes(d.size), Opcode.BINARY))


def frame_shutdown(connection: Connection, whole: bytes, d: Damage) -> None:
    """Announce a shutdown, and close a while later."""
    if connection.on_shutdown is not None:
        connection.on_shutdown()
    at = connection.gateway.clock.now() + int(d.seconds * SECOND)
    connection.gateway.later(at, connection.close, Code.GOING_AWAY)


def frame_garbage(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send bytes that are not a frame."""
    connection.send_raw(GARBAGE)
    connection.hang_up()


def frame_half_close(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send FIN, and keep reading."""
    connection.half_close()


def frame_gzip(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send bytes that claim to be gzip in a binary frame."""
    connection.send_frame(frame(broken_gzip(payload_of(whole)), Opcode.BINARY))


def frame_chunk(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a frame with reserved bits, which stands for a broken chunk."""
    connection.send_raw(BROKEN["reserved"])


def frame_unchanged(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send the frame as it is: it can't come in pieces."""
    connection.send_frame(whole)


def frame_silence(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send nothing in the place of this frame."""


def frame_page(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a gateway's page as a message."""
    connection.send_text(html_page(d.size))


def frame_empty(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send an empty message."""
    connection.send_text(b"")


def frame_truncate(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a part of the message as if it were whole."""
    payload = payload_of(whole)
    connection.send_text(payload[: max(1, int(len(payload) * d.share))])


# ---- the table


class Effect(NamedTuple):
    """What a kind of damage does to an HTTP reply, and to a WebSocket frame."""

    http: Plan
    frame: Send


NO_CONNECTION = Effect(http_only(reset), frame_reset)

# Kinds that are meant for one protocol are carried out in the other as far as it has them. Those
# that are meant for connections are carried out here where they are armed on an answer.
EFFECTS: dict[DamageKind, Effect] = {
    HttpDamage.RESET: NO_CONNECTION,
    HttpDamage.CLOSE: Effect(http_only(close), frame_close),
    HttpDamage.HALF_CLOSE: Effect(http_half_closed, frame_half_close),
    HttpDamage.STALL: Effect(http_stall, frame_stall),
    HttpDamage.CUT: Effect(http_cut, frame_cut),
    HttpDamage.LENGTH: Effect(http_length, frame_length),
    HttpDamage.CHUNK: Effect(http_chunk, frame_chunk),
    HttpDamage.DRIP: Effect(http_drip, frame_unchanged),
    HttpDamage.GARBAGE: Effect(http_garbage, frame_garbage),
    HttpDamage.PAGE: Effect(http_page, frame_page),
    HttpDamage.EMPTY: Effect(http_empty, frame_empty),
    HttpDamage.GZIP: Effect(http_gzip, frame_gzip),
    HttpDamage.TRUNCATE: Effect(http_truncate, frame_truncate),
    FrameDamage.HALF_FRAME: Effect(http_cut_in_half, frame_half_frame),
    FrameDamage.FRAME: Effect(http_garbage, frame_bad_frame),
    FrameDamage.CLOSE_CODE: Effect(http_only(close), frame_close_code),
    FrameDamage.DEFLATE: Effect(http_deflate, frame_deflate),
    FrameDamage.SHUTDOWN: Effect(http_shutdown, frame_shutdown),
    FrameDamage.LOSE: Effect(http_silence, frame_silence),
    FrameDamage.REPLAY: Effect(http_whole, frame_unchanged),
    **dict.fromkeys(ConnectionDamage, NO_CONNECTION),
}


def steps_of(reply: Reply, damage: Damage) -> list[Any]:
    """The steps of a damaged HTTP answer, for a `DamagedResponse`."""
    return EFFECTS[damage.kind].http(reply, damage)


def send_frame(connection: Connection, whole: bytes, damage: Damage | None) -> None:
    """Send a frame, whole or damaged; nothing where the connection is closing."""
    if damage is None:
        connection.send_frame(whole)
    elif not connection.closing:
        EFFECTS[damage.kind].frame(connection, whole, damage)
