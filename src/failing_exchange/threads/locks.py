"""SimLock: `threading.Lock` for simulated threads, and an ordinary lock for all others.

Conditions, events, semaphores, barriers, queues and futures of the standard library are written in
Python upon locks, so that nothing more is needed for them.
"""

from __future__ import annotations

import queue
import threading
from _thread import allocate_lock as real_lock
from collections import deque
from typing import Any

from failing_exchange.virtual.thread_registry import current


class SimLock:
    """A lock that a simulated thread waits for in virtual time.

    It is handed to the thread that has waited longest; it is not free in between.
    """

    __slots__ = ("__weakref__", "_real", "_waiting")

    def __init__(self) -> None:
        self._real = real_lock()
        self._waiting: deque[Any] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As of `threading.Lock`."""
        me = current()
        if me is None:
            return self._real.acquire(blocking, timeout)
        if timeout != -1 and (timeout < 0 or not blocking):
            return self._real.acquire(blocking, timeout)  # which says what is wrong
        me.program.may_lose_turn(me)
        if self._real.acquire(False):
            return True
        return bool(blocking and timeout != 0 and self._wait(me, timeout))

    def _wait(self, me: Any, timeout: float) -> bool:
        until = me.program.until(None if timeout == -1 else timeout)
        self._waiting.append(me)
        try:
            handed: bool = me.program.wait(me, until, "Lock.acquire()")
        except BaseException:
            if me in self._waiting:
                self._waiting.remove(me)
            else:
                self.release()
            raise
        if not handed:
            self._waiting.remove(me)
        return handed

    def release(self) -> None:
        """As of `threading.Lock`."""
        if self._waiting:
            other = self._waiting.popleft()
            other.program.wake(other)
        else:
            self._real.release()
        if (me := current()) is not None:
            me.program.may_lose_turn(me)

    def locked(self) -> bool:
        """Whether a thread holds it."""
        return self._real.locked()

    acquire_lock, release_lock, locked_lock = acquire, release, locked

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._real = real_lock()
        self._waiting.clear()

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} SimLock of a simulation>"


def allocate_lock() -> SimLock:
    """`_thread.allocate_lock`."""
    return SimLock()


def reentrant_lock(*args: Any, **options: Any) -> Any:
    """`threading.RLock`: the standard library's own, written in Python upon locks."""
    return threading._PyRLock(*args, **options)  # type: ignore[attr-defined]


class SimpleQueue(queue._PySimpleQueue):  # type: ignore[name-defined,misc]
    """`queue.SimpleQueue`: the standard library's own, written in Python upon locks."""
