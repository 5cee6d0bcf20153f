"""The pytest plugin: async tests in virtual time, on a failing exchange.

An async test is run in virtual time when it takes the fixture `failing_exchange` or `virtual_time`,
has the marker `faults` or `exchange`, or the ini option `failing_exchange_virtual` is true. Other
plugins for async tests then leave it alone. All other tests are left to them; a test that none of
them takes runs in virtual time if its module imports something of ours.

A test that is not async and takes `failing_exchange` runs in virtual time, too, as the main thread
of a blocking program that reaches the exchange by Binance's production names.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from zlib import crc32

import pytest

from failing_exchange.client.running_test import running_test

FIXTURES = ("failing_exchange", "virtual_time")
OPTION = "--failing-exchange-seed"
TRIPS_SHOWN = 12  # of a failing test, the last ones
WIDTH = 100  # columns of what a failing test prints
MARKERS = ("faults", "exchange")
UNSUPPORTED = "async def functions are not natively supported"  # pytest's words
HINT = """pytest runs no async test by itself. To run this one in virtual time, do one of these:
- take the fixture `failing_exchange` (an exchange with the test's seed) or `virtual_time`
- set `failing_exchange_virtual = true` in pytest's configuration, for all async tests
- import failing_exchange in the test's module, and make the exchange in the test"""
_seed = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for the seed and for virtual time."""
    parser.getgroup("failing-exchange").addoption(
        OPTION,
        type=int,
        default=None,
        metavar="N",
        help="the seed of every exchange (default: one for each test, from its name)",
    )
    parser.addini(
        "failing_exchange_virtual", "run all async tests in virtual time", "bool", default=False
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers `exchange` and `faults`."""
    config.addinivalue_line(
        "markers",
        "exchange(**options): what the fixture's exchange is made with: markets, balances, fees, "
        "scenario and all else that FailingExchange takes",
    )
    config.addinivalue_line(
        "markers",
        "faults(kind_or_mode, when=…, **fields): arm a fault of the catalogue, or a FailureMode "
        "with probability= and params=, on the test's exchange",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> Any:
    """Make an async test of ours an ordinary function, before another plugin takes it."""
    if not inspect.iscoroutinefunction(obj) or not collector.istestfunction(obj, name):
        return None
    if not _is_ours(collector, obj):
        return None
    ordinary: Any = _in_virtual_time(obj)
    marks = getattr(obj, "pytestmark", [])  # that of pytest-asyncio is for async functions
    ordinary.pytestmark = [mark for mark in marks if mark.name != "asyncio"]
    setattr(collector.obj, name, ordinary)  # pytest looks a test up where it stands
    return list(collector._genfunctions(name, ordinary))


def _is_ours(collector: Any, test: Callable[..., Any]) -> bool:
    if collector.config.getini("failing_exchange_virtual"):
        return True
    if any(name in inspect.signature(test).parameters for name in FIXTURES):
        return True
    marks = [*getattr(test, "pytestmark", []), *collector.iter_markers()]
    return any(mark.name in MARKERS for mark in marks)


def _in_virtual_time(test: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        from failing_exchange.simulation import simulate
        from failing_exchange.virtual.errors import SimulationError

        exchanges = [value for value in kwargs.values() if _is_exchange(value)]
        options: dict[str, Any] = {"seed": _current_seed(exchanges)}
        if not inspect.iscoroutinefunction(test):
            options |= {"venue": _served(exchanges), "schedule": running_test.schedule}
        try:
            simulate(functools.partial(test, *args, **kwargs), **options)
        except SimulationError as error:  # says it all: our loop's frames would only hide it
            raise error.with_traceback(None) from None

    return run


def _served(exchanges: list[Any]) -> Any:
    """The venue that blocking code reaches: that of the one exchange of a test."""
    from failing_exchange.venues.base import DEFAULT, serve

    return serve(DEFAULT, exchanges[0]) if len(exchanges) == 1 else ()


def _is_blocking(item: pytest.Item) -> bool:
    """Whether a test is a plain function whose body runs in virtual time.

    With the fixture `virtual_time` it is ordinary code, which calls `asyncio.run` itself.
    """
    test: Any = getattr(item, "obj", None)  # an async one may have been wrapped, by us or others
    is_async = inspect.iscoroutinefunction(inspect.unwrap(test))
    return not is_async and "virtual_time" not in _fixtures_of(item)


def _fixtures_of(item: pytest.Item) -> Any:
    return getattr(item, "fixturenames", ())


def _current_seed(exchanges: list[Any]) -> int:
    return int(exchanges[0].seed) if exchanges else running_test.seed


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set the seed before the first fixture needs it."""
    running_test.seed = item.stash[_seed] = _seed_of(item)
    running_test.made = []


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Drop the exchanges that the test has made."""
    running_test.made = None


def _seed_of(item: pytest.Item) -> int:
    given = item.config.getoption(OPTION)
    if given is not None:
        return int(given)
    marked = [mark.kwargs["seed"] for mark in item.iter_markers("faults") if "seed" in mark.kwargs]
    return int(marked[0]) if marked else crc32(item.nodeid.encode())


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Arm what the markers say; run a test that has an exchange among its fixtures."""
    exchanges = [value for value in pyfuncitem.funcargs.values() if _is_exchange(value)]
    idle = [mark.name for mark in pyfuncitem.own_markers if mark.name in MARKERS]
    if idle and not exchanges:
        pytest.fail(
            f"the marker {idle[0]!r} has nothing to act on: take the fixture failing_exchange, "
            "for an exchange that a test makes itself is armed in the test",
            pytrace=False,
        )
    for exchange in exchanges:
        wrong = ""
        try:
            _arm(exchange, pyfuncitem)
        except ValueError as error:  # a ConfigurationError says what is wrong with a marker
            wrong = str(error)
        if wrong:
            pytest.fail(wrong, pytrace=False)
    is_async = inspect.iscoroutinefunction(pyfuncitem.obj)
    if exchanges and (is_async or _is_blocking(pyfuncitem)):
        names = pyfuncitem._fixtureinfo.argnames
        _in_virtual_time(pyfuncitem.obj)(**{name: pyfuncitem.funcargs[name] for name in names})
        return True
    return None


@pytest.hookimpl(specname="pytest_pyfunc_call", wrapper=True)
def pytest_bar_network(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Keep ordinary code of a test that has an exchange from the real one."""
    has_exchange = any(map(_is_exchange, pyfuncitem.funcargs.values()))
    is_async = inspect.iscoroutinefunction(pyfuncitem.obj)
    if not has_exchange or is_async or _is_blocking(pyfuncitem):
        return (yield)
    from failing_exchange.virtual.blocking_sockets import barred

    with barred():
        return (yield)


@pytest.hookimpl(specname="pytest_pyfunc_call")
def pytest_run_unclaimed(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test that no other plugin takes, if its module imports this package."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test) or not _imports_us(test):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    _in_virtual_time(test)(**{name: pyfuncitem.funcargs[name] for name in names})
    return True


def _imports_us(test: Callable[..., Any]) -> bool:
    """Whether the module of a test has imported something of this package."""
    for value in getattr(test, "__globals__", {}).values():
        name = value.__name__ if isinstance(value, ModuleType) else type(value).__module__
        own = value.__module__ if inspect.isclass(value) or inspect.isfunction(value) else name
        if str(own).partition(".")[0] == "failing_exchange":
            return True
    return False


def _is_exchange(value: object) -> bool:
    """Whether it is a FailingExchange, without importing the class."""
    kind = type(value)
    return kind.__module__.startswith("failing_exchange.") and kind.__name__ == "FailingExchange"


def _arm(exchange: Any, item: pytest.Item) -> None:
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.faults.modes import FailureMode

    for mark in item.iter_markers("faults"):
        fields = {name: value for name, value in mark.kwargs.items() if name != "seed"}
        if not mark.args and "seed" not in mark.kwargs:
            raise ConfigurationError(
                f'{mark} names no fault; expected one of the catalogue, as in faults("lose_answer")'
            )
        for kind in mark.args:
            if isinstance(kind, FailureMode) or kind in FailureMode.__members__:
                exchange.add_failure_mode(kind, **fields)
            else:
                exchange.arm(kind, **fields)


@pytest.fixture
def failing_exchange_options() -> dict[str, Any]:
    """What `failing_exchange` is made with; override it in a conftest.py for a whole suite."""
    return {}


@pytest.fixture
def failing_exchange(
    request: pytest.FixtureRequest, failing_exchange_options: dict[str, Any]
) -> Any:
    """A FailingExchange with the test's seed.

    The marker `exchange` gives it options, which go before those of `failing_exchange_options`;
    the marker `faults` arms it.
    """
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.text.spelling import did_you_mean

    options = {**failing_exchange_options, **_marked(request.node)}
    known = [name for name in inspect.signature(FailingExchange).parameters if name != "seed"]
    for name in options:
        if name not in known:
            pytest.fail(
                f"an exchange takes no option {name!r}{did_you_mean(name, known)}", pytrace=False
            )
    if running_test.make is not None:
        return running_test.make(**options)
    return FailingExchange(seed=request.node.stash[_seed], **options)


def _marked(node: pytest.Item) -> dict[str, Any]:
    """The options of the markers `exchange`; those of the closest one win."""
    options: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers("exchange"))):
        if mark.args:
            pytest.fail(f"{mark}: expected options by name, as in exchange(balances=…)", False)
        options.update(mark.kwargs)
    return options


@pytest.fixture
def virtual_time(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Virtual time. In a test that is not async, for each `asyncio.run` that it calls."""
    if inspect.iscoroutinefunction(inspect.unwrap(request.function)):
        yield None
        return
    from failing_exchange.simulation import virtual_time as context

    with context(seed=request.node.stash[_seed]) as world:
        yield world


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failing test shows its seed, the two columns at the end, and the line that replays it."""
    report = yield
    if report.failed and report.when == "call":
        for text in _explained(item, call):
            report.sections.append(("failing-exchange", text))
    return report


def _explained(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[str]:
    """What a failing test shows: of each exchange its columns, or how a test would run here."""
    given = [v for v in getattr(item, "funcargs", {}).values() if _is_exchange(v)]
    shown = dict.fromkeys([*given, *(running_test.made or [])])
    for exchange in shown:
        yield _story(item, exchange)
    if shown:
        return
    if "virtual_time" in _fixtures_of(item):
        seed = item.stash[_seed]
        yield f"seed {seed}\n{_again(item, seed)}"
    elif call.excinfo is not None and UNSUPPORTED in str(call.excinfo.value):
        yield HINT


def _again(item: pytest.Item, seed: int) -> str:
    """The line that runs a test again, from where pytest was called."""
    path = os.path.relpath(item.path, item.config.invocation_params.dir)
    _, colons, names = item.nodeid.partition("::")
    return f"again: pytest {path + colons + names!r} {OPTION} {seed}"


def _story(item: pytest.Item, exchange: Any) -> str:
    from io import StringIO

    from rich.console import Console

    from failing_exchange.report.text import trip_table

    out = StringIO()
    console = Console(file=out, width=WIDTH)
    trips = [trip for trip in exchange.journal.trips if trip.message is not None or trip.is_push]
    shown = trips[-TRIPS_SHOWN:]
    what = f"the last {len(shown)} of {len(trips)} trips:" if shown else "no trip was made"
    console.print(f"seed {exchange.seed}; {what}", highlight=False)
    if shown:
        console.print(trip_table(shown, exchange.venue.markets))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return "\n".join([*lines, _again(item, exchange.seed)])
