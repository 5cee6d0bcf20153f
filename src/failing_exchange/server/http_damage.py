"""Damaged HTTP answers: the steps of each, and how they are carried out on a bare transport."""

from __future__ import annotations

import socket
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from failing_exchange.core.market import SECOND
from failing_exchange.server.request_parser import PHRASES, SERVER, switching
from failing_exchange.server.websocket_frames import accept_key

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage
    from failing_exchange.server.messages import Reply
    from failing_exchange.venue.clock import Cancelable

Plan = Callable[["Reply", "Damage"], list[Any]]
Later = Callable[[int, Callable[[], None]], "Cancelable"]

SETTLING = 0.05  # seconds for bytes to arrive before a reset, which may discard what is unread
HELD_SECONDS_MAX = 300.0  # a stalled answer is let go then, and its connection closed
GARBAGE = b"\x16\x03\x01\x00\xff\x00 not HTTP \x80\x81\r\n\r\n"
SERVERS = {520: "cloudflare", 403: "CloudFront"}  # whose pages these are
REASONS = {520: "Web server is returning an unknown error"}


class Course:
    """A damaged answer on its way: it carries out the steps of a plan, then calls `done`.

    A step is bytes to write, a number of seconds to wait, or a function to call with the transport.
    `later` calls a function so many nanoseconds from now.
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


# ---- steps that are functions


def close(transport: Any) -> None:
    """FIN, after what was written."""
    transport.close()


def reset(transport: Any) -> None:
    """RST at once; nothing where the connection has ended already."""
    found = transport.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        close_with_reset(found)
    transport.abort()


def close_with_reset(sock: Any) -> None:
    """Let a socket end with RST when it is closed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_close(transport: Any) -> None:
    """FIN from this side only; TLS knows no such thing, and ends."""
    try:
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()
    except OSError:  # the client has reset the connection meanwhile
        transport.abort()


def head(reply: Reply, length: int | None, *more: str) -> bytes:
    """The head of a reply, with another length or none."""
    phrase = PHRASES.get(reply.status, "")
    lines = [f"HTTP/1.1 {reply.status} {phrase}", f"Content-Type: {reply.kind}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines.append(f"Server: {SERVER}")
    return "\r\n".join([*lines, *more, "", ""]).encode()


# ---- plans: the steps of each kind of damage (`fronts/damages.py` is the table of them)


def only(step: Callable[[Any], None]) -> Plan:
    """Make the plan of a single step."""
    return lambda reply, d: [step]


def whole(reply: Reply, d: Damage) -> list[Any]:
    """Send the answer as it is."""
    return [head(reply, len(reply.body)) + reply.body]


def silence(reply: Reply, d: Damage) -> list[Any]:
    """Send nothing."""
    return [HELD_SECONDS_MAX, close]


def half_closed(reply: Reply, d: Damage) -> list[Any]:
    """Send FIN in the answer's place, and keep reading."""
    return [half_close, HELD_SECONDS_MAX, close]


def garbage(reply: Reply, d: Damage) -> list[Any]:
    """Send bytes that are no HTTP."""
    return [GARBAGE, close]


def empty(reply: Reply, d: Damage) -> list[Any]:
    """Send 200 without a body."""
    return [head(reply._replace(status=200), 0)]


def shutdown(reply: Reply, d: Damage) -> list[Any]:
    """Send the answer, and close a while later."""
    return [*whole(reply, d), float(d.seconds), close]


def cut_in_half(reply: Reply, d: Damage) -> list[Any]:
    """Send half of the body, then RST."""
    return cut(reply, d._replace(share=0.5, text="reset"))


def cut(reply: Reply, d: Damage) -> list[Any]:
    """Send a part of the body, then FIN or RST."""
    part = reply.body[: int(len(reply.body) * d.share)]
    sent = head(reply, len(reply.body)) + part
    return [sent, SETTLING, reset if d.text == "reset" else close]


def length(reply: Reply, d: Damage) -> list[Any]:
    """Promise another length than the body has."""
    wrong = len(reply.body) + (50 if d.text == "longer" else -(len(reply.body) // 2))
    return [head(reply, wrong) + reply.body, close]


def chunk(reply: Reply, d: Damage) -> list[Any]:
    """Send chunks of which one is broken, or the last one is missing."""
    start = head(reply, None, "Transfer-Encoding: chunked")
    chunk = b"%x\r\n%s\r\n" % (len(reply.body), reply.body)
    return [start + chunk + (b"zz\r\nxx\r\n" if d.text == "broken" else b""), SETTLING, close]


def drip(reply: Reply, d: Damage) -> list[Any]:
    """Send the answer piece by piece."""
    sent = head(reply, len(reply.body)) + reply.body
    steps: list[Any] = []
    for start in range(0, len(sent), d.size):
        steps += [sent[start : start + d.size], float(d.seconds)]
    return steps


def html(status: int) -> bytes:
    """What a gateway shows."""
    title, server = _title(status), SERVERS.get(status, SERVER)
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>"
        f"</center>\r\n<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def _title(status: int) -> str:
    return f"{status} {REASONS.get(status) or PHRASES[status]}"


def page(reply: Reply, d: Damage) -> list[Any]:
    """Send what a gateway shows."""
    body, server = html(d.size), SERVERS.get(d.size, SERVER)
    start = (
        f"HTTP/1.1 {_title(d.size)}\r\nServer: {server}\r\nContent-Type: text/html\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    return [start + body, close]


def broken_gzip(body: bytes) -> bytes:
    """Bytes with a gzip header that can't be unpacked."""
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + body[::-1]


def gzip(reply: Reply, d: Damage) -> list[Any]:
    """Send a body that claims to be compressed and is not."""
    body = broken_gzip(reply.body)
    return [head(reply, len(body), "Content-Encoding: gzip") + body, close]


def deflate(reply: Reply, d: Damage) -> list[Any]:
    """Send a body of raw deflate, without saying so."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = packer.compress(reply.body) + packer.flush() + bytes(d.size)
    return [head(reply, len(body)) + body, close]


def truncate(reply: Reply, d: Damage) -> list[Any]:
    """Send a part of the body as if it were whole."""
    part = reply.body[: max(1, int(len(reply.body) * d.share))]
    return [head(reply, len(part)) + part]


def stall(reply: Reply, d: Damage) -> list[Any]:
    """Stop in the middle of the head."""
    return [head(reply, len(reply.body))[: d.size], HELD_SECONDS_MAX, close]
