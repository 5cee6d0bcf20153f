"""The venue's clock: the running loop's, in integer nanoseconds since the epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from failing_exchange.core.units import SECOND
from failing_exchange.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio


class Cancelable(Protocol):
    """A timer that was set."""

    def cancel(self) -> None:
        """Cancel it; nothing happens if it was called already."""


class VenueClock:
    """The present instant and timers; usable once it is bound to a loop, at the first await.

    On a virtual loop the instant is the loop's own. On any other loop the wall clock is read once,
    at the start, and loop time is added to it: the venue's time never goes back. Loops count in
    floating-point seconds and may call a timer a little early, so the instant is never before that
    of a timer that was called: a callback that sets the next timer does not wait for its own again.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.now: Callable[[], int] = _unbound  # the instant
        # call_at(instant, callback, *args, keeps_running=True) sets a timer; `keeps_running` says
        # whether a client waits for it. Both are the loop's own where it is a virtual one.
        self.call_at: Callable[..., Cancelable] = self._call_at
        # jump(instant): move there at once if nothing else could happen before; whether it did
        self.jump: Callable[[int], bool] = _never
        # awaits(): whether the calling coroutine may jump instead of waiting
        self.awaits: Callable[[], bool] = _nobody
        self._virtual: Any = None
        self._epoch = 0
        self._reached = 0  # the latest instant of a timer that was called
        self.not_before = 0  # an instant that was reached already, in an earlier process

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use this loop from now on; time goes on where another loop has left it.

        Raises ConfigurationError where a simulation would start in the past of this exchange.
        """
        before = self.now() if self.loop is not None else 0
        self.loop = loop
        self._virtual = loop if hasattr(loop, "call_at_ns") else None
        if self._virtual is not None:
            self.now, self.call_at = self._virtual.now_ns, self._virtual.call_at_instant
            self.jump, self.awaits = self._virtual.jump, self._virtual.awaits
            if self.now() < before:
                raise ConfigurationError(
                    f"this exchange was used until {instant_text(before)}, and the simulation "
                    f"is at {instant_text(self.now())}: make the exchange inside the simulation, "
                    "or give simulate a later start"
                )
            if self.now() < self.not_before:
                raise ConfigurationError(
                    f"the simulation starts {self.not_before - self.now()} ns before the last "
                    "instant of its journal: give a later start, or name another journal"
                )
            return
        start = max(before, self.not_before, time.time_ns())
        self._epoch = start - int(loop.time() * SECOND)
        self.now, self.call_at = self._reader(loop), self._call_at
        self.jump, self.awaits = _never, _nobody

    def _reader(self, loop: asyncio.AbstractEventLoop) -> Callable[[], int]:
        """What reads the instant of a loop in real time."""
        from asyncio import BaseEventLoop

        epoch, seconds = self._epoch, loop.time

        def now() -> int:
            at = epoch + int(seconds() * SECOND)
            return at if at > self._reached else self._reached

        def now_by_asyncio() -> int:  # the same without asyncio's own call: its loops read this
            at = epoch + time.monotonic_ns()
            return at if at > self._reached else self._reached

        own = getattr(type(loop), "time", None) is BaseEventLoop.time
        return now_by_asyncio if own else now

    @property
    def is_virtual(self) -> bool:
        """Whether waiting is free."""
        return self._virtual is not None

    def _call_at(
        self, at: int, callback: Callable[..., None], *args: Any, keeps_running: bool = True
    ) -> Cancelable:
        assert self.loop is not None
        return self.loop.call_at((at - self._epoch) / SECOND, self._due, at, callback, *args)

    def _due(self, at: int, callback: Callable[..., None], *args: Any) -> None:
        self._reached = max(self._reached, at)
        callback(*args)

    def fail(self, error: BaseException) -> None:
        """End a simulation because of a bug of ours; in real time the venue raises it itself."""
        if self._virtual is not None:
            self._virtual.fail(error)


def instant_text(at: int) -> str:
    """Format an instant as ISO 8601 text to the second.

    >>> instant_text(1_767_225_600_000_000_000)
    '2026-01-01T00:00:00Z'
    """
    from datetime import UTC, datetime, timedelta

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return (epoch + timedelta(seconds=at // SECOND)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _never(at: int) -> bool:
    """Real time can't jump."""
    return False


def _nobody() -> bool:
    return False


def _unbound() -> int:
    raise AssertionError("the clock is read before it is bound to a loop")
