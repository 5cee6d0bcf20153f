"""The clocks of the process follow the virtual clock, and are themselves again afterwards."""

from __future__ import annotations

import datetime
import os
import sys
import threading
import time
import types
from time import monotonic as monotonic_alias, sleep as sleep_alias, time as time_alias
from typing import Any

import pytest
import time_machine

from failing_exchange.core.units import SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.virtual import wallclock
from failing_exchange.virtual.clock import VirtualClock
from failing_exchange.virtual.errors import BudgetExceeded, SimulationError
from failing_exchange.virtual.wallclock import REAL, follow

NEW_YEAR_NS = 1_767_225_600 * SECOND
NAMES = tuple(REAL)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(epoch_ns=NEW_YEAR_NS, end_ns=86_400 * SECOND)


def test_every_clock_shows_the_virtual_time(clock: VirtualClock) -> None:
    """Those of the module and those that were imported by name."""
    with follow(clock):
        clock.move_to(90 * SECOND + 250_000_000)
        assert time.time() == time_alias() == 1_767_225_690.25
        assert time.time_ns() == clock.now_ns()
        assert datetime.datetime.now() == datetime.datetime(2026, 1, 1, 0, 1, 30, 250_000)
        assert datetime.datetime.now(datetime.UTC).hour == 0
        assert time.monotonic() == time.perf_counter() == monotonic_alias() == 90.25
        assert time.monotonic_ns() == time.perf_counter_ns() == 90_250_000_000
        assert time.gmtime()[:5] == (2026, 1, 1, 0, 1)
        assert time.ctime() == time.asctime() == time.strftime("%c") == "Thu Jan  1 00:01:30 2026"
        assert time.ctime(0) == time.asctime(time.gmtime(0)) == "Thu Jan  1 00:00:00 1970"


def test_a_clock_that_a_program_keeps_to_itself_shows_the_same_floats(clock: VirtualClock) -> None:
    """A function in a container has no stand-in: time-machine answers it, to the last bit."""
    kept = [time.time, time.time_ns]
    with follow(clock):
        for number in range(1, 500):
            clock.ns = number**5 * 7
            assert kept[0]() == time.time()
            assert kept[1]() == time.time_ns() == clock.now_ns()


def test_every_clock_is_real_again_afterwards_also_after_an_error(clock: VirtualClock) -> None:
    """A test session goes on after a simulation that failed."""
    before = {name: getattr(time, name) for name in NAMES}
    wall = time.time()
    with pytest.raises(ZeroDivisionError), follow(clock):
        raise ZeroDivisionError
    assert {name: getattr(time, name) for name in NAMES} == before
    assert monotonic_alias is before["monotonic"]
    assert time.time() >= wall and not time_machine.escape_hatch.is_travelling()


def test_sleep_moves_the_clock(clock: VirtualClock) -> None:
    """`time.sleep` in a bot blocks it, and costs nothing here."""
    with follow(clock):
        time.sleep(5)
        sleep_alias(0.5)
        assert time.monotonic() == 5.5
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)
        with pytest.raises(BudgetExceeded, match="virtual_seconds_max"):
            time.sleep(1_000_000)


def test_another_thread_sleeps_in_real_time(clock: VirtualClock) -> None:
    """A progress bar's thread must not move the clock of the simulation."""
    with follow(clock):
        thread = threading.Thread(target=time.sleep, args=(0.001,))
        thread.start()
        thread.join()
        assert clock.ns == 0


def test_real_clocks_stay_within_reach(clock: VirtualClock) -> None:
    """For progress bars and budgets."""
    with follow(clock):
        assert REAL["perf_counter"]() != time.perf_counter() == 0.0


def test_a_module_imported_meanwhile_is_put_right_too(clock: VirtualClock) -> None:
    """It took the stand-in for the real function."""
    late = types.ModuleType("imported_late")
    try:
        with follow(clock):
            exec("from time import monotonic", late.__dict__)
            sys.modules["imported_late"] = late
            assert late.monotonic() == 0.0
        assert late.monotonic is REAL["monotonic"]
    finally:
        sys.modules.pop("imported_late", None)


def test_a_stand_in_that_got_away_follows_the_real_clock_afterwards(clock: VirtualClock) -> None:
    """A default argument keeps it for good."""
    with follow(clock):
        kept = time.monotonic
        assert kept() == 0.0
    assert kept() > 0.0


def test_waiting_for_locks_stays_in_real_time(clock: VirtualClock) -> None:
    """`threading` measures its time-outs by a clock that goes on while nothing else does."""
    with follow(clock):
        assert not threading.Event().wait(0.001)


def test_local_time_is_utc_unless_a_zone_is_named(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of local times must not depend on where it was made."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    with follow(clock):
        assert time.localtime().tm_hour == 0
    with follow(clock, tz="Asia/Tokyo"):
        assert datetime.datetime.now().hour == 9
    assert os.environ["TZ"] == "America/New_York" and time.tzname[0] == "EST"
    monkeypatch.undo()
    time.tzset()


def test_an_unknown_zone_is_named(clock: VirtualClock) -> None:
    """The C library would silently use UTC."""
    with pytest.raises(ConfigurationError, match="Mars/Olympus"), follow(clock, tz="Mars/Olympus"):
        pass
    assert not time_machine.escape_hatch.is_travelling()


def test_one_virtual_clock_at_a_time(clock: VirtualClock) -> None:
    """The clocks of a process can follow one only."""
    with follow(clock):
        with pytest.raises(SimulationError, match="one at a time"), follow(VirtualClock()):
            pass
        assert time.time_ns() == NEW_YEAR_NS


def test_without_the_inner_interface_the_public_one_serves(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """time-machine's stack of travellers is no documented interface."""
    refuse: Any = lambda stack, clock: False  # noqa: E731
    monkeypatch.setattr(wallclock, "_takes_our_traveller", refuse)
    clock.epoch_ns += 123_456_789
    with follow(clock):
        assert time.time_ns() == clock.now_ns()
        for ns in (1, 999_999_999, 86_399 * SECOND + 7):
            clock.move_to(ns)
            assert time.time_ns() == clock.now_ns()
    assert clock.moved is None


def test_the_inner_interface_is_there() -> None:
    """The fallback works, but costs something at each move of the clock."""
    clock = VirtualClock(epoch_ns=NEW_YEAR_NS)
    with follow(clock):
        assert clock.moved is None
