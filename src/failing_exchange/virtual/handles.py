"""Handles, timers on whole nanoseconds, and tasks and futures that hash by serial number."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from failing_exchange.core.units import SECOND
from failing_exchange.virtual.clock import NEVER_NS

if TYPE_CHECKING:
    from failing_exchange.virtual.loop_api import LoopApi


def tell(self: asyncio.Handle, error: BaseException) -> None:
    """What asyncio does with an exception that a callback raises."""
    handle: Any = self
    text = f"Exception in callback {handle._callback!r}"
    told = {"message": text, "exception": error, "handle": self}
    if handle._source_traceback:
        told["source_traceback"] = handle._source_traceback
    handle._loop.call_exception_handler(told)


def take_back(self: Timer | VenueTimer) -> None:
    """Cancel a timer; without effect once it ran."""
    if not self._cancelled:
        self._cancelled = True
        if self._scheduled:
            self._loop._forget(self)
        self._callback = self._args = None  # so that a cancelled timer keeps nothing alive


class Debugged(asyncio.Handle):
    """A callback of the next turn of a loop in debug mode: it knows where it was made."""

    __slots__ = ()
    failed = tell


class Soon(asyncio.Handle):
    """A callback of the next turn. It is asyncio's, made without asking whether to debug."""

    __slots__ = ()
    _source_traceback = _repr = None  # in place of asyncio's slots, which would have to be set
    failed = tell

    if TYPE_CHECKING:
        _callback: Any
        _args: Any
        _context: contextvars.Context
        _cancelled: bool

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: LoopApi,
        context: contextvars.Context | None,
    ) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = False

    def cancel(self) -> None:
        """As in asyncio."""
        self._cancelled = True
        self._callback = self._args = None


class Timer(asyncio.TimerHandle):
    """A timer of the bot: `_when` is in whole nanoseconds, `when()` in seconds as in asyncio."""

    __slots__ = ("_keeps_running",)
    _source_traceback = _repr = None
    failed = tell

    if TYPE_CHECKING:
        _when: int  # nanoseconds
        _loop: LoopApi
        _scheduled: bool
        _cancelled: bool
        _keeps_running: bool
        _callback: Any
        _args: Any
        _context: contextvars.Context

    def __init__(
        self,
        when_ns: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: LoopApi,
        context: contextvars.Context | None,
    ) -> None:  # the slots of TimerHandle and Handle, set here because two more calls cost as much
        self._when = when_ns
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = contextvars.copy_context() if context is None else context
        self._keeps_running = when_ns < NEVER_NS
        self._scheduled = True
        self._cancelled = False

    def when(self) -> float:
        """Seconds on the scale of `loop.time()`."""
        return self._when / SECOND

    cancel = take_back


class VenueTimer:
    """A timer of the venue: what goes wrong in it ends the simulation.

    It has what a loop and its users need of asyncio's, and no more, for there are many of them.
    `keeps_running`: whether a client waits for it.
    """

    __slots__ = (
        "_args", "_callback", "_cancelled", "_context", "_keeps_running", "_loop", "_scheduled",
        "_when",
    )  # fmt: skip

    def __init__(
        self,
        when_ns: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: LoopApi,
        keeps_running: bool,
    ) -> None:
        self._when = when_ns
        self._callback: Any = callback
        self._args: Any = args
        self._loop = loop
        self._context = loop.venue_context
        self._keeps_running = keeps_running
        self._scheduled = True
        self._cancelled = False

    def when(self) -> float:
        """Seconds on the scale of `loop.time()`."""
        return self._when / SECOND

    def cancelled(self) -> bool:
        """Whether it was taken back."""
        return self._cancelled

    cancel = take_back

    def failed(self, error: BaseException) -> None:
        """End the simulation: an error here is a bug of ours."""
        self._loop.fail(error)


def serial_hash(self: asyncio.Future[Any]) -> int:
    """A serial number, given when first asked for: asyncio keeps tasks in sets ordered by it."""
    try:
        return self.serial  # type: ignore[attr-defined,no-any-return]
    except AttributeError:
        number: int = next(self.get_loop().serials)  # type: ignore[attr-defined]
        self.serial = number  # type: ignore[attr-defined]
        return number


class VirtualFuture(asyncio.Future[Any]):
    """A future that hashes by serial number."""

    __slots__ = ("serial",)
    __hash__ = serial_hash


class VirtualTask(asyncio.Task[Any]):
    """A task that hashes by serial number."""

    __slots__ = ("serial",)
    __hash__ = serial_hash
