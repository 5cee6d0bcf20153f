"""TLS of simulated sockets, elided as all TLS is: bytes go as they are, nobody is identified."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

from failing_exchange.threads.sockets import SOCKETS, SimSocket
from failing_exchange.virtual.thread_registry import current
from failing_exchange.virtual.tls import ElidedTLS

REAL_WRAP_SOCKET: Callable[..., Any] = ssl.SSLContext.wrap_socket


class SimTLSSocket(SimSocket):
    """An `ssl.SSLSocket` without TLS. It shows no certificate, and has agreed on no protocol."""

    context: Any = None
    session: Any = None
    session_reused = False
    server_side = False
    server_hostname: str | None = None

    @classmethod
    def over(cls, sock: SimSocket, context: ssl.SSLContext, **options: Any) -> SimTLSSocket:
        """Take over a socket: the plain one is closed, the connection is not."""
        made: SimTLSSocket = cls(sock.family)
        made._end, made._name, made._peer = sock._end, sock._name, sock._peer
        made._timeout, made._options = sock._timeout, sock._options
        made._number, made._io_refs = sock._number, sock._io_refs
        SOCKETS[made._number] = made
        sock._end, sock._closed, sock._gone = None, True, True
        made.context = context
        made.server_side = bool(options.get("server_side"))
        made.server_hostname = options.get("server_hostname")
        if made._peer is not None and options.get("do_handshake_on_connect", True):
            made.do_handshake()
        return made

    def connect(self, address: Any) -> None:
        super().connect(address)
        self.do_handshake()

    def do_handshake(self, block: bool = False) -> None:
        """Done at once, unless a server's guard has something against it."""
        me = current()
        if me is not None and not self.server_side:
            me.program.loop.network.handshake(self._host(), self.context)

    def _host(self) -> str | None:
        return self.server_hostname or (self._peer[0] if self._peer else None)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        try:
            return super().recv(bufsize, flags)
        except BlockingIOError:
            raise ssl.SSLWantReadError(
                ssl.SSLErrorNumber.SSL_ERROR_WANT_READ, "The operation did not complete (read)"
            ) from None

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """The next bytes, or how many of them were put into `buffer`."""
        return self.recv(len) if buffer is None else self.recv_into(buffer, len)

    def write(self, data: Any) -> int:
        """Send the bytes, as `send` does."""
        return self.send(data)

    def unwrap(self) -> SimSocket:
        """There is nothing to take off."""
        return self

    version, cipher = ElidedTLS.version, ElidedTLS.cipher
    getpeercert, pending = ElidedTLS.getpeercert, ElidedTLS.pending
    get_channel_binding = ElidedTLS.get_channel_binding
    shared_ciphers = compression = selected_alpn_protocol = ElidedTLS._nothing
    selected_npn_protocol = verify_client_post_handshake = ElidedTLS._nothing


def wrap_socket(self: ssl.SSLContext, sock: socket.socket, *args: Any, **options: Any) -> Any:
    """`SSLContext.wrap_socket`, also of simulated sockets."""
    if not isinstance(sock, SimSocket):
        return REAL_WRAP_SOCKET(self, sock, *args, **options)
    names = ("server_side", "do_handshake_on_connect", "suppress_ragged_eofs", "server_hostname")
    return SimTLSSocket.over(sock, self, **dict(zip(names, args, strict=False)), **options)
