"""simulate: any asyncio program, run in virtual time, the same in each run of the same seed.

>>> async def main():
...     await asyncio.sleep(600)
...     return datetime.now(UTC).isoformat()
>>> simulate(main(), start="2026-01-01T00:00:00Z")
'2026-01-01T00:10:00+00:00'
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from functools import partial
from inspect import CORO_CREATED, getcoroutinestate
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    cast,
    overload,
)  # fmt: skip

from failing_exchange.core.units import DAY_S, MICROSECOND, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.number_checks import is_number, is_whole
from failing_exchange.virtual import blocking_sockets, tls, waiting, wallclock
from failing_exchange.virtual.asyncio_hooks import routed
from failing_exchange.virtual.clock import VirtualClock
from failing_exchange.virtual.errors import SimulationError, WallTimeExceeded
from failing_exchange.virtual.loop import STEPS_PER_INSTANT_MAX, VirtualLoop
from failing_exchange.virtual.thread_registry import current

if TYPE_CHECKING:
    from failing_exchange.venues.base import Venue

T = TypeVar("T")
Main = Coroutine[Any, Any, T] | Callable[[], Coroutine[Any, Any, T]]
Blocking = Callable[[], T]  # a program without a coroutine
Start = str | int | datetime

SCHEDULES = ("fifo", "random")  # of threads
START = "2026-01-01T00:00:00Z"
VIRTUAL_SECONDS_MAX = 366 * DAY_S  # a run that waits longer than a year ends with BudgetExceeded
GARBAGE_KEPT_MAX = 2_000_000  # blocks of memory, of about 100 bytes; then garbage is collected
COLLECT_EVERY_CHECKS = 16  # checks of the loop between two collections of young garbage
COLLECT_ALL_EVERY_CHECKS = 16 * COLLECT_EVERY_CHECKS  # ... and between two of everything


class SimulateOptions(TypedDict, total=False):
    """The keyword arguments of `simulate`, for type checkers."""

    seed: int
    start: Start
    tz: str
    venue: Venues
    as_of: str | date | None
    schedule: str
    virtual_seconds_max: float
    steps_per_instant_max: int
    wall_seconds_max: float | None


@overload
def simulate(main: Main[T], **options: Unpack[SimulateOptions]) -> T: ...


@overload
def simulate(main: Blocking[T], **options: Unpack[SimulateOptions]) -> T: ...


def simulate(
    main: Main[T] | Blocking[T],
    *,
    seed: int = 0,
    start: Start = START,
    tz: str = "UTC",
    venue: Venues = (),
    as_of: str | date | None = None,
    schedule: str = "fifo",
    virtual_seconds_max: float = VIRTUAL_SECONDS_MAX,
    steps_per_instant_max: int = STEPS_PER_INSTANT_MAX,
    wall_seconds_max: float | None = None,
) -> T:
    """Run `main()`, or the function `main`, in virtual time and return its result.

    Waiting costs nothing: `asyncio.sleep(600)` returns at once, and `time.time()`,
    `datetime.now()` and the monotonic clocks are ten minutes later. Random numbers, uuids and
    orders of tasks are functions of `seed`. Tasks left over are cancelled in order.

    `main` may be a plain function that blocks: `time.sleep`, threads, locks, queues, sockets and
    the clients upon them (requests, ccxt's synchronous classes) wait in virtual time, and so does
    `asyncio.run` in it (docs/threads.md). Several threads take turns: the one that has waited
    longest goes first, or with `schedule="random"` one that is drawn from the seed, so that races
    come to light. The simulation ends when `main` has returned and only daemon threads are left.

    `start` is the instant at which the program starts: ISO text, a datetime, or nanoseconds since
    1970; without a zone it is local time, which is UTC unless `tz` names another zone.

    `venue="binance"` lets Binance's production hosts, of Spot and of USD-M futures, lead to one
    simulated exchange of the same seed, so that an unmodified client reaches it; any other host is
    refused. "binance-usdm" is futures alone. A venue of your own is
    "module:NAME", or its value. For one with faults, keys or hosts of its own give a
    `failing_exchange.Binance`; several venues as a list. `as_of="2025-12-01"` gives a venue that is
    named the API of that day (docs/api_changes.md); without it, the newest.

    Limits, for programs that never end: `virtual_seconds_max` (a year), `steps_per_instant_max`
    (turns of the loop while the clock stands still) and `wall_seconds_max` (real seconds, none).

    Raises Deadlock when nothing can happen any more, BudgetExceeded at a limit, Spins for a thread
    that never waits, Escape for what would leave the simulation, SimulationError inside a running
    event loop or another simulation, and whatever `main` raises.

    >>> from failing_exchange import FailingExchange
    >>> async def main():
    ...     exchange = FailingExchange(seed=7)
    ...     await asyncio.sleep(86_400)
    ...     return (await exchange.fetch_ticker("BTC/USDT"))["datetime"]
    >>> simulate(main, seed=7)
    '2026-01-02T00:00:00.0...Z'
    >>> import time
    >>> def blocking():
    ...     time.sleep(86_400)
    ...     return datetime.now(UTC).isoformat()
    >>> simulate(blocking)
    '2026-01-02T00:00:00+00:00'
    """
    try:
        if venue:
            load_venue()
        _check_as_of(as_of, venue)
        with virtual_time(
            seed=seed,
            start=start,
            tz=tz,
            schedule=schedule,
            virtual_seconds_max=virtual_seconds_max,
            steps_per_instant_max=steps_per_instant_max,
            wall_seconds_max=wall_seconds_max,
        ) as world:
            return world.run(hosted(main, venue, seed, as_of) if venue else main)
    finally:
        if asyncio.iscoroutine(main) and getcoroutinestate(main) == CORO_CREATED:
            main.close()  # it never began, for a reason that is on its way: no warning besides


def load_venue() -> None:
    """Load a venue's server and the usual client now: in virtual time loading would draw."""
    import aiohttp  # noqa: F401

    import failing_exchange.server.venue_server  # noqa: F401


def _begun(main: Main[T] | Blocking[T]) -> Coroutine[Any, Any, T]:
    """The coroutine that runs a program; a plain function runs in a simulated thread."""
    if asyncio.iscoroutine(main):
        return main
    if not callable(main):
        raise ConfigurationError(
            f"simulate() got {main!r}; expected a function, an async function, or a coroutine such "
            "as main(); for a script use run_script"
        )
    if inspect.iscoroutinefunction(main):
        made: Coroutine[Any, Any, T] = main()
        return made
    return _blocking(main)


async def _blocking(main: Callable[[], Any]) -> Any:
    """Run a plain function in threads; a coroutine that it returns goes on here."""
    from failing_exchange.threads.blocking import run_blocking

    result = await run_blocking(main)
    return await result if asyncio.iscoroutine(result) else result


class Hosted(Protocol):
    """What can be hosted in a simulation, such as a `VenueServer`."""

    async def listen_in_simulation(self) -> None:
        """Answer under its names."""

    async def close(self) -> None:
        """Answer no more."""


Wanted: TypeAlias = "str | Venue | Hosted"  # by its name, as a value, or served by the caller
Venues: TypeAlias = "Wanted | Sequence[Wanted]"


async def hosted(
    main: Main[T] | Blocking[T], venues: Venues, seed: int, as_of: str | date | None
) -> T:
    """Run `main` while its venues answer; `load_venue` goes before, in real time."""
    found = _venues(venues, seed, as_of)
    try:
        await _listen(found)
        return await _begun(main)
    finally:
        await _close(found)


async def _listen(venues: Sequence[Hosted]) -> None:
    for venue in venues:
        await venue.listen_in_simulation()


async def _close(venues: Sequence[Hosted]) -> None:
    for venue in venues:
        await venue.close()


def _check_as_of(as_of: object, venue: object) -> None:
    if as_of is not None and not venue:
        raise ConfigurationError(f"as_of={as_of!r} goes with a venue, as in venue='binance'")


def _venues(wanted: Any, seed: int, as_of: str | date | None) -> list[Hosted]:
    several = isinstance(wanted, Sequence) and not isinstance(wanted, str)
    named = list(wanted) if several else [wanted]
    beside = {other for one in named for other in _beside(one)}
    found = [_venue(one, seed, as_of) for one in named if one not in beside]
    taken: set[tuple[str, int]] = set()
    for one in found:
        places = getattr(one, "places", ())
        for host, port in places:
            if (host, port) in taken:
                raise ConfigurationError(
                    f"venue={wanted!r}: two answer at {host}:{port}; give one other `places`, or "
                    "leave it out"
                )
        taken.update(places)
    for one in found:
        places = getattr(one, "fallback_places", None)
        if places:
            cast(Any, one).fallback_places = tuple(p for p in places if p not in taken)
            taken.update(places)
    return found


def _beside(wanted: Any) -> Sequence[str]:
    """The names of the venues that are served with one, on the same exchange."""
    from failing_exchange.venues.base import venue_of

    return venue_of(wanted).beside if isinstance(wanted, str) else getattr(wanted, "beside", ())


def _venue(wanted: Any, seed: int, as_of: str | date | None) -> Hosted:
    if not isinstance(wanted, str) and hasattr(wanted, "listen_in_simulation"):
        if as_of is not None:
            raise ConfigurationError(
                f"as_of={as_of!r} is for a venue by its name; give it to the exchange of {wanted!r}"
            )
        served: Hosted = wanted
        return served
    from failing_exchange.venues.base import like_production

    return like_production(wanted, seed=seed, as_of=as_of)


@contextmanager
def virtual_time(
    *,
    seed: int = 0,
    start: Start = START,
    tz: str = "UTC",
    schedule: str = "fifo",
    virtual_seconds_max: float = VIRTUAL_SECONDS_MAX,
    steps_per_instant_max: int = STEPS_PER_INSTANT_MAX,
    wall_seconds_max: float | None = None,
) -> Iterator[VirtualTime]:
    """Everything in the block runs in virtual time: `asyncio.run`, Runner, and the clocks.

    Several `asyncio.run` in one block go on with the same clock. The arguments are those of
    `simulate`, and so are the errors.

    >>> with virtual_time(seed=7) as world:
    ...     asyncio.run(asyncio.sleep(60))
    ...     asyncio.run(asyncio.sleep(60))
    ...     world.clock.ns // SECOND
    120
    """
    from failing_exchange.virtual import randomness  # `random` takes long to import

    _refuse_running_loop()
    _check_options(seed, virtual_seconds_max, steps_per_instant_max, wall_seconds_max)
    if schedule not in SCHEDULES:
        raise ConfigurationError(f"schedule={schedule!r}; expected {' or '.join(SCHEDULES)}")
    clock = VirtualClock(epoch_ns=_instant(start, tz), end_ns=round(virtual_seconds_max * SECOND))
    check = _Check(wall_seconds_max)
    world = VirtualTime(clock, seed, steps_per_instant_max, check, schedule)
    with ExitStack() as undo:
        undo.enter_context(wallclock.follow(clock, tz=tz))
        undo.enter_context(randomness.seeded(seed))
        undo.enter_context(waiting.STAND_INS.replaced())
        undo.enter_context(routed(world.new_loop))
        undo.enter_context(tls.elided())
        undo.enter_context(blocking_sockets.barred())
        undo.enter_context(_quiet_garbage())
        undo.callback(world.close)
        yield world


def run_script(
    path: str | Path,
    argv: Sequence[str] = (),
    *,
    venue: Venues = (),
    as_of: str | date | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Run a Python file as `python path argv...` would, in virtual time; returns its globals.

    The script may block, start threads and call `asyncio.run`. The options are those of `simulate`.
    What the script raises, SystemExit included, is raised.
    """
    import runpy

    file = Path(path)
    if not file.is_file():
        raise ConfigurationError(
            f"{str(path)!r} is not a file; expected the path of a Python script"
        )
    script = partial(runpy.run_path, str(file), run_name="__main__")
    with _as_program(file, argv):
        found: dict[str, Any] = simulate(script, venue=venue, as_of=as_of, **options)
    return found


class VirtualTime:
    """A stretch of virtual time, as `virtual_time` yields it.

    `clock` is its clock, `seed` its seed, `loop` the loop made last (None before the first).
    """

    def __init__(
        self,
        clock: VirtualClock,
        seed: int,
        steps_per_instant_max: int,
        check: _Check,
        schedule: str = "fifo",
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.schedule = schedule
        self.loop: VirtualLoop | None = None
        self._steps_max = steps_per_instant_max
        self._check = check
        self._open: list[VirtualLoop] = []

    def new_loop(self) -> VirtualLoop:
        """A loop on this clock."""
        self._open = [loop for loop in self._open if not loop.is_closed()]
        self.loop = VirtualLoop(
            self.clock,
            seed=self.seed,
            schedule=self.schedule,
            steps_per_instant_max=self._steps_max,
            on_check=self._check,
        )
        self._open.append(self.loop)
        return self.loop

    @overload
    def run(self, main: Main[T]) -> T: ...

    @overload
    def run(self, main: Blocking[T]) -> T: ...

    def run(self, main: Main[T] | Blocking[T]) -> T:
        """Run one program to its end, as `asyncio.run` would, and return its result."""
        with asyncio.Runner() as runner:
            return runner.run(_begun(main))

    def close(self) -> None:
        """End what is left in loops that the program made and did not close."""
        for loop in self._open:
            if not loop.is_closed():
                loop.cancel_leftovers()
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()


class _Check:
    """Actions after a fixed number of turns of a loop: collect garbage, look at the real clock.

    Garbage is collected after a number of turns, not of allocations, so that finalisers run
    at the same time in every run.
    """

    def __init__(self, wall_seconds_max: float | None) -> None:
        self._limit = wall_seconds_max
        self._began = wallclock.REAL["monotonic"]()
        self._checks = 0

    def __call__(self) -> None:
        self._checks += 1
        if self._checks % COLLECT_EVERY_CHECKS == 0:
            gc.collect(1 if self._checks % COLLECT_ALL_EVERY_CHECKS else 2)
        if self._limit is None:
            return
        spent = wallclock.REAL["monotonic"]() - self._began
        if spent > self._limit:
            raise WallTimeExceeded(
                f"the run has taken {spent:.1f} real seconds, its limit is {self._limit:g} "
                "(wall_seconds_max)"
            )


@contextmanager
def _quiet_garbage() -> Iterator[None]:
    """The collector rests but for `_Check`, and what was there before is none of its business."""
    was_enabled, freeze = gc.isenabled(), not _frozen and gc.get_freeze_count() < _FROZEN_AT_START
    gc.disable()
    if freeze:
        _collect_leftovers()
        gc.freeze()
    try:
        yield
    finally:
        if sys.getallocatedblocks() < _kept_below:
            gc.freeze()
        else:
            gc.collect()
        if freeze:
            gc.unfreeze()
        if was_enabled:
            gc.enable()


def _collect_leftovers() -> None:
    """Collect what earlier simulations have left, once the process has grown by a quarter.

    A collection during a simulation does not see it: it is frozen then, and so are its cycles.
    """
    global _blocks
    blocks = sys.getallocatedblocks()
    if not _blocks:
        _blocks = blocks
    elif blocks > _blocks + _blocks // 4:
        gc.collect()
        _blocks = sys.getallocatedblocks()


def freeze() -> None:
    """What the process holds now stays for good: no simulation looks through it for garbage."""
    global _frozen
    gc.collect()
    gc.freeze()
    _frozen = True


def keep_garbage() -> None:
    """What simulations leave stays from now on, up to `GARBAGE_KEPT_MAX`.

    For a process that runs some simulations and exits: to search each one's garbage takes longer.
    """
    global _kept_below
    _kept_below = sys.getallocatedblocks() + GARBAGE_KEPT_MAX


_kept_below = 0  # blocks of memory; from there on, garbage is collected behind each simulation
_blocks = 0  # of memory, after the last collection of what simulations left
_frozen = False  # by `freeze`; to count what is frozen takes longer than a small simulation
_FROZEN_AT_START = 1_000  # Python 3.12 freezes a few hundred objects of its own; a program, all


@contextmanager
def _as_program(file: Path, argv: Sequence[str]) -> Iterator[None]:
    """`sys.argv` and the first entry of `sys.path`, as a script expects them."""
    before = sys.argv, list(sys.path)
    sys.argv = [str(file), *argv]
    sys.path.insert(0, str(file.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before


def _check_options(seed: object, virtual: object, steps: object, wall: object) -> None:
    if not is_whole(seed):
        raise ConfigurationError(f"seed={seed!r}; expected a whole number")
    limits = {"virtual_seconds_max": virtual, "steps_per_instant_max": steps}
    if wall is not None:
        limits["wall_seconds_max"] = wall
    for name, limit in limits.items():
        if not is_number(limit) or not 0 < limit < 1e18:
            raise ConfigurationError(f"{name}={limit!r}; expected a number above 0")


def _refuse_running_loop() -> None:
    if current() is not None:
        raise SimulationError(
            "this program runs in virtual time already, in a simulated thread: call the function "
            "itself, without simulate() (a pytest test with the fixture failing_exchange is such a "
            "program)"
        )
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise SimulationError(
        "an event loop is running already, and virtual time needs one of its own: call simulate() "
        "or virtual_time() from ordinary code, not from a coroutine (in a notebook: in a thread)"
    )


def _instant(start: Start, tz: str) -> int:
    """The nanoseconds since 1970 of `start`."""
    if isinstance(start, bool) or not isinstance(start, str | int | datetime):
        raise ConfigurationError(
            f"start={start!r}; expected ISO text, a datetime, or whole nanoseconds since 1970"
        )
    if isinstance(start, int):
        ns = start
    else:
        begin = _moment(start)
        if begin.tzinfo is None:
            begin = begin.replace(tzinfo=wallclock.zone(tz))
        since = begin - datetime(1970, 1, 1, tzinfo=UTC)
        ns = (since.days * DAY_S + since.seconds) * SECOND + since.microseconds * MICROSECOND
    if not 0 <= ns < _LAST_INSTANT_NS:
        raise ConfigurationError(f"start={start!r} lies outside the years 1970 to 2200")
    return ns


_LAST_INSTANT_NS = 7_258_118_400 * SECOND  # 2200-01-01, so that a century of run fits 64 bits


def _moment(start: str | datetime) -> datetime:
    if isinstance(start, datetime):
        return start
    try:
        return datetime.fromisoformat(start)
    except ValueError:
        raise ConfigurationError(
            f"start={start!r} is not an ISO date; expected for example '2026-01-01T00:00:00Z'"
        ) from None
