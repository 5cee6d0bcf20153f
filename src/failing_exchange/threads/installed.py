"""Put the stand-ins in place for as long as a blocking program runs; nothing stays behind."""

from __future__ import annotations

import _queue
import _thread
import itertools
import selectors
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from failing_exchange.threads import (
    locks,
    names,
    refused_calls,
    selecting,
    serial_hashes,
    thread_class,
    tls_sockets,
)
from failing_exchange.threads.adopted_locks import AdoptedLocks
from failing_exchange.virtual.patching import REAL_TIME_MODULES, Patches, put
from failing_exchange.virtual.thread_registry import current
from failing_exchange.virtual.transport import descriptors
from failing_exchange.virtual.wallclock import REAL, monotonic

OWN = __name__.partition(".")[0]

_installed = ExitStack()
_programs = 0  # that run now


@contextmanager
def installed() -> Iterator[None]:
    """Blocking functions wait in virtual time, in simulated threads, while the block runs."""
    global _programs
    if not _programs:
        with ExitStack() as undo:
            _install(undo)
            _installed.push(undo.pop_all())
    _programs += 1
    try:
        yield
    finally:
        _programs -= 1
        if not _programs:
            _installed.close()


def _install(undo: ExitStack) -> None:
    descriptors()  # real ones, while sockets still are
    undo.enter_context(lasting_locks())
    undo.enter_context(_adopted().wrapped())
    undo.enter_context(_functions().replaced())
    undo.enter_context(_timeouts().replaced())
    for name, method in thread_class.METHODS.items():
        put(undo, threading.Thread, name, method)
    put(undo, ssl.SSLContext, "wrap_socket", tls_sockets.wrap_socket)
    for kind, name, value in selecting.ATTRIBUTES:
        if hasattr(selectors, kind):
            put(undo, getattr(selectors, kind), name, value)
    for owner, name, value in (*refused_calls.attributes(), *serial_hashes.attributes()):
        put(undo, owner, name, value)
    put(undo, ThreadPoolExecutor, "_counter", itertools.count().__next__)


@contextmanager
def lasting_locks() -> Iterator[None]:
    """Locks that are made in the block can be waited for in virtual time, also later.

    For loading a program: what its modules make when they are imported lasts as long as they.
    """
    with _locks().replaced():
        yield


def _not_ours(name: str) -> bool:
    return name.partition(".")[0] != OWN


@cache
def _locks() -> Patches:
    fakes: dict[Any, Callable[..., Any]] = {
        _thread.allocate_lock: locks.allocate_lock,
        threading.RLock: locks.reentrant_lock,
        _queue.SimpleQueue: locks.SimpleQueue,
    }
    if isinstance(threading.Lock, type):  # from Python 3.13 on
        fakes[threading.Lock] = locks.SimLock
    return Patches(fakes, searches=_not_ours)


@cache
def _adopted() -> AdoptedLocks:
    return AdoptedLocks()


@cache
def _functions() -> Patches:
    tables = (thread_class, names, selecting, refused_calls)
    fakes = {real: fake for table in tables for real, fake in table.FUNCTIONS.items()}
    return Patches(fakes, searches=_not_ours)


@cache
def _timeouts() -> Patches:
    """The clock of the modules that keep to real time elsewhere: they wait for locks."""

    def here() -> float:
        return REAL["monotonic"]() if current() is None else monotonic()

    fakes = {REAL["monotonic"]: here}
    return Patches(fakes, searches=lambda name: name.partition(".")[0] in REAL_TIME_MODULES)
