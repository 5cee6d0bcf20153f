"""Carries out what a fault has decided about the bytes of an answer, on the bare transport."""

from __future__ import annotations

import socket
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from failing_exchange.core.market import SECOND
from failing_exchange.fronts.wire.door import Reply
from failing_exchange.fronts.wire.heads import PHRASES
from failing_exchange.trip import Damage

if TYPE_CHECKING:
    from failing_exchange.clock import Cancelable

Later = Callable[[int, Callable[[], None]], "Cancelable"]

SETTLING = 0.05  # seconds for bytes to arrive before a reset, which may discard what is unread
HELD_SECONDS_MAX = 300.0  # a stalled answer is let go then, and its connection closed
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 4.2.2
GARBAGE = b"\x16\x03\x01\x00\xff\x00 not HTTP \x80\x81\r\n\r\n"
SERVERS = {520: "cloudflare", 403: "CloudFront"}
REASONS = {520: "Web server is returning an unknown error"}


class Course:
    """A damaged answer on its way: bytes are written, waits are waited, then `done` is called.

    `later` has something called so many nanoseconds from now. A damage of WebSockets is done as far
    as HTTP has it.
    """

    def __init__(
        self, transport: Any, reply: Reply, damage: Damage, later: Later, done: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._steps = iter(PLANS.get(damage.kind, PLANS["reset"])(reply, damage))
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


def false_handshake(key: str, damage: Damage) -> bytes:
    """An upgrade that no client accepts."""
    if damage.text == "key":
        key, more = key[::-1], ""
    else:
        more = "Sec-WebSocket-Extensions: x-unasked-for\r\n"
    accept = b64encode(sha1(key.encode() + GUID).digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    ).encode()


def answer_to(query: str, body: bytes, reply: Reply, damage: Damage) -> Reply:
    """What is damaged: the answer, or where the exchange was never asked, what stands for it."""
    if damage.acted:
        return reply
    return reply._replace(status=200, body=unasked(query, body))


def unasked(query: str, body: bytes) -> bytes:
    """What stands for the answer where there is none: it says again what was asked.

    A client that reads the part which arrives can't tell it from the start of a real one.
    """
    asked = f"{query}&{body.decode('utf-8', 'replace')}"
    said = {name: value for name, value in parse_qsl(asked) if name not in SECRETS}
    return orjson.dumps(said | {"status": "NEW"})


NOTHING = Reply(200, b"")
SECRETS = ("signature", "timestamp", "recvWindow")


# ---- what is done: bytes are written, numbers are waited, functions are called


def close(transport: Any) -> None:
    """FIN, after what was written."""
    transport.close()


def reset(transport: Any) -> None:
    """RST at once."""
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def half_close(transport: Any) -> None:
    """FIN from this side only; TLS knows no such thing, and ends."""
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()


def head(reply: Reply, length: int | None, *more: str) -> bytes:
    """The head of a reply, with another length or none."""
    phrase = PHRASES.get(reply.status, "")
    lines = [f"HTTP/1.1 {reply.status} {phrase}", f"Content-Type: {reply.kind}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, *more, "", ""]).encode()


def _cut(reply: Reply, d: Damage) -> list[Any]:
    part = reply.body[: int(len(reply.body) * d.share)]
    sent = head(reply, len(reply.body)) + part
    return [sent, SETTLING, reset if d.text == "reset" else close]


def _length(reply: Reply, d: Damage) -> list[Any]:
    wrong = len(reply.body) + (50 if d.text == "longer" else -(len(reply.body) // 2))
    return [head(reply, wrong) + reply.body, close]


def _chunk(reply: Reply, d: Damage) -> list[Any]:
    start = head(reply, None, "Transfer-Encoding: chunked")
    chunk = b"%x\r\n%s\r\n" % (len(reply.body), reply.body)
    return [start + chunk + (b"zz\r\nxx\r\n" if d.text == "broken" else b""), SETTLING, close]


def _drip(reply: Reply, d: Damage) -> list[Any]:
    whole = head(reply, len(reply.body)) + reply.body
    steps: list[Any] = []
    for start in range(0, len(whole), d.size):
        steps += [whole[start : start + d.size], float(d.seconds)]
    return steps


def page(status: int) -> bytes:
    """What a gateway shows."""
    title, server = _title(status), SERVERS.get(status, "nginx")
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>"
        f"</center>\r\n<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def _title(status: int) -> str:
    return f"{status} {REASONS.get(status) or PHRASES[status]}"


def _page(reply: Reply, d: Damage) -> list[Any]:
    body, server = page(d.size), SERVERS.get(d.size, "nginx")
    start = (
        f"HTTP/1.1 {_title(d.size)}\r\nServer: {server}\r\nContent-Type: text/html\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    return [start + body, close]


def broken_gzip(body: bytes) -> bytes:
    """It begins like gzip, and is none."""
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + body[::-1]


def _gzip(reply: Reply, d: Damage) -> list[Any]:
    body = broken_gzip(reply.body)
    return [head(reply, len(body), "Content-Encoding: gzip") + body, close]


def _deflate(reply: Reply, d: Damage) -> list[Any]:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = packer.compress(reply.body) + packer.flush() + bytes(d.size)
    return [head(reply, len(body)) + body, close]


def _truncate(reply: Reply, d: Damage) -> list[Any]:
    part = reply.body[: max(1, int(len(reply.body) * d.share))]
    return [head(reply, len(part)) + part]


def _stall(reply: Reply, d: Damage) -> list[Any]:
    return [head(reply, len(reply.body))[: d.size], HELD_SECONDS_MAX, close]


PLANS: dict[str, Callable[[Reply, Damage], list[Any]]] = {
    "reset": lambda reply, d: [reset],
    "close": lambda reply, d: [close],
    "stall": _stall,
    "cut": _cut,
    "length": _length,
    "chunk": _chunk,
    "drip": _drip,
    "half_close": lambda reply, d: [half_close, HELD_SECONDS_MAX, close],
    "garbage": lambda reply, d: [GARBAGE, close],
    "page": _page,
    "empty": lambda reply, d: [head(reply._replace(status=200), 0)],
    "gzip": _gzip,
    "truncate": _truncate,
    # those of WebSockets
    "half_frame": lambda reply, d: _cut(reply, d._replace(share=0.5, text="reset")),
    "frame": lambda reply, d: [GARBAGE, close],
    "close_code": lambda reply, d: [close],
    "deflate": _deflate,
    "shutdown": lambda reply, d: [
        head(reply, len(reply.body)) + reply.body,
        float(d.seconds),
        close,
    ],
}
