"""Refuse blocking sockets in a simulation: they would reach the real network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from failing_exchange.virtual.errors import Escape
from failing_exchange.virtual.thread_registry import current

REAL_GETADDRINFO = socket.getaddrinfo
# The names and addresses of this machine: a program may log to a database beside it.
HERE = ("localhost", "::1", "0.0.0.0", "::")


@contextmanager
def barred() -> Iterator[None]:
    """Blocking connections to other machines raise Escape while the block runs, in this thread.

    requests, urllib and ccxt's synchronous classes connect so. Called from a coroutine or while a
    bot is loaded they would reach the real exchange, with real keys; in a simulated thread they
    have sockets of the simulation (threads/sockets.py). Nothing was resolved or sent when the error
    is raised. Blocks may be nested: a bot that is started again is loaded within the simulation.
    """
    thread = threading.get_ident()
    real: dict[str, Callable[..., Any]] = {"connect": socket.socket.connect,
                                           "connect_ex": socket.socket.connect_ex}  # fmt: skip
    before = {name: vars(socket.socket).get(name) for name in real}  # None: the parent's, in C
    resolve = socket.getaddrinfo

    def connecting(name: str) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if threading.get_ident() == thread and isinstance(address, tuple):
                _refuse(address[0], address[1])
            return real[name](self, address)

        return connect

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if (me := current()) is not None:
            return me.program.resolve(host, port)
        if threading.get_ident() == thread:
            _refuse(host, port)
        return resolve(host, port, *args, **options)

    for name in real:
        setattr(socket.socket, name, connecting(name))
    socket.getaddrinfo = getaddrinfo
    try:
        yield
    finally:
        for name, own in before.items():
            if own is None:
                delattr(socket.socket, name)
            else:
                setattr(socket.socket, name, own)
        socket.getaddrinfo = resolve


def _refuse(host: Any, port: Any) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "localhost")
    if name not in HERE and not name.startswith("127."):
        raise Escape(
            f"a blocking connection to {name}:{port} would leave the simulation; use an "
            "asynchronous client (ccxt.async_support, aiohttp, httpx.AsyncClient) in a coroutine, "
            "make the program a plain function, which may block (a test: def, with the "
            "fixture failing_exchange and without virtual_time), or test in real time: "
            "failing-exchange serve binance -- python bot.py"
        )
