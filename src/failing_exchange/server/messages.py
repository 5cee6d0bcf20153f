"""The HTTP request and reply that the server and a venue exchange, whatever the venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage


class Request(NamedTuple):
    """An HTTP request as it arrived: a call with its body, or an upgrade to WebSocket without one.

    `path` and `query` are the request target as it was sent, still percent-encoded, split at the
    first "?". `headers` has names in lower case; of a field that is sent twice the last value
    counts (of trace context: all, joined by a comma). `peer` is the client's IP address, "" where
    there is none.

    >>> Request("GET", "/api/v3/depth", "symbol=BTCUSDT", {"host": "api.binance.com"}).host
    'api.binance.com'
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""
    peer: str = ""

    @property
    def host(self) -> str:
        """The host and port that the client asked for: its Host header, "" without one."""
        return self.headers.get("host", "")


class Reply(NamedTuple):
    """What a client is sent back. The connection adds length, date and server to its headers.

    `damage` is what happens to these bytes on their way, and `steps` are the writes, waits and
    calls that do it (`server.damage`); a reply without damage is sent whole.
    """

    status: int
    body: bytes
    headers: Sequence[tuple[str, str]] = ()
    damage: Damage | None = None
    steps: Sequence[Any] = ()
    kind: str = "application/json;charset=UTF-8"
