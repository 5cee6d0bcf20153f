"""A bot plays on a venue for a while: started, killed and started again, and judged."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.units import HOUR_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.judge.probe import Probe
from failing_exchange.runs.bots import BOTS, SYMBOL, Notebook
from failing_exchange.runs.script_bots import as_program, read_spec
from failing_exchange.text.spelling import did_you_mean, printable
from failing_exchange.text.tracebacks import PACKAGE, own_place, own_traceback
from failing_exchange.virtual.asyncio_private import abandon, unregister
from failing_exchange.virtual.blocking_sockets import barred
from failing_exchange.virtual.errors import SimulationError, WallTimeExceeded
from failing_exchange.virtual.loop import VirtualLoop

if TYPE_CHECKING:
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.judge.judge import Judge

KILL_AGAIN_S = 60.0  # of the bot's time, for what it has to tidy up; then it is cancelled again
GIVEN = ("exchange", "notebook", "intents")  # what a bot may take, by these names
COMPILED_KEPT_MAX = 64  # files whose code is remembered; then they are compiled again
KILLS_MAX = 20  # cancels; a bot that survives them is told so
CALM_S = 600.0  # seconds at the end in which nothing fails, so that a bot can recover ...
CALM_SHARE = 3  # ... but at most one part in so many of the run
WALL_SECONDS_MAX = 60.0  # real time of one simulated run, and ...
WALL_SECONDS_AN_HOUR = 20.0  # ... for each hour in it; then it is stopped
PROGRESS_STEPS = 200  # how often a run says how far it is
Bot = Callable[..., Any]
Progress = Callable[[float], None]


def _silent(share: float) -> None:
    """Nobody wants to know."""


class Ending(NamedTuple):
    """How a run ended: after its time, by the bot's death, or because the bot has returned.

    `crashed`: the error that ended the bot, in a line; `traceback`: that of its own code.
    """

    seconds: float
    crashed: str | None = None
    returned: bool = False
    traceback: str = ""


class Crash(NamedTuple):
    """What ended a bot: in a line, and the traceback of its own code."""

    crashed: str
    traceback: str = ""


def crash_of(error: BaseException) -> Crash:
    """A bot's death by an error that has left it."""
    text = f"{type(error).__name__}: {first_line(error)}"
    if isinstance(error, SystemExit):
        text = left_text(error)
    if isinstance(error, SimulationError) and not own_place(error):
        waiting = [line for line in str(error).splitlines()[1:] if PACKAGE not in line]
        return Crash(text, "\n".join(waiting))
    return Crash(text, own_traceback(error))


def calm_of(seconds: float) -> float:
    """For how long nothing fails at the end of a run of so many seconds, unless it is said."""
    return min(CALM_S, seconds / CALM_SHARE)


def wall_limit(seconds: float) -> float:
    """How much real time a run of so many virtual seconds may take."""
    return max(WALL_SECONDS_MAX, seconds / HOUR_S * WALL_SECONDS_AN_HOUR)


def find_bot(name: str) -> Bot:
    """A bot by name: `careful`, `naive`, `path.py:function` or `module:function`.

    Behind `path.py:function` may stand the arguments that it finds in `sys.argv`. A plain function
    without parameters that calls `asyncio.run` is a bot, too.

    Raises ConfigurationError that says what is wrong with the name, the file or the function.
    """
    if name in BOTS:
        return BOTS[name]
    if ":" not in name:
        from failing_exchange.runs.bots.flawed import FLAWED

        if name in FLAWED:
            return FLAWED[name]
    name, arguments = read_spec(name)
    place, _, function = name.rpartition(":")
    if not place or not function:
        raise ConfigurationError(_no_bot(name))
    module = load_module(place)
    bot: Any = getattr(module, function, None)
    if not inspect.iscoroutinefunction(bot) and not _is_program(bot):
        raise ConfigurationError(f"{name}: {_not_a_bot(function, bot, module, place)}")
    if arguments or not inspect.iscoroutinefunction(bot):
        bot = as_program(bot, place, arguments)
    found: Bot = bot
    others = [one for one in required(found) if one not in GIVEN]
    if len(required(found)) > 1 and others:
        raise ConfigurationError(
            f"{name} needs {others[-1]!r}, which nobody gives; a bot may take {', '.join(GIVEN)}"
        )
    return found


def _is_program(bot: Any) -> bool:
    """Whether it is a plain function that needs nothing: it may call `asyncio.run`."""
    return inspect.isfunction(bot) and not required(bot)


def _not_a_bot(function: str, bot: Any, module: Any, place: str) -> str:
    if bot is None:
        what = f"there is no such function{did_you_mean(function, vars(module))}"
        return f"{what}; expected async def {function}(exchange)"
    return (
        f"that is no coroutine function; expected async def {function}(exchange), or def "
        f"{function}() that calls asyncio.run. A synchronous bot needs a served venue: "
        f"failing-exchange serve binance -- python {place}"
    )


def _no_bot(name: str) -> str:
    if name.rstrip(":").endswith(".py"):
        path = name.rstrip(":")
        return f"{path} names a file; name a bot in it, as {path}:main, or a test, as {path}::test"
    near = did_you_mean(name, BOTS) or ":"
    return f"no bot {name!r}{near} name naive or careful, or a function as path.py:function"


_own: dict[str, list[str]] = {}  # by bot's place: the modules of its own that it has loaded
OURS = "failing_exchange"


def load_module(place: str) -> Any:
    """The module of a user's code, made anew each time, with all of its own that it imports.

    `place`: a path that ends in .py, or a module's name. Raises ConfigurationError, also where the
    module connects to another machine while it is loaded: that would be the real exchange.
    """
    if place.endswith(".py"):
        return _of_file(place)
    for name in _own.pop(place, ()):
        sys.modules.pop(name, None)
    before = dict.fromkeys(sys.modules)
    sys.path.insert(0, "")
    try:
        with barred():
            module = importlib.import_module(place)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"cannot import {place!r}: {_what(error)}") from error
    finally:
        sys.path.remove("")
    top, folder = place.partition(".")[0], _folder_of(module)
    _own[place] = [
        name
        for name in sys.modules
        if name not in before and (name.partition(".")[0] == top or _lies_in(folder, name))
    ]
    return module


def _folder_of(module: Any) -> str:
    """Where the outermost package of a module lies; empty where it has no file."""
    if not getattr(module, "__file__", None):
        return ""
    file, depth = Path(module.__file__).resolve(), module.__name__.count(".")
    return str(file.parents[depth + (file.name == "__init__.py")])


def _of_file(place: str) -> Any:
    """As Python runs a script: what lies in its folder can be imported, and is made anew too."""
    path = Path(place)
    if not path.is_file():
        raise ConfigurationError(f"no file {place!r}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    for name in _own.pop(place, ()):
        sys.modules.pop(name, None)
    before = dict.fromkeys(sys.modules)
    spec = importlib.util.spec_from_file_location(f"bot_{path.stem}", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        with barred():
            exec(_code_of(path), vars(module))
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{place} can't be loaded: {_what(error)}") from error
    _own[place] = [name for name in sys.modules if name not in before and _lies_in(folder, name)]
    return module


def _code_of(path: Path) -> CodeType:
    """A file's code, compiled once for many worlds."""
    source = path.read_bytes()
    known = _compiled.get(str(path))
    if known is None or known[0] != source:
        if len(_compiled) >= COMPILED_KEPT_MAX:
            _compiled.clear()
        code = compile(source, str(path), "exec", dont_inherit=True)
        known = _compiled[str(path)] = (source, code)
    return known[1]


_compiled: dict[str, tuple[bytes, CodeType]] = {}


def _lies_in(folder: str, name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None) or ""
    installed = "site-packages" in file or name.partition(".")[0] == OURS
    return bool(folder) and file.startswith(folder + os.sep) and not installed


def _what(error: BaseException) -> str:
    """An error in one line, with its place in the code that was loaded."""
    place = own_place(error)
    line = f" ({place})" if place else ""
    line = f" (line {error.lineno})" if isinstance(error, SyntaxError) else line
    text = error.msg if isinstance(error, SyntaxError) else first_line(error)
    return f"{type(error).__name__}: {text}{line}"


def first_line(error: BaseException) -> str:
    """The first line of what an error says; an assertion may say a page."""
    return printable(next((line.strip() for line in str(error).splitlines() if line.strip()), ""))


def parameters(bot: Bot) -> list[str]:
    """The names of what a bot takes."""
    return list(inspect.signature(bot).parameters)


def required(bot: Bot) -> list[str]:
    """The names of what a bot must be given."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        name
        for name, one in inspect.signature(bot).parameters.items()
        if one.default is one.empty and one.kind not in variable
    ]


def makes_own_clients(bot: Bot) -> bool:
    """Whether a bot takes no client of ours: then it finds the venue by its production names."""
    return not required(bot) and not any(name in GIVEN for name in parameters(bot))


def venue_of(bot: Bot, exchange: FailingExchange) -> Any:
    """The wire in front of an exchange, for a bot that makes its own clients; any key opens it."""
    if not makes_own_clients(bot):
        return ()
    from failing_exchange.venues.binance.venue import Binance

    return Binance(exchange)


def left_text(left: SystemExit) -> str:
    """How a bot ended that has called `sys.exit`."""
    return f"it left its process (sys.exit({left.code!r}))"


async def play(
    bot: Bot,
    exchange: FailingExchange,
    *,
    seconds: float,
    judge: Judge | None = None,
    notebook: Notebook | None = None,
    restarts: Sequence[float] = (),
    calm: float = 0.0,
    intents: Sequence[Mapping[str, Any]] = (),
    until: int = 0,
    progress: Progress = _silent,
    again: Callable[[], Bot] | None = None,
) -> Ending:
    """Run a bot for its time; the clock is the venue's.

    A bot may take `exchange`, `notebook`, and `intents`: what it is asked to do, where it lets
    others say it. With `until` all ends before the trip of that number.

    At each of `restarts` (seconds from the start) it is killed, with all tasks and connections that
    it has made, and called again with the same client and notebook: what a bot keeps on its disk.
    `again` gives it anew, so that it remembers nothing either. In the last `calm` seconds nothing
    fails any more. What the bot raises ends it, and is in the ending.
    """
    loop = asyncio.get_running_loop()
    await exchange.ready()
    notebook = Notebook() if notebook is None else notebook
    notebook.now = exchange.venue.clock.now
    given = _given(bot, exchange, notebook, intents)
    if judge is not None:
        judge.attach()
        if "notebook" in given and judge.probe is None:
            _show_notebook(judge, notebook)
        if "intents" in given:
            judge.asked_for(intents)
    over: asyncio.Future[None] = loop.create_future()
    stop_before(until, exchange, partial(_finish, over))
    began = loop.time()
    life = _Life(bot, given, over)
    steps = _steps(seconds, restarts, calm, 1 if progress is _silent else PROGRESS_STEPS)
    try:
        for share, what in steps:
            left = began + seconds * share - loop.time()
            await _ended(over, max(0.0, left))
            progress(share)
            if over.done():
                break
            if what == "restart":
                if not await life.end():
                    raise ConfigurationError(DEAF)
                if judge is not None:
                    judge.restarted()
                bot = bot if again is None else again()
                life = _Life(bot, _given(bot, exchange, notebook, intents), over)
            elif what == "calm":
                exchange.reset()
        ending = life.ending(loop.time() - began)
    finally:
        if judge is not None:
            judge.hush()
        if not await life.end():
            life.abandon()
    exchange.venue.gateway.settle(exchange.venue.clock.now())
    return ending


def _show_notebook(judge: Judge, notebook: Notebook) -> None:
    """What is in a bot's notebook is what it believes."""
    judge.take(Probe(positions=lambda: {SYMBOL: notebook.holds("BTC")}))
    judge.booked = lambda: dict(notebook.believed)


def _finish(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


class Stopped(BaseException):
    """Ends the bot where it stands: the trip that it was about to make is not wanted."""


def stop_before(until: int, exchange: Any, stopped: Callable[[], object]) -> None:
    """End the run when the trip of that number is about to begin; 0: never."""

    def watch(trip: Any) -> None:
        if trip.number >= until:
            stopped()
            raise Stopped

    if until:
        exchange.venue.gateway.watchers.append(watch)


async def _ended(over: asyncio.Future[None], seconds: float) -> None:
    """Wait for the end, or for so long."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(over), seconds)


def _given(
    bot: Bot, exchange: Any, notebook: Notebook, intents: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    names = parameters(bot)
    found = {"exchange": exchange, "notebook": notebook, "intents": list(intents)}
    given = {name: value for name, value in found.items() if name in names}
    others = [name for name in required(bot) if name not in given]
    return {**given, others[0]: exchange} if others else given


def _steps(
    seconds: float, restarts: Sequence[float], calm: float, count: int
) -> list[tuple[float, str]]:
    """(share of the time, what then) in order."""
    steps = [(step / count, "") for step in range(1, count + 1)]
    steps += [(at / seconds, "restart") for at in restarts if 0 < at < seconds]
    if 0 < calm < seconds:
        steps.append(((seconds - calm) / seconds, "calm"))
    return sorted(steps)


CANCELED = "CancelledError: a task that it waited for was cancelled, or itself"
DEAF = (
    f"the bot can't be stopped to be started again: it has swallowed {KILLS_MAX} cancels; let "
    "CancelledError pass"
)


class _Life:
    """The bot's process: its task, and all that it has made. `over` is done when it ends.

    What ends it is its own, unless it is killed.
    """

    def __init__(self, bot: Bot, given: dict[str, Any], over: asyncio.Future[None]) -> None:
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
        """What it runs, in the order of creation (in virtual time that is a task's hash)."""
        found = sorted(asyncio.all_tasks(), key=hash)
        return [task for task in found if task not in self._others]

    async def end(self) -> bool:
        """Kill it, its tasks and its connections. False where a task swallows all cancels.

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
            self._task.exception()  # it is told elsewhere, and need not be logged as unheard
        return not self._tasks()

    def abandon(self) -> None:
        """Leave what can't be ended where it stands: the loop ends without it."""
        for task in self._tasks():
            abandon(task)
            unregister(task)

    def ending(self, seconds: float) -> Ending:
        """How it has ended, if it has."""
        if not self._task.done():
            return Ending(seconds)
        if self._task.cancelled():
            return Ending(seconds, CANCELED, traceback=_where_canceled(self._task))
        error = self._task.exception()
        if isinstance(error, Stopped):
            return Ending(seconds)
        if isinstance(error, WallTimeExceeded):
            raise error
        if error is not None:
            crash = crash_of(error)
            return Ending(seconds, crash.crashed, traceback=crash.traceback)
        return Ending(seconds, returned=True)


def _where_canceled(task: asyncio.Task[Any]) -> str:
    try:
        task.exception()
    except asyncio.CancelledError as canceled:
        return own_traceback(canceled)
    return ""
