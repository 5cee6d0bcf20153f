"""Run a plain function on a virtual loop: it may block, and start threads that do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from failing_exchange.threads.installed import installed
from failing_exchange.threads.program import Program
from failing_exchange.virtual.errors import SimulationError
from failing_exchange.virtual.loop import VirtualLoop

T = TypeVar("T")


async def run_blocking(function: Callable[[], T], *, quiet: bool = False) -> T:
    """Run `function()` as the main thread of a program, in virtual time; return its result.

    The program is over when the function has returned and no thread but daemons is left. A cancel
    ends it where it stands, as the death of a process does. `quiet`: an error that ends a thread is
    not printed, unless the program has a `threading.excepthook` of its own.

    Raises Deadlock if its threads wait for each other, SimulationError on a loop in real time, and
    whatever the function raises.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise SimulationError("blocking code runs in virtual time only: see simulate()")
    with installed():
        return await Program(loop, quiet=quiet).run(function)
