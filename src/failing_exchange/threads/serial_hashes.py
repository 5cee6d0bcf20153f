"""Hashes of what threads share: serial numbers, so that sets of them have the same order each time.

An object hashes by its address, which is another one in each process. The standard library keeps
futures and threads in sets (`concurrent.futures.wait` and `as_completed`), and so do programs.
"""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from failing_exchange.threads.sockets import SimSocket
from failing_exchange.virtual.thread_registry import current

KINDS: tuple[type, ...] = (
    Future, SimSocket, threading.Thread, threading.Event, threading.Condition,
    threading.Semaphore, threading.Barrier, queue.Queue,
)  # fmt: skip
SERIAL = "_failing_exchange_serial"  # attribute of an object that a simulated thread has made


def _numbered(real: Callable[..., None]) -> Callable[..., None]:
    """An `__init__` that gives the object a serial number first."""

    @functools.wraps(real)
    def init(self: Any, *args: Any, **options: Any) -> None:
        me = current()
        if me is not None:
            vars(self).setdefault(SERIAL, next(me.program.serials))
        real(self, *args, **options)

    return init


def _serial(self: Any) -> int:
    """The `__hash__` of these classes; what was made elsewhere keeps its hash."""
    number: int | None = vars(self).get(SERIAL)
    return object.__hash__(self) if number is None else number


def attributes() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """(class, method, stand-in)."""
    for kind in KINDS:
        yield kind, "__init__", _numbered(vars(kind)["__init__"])
        yield kind, "__hash__", _serial
