"""The clocks of the process follow a virtual clock: time.time, datetime.now, monotonic, sleep.

time-machine replaces the wall clock's C functions in place, so that aliases follow as well; its
traveller reads our clock, so that nothing has to be done when time moves. It leaves the monotonic
clocks, `time.sleep`, `ctime` and `asctime` alone: those are replaced by name, in every module that
holds one. So are `time` and `time_ns`, which cost a quarter then: clients read them all the time.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from failing_exchange.core.units import DAY, MICROSECOND, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.virtual.clock import VirtualClock, delay_in_ns
from failing_exchange.virtual.errors import SimulationError
from failing_exchange.virtual.patching import Patches
from failing_exchange.virtual.thread_registry import current

_NAMES = (
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep",
    "ctime", "asctime",
)  # fmt: skip
# The real ones; `time` and `time_ns` follow a virtual clock all the same, by way of time-machine.
REAL: dict[str, Callable[..., Any]] = {name: getattr(time, name) for name in _NAMES}

_clock: VirtualClock | None = None  # the one in force
_thread = 0  # of the simulation: elsewhere, time.sleep sleeps


@contextmanager
def follow(clock: VirtualClock, *, tz: str = "UTC") -> Iterator[None]:
    """Every clock of this process shows the time of `clock` while the block runs.

    `tz` is the local time zone meanwhile, by its zoneinfo name. `time.sleep` moves the clock with
    nothing else running. Real clocks stay within reach as `REAL["perf_counter"]()` and so on.
    Raises SimulationError if a virtual clock is in force already, ConfigurationError for `tz`.
    """
    global _clock, _thread
    if _clock is not None:
        raise SimulationError("a simulation is running in this process already; one at a time")
    with ExitStack() as undo:
        undo.enter_context(_local_zone(tz, clock))
        undo.enter_context(_travelling(clock))
        undo.callback(_forget_clock)
        _clock, _thread = clock, threading.get_ident()
        undo.enter_context(_patches().replaced())
        yield


def _forget_clock() -> None:
    global _clock
    _clock = None


# The wall clock


@contextmanager
def _travelling(clock: VirtualClock) -> Iterator[None]:
    import time_machine

    travel = time_machine.travel(clock.now_ns() // SECOND, tick=False)
    traveller = travel.start()
    try:
        stack = getattr(time_machine, "traveller_stack", None)
        if not _takes_our_traveller(stack, clock):
            _push(traveller, clock)
        yield
    finally:
        clock.moved = None
        travel.stop()


def _takes_our_traveller(stack: list[Any] | None, clock: VirtualClock) -> bool:
    """Put a traveller that reads the clock in place, and see whether time now follows it.

    The stack is not documented by time-machine; where it is gone, the public interface is used.
    """
    if not stack:
        return False
    stock = stack[-1]
    stack[-1] = _traveller_class()(clock)
    if _follows(clock):
        return True
    stack[-1] = stock
    return False


def _follows(clock: VirtualClock) -> bool:
    before = clock.ns
    clock.ns += DAY + MICROSECOND
    shown = (time.time_ns(), datetime.now(UTC))
    expected = clock.now_ns()
    clock.ns = before
    whole, rest = divmod(expected, SECOND)
    return shown == (
        expected,
        datetime.fromtimestamp(whole, UTC) + timedelta(microseconds=rest // 1000),
    )


@cache
def _traveller_class() -> type[Any]:
    import time_machine

    class ClockReader(time_machine.Traveller):
        """A traveller that is always where the clock is."""

        def __init__(self, clock: VirtualClock) -> None:
            super().__init__(clock.now_ns(), None, False)
            self._clock = clock

        def time_ns(self) -> int:
            return self._clock.epoch_ns + self._clock.ns

    return ClockReader


def _push(traveller: Any, clock: VirtualClock) -> None:
    """Move a stock traveller along with the clock, by time-machine's public interface."""
    shown = clock.now_ns() // SECOND * SECOND

    def moved() -> None:
        nonlocal shown
        seconds, ns = divmod(clock.now_ns() - shown, SECOND)
        traveller.shift(seconds)
        traveller.shift(ns / SECOND)
        shown = clock.now_ns()

    moved()
    clock.moved = moved


# The time zone


@contextmanager
def _local_zone(tz: str, clock: VirtualClock) -> Iterator[None]:
    if not hasattr(time, "tzset"):  # Windows has one zone per machine and can't be told another
        yield
        return
    before = os.environ.get("TZ")
    _set_zone(tz)
    try:
        _check_zone(tz, clock)
        yield
    finally:
        _set_zone(before)


def _set_zone(tz: str | None) -> None:
    if tz is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = tz
    time.tzset()


def _check_zone(tz: str, clock: VirtualClock) -> None:
    """The C library silently takes a name that it does not know for UTC."""
    seconds = clock.now_ns() // SECOND
    expected = datetime.fromtimestamp(seconds, zone(tz)).utcoffset()
    if timedelta(seconds=time.localtime(seconds).tm_gmtoff) != expected:
        raise ConfigurationError(
            f"tz={tz!r}: the C library of this machine does not know the zone (is tzdata "
            "installed?); use tz='UTC'"
        )


def zone(tz: str) -> Any:
    """The tzinfo of a zone name. Raises ConfigurationError if there is none."""
    if tz == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f"tz={tz!r} is not a known time zone; expected a name such as 'UTC' or 'Europe/Berlin'"
        ) from None


# The stand-ins by name: each asks for the clock in force, for modules that a program imports
# meanwhile keep them for good.


def wall() -> float:
    """time.time, of the clock in force."""
    return REAL["time"]() if _clock is None else (_clock.epoch_ns + _clock.ns) / SECOND


def wall_ns() -> int:
    """time.time_ns, of the clock in force."""
    return REAL["time_ns"]() if _clock is None else _clock.epoch_ns + _clock.ns


def monotonic() -> float:
    """time.monotonic, of the clock in force."""
    return REAL["monotonic"]() if _clock is None else _clock.ns / SECOND


def monotonic_ns() -> int:
    """time.monotonic_ns, of the clock in force."""
    return REAL["monotonic_ns"]() if _clock is None else _clock.ns


def perf_counter() -> float:
    """time.perf_counter, of the clock in force."""
    return REAL["perf_counter"]() if _clock is None else _clock.ns / SECOND


def perf_counter_ns() -> int:
    """time.perf_counter_ns, of the clock in force."""
    return REAL["perf_counter_ns"]() if _clock is None else _clock.ns


def sleep(seconds: float) -> None:
    """time.sleep: a simulated thread waits; on the loop the clock moves, and nothing else."""
    if (me := current()) is not None:
        me.program.sleep(me, seconds)
        return
    if _clock is None or threading.get_ident() != _thread:
        REAL["sleep"](seconds)
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    _clock.move_to(_clock.ns + delay_in_ns(seconds))


def ctime(seconds: float | None = None, /) -> str:
    """time.ctime, of now if no time is given."""
    text: str = REAL["ctime"](time.time() if seconds is None else seconds)
    return text


def asctime(instant: Any = None, /) -> str:
    """time.asctime, of now if no time is given."""
    text: str = REAL["asctime"](time.localtime() if instant is None else instant)
    return text


@cache
def _patches() -> Patches:
    fakes: tuple[Callable[..., Any], ...] = (
        wall, wall_ns, monotonic, monotonic_ns, perf_counter, perf_counter_ns, sleep, ctime, asctime
    )  # fmt: skip
    return Patches({REAL[name]: fake for name, fake in zip(_NAMES, fakes, strict=True)})
