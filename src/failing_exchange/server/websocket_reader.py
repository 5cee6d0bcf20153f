"""WebSocket reader: websockets parses a client's frames, this joins them to whole messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import CTRL_OPCODES, Close, Frame
from websockets.streams import StreamReader

from failing_exchange.server.websocket_frames import Code, Opcode

MESSAGE_BYTES_MAX = 1 << 20  # of a message; a longer one is refused with close code 1009
FRAGMENTS_MAX = 4_096  # of a message; one more is refused with close code 1008
READ_AHEAD_BYTES_MAX = 1 << 16  # sent ahead of what is being handled; then nothing more is read


class Broken(Exception):
    """The client has broken the protocol: close with this code."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class Message(NamedTuple):
    """A whole text or binary message, or a control frame. The payload is unmasked."""

    opcode: Opcode
    payload: bytes


class FrameReader:
    """Calls `handle` with each message, one per turn of the loop, until it returns False.

    When the client breaks the protocol, as `handle` may find, too (it raises `Broken`), it calls
    `broken` with the close code. After either nothing more is read.
    """

    def __init__(
        self,
        transport: Any,
        handle: Callable[[Message], bool],
        broken: Callable[[Code], None],
    ) -> None:
        self._transport = transport
        self._handle = handle
        self._broken = broken
        self._stream = StreamReader()
        self._parser: Generator[None, None, Frame] | None = None  # of a frame that is under way
        self._parts: list[bytes] = []  # of the message that is under way
        self._size = 0
        self._opcode: Opcode | None = None
        self._turn_due = self._paused = self._over = self._held = False

    def feed(self, data: bytes) -> None:
        """Read more bytes."""
        if self._over:
            return
        self._stream.feed_data(data)
        if not self._turn_due:
            self._go_on()
        ahead = len(self._stream.buffer)
        if self._turn_due and ahead > READ_AHEAD_BYTES_MAX and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def hold(self) -> None:
        """Handle no message after the present one until `release`."""
        self._held = True

    def release(self) -> None:
        """Go on with the next message."""
        if self._held:
            self._held = False
            asyncio.get_running_loop().call_soon(self._go_on)

    def close(self) -> None:
        """Read nothing more."""
        self._over = True

    def _go_on(self) -> None:
        """Handle one message, if a whole one is here; the next one has a turn of its own."""
        self._turn_due = False
        if self._over:
            return
        try:
            message = self._message()
            if message is not None:
                self._over = not self._handle(message)
        except Broken as broken:
            self._over = True
            self._broken(broken.code)
        except Exception:  # a bug of ours costs this connection; the loop reports it
            self._transport.abort()
            raise
        if self._over:
            return
        if message is not None:
            self._turn_due = True
            if not self._held:
                asyncio.get_running_loop().call_soon(self._go_on)
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _message(self) -> Message | None:
        """The next whole message; raises `Broken`."""
        while (frame := self._frame()) is not None:
            opcode, payload = Opcode(frame.opcode), bytes(frame.data)
            if frame.opcode in CTRL_OPCODES:
                return Message(opcode, payload)
            if (opcode is Opcode.CONTINUATION) is (self._opcode is None):
                raise Broken(Code.PROTOCOL_ERROR, "a message begins inside of another, or nowhere")
            self._opcode = self._opcode or opcode
            self._size += len(payload)
            self._parts.append(payload)
            if frame.fin:
                message = Message(self._opcode, b"".join(self._parts))
                self._opcode, self._size = None, 0
                self._parts.clear()
                return message
            if len(self._parts) >= FRAGMENTS_MAX:
                raise Broken(Code.POLICY, "too many fragments")
        return None

    def _frame(self) -> Frame | None:
        """The next frame; None where it is not here as a whole."""
        if self._parser is None:
            space = MESSAGE_BYTES_MAX - self._size
            self._parser = Frame.parse(self._stream.read_exact, mask=True, max_size=space)
        try:
            next(self._parser)
        except StopIteration as whole:
            self._parser = None
            return whole.value  # type: ignore[no-any-return]
        except PayloadTooBig as error:
            raise Broken(Code.TOO_BIG, str(error)) from error
        except ProtocolError as error:
            raise Broken(Code.PROTOCOL_ERROR, str(error)) from error
        return None


def close_code(payload: bytes) -> int | None:
    """The code of a close frame, None for none; raises `Broken` for one that no client may send."""
    if not payload:
        return None
    try:
        return int(Close.parse(payload).code)
    except ProtocolError as error:
        raise Broken(Code.PROTOCOL_ERROR, str(error)) from error
    except UnicodeDecodeError as error:
        raise Broken(Code.BAD_DATA, "the reason is not UTF-8") from error


def decoded(payload: bytes) -> str:
    """The text of a message; raises `Broken` for what is not UTF-8."""
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise Broken(Code.BAD_DATA, "the text is not UTF-8") from error
