"""The end of a run: remaining tasks are cancelled in order and given time to clean up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from failing_exchange.core.units import HOUR
from failing_exchange.virtual.asyncio_private import abandon
from failing_exchange.virtual.deadlock_report import waiting_report
from failing_exchange.virtual.errors import SimulationError

if TYPE_CHECKING:
    from failing_exchange.virtual.loop_api import LoopApi

LEFTOVER_ROUNDS_MAX = 8  # tasks that start tasks while being cancelled get this many rounds
LEFTOVER_NS_MAX = HOUR  # for a task to tidy up in; then it is cancelled once more


def cancel_leftovers(loop: LoopApi, behind: Mapping[asyncio.Task[Any], None]) -> None:
    """Cancel what is still running, in order of creation, and let it end; `behind` comes last.

    After an error has left `run`, a second one from the clean-up is not raised: the first is on its
    way to the caller and is the one that explains.
    """
    for _ in range(LEFTOVER_ROUNDS_MAX):
        tasks = loop.tasks() or list(behind)
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        try:
            loop.run_until_complete(_ended(loop, tasks))
        except SimulationError:
            if not loop.broken:
                raise
            break
        _report_errors(loop, tasks)
    left = [*loop.tasks(), *behind]
    for task in left:
        abandon(task)
    if left and not loop.broken:
        raise SimulationError(
            f"the program has ended, but these go on after {LEFTOVER_ROUNDS_MAX} cancels: a "
            f"task must let CancelledError pass\n{waiting_report(left)}"
        )


def _ended(loop: LoopApi, tasks: list[asyncio.Task[Any]]) -> asyncio.Future[Any]:
    """When all of them have ended, or have had their time for it."""
    over = loop.create_future()

    def end(_: object = None) -> None:
        timer.cancel()
        if not over.done():
            over.set_result(None)

    timer = loop.call_at_ns(loop.clock.ns + LEFTOVER_NS_MAX, end)
    asyncio.gather(*tasks, return_exceptions=True).add_done_callback(end)
    return over


def _report_errors(loop: LoopApi, tasks: list[asyncio.Task[Any]]) -> None:
    for task in filter(asyncio.Task.done, tasks):
        error = None if task.cancelled() else task.exception()
        if error is not None and not _is_told(loop, error):
            loop.call_exception_handler(
                {
                    "message": "unhandled exception while the run was ending",
                    "exception": error,
                    "task": task,
                }
            )


def _is_told(loop: LoopApi, error: BaseException) -> bool:
    """Whether it says again what has left `run`: a broken venue refuses each later call so."""
    return type(error) is type(loop.raised) and str(error) == str(loop.raised)
