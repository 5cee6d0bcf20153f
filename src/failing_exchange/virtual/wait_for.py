"""`asyncio.wait_for` as it is from Python 3.12 on, in virtual time also on 3.11.

There it waits in a task of its own and keeps its time by a delay; from 3.12 on it waits in the
task that calls it, within `asyncio.timeout`. The order of what follows would differ, and so would
the instant, by up to a nanosecond.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from failing_exchange.virtual.patching import Patches

T = TypeVar("T")


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


@contextmanager
def unified() -> Iterator[None]:
    """In the block `wait_for` is the same on every Python that we support."""
    if sys.version_info >= (3, 12):
        yield
        return
    with _patches.replaced():
        yield


_patches = Patches({asyncio.wait_for: wait_for})
