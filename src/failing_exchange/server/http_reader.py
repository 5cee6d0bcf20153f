"""HTTP request reader: httptools parses the bytes of a connection, this keeps whole requests.

httptools wraps llhttp, Node's parser: RFC 9112 in its strict reading. What is added here: limits,
compressed bodies, `Expect`, that upgrades to anything but WebSocket are ignored (RFC 9110, section
7.8), and that a head which was parsed before is not parsed again: a client repeats its own.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from failing_exchange.core.order import record
from failing_exchange.server.messages import Request

PARSED_BYTES_MAX = 1 << 12  # to feed at once: of what follows a request little is parsed early
LINE_BYTES_MAX = 8_190  # of the request target, or of one field; a longer one is refused with 400
HEAD_BYTES_MAX = 1 << 16  # of all fields together; a longer head is refused with 400
BODY_BYTES_MAX = 1 << 20  # as sent, and unpacked; a longer body is refused with 413
VERSIONS = ("1.0", "1.1")
HEAD_END = b"\r\n\r\n"
HEADS_KEPT_MAX = 256  # heads that are remembered; then the oldest is forgotten
QUERY_BYTES_MAX = 64  # a head with a longer query is not remembered: it is signed, and unique
# Fields whose values are joined when they are sent twice (W3C Trace Context, section 3.3.1.1): so
# two `traceparent` are one that is invalid.
LISTS = frozenset({"traceparent", "tracestate"})
SPECIAL = frozenset({"content-encoding", "expect", "upgrade"})
TOO_LONG_HEAD = f"the head is longer than {HEAD_BYTES_MAX} bytes"
TOO_LONG = f"the body is longer than {BODY_BYTES_MAX} bytes"


class Terms(NamedTuple):
    """How a request is replied to.

    `keep_alive`: whether the client may send another request. `version`: its version of HTTP.
    `has_body`: whether the reply may have one (HEAD). `upgrade`: the client asks to speak WebSocket
    from here on. A `status` other than 0 refuses the request for the `reason` given.
    """

    keep_alive: bool = True
    version: str = "1.1"
    has_body: bool = True
    upgrade: bool = False
    status: int = 0
    reason: str = ""


USUAL = Terms()


class Fields(NamedTuple):
    """The fields of a head by name, in lower case.

    `special`: whether one of them changes how the request is read.
    """

    headers: Mapping[str, str]
    special: bool


class Head(NamedTuple):
    """What a head says of its request, and how long the body is that follows."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body_bytes: int


HEADS: dict[bytes, Head] = {}  # of usual requests, by their bytes: HEADS_KEPT_MAX at most


class BadRequest(Exception):
    """A request can't be read, or breaks a limit."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class RequestReader:
    """Reads the requests of one connection: `read` bytes, and take requests from `received`.

    After the last request of a connection (`over`) further bytes are ignored; those that follow an
    upgrade to WebSocket are in `rest`. Without `upgrades` there are none to WebSocket either.
    """

    def __init__(self, peer: str, *, upgrades: bool) -> None:
        self.received: deque[tuple[Request, Terms]] = deque()
        self.over = False
        self.rest = b""
        self.awaits_continue = False  # the client holds its body back (RFC 9110, section 10.1.1)
        self._peer = peer
        self._upgrades = upgrades
        self._parser = HttpRequestParser(self)
        # What the parser has of the next message; None where it is not known where that begins.
        self._message: bytes | None = b""
        self._begun = 0  # requests of which something has come
        self._fed = 0  # bytes of the head that have come in earlier feeds
        self._in_head = False
        self._method = self._version = ""
        self._target = b""
        self._raw: list[tuple[bytes, bytes]] = []
        self._fields = Fields({}, False)
        self._body: list[bytes] = []
        self._size = 0  # of the body

    def read(self, data: bytes) -> bytes:
        """Read until a whole request is received; the rest of the data, to be read after it.

        A bug of ours in reading is raised.
        """
        if self._message == b"":
            end = data.find(HEAD_END) + len(HEAD_END)
            head = HEADS.get(data[:end])
            if head is not None:
                method, path, query, headers, size = head
                size += end
                if len(data) < size:
                    return data
                body = data[end:size]
                request = record(Request, (method, path, query, headers, body, self._peer))
                self.received.append((request, USUAL))
                return data[size:]
        at = 0
        while at < len(data) and not self.received:
            self.feed(data[at : at + PARSED_BYTES_MAX])
            at += PARSED_BYTES_MAX
        return data[at:]

    def feed(self, data: bytes) -> None:
        """Have more bytes parsed."""
        if self.over:
            return
        begun = self._begun
        message = None if self._message is None or self.received else self._message + data
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
            message = None
        except HttpParserError as error:
            if not self.over:
                self._fail(error)
        if self._in_head:
            self._fed = self._fed + len(data) if begun == self._begun else 1
            if self._fed > HEAD_BYTES_MAX:  # the parser would collect it without an end
                self._refuse(400, TOO_LONG_HEAD)
        self._message = None if message is None else self._rest_of(message)

    def _rest_of(self, message: bytes) -> bytes | None:
        """What the parser still holds of the bytes since a message began; None: not known.

        The head of a whole message is remembered, where nothing but its bytes decides how it is
        read.
        """
        if len(message) > PARSED_BYTES_MAX:
            return None
        if not self.received:
            return message
        request, terms = self.received[0]
        end = message.find(HEAD_END) + len(HEAD_END)
        if terms is not USUAL or len(self.received) > 1 or len(message) != end + self._size:
            return None
        if not self._fields.special and len(request.query) <= QUERY_BYTES_MAX:
            if len(HEADS) >= HEADS_KEPT_MAX:
                del HEADS[next(iter(HEADS))]
            HEADS[message[:end]] = Head(*request[:4], self._size)
        return b""

    def close(self) -> None:
        """Read no more. The parser and this reader refer to each other until then."""
        self.over = True
        self.received.clear()
        del self._parser

    def _fail(self, error: HttpParserError) -> None:
        cause = error.__context__ if isinstance(error, HttpParserCallbackError) else None
        if cause is None:
            self._refuse(400, "the request can't be read")
        elif isinstance(cause, BadRequest):
            self._refuse(cause.status, cause.reason)
        else:
            raise cause

    def _refuse(self, status: int, reason: str) -> None:
        version = self._version if self._version in VERSIONS else "1.1"
        terms = Terms(False, version, status=status, reason=reason)
        self.received.append((Request(self._method, "", peer=self._peer), terms))
        self.over, self.awaits_continue, self._in_head = True, False, False

    def _switch(self, rest: bytes) -> None:
        """Keep what follows an upgrade to WebSocket; after another upgrade read on as without it.

        llhttp has taken the body of that request, if it has one, for the other protocol's.
        """
        if self.over:
            self.rest = rest
        elif self._method == "CONNECT":
            self._refuse(400, "this is not a proxy")
        else:
            fields = [f"{name}: {value}" for name, value in self._fields.headers.items()
                      if name != "upgrade"]  # fmt: skip
            start = f"{self._method} {self._target.decode()} HTTP/{self._version}"
            head = "\r\n".join([start, *fields, "", ""]).encode("utf-8", "surrogateescape")
            self._parser = HttpRequestParser(self)
            self.feed(head + rest)

    # ---- called by httptools

    def on_url(self, part: bytes) -> None:
        """Begin with a request, or add to its target, which may come in parts."""
        if self._in_head:
            self._target += part
            return
        self._target, self._raw, self._body = part, [], []
        self._in_head, self._fed = True, 0
        self._begun += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field; trailers, which come behind a body, are of no use here."""
        if self._in_head:
            self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        """Check what the head announces before any of the body is kept."""
        self._in_head, self._size = False, 0
        self._method = self._parser.get_method().decode()
        self._version = self._parser.get_http_version()
        if self._version not in VERSIONS:
            raise BadRequest(400, f"HTTP/{self._version}; expected HTTP/1.1")
        if len(self._target) > LINE_BYTES_MAX:
            raise BadRequest(400, f"the request target is longer than {LINE_BYTES_MAX} bytes")
        read = fields_of if self._fed else usual_fields
        self._fields = read((*self._raw,))
        if self._fields.special and self._version == "1.1":
            expected = self._fields.headers.get("expect", "").lower()
            if expected not in ("", "100-continue"):
                raise BadRequest(417, "expected nothing, or Expect: 100-continue")
            self.awaits_continue = bool(expected)

    def on_body(self, part: bytes) -> None:
        """Add a part of the body, without the framing of chunks."""
        self.awaits_continue = False
        self._body.append(part)
        self._size += len(part)
        if self._size > BODY_BYTES_MAX:
            raise BadRequest(413, TOO_LONG)

    def on_message_complete(self) -> None:
        """Put the request behind those that were received before."""
        body, parser = self._body, self._parser
        sent = body[0] if len(body) == 1 else b"".join(body)
        headers, special = self._fields
        upgrade = special and self._is_websocket(headers)
        if parser.should_upgrade() and not upgrade:
            return  # see `_switch`
        if special:
            self.awaits_continue = False
            sent = unpacked(sent, headers.get("content-encoding", "").lower())
        path, _, query = self._target.decode().partition("?")
        request = Request(self._method, path, query, headers, sent, self._peer)
        keep_alive = parser.should_keep_alive()
        terms = USUAL
        if upgrade or not keep_alive or self._version == "1.0" or self._method == "HEAD":
            self.over = upgrade or not keep_alive
            terms = Terms(not self.over, self._version, self._method != "HEAD", upgrade)
        self.received.append((request, terms))

    def _is_websocket(self, headers: Mapping[str, str]) -> bool:
        if not self._upgrades or headers.get("upgrade", "").lower() != "websocket":
            return False
        if self._version == "1.0":
            raise BadRequest(400, "an upgrade needs HTTP/1.1")
        return True


@lru_cache(maxsize=HEADS_KEPT_MAX)
def usual_fields(raw: tuple[tuple[bytes, bytes], ...]) -> Fields:
    """The fields of a short head: clients repeat theirs, and so they are remembered."""
    return fields_of(raw)


def fields_of(raw: tuple[tuple[bytes, bytes], ...]) -> Fields:
    """The fields of a head; of one that is sent twice the last counts, or they are one list.

    Raises `BadRequest` where one of them, or the body that they announce, is too long.
    """
    headers: dict[str, str] = {}
    for name, value in raw:
        if len(name) + len(value) > LINE_BYTES_MAX:
            raise BadRequest(400, f"a field is longer than {LINE_BYTES_MAX} bytes")
        field = name.decode().lower()
        text = value.strip(b" \t").decode("utf-8", "surrogateescape")
        if field in headers:
            if field == "host":  # RFC 9112, section 3.2
                raise BadRequest(400, "there are two fields Host")
            if field in LISTS:
                text = f"{headers[field]},{text}"
        headers[field] = text
    if int(headers.get("content-length", 0)) > BODY_BYTES_MAX:
        raise BadRequest(413, TOO_LONG)
    return Fields(headers, not SPECIAL.isdisjoint(headers))


def unpacked(body: bytes, encoding: str) -> bytes:
    """A body as it was before its Content-Encoding; one that we don't know stays as it is.

    Raises `BadRequest` for a body that can't be unpacked, or is too long then.

    >>> unpacked(zlib.compress(b"side=BUY"), "deflate")
    b'side=BUY'
    """
    if not body or not encoding:
        return body
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
        raise BadRequest(413, TOO_LONG)
    if not unpacker.eof:
        raise BadRequest(400, "the body can't be read")
    return found
