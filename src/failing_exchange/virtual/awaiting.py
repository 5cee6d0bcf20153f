"""Whether a coroutine would, by waiting, suspend the task that runs now."""

from __future__ import annotations

import asyncio
from asyncio import current_task
from dis import opmap
from types import CodeType, FrameType
from typing import Any

SEND = opmap["SEND"]  # where a frame stands while it awaits
SLEEP = asyncio.sleep.__code__
# What `asyncio.sleep` has called: given a future and a result, it sets one to the other.
WAKE: Any = vars(asyncio.futures)["_set_result_unless_cancelled"]


def awaits(frame: FrameType, loop: asyncio.AbstractEventLoop, caller: CodeType) -> bool:
    """Whether all above a coroutine's frame await it, up to the task that `caller` has called.

    What somebody steps by hand, an eager task or a destructor has no turn of its own to keep. A
    task that is being canceled would not come to wait.
    """
    while True:
        above = frame.f_back
        if above is None:
            return False
        if above.f_code is caller:
            break
        if above.f_code.co_code[above.f_lasti] != SEND:
            return False
        frame = above
    task: Any = current_task(loop)
    return task is not None and not task.cancelling() and not task._must_cancel
