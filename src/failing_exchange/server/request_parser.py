"""Heads of HTTP/1.1: those of plain requests are read here, what is not plain is left to aiohttp.

RFC 9112, sections 3 and 5. Plain is what clients send day in, day out: one of four methods, fields
in printable ASCII, a body of known length or none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from failing_exchange.core.units import DAY_S, HOUR_S, SECOND

HEAD_BYTES_MAX = 8_190  # a longer head is not plain
BODY_BYTES_MAX = 1 << 20  # nor is a longer body; aiohttp refuses it with 413
FIELDS_KEPT_MAX = 256  # readings that are remembered, for clients repeat their fields; then anew

START = re.compile(rb'(GET|POST|PUT|DELETE) (/[!"$-~]*) HTTP/1\.1')
BEGINNING = re.compile(rb'(GET|POST|PUT|DELETE) /[!"$-~]*( [HTP/1.]{0,8}\r?)?')
METHODS = (b"GET /", b"POST /", b"PUT /", b"DELETE /")
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}):[ \t]*([!-~](?:[ -~\t]*[!-~])?)?[ \t]*")
LENGTH = re.compile(r"[0-9]{1,7}")
SERVER = "nginx"  # what the venue says it is
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PHRASES = {int(status): status.phrase for status in HTTPStatus}
# Fields that change how a message is read, or what follows it.
SPECIAL = frozenset({
    "connection", "content-encoding", "expect", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip


class Fields(NamedTuple):
    """The fields of a head by name, in lower case, and the length of the body they announce."""

    headers: Mapping[str, str]
    length: int


class Head(NamedTuple):
    """A head that was read: the start line, the fields, and where the body lies in the data."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    start: int
    end: int


class NotPlain(Exception):
    """The request is for aiohttp to read."""


class Heads:
    """Reads heads, and remembers fields that were read."""

    def __init__(self) -> None:
        self._known: dict[bytes, Fields] = {}

    def read(self, data: bytes) -> Head | None:
        """The head that data begins with; None where it is not complete, or its body is not.

        Raises `NotPlain`, as soon as that is clear.
        """
        end = data.find(b"\r\n\r\n")
        if not 0 <= end <= HEAD_BYTES_MAX:
            if end > 0 or len(data) > HEAD_BYTES_MAX or not _may_begin(data):
                raise NotPlain
            return None
        line = data.find(b"\r\n")
        found = START.fullmatch(data, 0, line)
        if found is None:
            raise NotPlain
        block = data[line + 2 : end]
        fields = self._known.get(block)
        if fields is None:
            if len(self._known) >= FIELDS_KEPT_MAX:
                self._known.clear()
            fields = self._known[block] = _fields(block)
        start = end + 4
        if start + fields.length > len(data):
            return None
        path, _, query = found[2].decode().partition("?")
        return Head(found[1].decode(), path, query, fields.headers, start, start + fields.length)


def _may_begin(data: bytes) -> bool:
    """Whether data without an end may become a plain head: its first line says so."""
    line = data.find(b"\r\n")
    if line >= 0:
        return START.fullmatch(data, 0, line) is not None
    if any(method.startswith(data) for method in METHODS):
        return True
    return BEGINNING.fullmatch(data) is not None


def _fields(block: bytes) -> Fields:
    headers: dict[str, str] = {}
    for line in block.split(b"\r\n"):
        found = FIELD.fullmatch(line)
        if found is None:
            raise NotPlain
        name, value = found[1].decode().lower(), (found[2] or b"").decode()
        if name in headers or (name in SPECIAL and not _is_usual(name, value)):
            raise NotPlain
        headers[name] = value
    if "host" not in headers:
        raise NotPlain
    length = headers.get("content-length", "0")
    if not LENGTH.fullmatch(length) or int(length) > BODY_BYTES_MAX:
        raise NotPlain
    return Fields(headers, int(length))


def _is_usual(name: str, value: str) -> bool:
    """What changes nothing in HTTP/1.1 (RFC 9112, section 9.3)."""
    return name == "connection" and value.lower() == "keep-alive"


def switching(accept: str, at: int, *more: str) -> bytes:
    """The head that answers an upgrade to WebSocket (RFC 6455, section 4.2.2)."""
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
        *more,
        f"Date: {date_of(at // SECOND)}",
        f"Server: {SERVER}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def date_of(second: int) -> str:
    """An epoch second in the words of RFC 9110, section 5.6.7, whatever the locale.

    >>> date_of(784_111_777)
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    days, rest = divmod(second, DAY_S)
    return f"{_day(days)} {rest // HOUR_S:02}:{rest // 60 % 60:02}:{rest % 60:02} GMT"


@lru_cache(maxsize=8)
def _day(days: int) -> str:
    at = datetime.fromtimestamp(days * DAY_S, UTC)
    return f"{DAYS[at.weekday()]}, {at.day:02} {MONTHS[at.month - 1]} {at.year}"
