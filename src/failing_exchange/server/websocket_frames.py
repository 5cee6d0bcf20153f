"""WebSocket frames as a server sends them, and as it should not (RFC 6455, section 5.2)."""

from __future__ import annotations

from base64 import b64encode
from enum import IntEnum
from hashlib import sha1

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 4.2.2
REASON_BYTES_MAX = 123  # of a close frame; a longer reason is cut


class Opcode(IntEnum):
    """What a frame carries."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class Code(IntEnum):
    """Why a connection is closed (RFC 6455, section 7.4.1)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003
    BAD_DATA = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL = 1011


def frame(
    payload: bytes,
    opcode: int = Opcode.TEXT,
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes | None = None,
    length: int | None = None,
) -> bytes:
    """One frame. `reserved` bits (1 to 7), `mask`, a false `length`: what no server should send.

    >>> frame(b"Hello").hex()
    '810548656c6c6f'
    """
    size = len(payload) if length is None else length
    first = (0x80 if final else 0) | reserved << 4 | opcode
    masked = 0 if mask is None else 0x80
    if size < 126:
        head = bytes((first, masked | size))
    elif size < 1 << 16:
        head = bytes((first, masked | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, masked | 127)) + size.to_bytes(8, "big")
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


def accept_key(key: str) -> str:
    """The answer to a client's Sec-WebSocket-Key (RFC 6455, section 4.2.2).

    >>> accept_key("dGhlIHNhbXBsZSBub25jZQ==")
    's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    return b64encode(sha1(key.encode() + GUID).digest()).decode()


def text_frame(text: str | bytes) -> bytes:
    """A whole text message; bytes are UTF-8 already."""
    return frame(text.encode() if isinstance(text, str) else text)


def payload_of(whole: bytes) -> bytes:
    """What an unmasked frame carries.

    >>> payload_of(text_frame("Hello"))
    b'Hello'
    """
    return whole[{126: 4, 127: 10}.get(whole[1], 2) :]


def ping_frame(payload: bytes) -> bytes:
    """A ping."""
    return frame(payload, Opcode.PING)


def pong_frame(payload: bytes) -> bytes:
    """A pong, which repeats what the ping carried."""
    return frame(payload, Opcode.PONG)


def close_frame(code: int | None = Code.NORMAL, reason: str = "") -> bytes:
    """A close frame; None for one without a code.

    >>> close_frame(1008, "no").hex()
    '880403f06e6f'
    """
    if code is None:
        return frame(b"", Opcode.CLOSE)
    said = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore").encode()
    return frame(code.to_bytes(2, "big") + said, Opcode.CLOSE)
