"""HTTP request reader: httptools parses the bytes of a connection, this keeps whole requests.

httptools wraps llhttp, Node's parser: RFC 9112 in its strict reading. What is added here: limits,
compressed bodies, `Expect`, and that upgrades to anything but WebSocket are ignored (RFC 9110,
section 7.8).
"""

from __future__ import annotations

import zlib
from collections import deque
from typing import NamedTuple

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from failing_exchange.server.messages import Request

LINE_BYTES_MAX = 8_190  # of the request target, or of one field; a longer one is refused with 400
HEAD_BYTES_MAX = 1 << 16  # of all fields together; a longer head is refused with 400
BODY_BYTES_MAX = 1 << 20  # as sent, and unpacked; a longer body is refused with 413
VERSIONS = ("1.0", "1.1")
TOO_LONG = f"the body is longer than {BODY_BYTES_MAX} bytes"


class Received(NamedTuple):
    """A request as it was read.

    `keep_alive`: whether the client may send another request. `version`: its version of HTTP.
    `upgrade`: it asks to speak WebSocket from here on. A `status` other than 0 refuses
    the request for the `reason` given; it is then the last one of its connection.
    """

    request: Request
    keep_alive: bool = True
    version: str = "1.1"
    upgrade: bool = False
    status: int = 0
    reason: str = ""


class Refused(Exception):
    """A request can't be read, or breaks a limit."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class RequestReader:
    """Reads the requests of one connection: `feed` it bytes, and take requests from `received`.

    After the last request of a connection (`over`) further bytes are ignored; those that follow an
    upgrade to WebSocket are in `rest`. Without `upgrades` there are none to WebSocket either.
    """

    def __init__(self, peer: str, *, upgrades: bool) -> None:
        self.received: deque[Received] = deque()
        self.over = False
        self.rest = b""
        self.awaits_continue = False  # the client holds its body back (RFC 9110, section 10.1.1)
        self._peer = peer
        self._upgrades = upgrades
        self._parser = HttpRequestParser(self)
        self._begun = 0  # requests of which something has come
        self._fed = 0  # bytes of a head that is not complete
        self._reset()

    def _reset(self) -> None:
        self._method = self._version = ""
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0  # of the head, then of the body
        self._in_head = False

    def feed(self, data: bytes) -> None:
        """Read more bytes. A bug of ours in reading them is raised."""
        if self.over:
            return
        begun = self._begun
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
        except HttpParserError as error:
            if not self.over:
                self._fail(error)
        else:
            if self._in_head:
                self._fed = self._fed + len(data) if begun == self._begun else 0
                if self._fed > HEAD_BYTES_MAX:  # the parser would collect it without an end
                    self._refuse(400, f"the head is longer than {HEAD_BYTES_MAX} bytes")

    def close(self) -> None:
        """Read no more. The parser and this reader refer to each other until then."""
        self.over = True
        self.received.clear()
        del self._parser

    def _fail(self, error: HttpParserError) -> None:
        cause = error.__context__ if isinstance(error, HttpParserCallbackError) else None
        if cause is None:
            self._refuse(400, "the request can't be read")
        elif isinstance(cause, Refused):
            self._refuse(cause.status, cause.reason)
        else:
            raise cause

    def _refuse(self, status: int, reason: str) -> None:
        version = self._version if self._version in VERSIONS else "1.1"
        request = Request(self._method, "", peer=self._peer)
        self.received.append(Received(request, False, version, False, status, reason))
        self.over, self.awaits_continue = True, False

    def _switch(self, rest: bytes) -> None:
        """Keep what follows an upgrade to WebSocket; after another upgrade read on as without it.

        llhttp has taken the body of that request, if it has one, for the other protocol's.
        """
        if self.over:
            self.rest = rest
        elif self._method == "CONNECT":
            self._refuse(400, "this is no proxy")
        else:
            fields = [f"{name}: {value}" for name, value in self._headers.items()
                      if name != "upgrade"]  # fmt: skip
            start = f"{self._method} {self._target.decode()} HTTP/{self._version}"
            head = "\r\n".join([start, *fields, "", ""]).encode("utf-8", "surrogateescape")
            self._parser = HttpRequestParser(self)
            self.feed(head + rest)

    # ---- called by httptools

    def on_message_begin(self) -> None:
        """Forget the request before this one."""
        self._reset()
        self._in_head = True
        self._begun += 1

    def on_url(self, part: bytes) -> None:
        """Add a part of the request target."""
        self._target += part
        if len(self._target) > LINE_BYTES_MAX:
            raise Refused(400, f"the request target is longer than {LINE_BYTES_MAX} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field; of one that is sent twice the last counts."""
        if not self._in_head:  # a trailer, which nobody needs
            return
        self._size += len(name) + len(value)
        if len(name) + len(value) > LINE_BYTES_MAX or self._size > HEAD_BYTES_MAX:
            raise Refused(400, f"a field is longer than {LINE_BYTES_MAX} bytes, or there are many")
        field = name.decode().lower()
        if field == "host" and field in self._headers:  # RFC 9112, section 3.2
            raise Refused(400, "there are two fields Host")
        self._headers[field] = value.strip(b" \t").decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        """Check what the head announces before any of the body is kept."""
        self._in_head, self._size = False, 0
        self._method = self._parser.get_method().decode()
        self._version = self._parser.get_http_version()
        headers = self._headers
        if self._version not in VERSIONS:
            raise Refused(400, f"HTTP/{self._version}; expected HTTP/1.1")
        if int(headers.get("content-length", 0)) > BODY_BYTES_MAX:
            raise Refused(413, TOO_LONG)
        if "expect" in headers and self._version == "1.1":
            if headers["expect"].lower() != "100-continue":
                raise Refused(417, "expected nothing, or Expect: 100-continue")
            self.awaits_continue = True

    def on_body(self, part: bytes) -> None:
        """Add a part of the body, without the framing of chunks."""
        self.awaits_continue = False
        self._body.append(part)
        self._size += len(part)
        if self._size > BODY_BYTES_MAX:
            raise Refused(413, TOO_LONG)

    def on_message_complete(self) -> None:
        """Put the request behind those that were received before."""
        self.awaits_continue = False
        headers, body = self._headers, b"".join(self._body)
        upgrade = "upgrade" in headers and self._is_websocket()
        if not upgrade and self._parser.should_upgrade():
            return  # see `_switch`
        if body and "content-encoding" in headers:
            body = unpacked(body, headers["content-encoding"].lower())
        path, _, query = self._target.decode().partition("?")
        request = Request(self._method, path, query, headers, body, self._peer)
        keep_alive = not upgrade and self._parser.should_keep_alive()
        self.over = not keep_alive
        self.received.append(Received(request, keep_alive, self._version, upgrade))

    def _is_websocket(self) -> bool:
        if not self._upgrades or self._headers["upgrade"].lower() != "websocket":
            return False
        if self._version == "1.0":
            raise Refused(400, "an upgrade needs HTTP/1.1")
        return True


def unpacked(body: bytes, encoding: str) -> bytes:
    """A body as it was before its Content-Encoding; one that we don't know stays as it is.

    Raises `Refused` for a body that can't be unpacked, or is too long then.

    >>> unpacked(zlib.compress(b"side=BUY"), "deflate")
    b'side=BUY'
    """
    if encoding in ("gzip", "x-gzip"):
        bits = zlib.MAX_WBITS | 16
    elif encoding == "deflate":  # with zlib's header as it should be, or without
        bits = zlib.MAX_WBITS if body[0] & 0xF == zlib.DEFLATED else -zlib.MAX_WBITS
    else:
        return body
    unpacker = zlib.decompressobj(bits)
    try:
        found = unpacker.decompress(body, BODY_BYTES_MAX + 1)
    except zlib.error:
        found = b""
    if len(found) > BODY_BYTES_MAX:
        raise Refused(413, TOO_LONG)
    if not unpacker.eof:
        raise Refused(400, "the body can't be read")
    return found
