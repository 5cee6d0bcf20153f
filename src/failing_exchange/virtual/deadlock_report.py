"""The report in a Deadlock error: which task waits, in which call, at which line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from failing_exchange.virtual import waiting

TASKS_SHOWN_MAX = 20  # further tasks are counted, not listed

# asyncio's own code, and what stands in for it: the place to tell is in the caller's
_LIBRARY = (asyncio.__file__.rsplit("__init__", 1)[0], waiting.__file__)


def waiting_report(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """One line for each unfinished task: its name, its coroutine, the call and the place."""
    unfinished = [task for task in tasks if not task.done()]
    lines = [f"  {_line(task)}" for task in unfinished[:TASKS_SHOWN_MAX]]
    if len(unfinished) > TASKS_SHOWN_MAX:
        lines.append(f"  ... and {len(unfinished) - TASKS_SHOWN_MAX} more tasks")
    return "\n".join(lines)


def _line(task: asyncio.Task[Any]) -> str:
    steps = list(_awaited(task.get_coro()))
    if not steps:
        return f"{task.get_name()} waits"
    outermost, innermost = steps[0][0], steps[-1][0]
    frames = [frame for _, frame in steps]
    own = [frame for frame in frames if not frame.f_code.co_filename.startswith(_LIBRARY)]
    place = (own or frames)[-1]
    inside = "" if innermost == outermost else f" in {innermost}()"
    where = f"{place.f_code.co_filename}:{place.f_lineno}"
    return f"{task.get_name()}, {outermost}(), waits{inside} at {where}"


def _awaited(awaitable: Any) -> Iterator[tuple[str, FrameType]]:
    """The chain of suspended coroutines and generators, outermost first."""
    while awaitable is not None:
        for frame_of, next_of in _SHAPES:
            frame = getattr(awaitable, frame_of, None)
            if frame is not None:
                yield awaitable.__qualname__, frame
                awaitable = getattr(awaitable, next_of)
                break
        else:
            return


_SHAPES = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))
