"""Locks that modules made before the simulation: simulated threads wait for them in virtual time.

The standard library has a few (concurrent.futures, logging), and so has a module that is tested.
They are wrapped, so that threads outside of the simulation and inside see one state.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from failing_exchange.text.tracebacks import is_theirs
from failing_exchange.threads.locks import REAL_LOCK, REAL_RLOCK, SimLock, SimRLock

OWN = __name__.partition(".")[0]


class AdoptedLocks:
    """The locks among the global names of modules; each module is searched once."""

    def __init__(self) -> None:
        self._searched: dict[str, object] = {}
        self._places: list[tuple[dict[str, Any], str, Any, Any]] = []  # with the lock, and its wrap
        self._wraps: dict[int, Any] = {}  # by the id of a lock that is kept in `_places`

    @contextmanager
    def wrapped(self) -> Iterator[None]:
        """They are wrapped while the block runs."""
        self._search()
        for names, name, real, wrap in self._places:
            if names.get(name) is real:
                names[name] = wrap
        try:
            yield
        finally:
            for names, name, real, wrap in self._places:
                if names.get(name) is wrap:
                    names[name] = real

    def _search(self) -> None:
        for name, module in list(sys.modules.items()):
            if self._searched.get(name) is module or not issubclass(type(module), ModuleType):
                continue
            self._searched[name] = module
            if name.partition(".")[0] != OWN:
                self._adopt_from(ModuleType.__getattribute__(module, "__dict__"))

    def _adopt_from(self, names: dict[str, Any]) -> None:
        tested = is_theirs(str(names.get("__file__") or "<frozen"))
        for name, value in list(names.items()):
            kind = type(value)
            if kind is REAL_LOCK or kind is REAL_RLOCK:
                wrap = self._wraps.setdefault(id(value), wrap_of(value))
                self._places.append((names, name, value, wrap))
            elif tested and kind in MADE_OF_LOCKS:
                rebuild(value)


def wrap_of(lock: Any) -> Any:
    """A lock with the state of a real one; one that is none is returned as it is."""
    if type(lock) is REAL_LOCK:
        return SimLock(lock)
    return SimRLock(lock) if type(lock) is REAL_RLOCK else lock


def rebuild(made: Any) -> None:
    """Give an idle condition, event, semaphore, barrier or queue locks of simulated threads."""
    if isinstance(made, threading.Condition):
        made.__init__(wrap_of(made._lock))  # type: ignore[misc,attr-defined]
    elif isinstance(made, queue.Queue):
        made.mutex = wrap_of(made.mutex)
        for condition in (made.not_empty, made.not_full, made.all_tasks_done):
            condition.__init__(made.mutex)  # type: ignore[misc]
    else:
        rebuild(made._cond)


MADE_OF_LOCKS = (
    threading.Condition, threading.Event, threading.Semaphore, threading.BoundedSemaphore,
    threading.Barrier, queue.Queue, queue.LifoQueue, queue.PriorityQueue,
)  # fmt: skip
