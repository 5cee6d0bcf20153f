"""Reads the frames of a client (RFC 6455, sections 5 and 7): whole messages, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from failing_exchange.server.websocket_frames import Code, Opcode

MESSAGE_BYTES_MAX = 1 << 20  # of a message; a longer one is refused with close code 1009
FRAGMENTS_MAX = 4_096  # of a message; one more is refused with close code 1008
AHEAD_BYTES_MAX = 1 << 16  # sent ahead of what is being heard; then nothing more is read
CONTROL_BYTES_MAX = 125  # RFC 6455, section 5.5
OPCODES = frozenset(Opcode)


class Broken(Exception):
    """The client has broken the protocol: close with this code."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class Message(NamedTuple):
    """A text or binary message that is complete, or a control frame. The payload is unmasked."""

    opcode: Opcode
    payload: bytes


class FrameReader:
    """Calls `hear` with each message, in a turn of the loop each, until `hear` returns False.

    Calls `broken` with a close code when the client breaks the protocol, which `hear` may find,
    too; nothing is heard after that. aiohttp feeds it with what comes after an upgrade.
    """

    def __init__(
        self,
        transport: Any,
        hear: Callable[[Message], bool],
        broken: Callable[[Code], None],
    ) -> None:
        self._transport = transport
        self._hear = hear
        self._broken = broken
        self._data = bytearray()
        self._parts: list[bytes] = []  # of the message that is under way
        self._size = 0
        self._opcode: Opcode | None = None
        self._due = self._paused = self._over = self._held = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes, as aiohttp's parsers do; there is never an end, nor anything left over."""
        if not self._over:
            self._data += data
            if not self._due:
                self._go_on()
            if self._due and len(self._data) > AHEAD_BYTES_MAX and not self._paused:
                self._paused = True
                self._transport.pause_reading()
        return False, b""

    def hold(self) -> None:
        """Hear nothing more after the present message, until `release`."""
        self._held = True

    def release(self) -> None:
        """Go on hearing."""
        if self._held:
            self._held = False
            asyncio.get_running_loop().call_soon(self._go_on)

    def feed_eof(self) -> None:
        """The connection is gone."""
        self._over = True

    def _go_on(self) -> None:
        """Hear one message, if a whole one is here; others have their turn before the next one."""
        self._due = False
        if self._over:
            return
        try:
            message = self._message()
            if message is not None:
                self._over = not self._hear(message)
        except Broken as broken:
            self._over = True
            self._broken(broken.code)
        except Exception:  # a bug of ours costs this connection; the loop reports it
            self._transport.abort()
            raise
        if self._over:
            return
        if message is not None:
            self._due = True
            if not self._held:
                asyncio.get_running_loop().call_soon(self._go_on)
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _message(self) -> Message | None:
        """The next message that is complete; raises `Broken`."""
        while (found := self._frame()) is not None:
            opcode, final, payload = found
            if opcode >= Opcode.CLOSE:
                return Message(opcode, payload)
            if (opcode is Opcode.CONTINUATION) is (self._opcode is None):
                raise Broken(Code.PROTOCOL_ERROR, "a message begins inside of another, or nowhere")
            self._opcode = self._opcode or opcode
            self._size += len(payload)
            self._parts.append(payload)
            if final:
                message = Message(self._opcode, b"".join(self._parts))
                self._opcode, self._size = None, 0
                self._parts.clear()
                return message
            if len(self._parts) >= FRAGMENTS_MAX:
                raise Broken(Code.POLICY, "too many fragments")
        return None

    def _frame(self) -> tuple[Opcode, bool, bytes] | None:
        """The next frame: opcode, whether it is the last of its message, payload."""
        data = self._data
        if len(data) < 2:
            return None
        opcode, final = _checked(data[0], data[1])
        size, at = data[1] & 0x7F, 2
        if size > CONTROL_BYTES_MAX:
            at = 4 if size == 126 else 10
            if len(data) < at:
                return None
            size = int.from_bytes(data[2:at], "big")
        if self._size + size > MESSAGE_BYTES_MAX:
            raise Broken(Code.TOO_BIG, "the message is too big")
        end = at + 4 + size
        if len(data) < end:
            return None
        payload = unmasked(bytes(data[at + 4 : end]), bytes(data[at : at + 4]))
        del data[:end]
        return opcode, final, payload


def _checked(first: int, second: int) -> tuple[Opcode, bool]:
    """The opcode of a frame, and whether it is final, by its first two bytes."""
    final, number = first >= 0x80, first & 0x0F
    if first & 0x70 or number not in OPCODES:
        raise Broken(Code.PROTOCOL_ERROR, "reserved bits or an unknown opcode")
    if not second & 0x80:  # section 5.1: a server must close the connection
        raise Broken(Code.PROTOCOL_ERROR, "the frame is not masked")
    if number >= Opcode.CLOSE and (not final or second & 0x7F > CONTROL_BYTES_MAX):
        raise Broken(Code.PROTOCOL_ERROR, "a control frame is long, or in fragments")
    return Opcode(number), final


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """What was masked (section 5.3); the same again masks it.

    >>> unmasked(bytes.fromhex("7f9f4d5158"), bytes.fromhex("37fa213d"))
    b'Hello'
    """
    size = len(payload)
    if not size:
        return payload
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(
        size, "little"
    )


def close_code(payload: bytes) -> int | None:
    """The code of a close frame, None for none (sections 5.5.1 and 7.4); raises `Broken`."""
    if not payload:
        return None
    code = int.from_bytes(payload[:2], "big")
    known = 1_000 <= code <= 1_003 or 1_007 <= code <= 1_014 or 3_000 <= code <= 4_999
    if len(payload) == 1 or not known:
        raise Broken(Code.PROTOCOL_ERROR, "no such close code")
    decoded(payload[2:])
    return code


def decoded(payload: bytes) -> str:
    """A text; raises `Broken` for what is no UTF-8."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Broken(Code.BAD_DATA, "no UTF-8") from None
