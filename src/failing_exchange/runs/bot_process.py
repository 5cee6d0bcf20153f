"""Run a bot for a while and judge it: start, kill and restart its process, say how it ended.

`run`, the report card and `explore` have it in common.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.auditor import audit
from failing_exchange.core.units import DAY_S, HOUR_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.judge.probe import Probe
from failing_exchange.report.recorder import Recorder
from failing_exchange.runs.bot_environment import BotEnvironment
from failing_exchange.runs.bot_loader import (
    Bot,
    makes_own_clients,
    parameters,
    required,
    symbols_of,
)
from failing_exchange.runs.bots import Notebook
from failing_exchange.runs.last_words import last_words
from failing_exchange.simulation import Start, simulate
from failing_exchange.text.spelling import printable
from failing_exchange.text.tracebacks import PACKAGE, first_line, own_place, own_traceback
from failing_exchange.venues.base import DEFAULT, serve
from failing_exchange.virtual.asyncio_private import abandon, unregister
from failing_exchange.virtual.errors import (
    BudgetExceeded,
    Deadlock,
    SimulationError,
    WallTimeExceeded,
)
from failing_exchange.virtual.loop import VirtualLoop

if TYPE_CHECKING:
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.judge.judge import Judge
    from failing_exchange.judge.verdict import Verdict

LAST_LINE_MAX = 200  # characters of what a bot printed last, in a sentence; the rest is cut
KILL_AGAIN_S = 60.0  # of the bot's time, for its clean-up; then it is cancelled again
KILLS_MAX = 20  # cancels; a bot that swallows all of them is an error
CALM_S = 600.0  # seconds at the end without faults, so that a bot can recover ...
CALM_SHARE = 3  # ... but at most this part (a third) of the run
WALL_SECONDS_MAX = 60.0  # real time of one simulated run, or ...
WALL_SECONDS_AN_HOUR = 20.0  # ... this for each simulated hour; then the run is stopped
PROGRESS_STEPS = 200  # reports of progress in one run
Progress = Callable[[float], None]


def no_progress(share: float) -> None:
    """Ignore how far a run is."""


class Ending(NamedTuple):
    """How a run ended: after its time, by the bot's crash, or because the bot returned.

    `crashed` is the error that ended the bot, in one line; `traceback` that of the bot's own code.
    """

    crashed: str | None = None
    traceback: str = ""
    returned: bool = False


def crash_of(error: BaseException, printed: Sequence[str] = ()) -> Ending:
    """The ending of a bot by an error that it did not catch; `printed`: its last lines before."""
    if isinstance(error, SystemExit):
        return _left(error, printed)
    text = f"{type(error).__name__}: {first_line(error)}"
    if isinstance(error, SimulationError) and not own_place(error):
        waiting = [line for line in str(error).splitlines()[1:] if PACKAGE not in line]
        return Ending(text, "\n".join(waiting))
    return Ending(text, own_traceback(error))


def _left(error: SystemExit, printed: Sequence[str]) -> Ending:
    """The ending of a bot that called `sys.exit`; Python prints what is not a number."""
    number = error.code if isinstance(error.code, int) else int(error.code is not None)
    lines = [*printed, *([] if number is error.code else str(error.code or "").splitlines())]
    lines = [printable(line.expandtabs()) for line in lines if line.strip()]
    why = f": {lines[-1].strip()[:LAST_LINE_MAX]}" if lines else ""
    said = ["It printed last:", *(f"  {line}" for line in lines)] if lines else []
    text = f"it ended by itself with exit code {number}{why}"
    return Ending(text, "\n".join([*said, own_traceback(error)]))


def calm_of(seconds: float) -> float:
    """The default time without faults at the end of a run of this length."""
    return min(CALM_S, seconds / CALM_SHARE)


def wall_limit(seconds: float) -> float:
    """The real time that a run of this many virtual seconds may take."""
    return max(WALL_SECONDS_MAX, seconds / HOUR_S * WALL_SECONDS_AN_HOUR)


@dataclass(slots=True, kw_only=True)
class JudgedRun:
    """One bot on one exchange for `seconds` of the venue's clock, judged.

    A bot may take `exchange`, `notebook`, and `intents` (orders that the run asks it to place).

    At each of `restarts` (seconds from the start) the bot is killed with its tasks and connections,
    and started again with the same client and notebook, as if the notebook were on its disk.
    `again` loads it anew, so that it remembers nothing else. In the last `calm` seconds all faults
    are disarmed. `until`: stop before the trip of this number; 0 = never. `venue`: the one that a
    bot with clients of its own reaches; empty: the default one. `schedule`: that of its threads.
    `environment`: its variables and files; `home`: where relative names of code begin.

    `verdict` comes last; it stays None where the run never began.
    """

    bot: Bot
    exchange: FailingExchange
    judge: Judge
    seconds: float
    notebook: Notebook = field(default_factory=Notebook)
    restarts: Sequence[float] = ()
    calm: float = 0.0
    intents: Sequence[Mapping[str, Any]] = ()
    venue: str = ""
    schedule: str = "fifo"
    environment: BotEnvironment = field(default_factory=BotEnvironment)
    until: int = 0
    again: Callable[[], Bot] | None = None
    wall_seconds: float | None = None  # limit of real time; None: `wall_limit`; infinite: none
    progress: Progress = no_progress
    verdict: Verdict | None = None
    lasted: float = 0.0  # seconds of the loop's clock
    home: str = field(default_factory=os.getcwd)

    @property
    def notebook_of_bot(self) -> Notebook | None:
        """The notebook, if the bot keeps one."""
        return self.notebook if "notebook" in parameters(self.bot) else None

    def simulate(self, *, seed: int, start: Start) -> None:
        """Run and judge in virtual time.

        Raises:
            WallTimeExceeded: it took too long.
            InternalError: a bug of this package.
        """
        own = makes_own_clients(self.bot)  # the server that it reaches accepts any key
        wall = self.wall_seconds or wall_limit(self.seconds)
        venue: Any = serve(self.venue or DEFAULT, self.exchange) if own else ()
        with self._ended_by(BudgetExceeded, Deadlock, SystemExit), self.environment.entered():
            simulate(
                self.main(),
                seed=seed,
                start=start,
                schedule=self.schedule,
                virtual_seconds_max=self.seconds + DAY_S,
                wall_seconds_max=wall if math.isfinite(wall) else None,
                venue=venue,
            )

    def run(self) -> None:
        """Run and judge by the real clock."""
        with self._ended_by(SystemExit), self.environment.entered():
            asyncio.run(self.main())

    @contextmanager
    def _ended_by(self, *errors: type[BaseException]) -> Iterator[None]:
        """Conclude a run that one of these errors of the bot ends."""
        with last_words() as printed:
            try:
                yield
            except WallTimeExceeded:  # says nothing about the bot: the caller tells of it
                raise
            except errors as error:
                self.conclude(crash_of(error, printed.lines))

    async def main(self) -> None:
        """Run and judge on the running loop."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            self.conclude(await self.play())
        finally:
            self.lasted = loop.time() - began
            await self.exchange.close()

    def conclude(self, ending: Ending | None = None) -> None:
        """Audit the exchange and hear the judge; without a verdict where the run never began."""
        engine = self.exchange.venue.engine
        if engine is not None and self.judge.is_attached:
            audit(engine)
            self.verdict = self.judge.verdict(**(ending or Ending())._asdict())

    async def play(self) -> Ending:
        """Run the bot, and say how it ended; an exception of the bot ends the run.

        Raises:
            ConfigurationError: a bot that is to be restarted swallows every cancel.
        """
        loop, exchange = asyncio.get_running_loop(), self.exchange
        await exchange.ready()
        self.notebook.now = exchange.venue.clock.now
        self.notebook.symbols = symbols_of(self.bot)
        _introduce(self.judge, self._given())
        over: asyncio.Future[None] = loop.create_future()
        stop_before(self.until, exchange, partial(_finish, over))
        began = loop.time()
        process = BotProcess(self.bot, self._given(), over)
        try:
            for share, what in self._steps():
                await _wait(over, max(0.0, began + self.seconds * share - loop.time()))
                self.progress(share)
                if over.done():
                    break
                if what == "restart":
                    if not await process.end():
                        raise ConfigurationError(DEAF)
                    self.judge.restarted()
                    self.bot = self._loaded_anew()
                    process = BotProcess(self.bot, self._given(), over)
                elif what == "calm":
                    exchange.reset()
            ending = process.ending()
        finally:
            self.judge.stop_listening()
            if not await process.end():
                process.abandon()
        exchange.venue.gateway.settle(exchange.venue.clock.now())
        return ending

    def _loaded_anew(self) -> Bot:
        if self.again is None:
            return self.bot
        with chdir(self.home):
            return self.again()

    def _given(self) -> dict[str, Any]:
        """The arguments of the bot; its one parameter of another name is the exchange."""
        names = parameters(self.bot)
        found = {
            "exchange": self.exchange, "notebook": self.notebook, "intents": list(self.intents),
        }  # fmt: skip
        given = {name: value for name, value in found.items() if name in names}
        others = [name for name in required(self.bot) if name not in given]
        return {**given, others[0]: self.exchange} if others else given

    def _steps(self) -> list[tuple[float, str]]:
        """(share of the time, what happens then) in order."""
        seconds, count = self.seconds, 1 if self.progress is no_progress else PROGRESS_STEPS
        steps = [(step / count, "") for step in range(1, count + 1)]
        steps += [(at / seconds, "restart") for at in self.restarts if 0 < at < seconds]
        if 0 < self.calm < seconds:
            steps.append(((seconds - self.calm) / seconds, "calm"))
        return sorted(steps)


def recorded(exchange: FailingExchange, notebook: Notebook | None) -> Recorder:
    """Record a run for its report from the start of the venue on."""
    recorder = Recorder(exchange.venue)
    if notebook is not None:
        recorder.believed = notebook.holds
    exchange.venue.on_start.append(recorder.attach)
    return recorder


def _introduce(judge: Judge, given: Mapping[str, Any]) -> None:
    """Attach a judge, and tell it what the bot is asked to do and what it believes."""
    judge.attach()
    notebook = given.get("notebook")
    if notebook is not None and judge.probe is None:
        stated = Probe(
            positions=notebook.positions,
            equity=lambda: dict(notebook.equity),
            peak_equity=lambda: dict(notebook.peak_equity),
        )
        judge.take(stated)
        judge.booked = lambda: dict(notebook.believed)
    if "intents" in given:
        judge.expect_intents(given["intents"])


def _finish(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


class Stopped(BaseException):
    """Stops the bot at the request that `stop_before` refuses to carry out."""


def stop_before(until: int, exchange: Any, stopped: Callable[[], object]) -> None:
    """Call `stopped` and raise Stopped when trip number `until` is about to begin; 0: never."""

    def watch(trip: Any) -> None:
        if trip.number >= until:
            stopped()
            raise Stopped

    if until:
        exchange.venue.gateway.watchers.append(watch)


async def _wait(over: asyncio.Future[None], seconds: float) -> None:
    """Wait until the bot has ended, at most this long."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(over), seconds)


CANCELED = "CancelledError: a task that it waited for was cancelled, or itself"
DEAF = (
    f"the bot can't be stopped to be started again: it has swallowed {KILLS_MAX} cancels; let "
    "CancelledError pass"
)


class BotProcess:
    """A bot's simulated process: its task, and all that it has made: tasks, threads, connections.

    `over` is set when the bot ends by itself, not when it is killed.
    """

    def __init__(self, bot: Bot, given: Mapping[str, Any], over: asyncio.Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._others = asyncio.all_tasks()
        self._over = over
        self._killed = False
        self._task = self._loop.create_task(bot(**given))
        self._task.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Task[Any]) -> None:
        if not self._killed:
            _finish(self._over)

    def _tasks(self) -> list[asyncio.Task[Any]]:
        """Its tasks in the order of creation (in virtual time that is a task's hash)."""
        found = sorted(asyncio.all_tasks(), key=hash)
        return [task for task in found if task not in self._others]

    async def end(self) -> bool:
        """Kill it, its tasks and its connections. False if a task swallows all cancels.

        One cancel may get lost: `asyncio.wait_for` swallows one as its wait ends.
        """
        self._killed = True
        for _ in range(KILLS_MAX):
            if not (tasks := self._tasks()):
                break
            for task in tasks:
                task.cancel()
            ended = asyncio.gather(*tasks, return_exceptions=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), KILL_AGAIN_S)
        if isinstance(self._loop, VirtualLoop):
            self._loop.network.abort_clients()
        if self._task.done() and not self._task.cancelled():
            self._task.exception()  # retrieved, so that asyncio does not log it as never retrieved
        program = self._program()
        return not self._tasks() and (program is None or not program.left_behind)

    def _program(self) -> Any:
        """The threads of a bot that is a plain function."""
        programs: Any = getattr(self._loop, "programs", {})
        return programs.get(self._task)

    def abandon(self) -> None:
        """Leave tasks that can't be ended where they stand; the loop ends without them."""
        for task in self._tasks():
            abandon(task)
            unregister(task)

    def ending(self) -> Ending:
        """How it has ended, if it has; one that has lost a thread has died, too."""
        lost = self._lost_thread()
        if not self._task.done():
            return lost
        if self._task.cancelled():
            return Ending(CANCELED, _where_canceled(self._task))
        error = self._task.exception()
        if isinstance(error, Stopped):
            return Ending()
        if isinstance(error, WallTimeExceeded):
            raise error
        if error is not None:
            return crash_of(error)
        return lost if lost.crashed else Ending(returned=True)

    def _lost_thread(self) -> Ending:
        """The death of the first thread that an error has ended, while others may go on."""
        program = self._program()
        if program is None or not program.errors:
            return Ending()
        name, error = program.errors[0]
        if isinstance(error, WallTimeExceeded):
            raise error
        ending = crash_of(error)
        if name == program.main.name:
            return ending
        return ending._replace(crashed=f"in thread {name}: {ending.crashed}")


def _where_canceled(task: asyncio.Task[Any]) -> str:
    try:
        task.exception()
    except asyncio.CancelledError as canceled:
        return own_traceback(canceled)
    return ""
