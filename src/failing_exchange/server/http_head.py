"""Heads of HTTP responses: the status line and the fields that a server adds to each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from failing_exchange.core.units import DAY_S, HOUR_S, SECOND

if TYPE_CHECKING:
    from failing_exchange.server.messages import Reply

SERVER = "nginx"  # what the venue says it is
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PHRASES = {int(status): status.phrase for status in HTTPStatus}


def response_head(
    reply: Reply, at: int, more: Sequence[str] = (), *, version: str = "1.1"
) -> bytes:
    """The head of a reply that is sent whole, at an instant in nanoseconds, with `more` fields."""
    headers = "".join([f"{name}: {value}\r\n" for name, value in reply.headers])
    others = "".join([f"{field}\r\n" for field in more]) if more else ""
    return (
        f"HTTP/{version} {reply.status} {PHRASES.get(reply.status, '')}\r\n"
        f"Content-Type: {reply.kind}\r\n{headers}{others}Content-Length: {len(reply.body)}\r\n"
        f"Date: {date_of(at // SECOND)}\r\nServer: {SERVER}\r\n\r\n"
    ).encode()


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


@lru_cache(maxsize=8)
def date_of(second: int) -> str:
    """An epoch second as RFC 9110, section 5.6.7 writes it, whatever the locale.

    >>> date_of(784_111_777)
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    days, rest = divmod(second, DAY_S)
    day = datetime.fromtimestamp(days * DAY_S, UTC)
    return (
        f"{DAYS[day.weekday()]}, {day.day:02} {MONTHS[day.month - 1]} {day.year} "
        f"{rest // HOUR_S:02}:{rest // 60 % 60:02}:{rest % 60:02} GMT"
    )
