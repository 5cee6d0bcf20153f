"""The way out of a simulation that its loop does not guard: sockets that block."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from failing_exchange.virtual.errors import Escape

# The names and addresses of this machine: a program may log to a database beside it.
HERE = ("localhost", "::1", "0.0.0.0", "::")


@contextmanager
def barred() -> Iterator[None]:
    """Blocking connections to other machines raise Escape while the block runs, in this thread.

    requests, urllib and ccxt's synchronous classes connect so. They would reach the real exchange,
    with real keys. Nothing was resolved or sent when the error is raised.
    """
    thread = threading.get_ident()
    real: dict[str, Callable[..., Any]] = {"connect": socket.socket.connect,
                                           "connect_ex": socket.socket.connect_ex}  # fmt: skip
    resolve = socket.getaddrinfo

    def connecting(name: str) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if threading.get_ident() == thread and isinstance(address, tuple):
                _refuse(address[0], address[1])
            return real[name](self, address)

        return connect

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if threading.get_ident() == thread:
            _refuse(host, port)
        return resolve(host, port, *args, **options)

    for name in real:
        setattr(socket.socket, name, connecting(name))
    socket.getaddrinfo = getaddrinfo
    try:
        yield
    finally:
        for name in real:
            delattr(socket.socket, name)  # the parent's, in C, is seen again
        socket.getaddrinfo = resolve


def _refuse(host: Any, port: Any) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "localhost")
    if name not in HERE and not name.startswith("127."):
        raise Escape(
            f"a blocking connection to {name}:{port} leaves the simulation, and time stands still "
            "meanwhile; use an asynchronous client (ccxt.async_support, aiohttp, httpx.AsyncClient)"
            ", or serve the venue on a port and test in real time"
        )
