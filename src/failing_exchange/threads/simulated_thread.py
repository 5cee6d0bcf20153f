"""A simulated thread, and what its program is to the modules that the program is made of."""

from __future__ import annotations

import asyncio
import threading
from _thread import allocate_lock
from typing import Any, Protocol

from failing_exchange.virtual.clock import VirtualClock
from failing_exchange.virtual.loop import VirtualLoop


class ProgramApi(Protocol):
    """The program of a thread (program.Program)."""

    loop: VirtualLoop
    clock: VirtualClock
    killed: bool
    running: SimulatedThread | None
    threads: dict[SimulatedThread, None]
    steps: int
    task: asyncio.Task[Any] | None
    left_behind: int
    errors: list[tuple[str, BaseException]]

    def wait(
        self, me: SimulatedThread, until: int | None, what: str, *, outside: bool = ...,
        lasting: bool = ...,
    ) -> bool:  # fmt: skip
        """Give the turn away until it is woken, or until an instant."""

    def wake(self, thread: SimulatedThread) -> None:
        """Let a thread that waits go on."""


class SimulatedThread:
    """A thread of a program: what the scheduler knows of it."""

    __slots__ = (
        "baton", "daemon", "deaths", "done", "joiners", "lost", "number", "program", "rank",
        "real_ident", "thread", "timer", "wait_for", "waiting", "wakes", "woken",
    )  # fmt: skip

    def __init__(self, program: Any, thread: threading.Thread, number: int) -> None:
        self.program = program
        self.thread = thread
        self.number = number
        self.daemon = thread.daemon
        self.real_ident = 0
        self.baton = allocate_lock()  # free while the thread may run
        self.baton.acquire()
        self.waiting = self.woken = self.done = False
        self.lost = False  # it did not give the turn back; what it does now has no effect
        self.wait_for = ""  # what it waits for, in words
        self.timer: Any = None
        self.wakes = 0
        self.rank = 0  # among those that could run, the lowest goes first (schedule="random")
        self.deaths = 0
        self.joiners: list[SimulatedThread] = []
