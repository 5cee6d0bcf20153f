"""The virtual clock: whole nanoseconds, moved by the simulation and by nothing else."""

from __future__ import annotations

from collections.abc import Callable

from failing_exchange.core.units import SECOND
from failing_exchange.virtual.errors import BudgetExceeded

NEVER_NS = 1 << 62  # 146 years: a timer set for then or later (sleep(inf)) is one that never fires
FOREVER_SECONDS = NEVER_NS / SECOND


class VirtualClock:
    """The time of one simulation, shared by its loops and by the patched clocks of the process.

    `ns` counts from the start of the simulation, `epoch_ns` is the instant of that start in
    nanoseconds since 1970. `end_ns` is the last value that `ns` may take. `moved`, if set, is
    called after each move.

    >>> clock = VirtualClock(epoch_ns=1_767_225_600 * SECOND)
    >>> clock.move_to(5 * SECOND)
    >>> clock.ns, clock.now_ns()
    (5000000000, 1767225605000000000)
    """

    __slots__ = ("end_ns", "epoch_ns", "moved", "ns")

    def __init__(self, *, epoch_ns: int = 0, end_ns: int = NEVER_NS) -> None:
        self.ns = 0
        self.epoch_ns = epoch_ns
        self.end_ns = end_ns
        self.moved: Callable[[], None] | None = None

    def now_ns(self) -> int:
        """The instant in nanoseconds since the epoch."""
        return self.epoch_ns + self.ns

    def move_to(self, ns: int) -> None:
        """Move forward. Raises BudgetExceeded beyond `end_ns`; the clock then stays there."""
        if ns > self.end_ns:
            self.ns = self.end_ns
            raise BudgetExceeded(
                f"the run reached virtual second {self.end_ns / SECOND:,.10g}, its limit; "
                "raise virtual_seconds_max, or end the program earlier"
            )
        self.ns = ns
        if self.moved is not None:
            self.moved()


def delay_in_ns(seconds: float) -> int:
    """A waiting time as whole nanoseconds: never negative, and never 0 for a positive wait.

    So each `sleep(end - loop.time())` moves the clock, even where the difference is one unit in
    the last place of a float, and loops that sleep until an instant come to an end.

    >>> delay_in_ns(0.1), delay_in_ns(1e-12), delay_in_ns(0), delay_in_ns(-3)
    (100000000, 1, 0, 0)
    """
    if seconds >= FOREVER_SECONDS:
        return NEVER_NS
    ns = round(seconds * SECOND)
    if ns > 0:
        return ns
    return 1 if seconds > 0 else 0


def instant_in_ns(when: float) -> int:
    """The first nanosecond at which a clock that reads `ns / SECOND` shows at least `when`.

    Whole seconds and the rest are converted apart: one product would lose up to 32 ns after
    nine years. A callback that compares `loop.time()` with its own deadline then finds it reached.

    >>> instant_in_ns(0.1), instant_in_ns(315_360_000.3) / SECOND >= 315_360_000.3
    (100000000, True)
    """
    if when >= FOREVER_SECONDS:
        return NEVER_NS
    seconds = int(when)
    ns = seconds * SECOND + round((when - seconds) * SECOND)
    return ns if ns / SECOND >= when else ns + 1
