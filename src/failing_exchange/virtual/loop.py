"""VirtualLoop: an asyncio event loop on which waiting is free.

asyncio does the scheduling of tasks; this loop only decides what is next. Five things differ:

1. Timers are ordered by whole nanoseconds, first come first served among equals. When nothing
   is ready, the clock jumps to the next timer, so time costs nothing and floats decide nothing.
2. Tasks and futures hash by serial number, so sets of them have one order in every process.
3. The network is in memory (`loop.network`), executor jobs run at once on the loop's thread, and
   what would touch the real world raises Escape.
4. When nothing can happen any more, Deadlock says who waits for what.
5. A task that would wait while nothing else can happen keeps its turn: the clock jumps, and all
   goes on as if it had waited.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from failing_exchange.core.units import SECOND
from failing_exchange.virtual.asyncio_private import unregister
from failing_exchange.virtual.clock import VirtualClock, delay_in_ns, instant_in_ns
from failing_exchange.virtual.deadlock_report import waiting_report
from failing_exchange.virtual.errors import BudgetExceeded, Deadlock, SimulationError
from failing_exchange.virtual.handles import (
    Debugged,
    Soon,
    Timer,
    VenueTimer,
    VirtualFuture,
    VirtualTask,
)
from failing_exchange.virtual.jump import JumpingLoop
from failing_exchange.virtual.shutdown import cancel_leftovers
from failing_exchange.virtual.thread_registry import current

Args = TypeVarTuple("Args")
AnyTimer = TypeVar("AnyTimer", Timer, VenueTimer)

CHECK_EVERY_TURNS = 1024  # budgets are looked at, and `on_check` is called, this often
DEAD_TIMERS_MAX = 100  # above this, and when most timers are cancelled, the heap is rebuilt
# Tasks made in a context where this is set are the venue's own: `asyncio.all_tasks()` does not list
# them, so that a bot that cancels everything it finds does not cancel the world around it.
BEHIND_THE_SCENES: contextvars.ContextVar[bool] = contextvars.ContextVar("behind", default=False)
STEPS_PER_INSTANT_MAX = 1_000_000  # beyond it the run ends: the program spins without waiting


class VirtualLoop(JumpingLoop):
    """An event loop in virtual time.

    `clock` is the time it keeps (a fresh one by default; loops that follow each other may share
    one), `seed` is for components that draw, `schedule` for the threads of blocking programs
    ("fifo" or "random", see `simulate`). `steps_per_instant_max` bounds the turns of the
    loop during which the clock stands still. `on_check` is called every 1,024 turns.

    >>> loop = VirtualLoop()
    >>> loop.run_until_complete(asyncio.sleep(86_400, "a day later"))
    'a day later'
    >>> loop.time(), loop.turns
    (86400.0, 4)
    >>> loop.close()
    """

    if TYPE_CHECKING:  # what BaseEventLoop keeps, and its stubs do not tell
        _ready: deque[Any]
        _scheduled: list[tuple[int, int, Timer | VenueTimer]]
        _stopping: bool
        _closed: bool
        _debug: bool
        _clock_resolution: float
        _task_factory: Any

        def _check_closed(self) -> None: ...

    def __init__(
        self,
        clock: VirtualClock | None = None,
        *,
        seed: int = 0,
        schedule: str = "fifo",
        steps_per_instant_max: int = STEPS_PER_INSTANT_MAX,
        on_check: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self.clock = VirtualClock() if clock is None else clock
        self.seed = seed
        self.schedule = schedule
        self.turns = 0
        self.serials = itertools.count(1)
        self.broken = (
            False  # a SimulationError or a failure has left `run`: only the end is to come
        )
        self._clock_resolution = 1 / SECOND
        self._task_serials = itertools.count(1)
        self._behind: dict[asyncio.Task[Any], None] = {}
        self._timer_serials = itertools.count(1)
        self._awaited = 0  # timers that count: while there are any, something can still happen
        self._dead = 0  # cancelled timers that are still in the heap
        self.venue_context = contextvars.Context()
        self.programs: WeakKeyDictionary[Any, Any] = (
            WeakKeyDictionary()
        )  # of threads, by their task
        self._failure: BaseException | None = None
        self.raised: BaseException | None = None  # the failure, once it has left `run`
        self._steps_max = steps_per_instant_max
        self._check_every = max(1, min(CHECK_EVERY_TURNS, steps_per_instant_max))
        self._check_at = self._check_every
        self._still_since = (0, self.clock.ns)
        self._on_check = on_check

    # Time

    def time(self) -> float:
        """Seconds since the start of the simulation; it starts at 0."""
        return self.clock.ns / SECOND

    def time_ns(self) -> int:
        """Nanoseconds since the start of the simulation, exact."""
        return self.clock.ns

    @property
    def epoch_ns(self) -> int:
        """The instant at which the simulation started, in nanoseconds since 1970."""
        return self.clock.epoch_ns

    def now_ns(self) -> int:
        """The instant in nanoseconds since 1970: `epoch_ns + time_ns()`."""
        return self.clock.epoch_ns + self.clock.ns

    # Timers

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """As in asyncio. The delay is rounded to nanoseconds; a positive one is never 0."""
        when = self.clock.ns + delay_in_ns(delay)
        return self._schedule(when, Timer(when, callback, args, self, context))

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """As in asyncio. When the callback runs, `loop.time() >= when` holds."""
        ns = instant_in_ns(when)
        return self._schedule(ns, Timer(ns, callback, args, self, context))

    def call_at_ns(
        self, when_ns: int, callback: Callable[..., object], *args: Any, keeps_running: bool = False
    ) -> VenueTimer:
        """Set a timer of the venue, on the scale of `time_ns()`.

        It belongs to no task of the bot and runs in its own context. A simulation goes on while
        timers with `keeps_running=True` are set, which are those that a client waits for (an answer
        under way); the venue's housekeeping keeps nothing running. An exception in the callback is
        a bug of ours and ends the simulation, as `fail` does.
        """
        return self._schedule(when_ns, VenueTimer(when_ns, callback, args, self, keeps_running))

    def call_at_instant(
        self, at: int, callback: Callable[..., object], *args: Any, keeps_running: bool = True
    ) -> VenueTimer:
        """Set a timer of the venue on the scale of `now_ns()`."""
        when_ns = at - self.clock.epoch_ns
        return self._schedule(when_ns, VenueTimer(when_ns, callback, args, self, keeps_running))

    def _schedule(self, when: int, timer: AnyTimer) -> AnyTimer:
        if self._closed:
            self._check_closed()
        if timer._keeps_running:
            self._awaited += 1
        heappush(self._scheduled, (when, next(self._timer_serials), timer))
        return timer

    def _forget(self, timer: Timer | VenueTimer) -> None:
        """A scheduled timer was cancelled; rebuild the heap when most of it is dead."""
        self._awaited -= timer._keeps_running
        self._dead += 1
        if self._dead > DEAD_TIMERS_MAX and self._dead * 2 > len(self._scheduled):
            self._scheduled[:] = [entry for entry in self._scheduled if not entry[2]._cancelled]
            heapify(self._scheduled)
            self._dead = 0

    # Turns

    def call_soon(
        self,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        if self._closed or self._debug:
            return super().call_soon(callback, *args, context=context)
        handle = Soon(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def _call_soon(
        self, callback: Any, args: Any, context: contextvars.Context | None
    ) -> asyncio.Handle:
        """What asyncio's `call_soon` comes to: in debug mode, when all is checked."""
        handle = Debugged(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def _check_thread(self) -> None:
        """What asyncio asks in debug mode: a simulated thread has the loop's turn."""
        if current() is None:
            super()._check_thread()  # type: ignore[misc]

    def fail(self, error: BaseException) -> None:
        """End the simulation: `error` is raised out of `run` after the present callback."""
        if self._failure is None:
            self._failure = error
            self._stopping = True

    def _run_once(self) -> None:
        """All turns until the loop is to stop, for which asyncio looks after each call of this."""
        ready, timers, clock, take = self._ready, self._scheduled, self.clock, self._ready.popleft
        while True:
            self.turns = turns = self.turns + 1
            if turns >= self._check_at:
                self._check()
            if ready:
                if timers and timers[0][0] <= clock.ns:
                    self._collect_due()
            elif not self._stopping:
                self._advance()
            count = len(ready)
            while count:
                count -= 1
                handle = take()
                if handle._cancelled:
                    continue
                try:  # what asyncio's `_run` does, without the call
                    handle._context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    handle.failed(error)
                if count and self._failure is not None:
                    break
            if self._stopping:
                if self._failure is not None:
                    self._raise_failure()
                return

    def _advance(self) -> None:
        """Nothing is ready: jump to the next timer, or say that there is nothing to wait for."""
        timers, clock = self._scheduled, self.clock
        while timers and timers[0][2]._cancelled:
            heappop(timers)
            self._dead -= 1
        if not self._awaited:
            self._end(Deadlock(self._deadlock_text()))
        when = timers[0][0]
        if when > clock.ns:
            if when > clock.end_ns or clock.moved is not None:
                self._move_to(when)
            else:
                clock.ns = when  # what `move_to` does, without the call
        timer = heappop(timers)[2]
        timer._scheduled = False
        if timer._keeps_running:
            self._awaited -= 1
        self._ready.append(timer)
        if timers and timers[0][0] <= when:
            self._collect_due()

    def _move_to(self, when: int) -> None:
        try:
            self.clock.move_to(when)
        except BudgetExceeded as error:
            self._end(error)

    def _collect_due(self) -> None:
        timers, now, append = self._scheduled, self.clock.ns, self._ready.append
        while timers and timers[0][0] <= now:
            timer = heappop(timers)[2]
            if timer._cancelled:
                self._dead -= 1
            else:
                timer._scheduled = False
                self._awaited -= timer._keeps_running
                append(timer)

    def _check(self) -> None:
        """Check, every so often, that time does not stand still and no budget is spent."""
        self._check_at = self.turns + self._check_every
        since, instant = self._still_since
        if self.clock.ns != instant:
            self._still_since = (self.turns, self.clock.ns)
        elif self.turns - since >= self._steps_max:
            self._still_since = (self.turns, instant)
            text = (
                f"{self.turns - since:,} turns of the loop at virtual second {self.time():.10g}: "
                "the program spins without waiting (`while True: await sleep(0)` never "
                "lets time pass); raise steps_per_instant_max if that is meant\n"
            )
            self._end(BudgetExceeded(text + waiting_report(self.tasks())))
        if self._on_check is not None:
            try:
                self._on_check()
            except SimulationError as error:
                self._end(error)

    def _end(self, error: SimulationError) -> NoReturn:
        self.broken = True
        raise error

    def _raise_failure(self) -> NoReturn:
        error, self._failure = self._failure, None
        self.raised = error
        self.broken = True
        assert error is not None
        raise error

    def _deadlock_text(self) -> str:
        tasks = [task for task in self.tasks() if task not in self.programs]
        threads = [one.report() for task, one in self.programs.items() if not task.done()]
        reports = [waiting_report(tasks), *threads]
        who = "\n".join(filter(None, reports))
        return (
            f"nothing can happen any more at virtual second {self.time():.10g}: no timer is set "
            f"and no answer is under way, but something waits\n"
            f"{who or '  the caller of run_forever()'}"
        )

    # Steps that a simulated thread takes in place of the loop (threads/program.py)

    def may_be_stepped(self) -> bool:
        """Whether the loop itself has nothing to do first, such as to stop or to check."""
        if self.turns + 1 >= self._check_at or self._stopping or self.clock.moved is not None:
            return False
        return not (self._ready and self._scheduled and self._scheduled[0][0] <= self.clock.ns)

    def jump_to(self, callback: Callable[..., object]) -> bool:
        """Make ready what is due next, if that is a timer with this callback; else do nothing."""
        timers, clock = self._scheduled, self.clock
        while timers and timers[0][2]._cancelled:
            heappop(timers)
            self._dead -= 1
        if not timers or timers[0][2]._callback is not callback or timers[0][0] >= clock.end_ns:
            return False
        self.turns += 1
        clock.ns = max(clock.ns, timers[0][0])
        self._collect_due()
        return True

    # Tasks

    def create_future(self) -> asyncio.Future[Any]:
        return VirtualFuture(loop=self)

    def create_task(self, coro: Any, *, name: Any = None, **options: Any) -> asyncio.Task[Any]:
        """As in asyncio; tasks without a name are numbered from 1 in each loop."""
        if name is None:
            name = f"Task-{next(self._task_serials)}"
        if self._task_factory is not None:
            return super().create_task(coro, name=name, **options)
        self._check_closed()
        task = VirtualTask(coro, loop=self, name=name, **options)
        if BEHIND_THE_SCENES.get():
            # https://docs.python.org/3/library/asyncio-extending.html, "Task lifetime support"
            unregister(task)
            self._behind[task] = None
            task.add_done_callback(self._behind.pop)
        return task

    def set_task_factory(self, factory: Any) -> None:
        """As in asyncio; asyncio's own eager factory gets tasks that hash by serial number."""
        if factory is not None and factory is getattr(asyncio, "eager_task_factory", None):
            make: Any = vars(asyncio)["create_eager_task_factory"]  # from Python 3.12 on
            factory = make(VirtualTask)
        super().set_task_factory(factory)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """The unfinished tasks, in the order of their creation; not those behind the scenes."""
        return sorted(asyncio.all_tasks(self), key=hash)

    def cancel_leftovers(self) -> None:
        """Cancel what is still running, in order of creation, and let it end."""
        cancel_leftovers(self, self._behind)


RUN_ONCE = VirtualLoop.turn_code = VirtualLoop._run_once.__code__
