"""`threading` and `_thread` as simulated threads see them; all other threads see the real ones."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import Any

from failing_exchange.virtual.errors import Escape
from failing_exchange.virtual.thread_registry import current

_functions: Any = threading  # some that the stubs do not tell
REAL: dict[str, Callable[..., Any]] = {
    "start": threading.Thread.start,
    "join": threading.Thread.join,
    "is_alive": threading.Thread.is_alive,
    "current_thread": threading.current_thread,
    "main_thread": threading.main_thread,
    "enumerate": threading.enumerate,
    "active_count": threading.active_count,
    "get_ident": _thread.get_ident,
    "get_native_id": _thread.get_native_id,
    "start_new_thread": _thread.start_new_thread,
    "_newname": _functions._newname,
}


def start(self: threading.Thread) -> None:
    """Start a thread of the program that the caller belongs to."""
    me = current()
    if me is None:
        REAL["start"](self)
        return
    known: Any = self
    if not known._initialized:
        raise RuntimeError("thread.__init__() not called")
    if known._started.is_set():
        raise RuntimeError("threads can only be started once")
    me.program.start(self)
    me.program.may_lose_turn(me)


def join(self: threading.Thread, timeout: float | None = None) -> None:
    """Wait in virtual time until a simulated thread ends."""
    sim, me = vars(self).get("_simulated"), current()
    if sim is None and (me is None or not known_started(self)):
        REAL["join"](self, timeout)
    elif sim is None:
        raise Escape(
            f"{self.name} runs outside of the simulation; a bot's thread can't wait for it"
        )
    elif sim is me:
        raise RuntimeError("cannot join current thread")
    elif not sim.done and me is not None:
        sim.joiners.append(me)
        if not me.program.wait(me, me.program.until(timeout), "Thread.join()"):
            sim.joiners.remove(me)


def known_started(thread: threading.Thread) -> bool:
    """Whether a thread has been started; the real `join` complains about others."""
    known: Any = thread
    return bool(known._initialized and known._started.is_set())


def is_alive(self: threading.Thread) -> bool:
    """Whether a thread was started and has not ended."""
    sim = vars(self).get("_simulated")
    return bool(REAL["is_alive"](self)) if sim is None else not sim.done


def current_thread() -> Any:
    """The thread object of the caller."""
    me = current()
    return REAL["current_thread"]() if me is None else me.thread


def main_thread() -> Any:
    """The thread in which the caller's program began."""
    me = current()
    return REAL["main_thread"]() if me is None else me.program.main


def enumerate_threads() -> list[threading.Thread]:
    """The threads of the caller's program."""
    me = current()
    return REAL["enumerate"]() if me is None else [sim.thread for sim in me.program.threads]


def active_count() -> int:
    """How many threads of the caller's program are alive."""
    return len(enumerate_threads())


def get_ident() -> int:
    """A small number in a program: the real one is an address, another one in each run."""
    me = current()
    return int(REAL["get_ident"]() if me is None else me.number)


def get_native_id() -> int:
    """The same number as `get_ident`."""
    me = current()
    return int(REAL["get_native_id"]() if me is None else me.number)


def new_name(template: str) -> str:
    """The name of a thread that is given none; each program counts from 1."""
    me = current()
    return str(REAL["_newname"](template) if me is None else template % next(me.program.names))


def start_new_thread(function: Callable[..., object], args: Any, kwargs: Any = None) -> int:
    """`_thread.start_new_thread`."""
    me = current()
    if me is None:
        number: int = REAL["start_new_thread"](function, args, kwargs or {})
        return number
    thread = threading.Thread(target=function, args=args, kwargs=kwargs, daemon=True)
    thread.start()
    return int(thread.ident or 0)


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    REAL["current_thread"]: current_thread,
    REAL["main_thread"]: main_thread,
    REAL["enumerate"]: enumerate_threads,
    REAL["active_count"]: active_count,
    REAL["get_ident"]: get_ident,
    REAL["get_native_id"]: get_native_id,
    REAL["_newname"]: new_name,
    REAL["start_new_thread"]: start_new_thread,
}
METHODS: dict[str, Callable[..., Any]] = {"start": start, "join": join, "is_alive": is_alive}
