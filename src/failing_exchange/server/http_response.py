"""HTTP responses: heads, with what a server adds to each, and the pages that gateways show."""

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
PHRASES[520] = "Web server is returning an unknown error"  # Cloudflare's own
SERVERS = {520: "cloudflare", 403: "CloudFront"}  # whose pages these are; else the venue's


def head_of(status: int, *fields: str) -> bytes:
    """A head of these fields and no others.

    >>> head_of(204, "Server: nginx")
    b'HTTP/1.1 204 No Content\\r\\nServer: nginx\\r\\n\\r\\n'
    """
    return "\r\n".join([f"HTTP/1.1 {status} {PHRASES.get(status, '')}", *fields, "", ""]).encode()


def response_head(
    reply: Reply, at: int, more: Sequence[str] = (), *, version: str = "1.1"
) -> bytes:
    """The head of a reply that is sent whole, at an instant in nanoseconds, with `more` fields."""
    status, body, headers, _, _, kind = reply
    fields = ""
    for name, value in headers:
        fields += f"{name}: {value}\r\n"
    for field in more:
        fields += f"{field}\r\n"
    return (
        f"HTTP/{version} {status} {PHRASES.get(status, '')}\r\n"
        f"Content-Type: {kind}\r\n{fields}Content-Length: {len(body)}\r\n"
        f"Date: {date_of(at // SECOND)}\r\nServer: {SERVER}\r\n\r\n"
    ).encode()


def switching(accept: str, at: int, *more: str) -> bytes:
    """The head that answers an upgrade to WebSocket (RFC 6455, section 4.2.2)."""
    return head_of(
        101,
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
        *more,
        f"Date: {date_of(at // SECOND)}",
        f"Server: {SERVER}",
    )


def html_page(status: int) -> bytes:
    """The page that a gateway shows for a status."""
    title, server = f"{status} {PHRASES[status]}", SERVERS.get(status, SERVER)
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>"
        f"</center>\r\n<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


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
