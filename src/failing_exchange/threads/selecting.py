"""`select` and `selectors` over simulated sockets, in virtual time."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable
from typing import Any

from failing_exchange.threads.sockets import SOCKETS, SimSocket, refusal
from failing_exchange.virtual.thread_registry import current

IN, OUT, HUP = 1, 4, 16  # of `poll` and `epoll` alike
REAL_SELECT = select.select
REAL_POLL = getattr(select, "poll", None)
REAL_EPOLL = getattr(select, "epoll", None)


def socket_of(found: Any) -> SimSocket:
    """The simulated socket of a descriptor, or of what has one."""
    number = found if isinstance(found, int) else found.fileno()
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    sock = SOCKETS.get(number)
    if sock is None:
        raise refusal(f"waiting for {found!r}")
    return sock


def events_of(sock: SimSocket) -> int:
    """What can be done with a socket now without waiting: IN, OUT."""
    end = sock._end
    if end is None:
        return OUT | HUP if sock._failed or sock._peer is None else HUP
    return (IN if end.readable else 0) | (OUT if end.writable else 0)


def wait(wanted: dict[int, int], timeout: float | None) -> list[tuple[int, int]]:
    """(descriptor, events) of sockets that are ready; waits until one is, or the timeout."""
    me = current()
    until = me.program.until(timeout)
    while True:
        socks = {number: sock for number in wanted if (sock := SOCKETS.get(number)) is not None}
        ready = [(n, found) for n, s in socks.items() if (found := _ready(s, wanted[n]))]
        if ready:
            return ready
        if until is not None and me.program.clock.ns >= until:
            return []
        ends = [sock._end for sock in socks.values() if sock._end is not None]
        for end in ends:
            end.waiting[me] = None
        try:
            me.program.wait(me, until, "select()", outside=bool(ends))
        finally:
            for end in ends:
                end.waiting.pop(me, None)


def _ready(sock: SimSocket, mask: int) -> int:
    return events_of(sock) & (mask | HUP)


def select_sockets(
    rlist: Iterable[Any], wlist: Iterable[Any], xlist: Iterable[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """`select.select`."""
    if current() is None:
        return REAL_SELECT(rlist, wlist, xlist, timeout)
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    readers, writers = list(rlist), list(wlist)
    wanted: dict[int, int] = {}
    for found, mask in ((readers, IN), (writers, OUT)):
        for one in found:
            number = socket_of(one).fileno()
            wanted[number] = wanted.get(number, 0) | mask
    ready = dict(wait(wanted, timeout))

    def chosen(found: list[Any], mask: int) -> list[Any]:
        return [one for one in found if ready.get(socket_of(one).fileno(), 0) & (mask | HUP)]

    return chosen(readers, IN), chosen(writers, OUT), []


class SimPoll:
    """`select.poll`."""

    unit = 1_000  # of a timeout, in a second

    def __init__(self) -> None:
        self._wanted: dict[int, int] = {}

    def register(self, fd: Any, eventmask: int = IN | OUT) -> None:
        """Watch a simulated socket; anything else raises Escape."""
        self._wanted[socket_of(fd).fileno()] = eventmask

    def modify(self, fd: Any, eventmask: int) -> None:
        """Watch it for other events. Raises FileNotFoundError if it is not registered."""
        number = socket_of(fd).fileno()
        if number not in self._wanted:
            raise FileNotFoundError(2, "No such file or directory")
        self._wanted[number] = eventmask

    def unregister(self, fd: Any) -> None:
        """Raise KeyError for a socket that is not registered."""
        del self._wanted[fd if isinstance(fd, int) else fd.fileno()]

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """(descriptor, events) of the sockets that are ready."""
        seconds = None if timeout is None or timeout < 0 else timeout / self.unit
        found = wait(self._wanted, seconds)
        return found if maxevents < 0 else found[:maxevents]


class SimEpoll(SimPoll):
    """`select.epoll`."""

    unit = 1
    closed = False

    def close(self) -> None:
        """There is nothing to give back to the system."""
        self.closed = True

    def fileno(self) -> int:
        """There is none: it can't be polled itself."""
        return -1

    def __enter__(self) -> SimEpoll:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def poll() -> Any:
    """`select.poll()`."""
    return SimPoll() if current() is not None or REAL_POLL is None else REAL_POLL()


def epoll(*args: Any, **options: Any) -> Any:
    """`select.epoll()`."""
    if current() is not None or REAL_EPOLL is None:
        return SimEpoll()
    return REAL_EPOLL(*args, **options)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    real: fake
    for real, fake in ((REAL_SELECT, select_sockets), (REAL_POLL, poll), (REAL_EPOLL, epoll))
    if real is not None
}
# (class of `selectors`, attribute, stand-in): what it has kept of `select`
ATTRIBUTES: list[tuple[str, str, Any]] = [
    ("SelectSelector", "_select", staticmethod(select_sockets)),
    ("PollSelector", "_selector_cls", staticmethod(poll)),
    ("EpollSelector", "_selector_cls", staticmethod(epoll)),
]
