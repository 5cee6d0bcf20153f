"""A thread that has the turn and does not give it back: it spins, or blocks in the real world."""

from __future__ import annotations

import ctypes
import sys
import time
from contextvars import ContextVar
from types import FrameType
from typing import TYPE_CHECKING, Any

from failing_exchange.text.tracebacks import own_place_of
from failing_exchange.virtual.errors import Escape, Spins
from failing_exchange.virtual.wallclock import REAL

if TYPE_CHECKING:
    from failing_exchange.threads.simulated_thread import ProgramApi, SimulatedThread

LOOK_S = 1.0  # real seconds between two looks at the thread that has the turn
SPIN_S = 20.0  # seconds of processor time without a wait: the thread spins
SPIN_LIMIT: ContextVar[float] = ContextVar("SPIN_LIMIT")  # another time than that
BLOCKED_S = 10.0  # real seconds without a wait and nearly without processor time: it is blocked
BUSY_SHARE = 0.02  # of real time: a thread that uses less processor time than this is not working
INTERRUPTS_MAX = 10  # exceptions that are raised in such a thread; then the run goes on without it
INTERRUPT_S = 0.5  # real seconds that it has after each, to give the turn back

_of_process, _of_thread = time.process_time, time.thread_time


def processor_time() -> float:
    """Seconds of processor time of all threads but the one that asks: its looks cost some, too."""
    return _of_process() - _of_thread()


class Watch:
    """Looks now and then whether the threads of a program get anywhere."""

    def __init__(self, program: ProgramApi) -> None:
        self.pause = LOOK_S
        self._program = program
        self._note()

    def _note(self) -> None:
        self._steps = self._program.steps
        self._processor, self._real = processor_time(), REAL["monotonic"]()

    def look(self) -> None:
        """Raise Spins or Escape, with the place in the bot's code; Ctrl-C where it was pressed.

        asyncio cancels a task for the first Ctrl-C, which a thread with the turn does not notice.
        """
        if self._program.task is not None and self._program.task.cancelling():
            raise KeyboardInterrupt
        if self._program.steps != self._steps:
            self._note()
            return
        spent, real = processor_time() - self._processor, REAL["monotonic"]() - self._real
        where = own_place_of(running_frame(self._program))
        if spent >= SPIN_LIMIT.get(SPIN_S):
            raise Spins(
                f"it never waits: {spent:.3g} s of processor time without a wait, in {where}"
            )
        if real >= BLOCKED_S and spent < real * BUSY_SHARE:
            raise Escape(
                f"a thread waits in the real world, for {real:.3g} s so far, in {where}: a lock or "
                "queue that was made before the simulation, a pipe, or a call into C that "
                "blocks; make locks within the program, or test in real time: "
                "failing-exchange serve binance -- python bot.py"
            )


def running_frame(program: ProgramApi) -> FrameType | None:
    """Where the thread that has the turn is."""
    thread = program.running
    return None if thread is None else frame_of(thread)


def frame_of(thread: SimulatedThread) -> FrameType | None:
    """Where a thread is."""
    return sys._current_frames().get(thread.real_ident)


def interrupted(program: ProgramApi, host: Any, error: BaseException) -> bool:
    """Raise `error` in the thread that has the turn; True if the run can go on with it.

    Ctrl-C and the like end the program, and are raised here again.
    """
    goes_on = isinstance(error, Spins)
    if not goes_on:
        program.killed = True
    for _ in range(INTERRUPTS_MAX):
        thread = program.running
        if thread is not None:
            _raise_in(thread, error)
        if host.acquire(timeout=INTERRUPT_S):
            break
    else:
        _leave_behind(program)
    if goes_on and not program.killed:
        if thread in program.threads:  # a task of its event loop has kept the error to itself
            program.errors.append((thread.thread.name, error))
        return True
    raise error


def _raise_in(thread: SimulatedThread, error: BaseException) -> None:
    """Raise an error in another thread, at its next step of Python code."""

    def init(self: BaseException, *_: object) -> None:
        self.args = error.args

    kind = type(type(error).__name__, (type(error),), {"__init__": init})
    number = ctypes.c_ulong(thread.real_ident)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(kind))


def _leave_behind(program: ProgramApi) -> None:
    """The thread does not answer: it is in C for good. The run ends without it."""
    thread = program.running
    if thread is not None:
        thread.lost = True
        program.left_behind += 1
        program.threads.pop(thread, None)
        program.running = None
    program.killed = True
