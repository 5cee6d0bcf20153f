"""The private names of asyncio that we use, all of them: what a new Python may take away.

The modules `handles`, `isolation`, `jump` and `loop` rely on the attributes of their bases besides.
"""

from __future__ import annotations

import asyncio
import asyncio.runners
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# current_task(loop): asyncio's own is a Python call on 3.11
current_task: Any = vars(asyncio.tasks)["_current_tasks"].get
running_loop = asyncio._get_running_loop  # None where none runs; the public one raises then
unregister = asyncio._unregister_task  # `all_tasks()` and a loop that ends do not find the task
GatheringFuture: Any = vars(asyncio.tasks)["_GatheringFuture"]  # what `gather` returns
CANCEL_ALL = "_cancel_all_tasks"  # of `asyncio.runners`: what a Runner does to tasks left over
cancel_all: Any = vars(asyncio.runners)[CANCEL_ALL]


def abandon(task: asyncio.Task[Any]) -> None:
    """Let a task be destroyed while it waits, without the warning."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def destroy(task: asyncio.Task[Any]) -> None:
    """End a task where it waits, while its loop is still open.

    If the task is left to the garbage collector, its code runs after the loop was closed: each wait
    raises RuntimeError then, and a coroutine that logs errors and tries again never ends.
    """
    abandon(task)
    unregister(task)
    coroutine: Any = task.get_coro()
    with suppress(Exception):  # of code that does not let GeneratorExit pass: nobody waits for it
        coroutine.close()


def is_being_cancelled(task: asyncio.Task[Any]) -> bool:
    """Whether a cancel was asked for, also one that the task has not been told of yet."""
    must: bool = task._must_cancel  # type: ignore[attr-defined]
    return must or task.cancelling() > 0


@contextmanager
def running(loop: Any) -> Iterator[None]:
    """Within the block this loop is the one that `asyncio.get_running_loop()` returns."""
    before = running_loop()
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(before)
