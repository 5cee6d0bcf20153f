"""The WebSocket frames of a trip as they were sent, kept for its story.

They are kept from the first control server on, and only of trips: a market push that no fault
concerns is written to all its listeners at once, without a trip.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.journal.serialize import LEFT_OUT, SECRETS
from failing_exchange.server.websocket_frames import Opcode

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip

FRAMES_KEPT_MAX = 4_000  # of all trips; the oldest are forgotten
FRAME_BYTES_MAX = 4_000  # that are kept of one frame; the rest is counted
TRIP_FRAMES_MAX = 50  # of one trip that are shown; the rest is counted
HEAD_BYTES = 4  # of a frame that are shown as they are, in hexadecimal
# A secret's value, also where the frame was cut behind its first half. A stream that is named by
# neither a symbol ("btcusdt@trade") nor an event ("!miniTicker@arr") is named by its listen key.
VALUE = r'("[^"]*"?)'
NAMED = re.compile(r'("(\w+)"\s*:\s*)' + VALUE)
STREAM = re.compile(r'("stream"\s*:\s*)("[^"@!]*(?:"|$))')


class SentFrame(NamedTuple):
    """What was sent to a connection when a trip was told, and how many bytes it was."""

    trip: int
    connection: str
    data: bytes
    size: int


class SentFrames:
    """Keeps the frames of trips. It lives on the venue's loop."""

    def __init__(self) -> None:
        self._telling = 0  # the trip whose client is being told
        self._kept: deque[SentFrame] = deque(maxlen=FRAMES_KEPT_MAX)

    def begin(self, trip: Trip) -> None:
        """What is sent from now on tells this trip."""
        self._telling = trip.number

    def end(self) -> None:
        """The trip is told."""
        self._telling = 0

    def note(self, connection: str, data: bytes) -> None:
        """Keep what is sent, where it tells a trip."""
        if self._telling:
            part = bytes(data[:FRAME_BYTES_MAX])
            self._kept.append(SentFrame(self._telling, connection, part, len(data)))

    def of(self, trip: int) -> list[SentFrame]:
        """The frames of a trip, in their order; none where they are forgotten."""
        return [one for one in self._kept if one.trip == trip]


def frames_view(frames: list[SentFrame]) -> list[dict[str, Any]]:
    """Frames as JSON can hold them, without secrets."""
    return [_shown(one) for one in frames[:TRIP_FRAMES_MAX]]


def _shown(sent: SentFrame) -> dict[str, Any]:
    kind, payload = _parts(sent.data)
    text = without_secrets(payload.decode("utf-8", "backslashreplace")) if kind == "text" else ""
    return {
        "connection": sent.connection,
        "kind": kind,
        "bytes": sent.size,
        "head": sent.data[:HEAD_BYTES].hex(" "),
        "text": text,
        "cut": max(0, sent.size - len(sent.data)),
    }


def _parts(data: bytes) -> tuple[str, bytes]:
    """What a frame carries, and its payload or the part of it that was sent."""
    if len(data) < 2 or data[0] & 0x0F not in tuple(Opcode) or data[0] & 0x70:
        return "broken", b""
    length = data[1] & 0x7F
    start = {126: 4, 127: 10}.get(length, 2) + (4 if data[1] & 0x80 else 0)
    return Opcode(data[0] & 0x0F).name.lower(), data[start:]


def without_secrets(text: str) -> str:
    """JSON without the values of secrets, whole or in part.

    >>> without_secrets('{"stream":"pqia91ma","data":{"listenKey":"pqia91')
    '{"stream":"(left out)","data":{"listenKey":"(left out)"'
    """
    shown = f'"{LEFT_OUT}"'

    def named(found: re.Match[str]) -> str:
        secret = found[2].lower().replace("_", "") in SECRETS
        return found[1] + shown if secret else found[0]

    return STREAM.sub(lambda found: found[1] + shown, NAMED.sub(named, text))
