"""Stop a bot that never waits.

No turn of the loop in many seconds of processor time (not of real time, of which a busy machine
takes more), and the running code is interrupted. It needs SIGVTALRM and the main thread; elsewhere
(Windows, other threads) nothing is watched.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from failing_exchange.text.tracebacks import own_place_of
from failing_exchange.threads.interrupts import SPIN_LIMIT, SPIN_S as SPIN_S
from failing_exchange.virtual.asyncio_private import running_loop
from failing_exchange.virtual.errors import Spins
from failing_exchange.virtual.thread_registry import frame_with_turn

LOOK_S = 1.0  # such seconds between two looks, and between two interrupts


@contextmanager
def watched(spin_s: float = SPIN_S) -> Iterator[None]:
    """Interrupt the running loop's code with `Spins` after `spin_s` without a turn.

    The threads of a blocking program have the same time.
    """
    limit = SPIN_LIMIT.set(spin_s)
    try:
        with _loop_watched(spin_s):
            yield
    finally:
        SPIN_LIMIT.reset(limit)


@contextmanager
def _loop_watched(spin_s: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not (
        threading.main_thread()
    ):
        yield
        return
    look = _Look(min(LOOK_S, spin_s / 2), spin_s)
    before = signal.signal(signal.SIGVTALRM, look)
    signal.setitimer(signal.ITIMER_VIRTUAL, look.every, look.every)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


class _Look:
    """The signal handler: it checks whether the loop has turned since the last signal."""

    def __init__(self, every: float, spin_s: float) -> None:
        self.every = every
        self._spin_s = spin_s
        self._turns: Any = None
        self._still = self._beats = 0

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        loop = running_loop()
        turns = None if loop is None else getattr(loop, "turns", self._beats)
        if loop is not None and not hasattr(loop, "turns"):  # a loop in real time
            loop.call_soon_threadsafe(self._beat)
        if turns is None or turns != self._turns:
            self._turns, self._still = turns, 0
            return
        self._still += 1
        if self._still * self.every >= self._spin_s:
            raise Spins(
                f"it never waits: {self._still * self.every:g} s of processor time without "
                f"giving way to the loop, in {own_place_of(frame_with_turn() or frame)}"
            )

    def _beat(self) -> None:
        """Count a turn of the loop."""
        self._beats += 1
