"""Fair scheduling: connections share the processor for costly requests, in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from failing_exchange.venue.venue_clock import VenueClock

OVER = object()


class Share:
    """What a connection has used of the processor (a tag of `Turns`), and its waiting requests.

    Until its first costly request is over, a connection has no share of its own: all new ones have
    one together, which gets half of the processor at most, however many they are.
    """

    __slots__ = ("newcomers", "tag", "waiting")

    def __init__(self, newcomers: Share | None = None) -> None:
        self.newcomers = newcomers
        self.tag = 0  # nanoseconds
        # nanoseconds spent on a request, its number, its connection's share, and its steps
        self.waiting: list[tuple[int, int, Share, Iterator[None]]] = []


class Turns:
    """Takes one step of one costly request per turn of the loop; other work goes on in between.

    A request is an iterator that takes a step each time. The share that has used least goes first
    (start-time fair queueing): one that has rested begins where those that are served stand. Within
    a share the request goes first on which least was spent. At most one request of a connection
    waits here.

    In virtual time no request waits, since work takes no time there.
    """

    def __init__(self, clock: VenueClock) -> None:
        self._clock = clock
        self._newcomers = Share()
        self._waiting: list[tuple[int, int, Share]] = []  # shares with requests that wait, by tag
        self._number = count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._taken = False  # whether a step was taken in this turn
        self._tag = 0  # of the last one that was served

    def share(self) -> Share:
        """The share of a new connection."""
        return Share(self._newcomers)

    def take(self, share: Share, steps: Iterator[None]) -> bool:
        """Take the first step now if none waits, the others in turns; whether all are taken."""
        if self._clock.is_virtual:
            for _ in steps:
                pass
            return True
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what waited in the loop before will not be answered any more
            self._loop, self._taken = loop, False
            self._waiting.clear()
            self._newcomers.waiting.clear()
        queue = share.newcomers or share
        heappush(queue.waiting, (0, next(self._number), share, steps))
        if len(queue.waiting) == 1:
            self._wait(queue)
        return not self._taken and self._step(loop)

    async def mine(self) -> None:
        """Wait for a turn, as a newcomer. What is done in it is not measured."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def step() -> Iterator[None]:
            if not turn.done():
                turn.set_result(None)
            yield

        self.take(self.share(), step())
        await turn

    def _wait(self, queue: Share) -> None:
        heappush(self._waiting, (max(self._tag, queue.tag), next(self._number), queue))

    def _step(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Take a step of the request whose turn it is; whether that request is over."""
        self._taken = True
        # Not the next turn but the one after it: what has come in meanwhile is heard first.
        loop.call_soon(loop.call_soon, self._next)
        tag, _, queue = heappop(self._waiting)
        spent, number, share, steps = heappop(queue.waiting)
        began, over = self._clock.now(), True
        try:
            over = next(steps, OVER) is OVER
        finally:
            cost = self._clock.now() - began
            # New ones have half of it: they would wait long for one share among many.
            weight = max(1, len(self._waiting)) if queue is self._newcomers else 1
            queue.tag, self._tag = tag + cost // weight, max(self._tag, tag)
            if over:
                share.newcomers, share.tag = None, tag + cost
            else:
                heappush(queue.waiting, (spent + cost, number, share, steps))
            if queue.waiting:
                self._wait(queue)
        return over

    def _next(self) -> None:
        if self._waiting and self._loop is not None:
            self._step(self._loop)
        else:
            self._taken = False
