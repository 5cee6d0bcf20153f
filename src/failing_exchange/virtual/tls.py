"""TLS that a client does by itself, above the transport (httpx over anyio), elided as all TLS is.

Such a client asks an `ssl.SSLContext` for an object between two buffers. In a simulation it gets
one that hands the bytes on as they are: no handshake, no certificate, none of OpenSSL's chance.
Certificates that a program trusts are not read.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from failing_exchange.virtual.asyncio_private import running_loop
from failing_exchange.virtual.isolation import IsolatedLoop
from failing_exchange.virtual.patching import put
from failing_exchange.virtual.thread_registry import current

Method = Callable[..., Any]
SWEEP_SECONDS = 60.0


class ElidedTLS(ssl.SSLObject):
    """An `ssl.SSLObject` without TLS: `incoming` and `outgoing` carry plain bytes.

    It says TLSv1.3 when asked, has agreed on no protocol (ALPN) and shows no certificate.
    """

    # plain attributes in place of the parent's properties, which ask OpenSSL
    context: Any = None
    session: Any = None
    server_side: bool = False
    server_hostname: str | None = None
    session_reused = False

    def __init__(
        self,
        context: ssl.SSLContext,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        *,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: Any = None,
    ) -> None:  # not the parent's, which refuses to be called
        self.context, self.session, self.server_side = context, session, server_side
        self._incoming, self._outgoing = incoming, outgoing
        named = server_hostname
        self.server_hostname = named.decode("ascii") if isinstance(named, bytes) else named

    def do_handshake(self) -> None:
        """Done at once, unless a server's guard has something against it."""
        loop = running_loop()
        if isinstance(loop, IsolatedLoop) and not self.server_side:
            loop.network.handshake(self.server_hostname, self.context)

    def unwrap(self) -> Any:
        """There is nothing to take off; the end of the connection is the end."""

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """What has come. Raises SSLWantReadError until something has; b"" (or 0) is the end."""
        if not self._incoming.pending and not self._incoming.eof:
            raise ssl.SSLWantReadError(
                ssl.SSLErrorNumber.SSL_ERROR_WANT_READ, "The operation did not complete (read)"
            )
        data = self._incoming.read(len)
        if buffer is None:
            return data
        memoryview(buffer)[: (size := memoryview(data).nbytes)] = data
        return size

    def write(self, data: Any) -> int:
        return self._outgoing.write(data)

    def pending(self) -> int:
        """None: nothing is decrypted ahead."""
        return 0

    def version(self) -> str:
        return "TLSv1.3"

    def cipher(self) -> tuple[str, str, int]:
        return "TLS_AES_256_GCM_SHA384", "TLSv1.3", 256

    def getpeercert(self, binary_form: bool = False) -> Any:
        """Nothing: as of a peer whose certificate was not asked for."""
        return None if binary_form else {}

    def _nothing(self, *args: Any) -> None:
        """No compression, no ALPN protocol (so that HTTP/1.1 is spoken), no channel to bind to."""

    shared_ciphers = compression = selected_alpn_protocol = _nothing
    verify_client_post_handshake = _nothing

    def get_channel_binding(self, cb_type: str = "tls-unique") -> None:
        """Return None: the simulated connection has no channel to bind to."""


@contextmanager
def _seldom_swept() -> Iterator[None]:
    """aiohttp, where it is loaded, looks once a minute for TLS connections that do not close.

    Before Python 3.12.8 it does so every two seconds, which is most of what happens in a quiet day.
    Here each connection closes: there is nothing to be found.
    """
    connector = getattr(sys.modules.get("aiohttp.connector"), "BaseConnector", None)
    period = getattr(connector, "_cleanup_closed_period", None)
    if connector is None or period is None:
        yield
        return
    connector._cleanup_closed_period = SWEEP_SECONDS
    try:
        yield
    finally:
        connector._cleanup_closed_period = period


def _is_simulated() -> bool:
    """Whether a program of the simulation asks: on its loop, or in one of its threads.

    Not a module that is being imported: its contexts may serve the real world afterwards.
    """
    if current() is None and not isinstance(running_loop(), IsolatedLoop):
        return False
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return False
        frame = frame.f_back
    return True


def _wrap_bio(real: Method) -> Method:
    def wrap_bio(
        self: ssl.SSLContext,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: Any = None,
    ) -> ssl.SSLObject:
        told = {"server_side": server_side, "server_hostname": server_hostname, "session": session}
        if not isinstance(running_loop(), IsolatedLoop):
            return real(self, incoming, outgoing, **told)  # type: ignore[no-any-return]
        return ElidedTLS(self, incoming, outgoing, **told)

    return wrap_bio


def _load_verify_locations(real: Method) -> Method:
    def load_verify_locations(
        self: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None
    ) -> None:
        if not _is_simulated():
            real(self, cafile, capath, cadata)
            return
        for path in (cafile, capath):
            if path is not None:
                os.stat(path)

    return load_verify_locations


def _unless_simulated(real: Method) -> Method:
    def load(self: ssl.SSLContext, *args: Any, **options: Any) -> None:
        if not _is_simulated():
            real(self, *args, **options)

    return load


# No certificate is shown, and to read those of all authorities takes 18 ms: a client of ccxt does
# so when it is made, which was a tenth of an hour with an order a minute. That the file is there is
# still checked.
METHODS: dict[str, Callable[[Method], Method]] = {
    "wrap_bio": _wrap_bio,
    "load_verify_locations": _load_verify_locations,
    "load_default_certs": _unless_simulated,
    "set_default_verify_paths": _unless_simulated,
}


@contextmanager
def elided() -> Iterator[None]:
    """Contexts make such objects while the block runs, for programs of a simulation."""
    with ExitStack() as undo:
        for name, stand_in in METHODS.items():
            put(undo, ssl.SSLContext, name, stand_in(getattr(ssl.SSLContext, name)))
        undo.enter_context(_seldom_swept())
        yield
