"""`asyncio.sleep` and `asyncio.wait_for` as they are in virtual time.

A sleep jumps where its task would only wait for it (see `virtual.jump`). `wait_for` is as it is
from Python 3.12 on, also on 3.11: there it waits in a task of its own and keeps its time by a
delay; from 3.12 on it waits in the task that calls it, within `asyncio.timeout`. The order of what
follows would differ, and so would the instant, by up to a nanosecond.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import Any, TypeVar

from failing_exchange.virtual.jump import JumpingLoop
from failing_exchange.virtual.patching import Patches

T = TypeVar("T")
REAL: dict[str, Any] = {"sleep": asyncio.sleep}  # in a name of its own it would be replaced, too


async def sleep(delay: float, result: Any = None) -> Any:
    """Return `result` after `delay` seconds."""
    loop = JumpingLoop.running
    if delay > 0 and loop is not None and loop.slept(delay):
        return result
    return await REAL["sleep"](delay, result)


async def wait_for(fut: Awaitable[T], timeout: float | None) -> T:
    """Wait for an awaitable, at most `timeout` seconds; then cancel it and raise TimeoutError."""
    if timeout is None or timeout > 0:
        async with asyncio.timeout(timeout):
            return await fut
    future = asyncio.ensure_future(fut)
    if not future.done():  # no time at all: only what is there already counts
        future.cancel()
        await asyncio.gather(future, return_exceptions=True)
    try:
        return future.result()
    except asyncio.CancelledError as error:
        raise TimeoutError from error


_OLD = {asyncio.wait_for: wait_for} if sys.version_info < (3, 12) else {}
STAND_INS = Patches({REAL["sleep"]: sleep, **_OLD})
