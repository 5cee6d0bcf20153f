"""Names and addresses for simulated threads: those of the simulation's network."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from failing_exchange.threads.sockets import REAL_SOCKET, SimSocket, pair
from failing_exchange.virtual.blocking_sockets import REAL_GETADDRINFO
from failing_exchange.virtual.thread_registry import current

REAL: dict[str, Callable[..., Any]] = {
    name: getattr(socket, name)
    for name in ("gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo", "getfqdn",
                 "socketpair")
}  # fmt: skip
REAL["getaddrinfo"] = REAL_GETADDRINFO


def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
    """One address of the host table; an unknown name raises UnknownHost."""
    me = current()
    if me is None:
        return REAL["getaddrinfo"](host, port, *args, **options)
    return me.program.resolve(host, port)


def gethostbyname(host: str) -> Any:
    """The address of a name of the host table."""
    if current() is None:
        return REAL["gethostbyname"](host)
    return getaddrinfo(host, 0)[0][4][0]


def gethostbyname_ex(host: str) -> Any:
    """A name, no aliases, and its one address."""
    if current() is None:
        return REAL["gethostbyname_ex"](host)
    return host, [], [gethostbyname(host)]


def gethostbyaddr(address: str) -> Any:
    """The name that belongs to an address of the host table."""
    me = current()
    if me is None:
        return REAL["gethostbyaddr"](address)
    return me.program.loop.network.name_of(address), [], [gethostbyname(address)]


def getnameinfo(sockaddr: Any, flags: int) -> Any:
    """The name of an address, and the port as text."""
    me = current()
    if me is None:
        return REAL["getnameinfo"](sockaddr, flags)
    return me.program.loop.network.name_of(sockaddr[0]), str(sockaddr[1])


def getfqdn(name: str = "") -> str:
    """The name as it was given; this machine is localhost."""
    if current() is None:
        return str(REAL["getfqdn"](name))
    return name or "localhost"


def socketpair(*args: Any, **options: Any) -> Any:
    """Two sockets that are connected with each other, in memory."""
    if current() is None:
        return REAL["socketpair"](*args, **options)
    return pair()


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{real: globals()[name] for name, real in REAL.items()},
    REAL_SOCKET: SimSocket,
}
