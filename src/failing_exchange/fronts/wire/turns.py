"""Shares the processor between connections: costly requests are answered in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from failing_exchange.clock import VenueClock

USUAL_OF = 8  # steps over which the usual cost of a step is averaged
NEWCOMERS_PAY = 4  # a new connection begins a fourth of a step behind: many of them gain little
OVER = object()


class Share:
    """What a connection has used of the processor: nanoseconds, as a tag of `Turns`."""

    __slots__ = ("tag",)

    def __init__(self) -> None:
        self.tag: int | None = None  # None: it has not asked yet


class Turns:
    """Lets one step of a costly request be taken per turn of the loop, and all others in between.

    A request is an iterator that takes a step each time. Of those that wait, the one goes first
    whose connection has used least (start-time fair queueing): one that has rested begins where
    those that are served stand, and a new one a little behind. At most one request of a connection
    waits here.

    In virtual time nobody waits, since work takes no time there.
    """

    def __init__(self, clock: VenueClock) -> None:
        self._clock = clock
        self._waiting: list[tuple[int, int, Share, Iterator[None]]] = []
        self._number = count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._taken = False  # whether a step was taken in this turn
        self._tag = 0  # of the last one that was served
        self._usual = 0  # nanoseconds of a step

    def take(self, share: Share, steps: Iterator[None]) -> bool:
        """Take the first step now, if nobody waits, and the others in turns; whether it is over."""
        if self._clock.is_virtual:
            for _ in steps:
                pass
            return True
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what waited in the loop before will not be answered any more
            self._loop, self._taken = loop, False
            self._waiting.clear()
        if share.tag is None:
            share.tag = self._tag + self._usual // NEWCOMERS_PAY
        if not self._taken:
            return self._step(loop, max(self._tag, share.tag), share, steps)
        self._wait(share, steps)
        return False

    async def mine(self, share: Share) -> None:
        """Wait for a turn. What is done in it is not measured."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def step() -> Iterator[None]:
            if not turn.done():
                turn.set_result(None)
            yield

        self.take(share, step())
        await turn

    def _wait(self, share: Share, steps: Iterator[None]) -> None:
        tag = max(self._tag, share.tag or 0)
        heappush(self._waiting, (tag, next(self._number), share, steps))

    def _step(
        self, loop: asyncio.AbstractEventLoop, tag: int, share: Share, steps: Iterator[None]
    ) -> bool:
        self._taken = True
        # Not the next turn but the one after it: what has come in meanwhile is heard first.
        loop.call_soon(loop.call_soon, self._next)
        began = self._clock.now()
        try:
            over = next(steps, OVER) is OVER
        finally:
            cost = self._clock.now() - began
            share.tag, self._tag = tag + cost, max(self._tag, tag)
            self._usual += (cost - self._usual) // USUAL_OF
        if not over:
            self._wait(share, steps)
        return over

    def _next(self) -> None:
        if self._waiting and self._loop is not None:
            tag, _, share, steps = heappop(self._waiting)
            self._step(self._loop, tag, share, steps)
        else:
            self._taken = False
