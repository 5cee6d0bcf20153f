"""Carries out what a fault has decided about a frame of a WebSocket."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from failing_exchange.core.market import SECOND
from failing_exchange.fronts.wire import damage as http
from failing_exchange.fronts.wire.frames import Code, Opcode, frame, payload_of

if TYPE_CHECKING:
    from failing_exchange.fronts.wire.connection import Connection
    from failing_exchange.trip import Damage

LENGTH = 1 << 40  # what a frame of a false length promises
BROKEN = {
    "length": frame(b"{", length=LENGTH),
    "utf8": frame(b'{"e":"\xff\xfe\xc3("}'),
    "reserved": frame(b"{}", reserved=7),
}
ABNORMAL = 1006  # no frame says it: the connection ends without one


def send(connection: Connection, whole: bytes, damage: Damage | None) -> None:
    """Send a frame, whole or damaged. What is meant for HTTP is done as far as frames have it."""
    if damage is None:
        connection.send_frame(whole)
    else:
        PLANS.get(damage.kind, _reset)(connection, whole, damage)


def _reset(connection: Connection, whole: bytes, d: Damage) -> None:
    connection.abort()


def _close(connection: Connection, whole: bytes, d: Damage) -> None:
    connection.hang_up()


def _close_code(connection: Connection, whole: bytes, d: Damage) -> None:
    if d.size == ABNORMAL:
        connection.hang_up()
    else:
        connection.close(d.size)


def _stall(connection: Connection, whole: bytes, d: Damage) -> None:
    connection.stall(data=True, pings=not d.text)


def _half_frame(connection: Connection, whole: bytes, d: Damage) -> None:
    _part(connection, whole[: len(whole) // 2], connection.abort)


def _cut(connection: Connection, whole: bytes, d: Damage) -> None:
    end = connection.abort if d.text == "reset" else connection.hang_up
    _part(connection, whole[: int(len(whole) * d.share)], end)


def _part(connection: Connection, part: bytes, end: Callable[[], None]) -> None:
    """Send a part and nothing more; end when it has arrived, which a reset would undo."""
    connection.send_raw(part)
    connection.stall(data=True, pings=True)
    at = connection.gateway.clock.now() + int(http.SETTLING * SECOND)
    connection.gateway.later(at, end)


def _frame(connection: Connection, whole: bytes, d: Damage) -> None:
    connection.send_raw(BROKEN[d.text])


def _length(connection: Connection, whole: bytes, d: Damage) -> None:
    payload = payload_of(whole)
    wrong = len(payload) + 50 if d.text == "longer" else len(payload) // 2
    connection.send_raw(frame(payload, length=wrong))
    connection.hang_up()


def _deflate(connection: Connection, whole: bytes, d: Damage) -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(payload_of(whole)) + packer.flush()
    connection.send_frame(frame(packed + bytes(d.size), Opcode.BINARY))


def _shutdown(connection: Connection, whole: bytes, d: Damage) -> None:
    if connection.on_shutdown is not None:
        connection.on_shutdown()
    at = connection.gateway.clock.now() + int(d.seconds * SECOND)
    connection.gateway.later(at, connection.close, Code.GOING_AWAY)


def _garbage(connection: Connection, whole: bytes, d: Damage) -> None:
    connection.send_raw(http.GARBAGE)
    connection.hang_up()


def _half_close(connection: Connection, whole: bytes, d: Damage) -> None:
    if connection.transport.can_write_eof():
        connection.transport.write_eof()
        connection.closing = True
    else:
        connection.hang_up()


def _text(text: Callable[[bytes, Damage], bytes]) -> Callable[[Connection, bytes, Damage], None]:
    def say(connection: Connection, whole: bytes, d: Damage) -> None:
        connection.send_text(text(payload_of(whole), d))

    return say


def _gzip(connection: Connection, whole: bytes, d: Damage) -> None:
    connection.send_frame(frame(http.broken_gzip(payload_of(whole)), Opcode.BINARY))


PLANS: dict[str, Callable[[Connection, bytes, Damage], None]] = {
    "frame": _frame,
    "half_frame": _half_frame,
    "close_code": _close_code,
    "stall": _stall,
    "deflate": _deflate,
    "shutdown": _shutdown,
    # those of HTTP
    "close": _close,
    "half_close": _half_close,
    "cut": _cut,
    "length": _length,
    "garbage": _garbage,
    "gzip": _gzip,
    "chunk": lambda connection, whole, d: connection.send_raw(BROKEN["reserved"]),
    "drip": lambda connection, whole, d: connection.send_frame(whole),
    "page": _text(lambda payload, d: http.page(d.size)),
    "empty": _text(lambda payload, d: b""),
    "truncate": _text(lambda payload, d: payload[: max(1, int(len(payload) * d.share))]),
}
