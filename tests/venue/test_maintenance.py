"""Maintenance windows: when they begin and end, and what a wrong schedule is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from failing_exchange import ConfigurationError
from failing_exchange.core.units import DAY, MINUTE
from failing_exchange.venue.maintenance import (
    MONDAY,
    WINDOWS_MAX,
    MaintenanceSchedule,
    Window,
    instant_of,
    once,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_window_begins_with_its_first_instant_and_ends_before_its_last() -> None:
    """Half open, so that windows that follow each other leave no gap and do not overlap."""
    window = once(NOON, 30, "Upgrade")
    start = instant_of(NOON)
    assert window.end_at(start - 1) is None
    assert window.end_at(start) == start + 30 * MINUTE
    assert window.end_at(start + 30 * MINUTE - 1) == start + 30 * MINUTE
    assert window.end_at(start + 30 * MINUTE) is None


def test_a_daily_window_comes_each_day_also_over_midnight() -> None:
    """23:50 for 20 minutes is still going on at 00:05."""
    schedule = MaintenanceSchedule.parse({"daily": {"start": "23:50", "duration": 20}})
    for day in (0, 1, 20_000):
        assert schedule.at(day * DAY + 5 * MINUTE) == (
            day * DAY + 10 * MINUTE,
            "System maintenance",
        )
        assert schedule.at(day * DAY + 10 * MINUTE) is None
        assert schedule.at(day * DAY + 1_430 * MINUTE) is not None


def test_a_weekly_window_comes_on_its_day_only() -> None:
    """Days are those of UTC."""
    week = {"day": "sunday", "start": "04:00", "duration": 60, "message": "Weekly"}
    schedule = MaintenanceSchedule.parse({"weekly": week})
    sunday = MONDAY + 6 * DAY + 240 * MINUTE
    assert schedule.at(sunday + 52 * 7 * DAY) == (sunday + 52 * 7 * DAY + 60 * MINUTE, "Weekly")
    assert schedule.at(sunday + DAY) is None
    assert datetime.fromtimestamp(sunday // 10**9, tz=UTC).strftime("%A %H:%M") == "Sunday 04:00"


def test_of_several_windows_the_one_that_ends_last_speaks() -> None:
    """Its end is when the venue opens again."""
    schedule = MaintenanceSchedule()
    schedule.add(Window(0, 10, "short"))
    schedule.add(Window(5, 20, "long"))
    assert schedule.at(7) == (25, "long")


def test_a_datetime_with_a_zone_is_the_instant_it_names() -> None:
    """One without is local time, which in virtual time is UTC unless told otherwise."""
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    assert instant_of(east) == instant_of(NOON)
    assert instant_of(datetime(2026, 1, 1, 12)) == instant_of(datetime(2026, 1, 1, 12).astimezone())


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ({"hourly": {}}, "'daily' and 'weekly', not 'hourly'"),
        ({"daily": "02:00"}, "must be a mapping"),
        ({"daily": {"start": "02:00"}}, "missing: duration"),
        ({"daily": {"start": "02:00", "duration": 5, "days": 1}}, "unknown: days"),
        ({"daily": {"start": "25:00", "duration": 5}}, "25:00"),
        ({"daily": {"start": "2 am", "duration": 5}}, "2 am"),
        ({"daily": {"start": "02:00", "duration": 0}}, "above 0"),
        ({"daily": {"start": "02:00", "duration": float("nan")}}, "nan"),
        ({"daily": {"start": "02:00", "duration": float("inf")}}, "inf"),
        ({"weekly": {"day": "someday", "start": "02:00", "duration": 5}}, "someday"),
        ([], "a mapping"),
    ],
)
def test_a_wrong_schedule_is_told_what_is_expected(schedule: Any, says: str) -> None:
    """At once, not at two o'clock at night."""
    with pytest.raises(ConfigurationError, match=says):
        MaintenanceSchedule.parse(schedule)


def test_a_window_needs_a_datetime_and_there_is_a_limit() -> None:
    """A text is not guessed at."""
    with pytest.raises(ConfigurationError, match="datetime"):
        once("tomorrow", 5, "")  # type: ignore[arg-type]
    schedule = MaintenanceSchedule()
    for start in range(WINDOWS_MAX):
        schedule.add(Window(start, 1))
    with pytest.raises(ConfigurationError, match=str(WINDOWS_MAX)):
        schedule.add(Window(0, 1))
