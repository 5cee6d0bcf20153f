"""SimLock: `threading.Lock` for simulated threads, and an ordinary lock for all others.

Conditions, events, semaphores, barriers, queues and futures of the standard library are written in
Python upon locks, so that nothing more is needed for them.
"""

from __future__ import annotations

import queue
from _thread import RLock as real_rlock, allocate_lock as real_lock
from collections import deque
from typing import Any

from failing_exchange.virtual.thread_registry import current

REAL_LOCK, REAL_RLOCK = type(real_lock()), type(real_rlock())


class SimLock:
    """A lock that a simulated thread waits for in virtual time.

    It is handed to the thread that has waited longest; it is not free in between.
    """

    __slots__ = ("__weakref__", "_real", "_waiting")

    def __init__(self, real: Any = None) -> None:
        self._real = real_lock() if real is None else real
        self._waiting: deque[Any] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As of `threading.Lock`."""
        me = current()
        if me is None:
            return bool(self._real.acquire(blocking, timeout))
        if timeout != -1 and (timeout < 0 or not blocking):
            return bool(self._real.acquire(blocking, timeout))  # which says what is wrong
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
        return bool(self._real.locked())

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


class SimRLock:
    """`threading.RLock` for simulated threads, and an ordinary one for all others.

    Who owns it and how often is kept by a real one: each simulated thread is a thread of its own.
    """

    __slots__ = ("__weakref__", "_real", "_waiting")

    def __init__(self, real: Any = None) -> None:
        self._real: Any = real_rlock() if real is None else real
        self._waiting: deque[Any] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As of `threading.RLock`."""
        me = current()
        if me is None or (timeout != -1 and (timeout < 0 or not blocking)):
            return bool(self._real.acquire(blocking, timeout))
        me.program.may_lose_turn(me)
        if self._real.acquire(False):
            return True
        if not blocking or timeout == 0:
            return False
        until = me.program.until(None if timeout == -1 else timeout)
        while not self._real.acquire(False):
            self._waiting.append(me)
            try:
                woken = me.program.wait(me, until, "RLock.acquire()")
            finally:
                if me in self._waiting:
                    self._waiting.remove(me)
            if not woken:
                return bool(self._real.acquire(False))
        return True

    def release(self) -> None:
        """As of `threading.RLock`."""
        self._real.release()
        self._freed()
        if (me := current()) is not None:
            me.program.may_lose_turn(me)

    def _freed(self) -> None:
        if self._waiting and not self._real._is_owned():
            other = self._waiting.popleft()
            other.program.wake(other)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    # What a condition asks of its lock

    def _is_owned(self) -> bool:
        return bool(self._real._is_owned())

    def _release_save(self) -> Any:
        state = self._real._release_save()
        self._freed()
        return state

    def _acquire_restore(self, state: tuple[int, int]) -> None:
        for _ in range(state[0]):
            self.acquire()

    def _at_fork_reinit(self) -> None:
        self._real = real_rlock()
        self._waiting.clear()

    def __repr__(self) -> str:
        return f"<SimRLock over {self._real!r}>"


def reentrant_lock() -> SimRLock:
    """`threading.RLock()`."""
    return SimRLock()


class SimpleQueue(queue._PySimpleQueue):  # type: ignore[name-defined,misc]
    """`queue.SimpleQueue`: the standard library's own, written in Python upon locks."""
