"""A bot plays on a venue for a while: started, killed and started again, and judged."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.bots import BOTS, SYMBOL, Notebook
from failing_exchange.conduct.probing import Probe
from failing_exchange.errors import ConfigurationError

if TYPE_CHECKING:
    from failing_exchange.conduct.judge import Judge
    from failing_exchange.fronts.exchange import FailingExchange

KILL_AGAIN_S = 60.0  # of the bot's time, for what it has to tidy up; then it is cancelled again
KILLS_MAX = 20  # cancels; a bot that survives them is told so
PROGRESS_STEPS = 200  # how often a run says how far it is
Bot = Callable[..., Any]
Progress = Callable[[float], None]


def _silent(share: float) -> None:
    """Nobody wants to know."""


class Ending(NamedTuple):
    """How a run ended: after its time, by the bot's death, or because the bot has returned."""

    seconds: float
    crashed: str | None = None
    returned: bool = False


def find_bot(name: str) -> Bot:
    """A bot by name: `careful`, `naive`, `path.py:function` or `module:function`."""
    if name in BOTS:
        return BOTS[name]
    place, _, function = name.rpartition(":")
    if not place:
        raise ConfigurationError(
            f"no bot {name!r}: name {' or '.join(BOTS)}, or a function as path.py:function"
        )
    bot = getattr(_module(place), function, None)
    if not inspect.iscoroutinefunction(bot):
        what = "no such function" if bot is None else f"{bot!r}, no coroutine function"
        raise ConfigurationError(f"{name}: {what}; expected async def {function}(exchange)")
    found: Bot = bot
    return found


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        sys.path.insert(0, "")
        try:
            return importlib.import_module(place)
        except ImportError as error:
            raise ConfigurationError(f"cannot import {place!r}: {error}") from error
        finally:
            sys.path.remove("")
    path = Path(place)
    if not path.is_file():
        raise ConfigurationError(f"no file {place!r} with a bot in it")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def parameters(bot: Bot) -> list[str]:
    """The names of what a bot takes."""
    return list(inspect.signature(bot).parameters)


def makes_own_clients(bot: Bot) -> bool:
    """Whether a bot takes no client of ours: then it finds the venue by its production names."""
    return not parameters(bot)


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
) -> Ending:
    """Run a bot for its time; the clock is the venue's.

    A bot may take `exchange`, `notebook`, and `intents`: what it is asked to do, where it lets
    others say it. With `until` all ends before the trip of that number.

    At each of `restarts` (seconds from the start) its task is killed and it is called again, with
    the same client and notebook: what a bot keeps on its disk. In the last `calm` seconds nothing
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
            judge.take(Probe(positions=lambda: {SYMBOL: notebook.holds("BTC")}))
    over: asyncio.Future[None] = loop.create_future()
    _stop_before(until, exchange, over)
    began = loop.time()
    task = _started(bot, given, over)
    steps = _steps(seconds, restarts, calm, 1 if progress is _silent else PROGRESS_STEPS)
    try:
        for share, what in steps:
            left = began + seconds * share - loop.time()
            await _ended(over, max(0.0, left))
            progress(share)
            if over.done():
                break
            if what == "restart":
                await _kill(task)
                if judge is not None:
                    judge.restarted()
                task = _started(bot, given, over)
            elif what == "calm":
                exchange.reset()
        ending = _ending(task, loop.time() - began)
    finally:
        await _kill(task)
    exchange.venue.gateway.settle(exchange.venue.clock.now())
    return ending


class Stopped(BaseException):
    """Ends the bot where it stands: the trip that it was about to make is not wanted."""


def _stop_before(until: int, exchange: Any, over: asyncio.Future[None]) -> None:
    """End the run when the trip of that number is about to begin."""

    def watch(trip: Any) -> None:
        if trip.number >= until:
            if not over.done():
                over.set_result(None)
            raise Stopped

    if until:
        exchange.venue.gateway.watchers.append(watch)


def _started(bot: Bot, given: dict[str, Any], over: asyncio.Future[None]) -> asyncio.Task[Any]:
    """The bot's task; `over` is done when it ends, unless it was killed."""

    def ended(task: asyncio.Task[Any]) -> None:
        if not over.done() and not task.cancelled():
            over.set_result(None)

    task = asyncio.get_running_loop().create_task(bot(**given))
    task.add_done_callback(ended)
    return task


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
    if names and not given:
        given = {names[0]: exchange}
    return given


def _steps(
    seconds: float, restarts: Sequence[float], calm: float, count: int
) -> list[tuple[float, str]]:
    """(share of the time, what then) in order."""
    steps = [(step / count, "") for step in range(1, count + 1)]
    steps += [(at / seconds, "restart") for at in restarts if 0 < at < seconds]
    if 0 < calm < seconds:
        steps.append(((seconds - calm) / seconds, "calm"))
    return sorted(steps)


async def _kill(task: asyncio.Task[Any]) -> None:
    """End a bot. One cancel may get lost: `asyncio.wait_for` swallows one as its wait ends."""
    for _ in range(KILLS_MAX):
        task.cancel()
        ended = asyncio.gather(task, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), KILL_AGAIN_S)
            return
    raise ConfigurationError(
        f"the bot can't be stopped: it has swallowed {KILLS_MAX} cancels; let CancelledError pass"
    )


def _ending(task: asyncio.Task[Any], seconds: float) -> Ending:
    if not task.done():
        return Ending(seconds)
    error = None if task.cancelled() else task.exception()
    if isinstance(error, Stopped):
        return Ending(seconds)
    if error is not None:
        return Ending(seconds, crashed=f"{type(error).__name__}: {error}")
    return Ending(seconds, returned=True)
