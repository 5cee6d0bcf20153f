"""Program: the threads of a blocking program, one of which has the turn at any time.

Each thread is a thread of the operating system, so that thread-local state, tracebacks, sqlite3
and each thread's event loop are what they always are. But a thread runs only while it has the turn,
and gives it away only where it waits: the order of events is a function of the program and of
the seed. The loop that carries the venue keeps the time; it has the turn when no thread has.
"""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import itertools
import sys
import threading
from _thread import allocate_lock, start_new_thread
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from failing_exchange.core.chance import key
from failing_exchange.threads.guest_loop import GuestLoop
from failing_exchange.threads.interrupts import Watch, interrupted
from failing_exchange.threads.simulated_thread import SimulatedThread
from failing_exchange.threads.waiting_report import report_on
from failing_exchange.virtual.asyncio_private import destroy
from failing_exchange.virtual.clock import NEVER_NS, delay_in_ns
from failing_exchange.virtual.deadlock_report import waiting_report
from failing_exchange.virtual.errors import Deadlock, Escape, SimulationError, Spins
from failing_exchange.virtual.loop import VirtualLoop
from failing_exchange.virtual.thread_registry import SIMULATED, real_ident

T = TypeVar("T")

THREADS_MAX = 4_096  # alive at once; beyond it `start` raises RuntimeError, as on a real machine
DEATHS_MAX = 20  # times that a thread that is being ended may catch Killed; then it is left behind


PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Killed(BaseException):
    """Raised in a thread whose program is being ended, wherever it would wait."""


class Program:
    """The threads of one blocking program, on the loop that runs now.

    `loop.schedule` says which of several threads that could run goes first: "fifo", or "random",
    drawn from `loop.seed`; a thread may then also lose the turn where it takes or frees a lock.
    `quiet`: leave the errors that end threads in `errors`, and print none.
    """

    def __init__(self, loop: VirtualLoop, *, quiet: bool = False) -> None:
        self.loop = loop
        self._quiet = quiet
        self.task: asyncio.Task[Any] | None = None  # that waits for it to end
        self._hook = threading.excepthook
        self.left_behind = 0  # threads that could not be ended
        self.clock = loop.clock
        self.draws = loop.schedule == "random"
        self.seed = loop.seed
        self.killed = False
        self.running: SimulatedThread | None = None
        self.threads: dict[SimulatedThread, None] = {}  # those that are alive, oldest first
        self.errors: list[tuple[str, BaseException]] = []  # (thread, what ended it)
        self.signal_handlers: dict[int, Any] = {}
        self.serials = itertools.count(1)  # of objects that its threads make
        self.names = itertools.count(1)  # of threads without one
        self.steps = 0  # grows as long as the threads get anywhere
        self._numbers = itertools.count(1)
        self._ready: deque[SimulatedThread] = deque()
        self._hopeful = 0  # threads that a timer or something outside of the program can wake
        self._direct = False  # whether a thread may pass the turn on without the loop
        self._host = allocate_lock()  # free when the loop has the turn back
        self._host.acquire()
        self._context = contextvars.Context()
        self._take_turn = self._turn  # one object each, to be recognised by identity
        self._time_out = self._timed_out
        self._loops: list[GuestLoop] = []
        self._over: asyncio.Future[Any] = loop.create_future()
        self._ending: tuple[Any, BaseException | None] | None = None  # of the main thread

    # Life

    async def run(self, function: Callable[[], T]) -> T:
        """Run a program as the main thread; return its result when its last thread has ended.

        Daemon threads are ended then. Raises what the main thread has raised, Spins if any thread
        never waited, and Deadlock if all threads wait for each other. A cancel ends the program
        where it stands.
        """
        self.main = threading.Thread(name="MainThread", daemon=False)
        own = contextvars.copy_context()

        def run() -> None:
            try:
                self._ending = own.run(function), None
            except Killed:
                raise
            except BaseException as error:
                self._ending = None, error
                if not isinstance(error, SystemExit):
                    self.errors.append((self.main.name, error))

        self.main.run = run  # type: ignore[method-assign]
        self.task = asyncio.current_task(self.loop)
        self.loop.programs[self.task] = self
        try:
            self.start(self.main)
            result: T = await self._over
            for _, error in self.errors:
                if isinstance(error, Spins):  # the simulation ended that thread, not the program
                    raise error
            return result
        finally:
            self.kill()

    def start(self, thread: threading.Thread) -> SimulatedThread:
        """Start a thread of the program; it runs when it gets the turn."""
        if len(self.threads) >= THREADS_MAX:
            raise RuntimeError("can't start new thread")
        sim = SimulatedThread(self, thread, next(self._numbers))
        known: Any = thread
        known._simulated, known._ident, known._native_id = sim, sim.number, sim.number
        start_new_thread(self._bootstrap, (sim,))
        self.threads[sim] = None
        known._started.set()
        self._make_ready(sim)
        return sim

    def _bootstrap(self, me: SimulatedThread) -> None:
        """All that a thread of the operating system does."""
        me.baton.acquire()
        me.real_ident = real_ident()
        SIMULATED[me.real_ident] = me
        hooks: Any = threading
        for name, install in (("_trace_hook", sys.settrace), ("_profile_hook", sys.setprofile)):
            if getattr(hooks, name, None) is not None:
                install(getattr(hooks, name))
        try:
            if not self.killed:
                me.thread.run()
        except Killed:
            pass
        except BaseException as error:
            self._died(me, error)
        finally:
            self._end(me)

    def _died(self, me: SimulatedThread, error: BaseException) -> None:
        if not isinstance(error, SystemExit):
            self.errors.append((me.thread.name, error))
        if self._quiet and threading.excepthook is self._hook:
            return
        with suppress(Killed):
            me.thread._invoke_excepthook(me.thread)  # type: ignore[attr-defined]

    def _end(self, me: SimulatedThread) -> None:
        """The thread is over: tell who waits for it, and pass the turn on for good."""
        self.threads.pop(me, None)
        me.done = True
        mark_done(me.thread)
        if me.lost:
            del SIMULATED[me.real_ident]
            return
        for joiner in me.joiners:
            self.wake(joiner)
        if me.thread is self.main:
            end_idle_workers(self.threads)
        if self._ending is not None and all(one.daemon for one in self.threads):
            self._finish(*self._ending)
        other = self._next() if self._direct else None
        del SIMULATED[me.real_ident]
        self._pass_on(other)

    def _finish(self, result: Any, error: BaseException | None) -> None:
        if self._over.done():
            return
        if error is None:
            self._over.set_result(result)
        else:
            self._over.set_exception(error)

    def leave(self, error: BaseException) -> NoReturn:
        """End the program from one of its threads: no other thread runs any more."""
        self._ending = None, error
        self._finish(None, error)
        self.killed = True
        raise Killed

    def kill(self) -> None:
        """End all threads, oldest first: each gets Killed where it waits, and wherever it would."""
        self.killed = True
        self._direct = False
        self._ready.clear()
        for thread in list(self.threads):
            if thread.timer is not None:
                thread.timer.cancel()
            if not thread.lost and thread in self.threads:
                self._run(thread)
        self.threads.clear()
        self._close_loops()
        if not self._over.done():
            self._over.cancel()

    def new_loop(self) -> GuestLoop:
        """An event loop for the thread that asks."""
        self._loops = [loop for loop in self._loops if not loop.is_closed()]
        self._loops.append(GuestLoop(self))
        return self._loops[-1]

    def _close_loops(self) -> None:
        for loop in self._loops:
            for task in [] if loop.is_closed() else loop.tasks():
                destroy(task)
            if not loop.is_running():
                loop.close()

    def resolve(self, host: Any, port: Any) -> Any:
        """What `socket.getaddrinfo` answers."""
        return self.loop.network.resolve(host, PORTS.get(port, port))

    # Waiting

    def until(self, timeout: float | None) -> int | None:
        """The instant at which a wait of `timeout` seconds ends; None: it has no end."""
        if timeout is None:
            return None
        when = self.clock.ns + delay_in_ns(timeout)
        return when if when < NEVER_NS else None

    def wait(
        self,
        me: SimulatedThread,
        until: int | None,
        what: str,
        *,
        outside: bool = False,
        lasting: bool = True,
    ) -> bool:
        """Give the turn away until `wake(me)`, or the instant; whether it was woken.

        `outside`: whether something besides the program's threads may wake it. `lasting`: whether
        the simulation goes on for the sake of that instant.
        """
        self.survive(me)
        hopeful = outside or until is not None
        me.waiting, me.woken, me.wait_for = True, False, what
        self._hopeful += hopeful
        if until is not None:
            me.timer = self.loop.call_at_ns(until, self._time_out, me, keeps_running=lasting)
        elif not self._hopeful and not self._ready:
            self._finish(None, Deadlock(self._deadlock_text()))
        self._give_way(me)
        self._hopeful -= hopeful
        me.wait_for = ""
        if self.killed:
            self.survive(me)
        return me.woken

    def wake(self, thread: SimulatedThread) -> None:
        """Let a thread that waits go on, when its turn comes."""
        if thread.waiting:
            if thread.timer is not None:
                thread.timer.cancel()
                thread.timer = None
            thread.waiting, thread.woken = False, True
            if not self.killed:
                self._make_ready(thread)

    def _timed_out(self, thread: SimulatedThread) -> None:
        thread.waiting, thread.timer = False, None
        self._make_ready(thread)

    def sleep(self, me: SimulatedThread, seconds: float) -> None:
        """`time.sleep`."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if delay := delay_in_ns(seconds):
            self.wait(me, self.clock.ns + delay, "time.sleep()")
        else:
            self.pass_turn(me)

    def pass_turn(self, me: SimulatedThread) -> None:
        """Let all others that could run go first."""
        self.survive(me)
        self._make_ready(me)
        self._give_way(me)
        if self.killed:
            self.survive(me)

    def may_lose_turn(self, me: SimulatedThread) -> None:
        """Where threads race: with schedule="random", one of those that could run goes on."""
        if self.draws and self._ready and not self.killed:
            self.pass_turn(me)

    def survive(self, me: SimulatedThread) -> None:
        """Raise Killed in a thread that is to end; one that catches it too often stays behind."""
        if not self.killed:
            return
        me.deaths += 1
        if me.deaths > DEATHS_MAX and not me.lost:
            me.lost = True
            self.left_behind += 1
            self.threads.pop(me, None)
            self._pass_on(None)
            me.baton.acquire()  # for good
        raise Killed

    # Turns

    def _make_ready(self, thread: SimulatedThread) -> None:
        self.steps += 1
        thread.wakes += 1
        if self.draws:
            thread.rank = key("schedule of threads", self.seed, thread.number, thread.wakes)
        self._ready.append(thread)
        self.loop.call_soon(self._take_turn, context=self._context)

    def _pick(self) -> SimulatedThread | None:
        ready = self._ready
        if not ready:
            return None
        if not self.draws or len(ready) == 1:
            return ready.popleft()
        first = min(ready, key=_rank)
        ready.remove(first)
        return first

    def _turn(self) -> None:
        """A callback of the loop: one thread runs until no thread can go on."""
        if self.killed:
            return
        thread = self._pick()
        if thread is not None:
            self._direct = not self.loop._ready  # this was the last callback of the loop's turn
            try:
                self._run(thread)
            except Escape as escape:  # of the program, which is over
                self._finish(None, escape)
            except SimulationError as error:
                self.loop.fail(error)

    def _run(self, thread: SimulatedThread) -> None:
        """Give the turn to a thread, and wait until the loop has it back."""
        self.running = thread
        thread.baton.release()
        watch = Watch(self)
        while True:
            try:
                if self._host.acquire(timeout=watch.pause):
                    return
                watch.look()
            except BaseException as error:
                if not self._runs():  # the turn is back: both were at the same time
                    self._host.acquire(blocking=False)
                    raise
                if interrupted(self, self._host, error):
                    return

    def _runs(self) -> bool:
        """Whether a thread has the turn."""
        return self.running is not None

    def _give_way(self, me: SimulatedThread) -> None:
        """Pass the turn on, and come back when the thread has it again."""
        self.steps += 1
        other = self._next() if self._direct else None
        if other is me:
            return
        self._pass_on(other)
        me.baton.acquire()

    def _pass_on(self, other: SimulatedThread | None) -> None:
        self.running = other
        (self._host if other is None else other.baton).release()

    def _next(self) -> SimulatedThread | None:
        """The thread that goes on, if the loop would do nothing else before; it does the same."""
        loop = self.loop
        ready = loop._ready
        while loop.may_be_stepped() and not self.killed:
            if not ready:
                if not loop.jump_to(self._time_out):
                    return None
                continue
            handle = ready[0]
            if handle._callback is self._take_turn:
                ready.popleft()
                if (thread := self._pick()) is not None:
                    loop.turns += 1
                    return thread
            elif handle._callback is self._time_out:
                ready.popleft()
                self._timed_out(*handle._args)
            else:
                return None
        return None

    # Reports

    def report(self) -> str:
        """One line for each thread: what it waits for, and where."""
        tasks = [waiting_report(loop.tasks()) for loop in self._loops if not loop.is_closed()]
        return "\n".join(filter(None, [report_on(self.threads), *tasks]))

    def _deadlock_text(self) -> str:
        return (
            f"the threads wait for each other at virtual second {self.loop.time():.10g}, and "
            f"nothing can wake one of them\n{self.report()}"
        )


def _rank(thread: SimulatedThread) -> int:
    return thread.rank


def mark_done(thread: threading.Thread) -> None:
    """Let the standard library's own methods know that a thread has ended."""
    known: Any = thread
    if hasattr(known, "_handle"):  # from Python 3.13 on
        known._handle = vars(_thread)["_make_thread_handle"](known.ident)
        known._handle._set_done()
    else:
        known._is_stopped, known._tstate_lock = True, None


def end_idle_workers(threads: dict[SimulatedThread, None]) -> None:
    """Tell the pools that the main thread is over, as Python does: their workers end when idle."""
    pools: Any = sys.modules.get("concurrent.futures.thread")
    queues = {} if pools is None else pools._threads_queues
    for sim in list(threads):
        if sim.thread in queues:
            pool: Any = sim.thread._args[0]()  # type: ignore[attr-defined]
            if pool is not None:
                pool._shutdown = True
            queues[sim.thread].put(None)
