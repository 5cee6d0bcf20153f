"""Whether a coroutine would, by waiting, suspend the task that runs now."""

from __future__ import annotations

import asyncio
from asyncio import current_task
from dis import opmap
from types import CodeType, FrameType
from typing import Any

# Where a frame stands while it awaits; CPython 3.12 may say that it is at the cache of this step.
SEND, CACHE = opmap["SEND"], opmap["CACHE"]
SLEEP = asyncio.sleep.__code__
# What `asyncio.sleep` has called: given a future and a result, it sets one to the other.
WAKE: Any = vars(asyncio.futures)["_set_result_unless_cancelled"]


def awaits(frame: FrameType, loop: asyncio.AbstractEventLoop, caller: CodeType) -> bool:
    """Whether all above a coroutine's frame await it, up to the task that `caller` has called.

    What somebody steps by hand, an eager task or a destructor has no turn of its own to keep. A
    task that is being canceled would not come to wait.
    """
    above = frame.f_back
    while above is not None:
        code = above.f_code
        if code is caller:
            task: Any = current_task(loop)
            return task is not None and not task.cancelling() and not task._must_cancel
        at, steps = above.f_lasti, code.co_code
        if steps[at] != SEND and (steps[at] != CACHE or steps[at - 2] != SEND):
            return False
        above = above.f_back
    return False
