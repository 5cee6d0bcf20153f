"""Damaged WebSocket frames: what is sent in the place of a frame, by kind of damage."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from failing_exchange.core.market import SECOND
from failing_exchange.server import http_damage as http
from failing_exchange.server.websocket_frames import Code, Opcode, frame, payload_of

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage
    from failing_exchange.server.websocket_connection import Connection

LENGTH = 1 << 40  # what a frame of a false length promises
BROKEN = {
    "length": frame(b"{", length=LENGTH),
    "utf8": frame(b'{"e":"\xff\xfe\xc3("}'),
    "reserved": frame(b"{}", reserved=7),
}
ABNORMAL = 1006  # no frame says it: the connection ends without one


Send = Callable[["Connection", bytes, "Damage"], None]


def reset(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send RST."""
    connection.abort()


def close(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send FIN without a close frame."""
    connection.hang_up()


def close_code(connection: Connection, whole: bytes, d: Damage) -> None:
    """Close with a code."""
    if d.size == ABNORMAL:
        connection.hang_up()
    else:
        connection.close(d.size)


def stall(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send nothing from now on."""
    connection.stall(data=True, pings=not d.text)


def half_frame(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send half of the frame, then RST."""
    _part(connection, whole[: len(whole) // 2], connection.abort)


def cut(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a part of the frame, then FIN or RST."""
    end = connection.abort if d.text == "reset" else connection.hang_up
    _part(connection, whole[: int(len(whole) * d.share)], end)


def _part(connection: Connection, part: bytes, end: Callable[[], None]) -> None:
    """Send a part and nothing more; end when it has arrived, which a reset would undo."""
    connection.send_raw(part)
    connection.stall(data=True, pings=True)
    at = connection.gateway.clock.now() + int(http.SETTLING * SECOND)
    connection.gateway.later(at, end)


def bad_frame(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a frame that no server may send."""
    connection.send_raw(BROKEN[d.text])


def length(connection: Connection, whole: bytes, d: Damage) -> None:
    """Promise another length than the frame has, then FIN."""
    payload = payload_of(whole)
    wrong = len(payload) + 50 if d.text == "longer" else len(payload) // 2
    connection.send_raw(frame(payload, length=wrong))
    connection.hang_up()


def deflate(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send the message as raw deflate in a binary frame."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(payload_of(whole)) + packer.flush()
    connection.send_frame(frame(packed + bytes(d.size), Opcode.BINARY))


def shutdown(connection: Connection, whole: bytes, d: Damage) -> None:
    """Announce a shutdown, and close a while later."""
    if connection.on_shutdown is not None:
        connection.on_shutdown()
    at = connection.gateway.clock.now() + int(d.seconds * SECOND)
    connection.gateway.later(at, connection.close, Code.GOING_AWAY)


def garbage(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send bytes that are no frame."""
    connection.send_raw(http.GARBAGE)
    connection.hang_up()


def half_close(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send FIN, and keep reading."""
    connection.half_close()


def gzip(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send bytes that claim to be gzip in a binary frame."""
    connection.send_frame(frame(http.broken_gzip(payload_of(whole)), Opcode.BINARY))


def chunk(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a frame with reserved bits, which stands for a broken chunk."""
    connection.send_raw(BROKEN["reserved"])


def unchanged(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send the frame as it is: it can't come in pieces."""
    connection.send_frame(whole)


def silence(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send nothing in the place of this frame."""


def page(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a gateway's page as a message."""
    connection.send_text(http.html(d.size))


def empty(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send an empty message."""
    connection.send_text(b"")


def truncate(connection: Connection, whole: bytes, d: Damage) -> None:
    """Send a part of the message as if it were whole."""
    payload = payload_of(whole)
    connection.send_text(payload[: max(1, int(len(payload) * d.share))])
