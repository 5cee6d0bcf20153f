"""The one table of damage: what each kind does over HTTP, to a WebSocket frame, and in process.

A call in process has no bytes that could be damaged. It is told what a client of the wire would
make of them, so that one scenario serves all doors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.reject import Reason
from failing_exchange.journal.trip import DamageKind
from failing_exchange.server import http_damage as http
from failing_exchange.server import websocket_damage as frames

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage
    from failing_exchange.server.messages import Reply
    from failing_exchange.server.websocket_connection import Connection


class Effect(NamedTuple):
    """What a kind of damage does; `in_process` is None where the answer comes through whole."""

    http: http.Plan
    frame: frames.Send
    in_process: Reason | None


_NO_CONNECTION = Effect(http.only(http.reset), frames.reset, Reason.CONNECTION_LOST)

# Kinds that are meant for one protocol are carried out in the other as far as it has them. Those
# that are meant for connections are carried out here where they are armed on an answer.
EFFECTS: dict[DamageKind, Effect] = {
    DamageKind.RESET: _NO_CONNECTION,
    DamageKind.CLOSE: Effect(http.only(http.close), frames.close, Reason.CONNECTION_LOST),
    DamageKind.HALF_CLOSE: Effect(http.half_closed, frames.half_close, Reason.CONNECTION_LOST),
    DamageKind.STALL: Effect(http.stall, frames.stall, Reason.TIMED_OUT),
    DamageKind.CUT: Effect(http.cut, frames.cut, Reason.CONNECTION_LOST),
    DamageKind.LENGTH: Effect(http.length, frames.length, Reason.CONNECTION_LOST),
    DamageKind.CHUNK: Effect(http.chunk, frames.chunk, Reason.CONNECTION_LOST),
    DamageKind.DRIP: Effect(http.drip, frames.unchanged, None),
    DamageKind.GARBAGE: Effect(http.garbage, frames.garbage, Reason.MALFORMED),
    DamageKind.PAGE: Effect(http.page, frames.page, Reason.UNAVAILABLE),
    DamageKind.EMPTY: Effect(http.empty, frames.empty, Reason.MALFORMED),
    DamageKind.GZIP: Effect(http.gzip, frames.gzip, Reason.MALFORMED),
    DamageKind.TRUNCATE: Effect(http.truncate, frames.truncate, Reason.MALFORMED),
    DamageKind.HALF_FRAME: Effect(http.cut_in_half, frames.half_frame, Reason.CONNECTION_LOST),
    DamageKind.FRAME: Effect(http.garbage, frames.bad_frame, Reason.CONNECTION_LOST),
    DamageKind.CLOSE_CODE: Effect(http.only(http.close), frames.close_code, Reason.CONNECTION_LOST),
    DamageKind.DEFLATE: Effect(http.deflate, frames.deflate, Reason.MALFORMED),
    DamageKind.SHUTDOWN: Effect(http.shutdown, frames.shutdown, Reason.CONNECTION_LOST),
    DamageKind.LOOKUP: _NO_CONNECTION,
    DamageKind.REFUSE: _NO_CONNECTION,
    DamageKind.HANDSHAKE: _NO_CONNECTION,
    DamageKind.UPGRADE: _NO_CONNECTION,
    DamageKind.LOSE: Effect(http.silence, frames.silence, Reason.TIMED_OUT),
    DamageKind.REPLAY: Effect(http.whole, frames.unchanged, None),
}


def steps_of(reply: Reply, damage: Damage) -> list[Any]:
    """The steps of a damaged HTTP answer, for a `Course`."""
    return EFFECTS[damage.kind].http(reply, damage)


def send_frame(connection: Connection, whole: bytes, damage: Damage | None) -> None:
    """Send a frame, whole or damaged; nothing where the connection is closing."""
    if damage is None:
        connection.send_frame(whole)
    elif not connection.closing:
        EFFECTS[damage.kind].frame(connection, whole, damage)
