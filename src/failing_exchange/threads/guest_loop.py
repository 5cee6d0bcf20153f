"""GuestLoop: the event loop of one simulated thread, as `asyncio.run` makes it there.

It shares the clock and the network of the loop that carries the venue. Where it would move the
clock, its thread waits instead, so that all threads and loops see the same time.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from heapq import heappop
from typing import TYPE_CHECKING, Any, TypeVarTuple

from failing_exchange.virtual.clock import NEVER_NS
from failing_exchange.virtual.loop import VirtualLoop
from failing_exchange.virtual.network import Network
from failing_exchange.virtual.thread_registry import current

if TYPE_CHECKING:
    from failing_exchange.threads.simulated_thread import ProgramApi

Args = TypeVarTuple("Args")


class GuestLoop(VirtualLoop):
    """A virtual loop in a thread of a program."""

    def __init__(self, program: ProgramApi) -> None:
        host = program.loop
        super().__init__(
            program.clock,
            seed=host.seed,
            schedule=host.schedule,
            steps_per_instant_max=host._steps_max,
            on_check=host._on_check,
        )
        self._jumps = False  # only the other threads know whether nothing else can happen
        self._program = program
        self._asleep: Any = None  # the thread that runs this loop, while it waits

    @property
    def carrier(self) -> VirtualLoop:
        """The loop that carries the venue; a venue that this thread calls lives on there."""
        return self._program.loop

    @property
    def network(self) -> Network:
        """That of the loop that carries the venue."""
        return self._program.loop.network

    async def create_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        return await self.network.create_connection(protocol_factory, *args, **options, loop=self)

    async def create_server(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        return await self.network.create_server(protocol_factory, *args, **options, loop=self)

    # Threads: pools have simulated ones

    run_in_executor = asyncio.BaseEventLoop.run_in_executor
    shutdown_default_executor: Any = asyncio.BaseEventLoop.shutdown_default_executor

    def call_soon(
        self,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = super().call_soon(callback, *args, context=context)
        if self._asleep is not None:
            self._program.wake(self._asleep)
        return handle

    call_soon_threadsafe = call_soon

    def _schedule(self, when: int, timer: Any) -> Any:
        super()._schedule(when, timer)
        if self._asleep is not None:
            self._program.wake(self._asleep)
        return timer

    # Turns

    def _advance(self) -> None:
        """Nothing is ready: the thread waits for the next timer, or for another thread."""
        me, timers = current(), self._scheduled
        while not self._ready:
            while timers and timers[0][2]._cancelled:
                heappop(timers)
                self._dead -= 1
            until = timers[0][0] if timers and timers[0][0] < NEVER_NS else None
            if until is not None and until <= self.clock.ns:
                self._collect_due()
                continue
            self._asleep = me
            try:
                self._program.wait(
                    me, until, "its event loop", outside=True, lasting=self._awaited > 0
                )
            finally:
                self._asleep = None
