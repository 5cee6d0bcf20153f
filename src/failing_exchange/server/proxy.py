"""HTTP proxy that connects clients of production's host names to a venue of this process.

It accepts `CONNECT host:port`, and terminates TLS with a certificate for that host. The bytes then
go to the venue's own connection, so that faults of connections and bytes act as on a port.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Collection
from typing import Any

from failing_exchange.server.http_response import head_of

HEAD_BYTES_MAX = 8_192  # of a request to the proxy; a longer one is refused
CONNECT = re.compile(rb"CONNECT ([A-Za-z0-9.-]{1,253}):(\d{1,5}) HTTP/1\.[01]\r\n")
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy:
    """The proxy on a port of this machine.

    `server` makes the protocol for each client whose tunnel is established. A client that asks for
    a host other than `hosts` is refused with 403 and `about`.
    """

    def __init__(
        self,
        server: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext,
        hosts: Collection[str],
        about: str,
    ) -> None:
        self.server = server
        self.tls = tls
        self.hosts = frozenset(hosts)
        self.about = about
        self._listener: asyncio.Server | None = None
        self._handshakes: dict[asyncio.Task[None], None] = {}

    async def open(self, host: str = "127.0.0.1") -> int:
        """Listen; the port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Request(self), host, 0)
        return int(self._listener.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Stop listening; established tunnels go on."""
        if self._listener is not None:
            self._listener.close()
        for task in list(self._handshakes):
            task.cancel()

    def establish(self, transport: Any) -> None:
        """Do the TLS handshake with a client, then hand it to the venue."""
        task = asyncio.get_running_loop().create_task(self._established(transport))
        self._handshakes[task] = None
        task.add_done_callback(self._handshakes.pop)

    async def _established(self, transport: Any) -> None:
        loop, waiting = asyncio.get_running_loop(), _Waiting()
        try:
            secure: Any = await loop.start_tls(transport, waiting, self.tls, server_side=True)
        except OSError:  # the client does not trust us, or has left
            transport.abort()
            return
        if secure is None:  # it has left during the handshake
            return
        protocol: Any = self.server()
        secure.set_protocol(protocol)
        protocol.connection_made(secure)
        waiting.hand_over(protocol)


class _Request(asyncio.Protocol):
    """Reads a client's only request to the proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._head = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if len(self._head) > HEAD_BYTES_MAX:
            self._refuse(431, "the request to the proxy is too long")
        elif self._head.endswith(b"\r\n\r\n"):
            self._answer()
        elif b"\r\n\r\n" in self._head:
            self._refuse(400, "the client went on before the tunnel stood")

    def _answer(self) -> None:
        found = CONNECT.match(self._head)
        host = found[1].decode().lower() if found is not None else ""
        if found is None:
            self._refuse(405, "this proxy takes CONNECT only")
        elif host not in self._proxy.hosts:
            self._refuse(403, f"{host} can't be reached: {self._proxy.about}")
        else:
            self._transport.write(ESTABLISHED)
            self._transport.pause_reading()
            self._proxy.establish(self._transport)

    def _refuse(self, status: int, text: str) -> None:
        body = f"{text}\n".encode()
        fields = (f"Content-Length: {len(body)}", "Connection: close", "Content-Type: text/plain")
        self._transport.write(head_of(status, *fields) + body)
        self._transport.close()


class _Waiting(asyncio.Protocol):
    """Keeps what a client sends between its handshake and the venue's protocol.

    It can be no more than came with the handshake's last flight: nothing is read in between.
    """

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self._data.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.append(exc)

    def hand_over(self, protocol: Any) -> None:
        """Give it to the protocol that takes over."""
        for data in self._data:
            protocol.data_received(data)
        for error in self._lost:
            protocol.connection_lost(error)
