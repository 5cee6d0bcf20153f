"""Carries out what a fault has decided about a frame of a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.fronts.wire.frames import frame

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


def send(connection: Connection, whole: bytes, damage: Damage) -> None:
    """Send a frame, damaged. What is meant for other protocols ends the connection."""
    if damage.kind == "frame":
        connection.send_raw(BROKEN[damage.text])
    elif damage.kind == "stall":
        connection.stall(data=True, pings=not damage.text)
    elif damage.kind == "close_code" and damage.size != ABNORMAL:
        connection.close(damage.size)
    elif damage.kind == "close_code":
        connection.hang_up()
    else:
        if damage.kind == "half_frame":
            connection.send_raw(whole[: len(whole) // 2])
            connection.flush()
        connection.abort()
