"""What a simulated thread can't do, because it reaches for the real world: processes, signals."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from failing_exchange.threads.sockets import refusal
from failing_exchange.virtual.thread_registry import current

PROCESSES = (
    "fork", "forkpty", "system", "posix_spawn", "posix_spawnp", "execv", "execve", "kill", "killpg",
    "abort",
)  # fmt: skip
TIMERS = ("alarm", "setitimer", "sigwait", "sigwaitinfo", "sigtimedwait")


def _refused(real: Callable[..., Any], name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **options: Any) -> Any:
        if current() is not None:
            raise refusal(f"{name}()")
        return real(*args, **options)

    refuse.__name__ = name
    return refuse


def _functions() -> Iterator[tuple[Any, Callable[..., Any]]]:
    for module, names in ((os, PROCESSES), (signal, TIMERS)):
        for name in names:
            if (real := getattr(module, name, None)) is not None:
                yield real, _refused(real, f"{module.__name__}.{name}")


def handle_signal(number: int, handler: Any) -> Any:
    """`signal.signal`: accepted in the main thread, and never called: no signal comes."""
    me = current()
    if me is None:
        return REAL_SIGNAL(number, handler)
    if me.thread is not me.program.main:
        raise ValueError("signal only works in main thread of the main interpreter")
    handlers: dict[int, Any] = me.program.signal_handlers
    before = handlers.get(number, REAL_GETSIGNAL(number))
    handlers[number] = handler
    return before


def handler_of(number: int) -> Any:
    """`signal.getsignal`."""
    me, real = current(), REAL_GETSIGNAL(number)
    return real if me is None else me.program.signal_handlers.get(number, real)


def pause() -> None:
    """`signal.pause`: wait for good, for no signal comes."""
    me = current()
    if me is None:
        signal_pause()
    else:
        me.program.wait(me, None, "signal.pause()")


def leave(code: int) -> None:
    """`os._exit`: the program ends, with no clean-up."""
    me = current()
    if me is None:
        REAL_EXIT(code)
    me.program.leave(SystemExit(code))


REAL_SIGNAL, REAL_GETSIGNAL, REAL_EXIT = signal.signal, signal.getsignal, os._exit
signal_pause: Callable[[], Any] = getattr(signal, "pause", lambda: None)
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **dict(_functions()),
    REAL_SIGNAL: handle_signal,
    REAL_GETSIGNAL: handler_of,
    REAL_EXIT: leave,
    signal_pause: pause,
}


def attributes() -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """(class, method, stand-in); the modules are loaded here, for a program may do so later."""
    for module, kind, name in (
        ("subprocess", "Popen", "__init__"),
        ("multiprocessing.process", "BaseProcess", "start"),
    ):
        owner = getattr(importlib.import_module(module), kind)
        yield owner, name, _refused(getattr(owner, name), f"{module}.{kind}")
