"""The report in a Deadlock error: which thread waits, for what, at which line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from failing_exchange.text.tracebacks import is_theirs, own_place_of
from failing_exchange.threads.interrupts import frame_of

if TYPE_CHECKING:
    from failing_exchange.threads.simulated_thread import SimulatedThread

THREADS_SHOWN_MAX = 20  # further threads are counted, not listed


# The functions of the standard library that wait, as their callers know them.
WAITS = {
    ("threading", "join"): "Thread.join()",
    ("threading", "wait"): "{0}.wait()",
    ("threading", "wait_for"): "{0}.wait_for()",
    ("threading", "acquire"): "{0}.acquire()",
    ("queue", "get"): "{0}.get()",
    ("queue", "put"): "{0}.put()",
    ("queue", "join"): "{0}.join()",
    ("concurrent.futures._base", "result"): "Future.result()",
    ("concurrent.futures._base", "exception"): "Future.exception()",
    ("concurrent.futures._base", "wait"): "concurrent.futures.wait()",
    ("concurrent.futures._base", "shutdown"): "Executor.shutdown()",
}


def report_on(threads: Iterable[SimulatedThread]) -> str:
    """One line for each thread that waits."""
    waiting = [thread for thread in threads if thread.wait_for]
    lines = [f"  {_line(thread)}" for thread in waiting[:THREADS_SHOWN_MAX]]
    if len(waiting) > THREADS_SHOWN_MAX:
        lines.append(f"  ... and {len(waiting) - THREADS_SHOWN_MAX} more threads")
    return "\n".join(lines)


def _line(thread: SimulatedThread) -> str:
    innermost = frame_of(thread)
    call, frame = thread.wait_for, innermost
    while frame is not None and not is_theirs(frame.f_code.co_filename):
        known = WAITS.get((str(frame.f_globals.get("__name__")), frame.f_code.co_name))
        if known is not None:
            call = known.format(type(frame.f_locals.get("self")).__name__)
        frame = frame.f_back
    return f"{thread.thread.name} waits in {call}, in {own_place_of(innermost)}"
