"""Maintenance windows: once, daily or weekly, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from failing_exchange.core.units import DAY, MICROSECOND, MINUTE, SECOND, WEEK
from failing_exchange.core.venue_commands import MaintenancePlanned
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.number_checks import is_number
from failing_exchange.text.spelling import did_you_mean

MONDAY = 4 * DAY  # the first Monday of the epoch: 1970-01-05
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WINDOWS_MAX = 1_000  # planned at once; one more is refused
MINUTES_MAX = 366 * 1_440  # of one window; a longer one is refused
DEFAULT_MESSAGE = "System maintenance"


class Window(NamedTuple):
    """A maintenance that begins at `start` and repeats every `period` (0: once); in nanoseconds."""

    start: int
    duration: int
    message: str = DEFAULT_MESSAGE
    period: int = 0

    def end_at(self, at: int) -> int | None:
        """When the maintenance that is under way at an instant ends; None if there is none."""
        begun = self.start
        if self.period:
            begun += (at - self.start) // self.period * self.period
        return begun + self.duration if begun <= at < begun + self.duration else None


class MaintenanceSchedule:
    """The planned maintenance windows of a venue.

    >>> schedule = MaintenanceSchedule.parse({"daily": {"start": "02:00", "duration": 30}})
    >>> schedule.at(2 * 60 * MINUTE) == (150 * MINUTE, "System maintenance")
    True
    """

    def __init__(self) -> None:
        self.windows: list[Window] = []

    @classmethod
    def parse(cls, text: Mapping[str, Any] | None) -> MaintenanceSchedule:
        """Read `{"daily": {"start": "02:00", "duration": 30}, "weekly": {"day": "Sunday", …}}`.

        Times are UTC, durations in minutes; a `message` is optional. Raises ConfigurationError.
        """
        if text is not None and not isinstance(text, Mapping):
            raise ConfigurationError(
                "maintenance_schedule must be a mapping like "
                f'{{"daily": {{"start": "02:00", "duration": 30}}}}, not {text!r}'
            )
        schedule = cls()
        for name, entry in (text or {}).items():
            if name not in ("daily", "weekly"):
                raise ConfigurationError(
                    f"maintenance_schedule has 'daily' and 'weekly', not {name!r}"
                    f"{did_you_mean(name, ('daily', 'weekly'))}"
                )
            if not isinstance(entry, Mapping):
                raise ConfigurationError(
                    f"maintenance_schedule[{name!r}] must be a mapping, not {entry!r}"
                )
            schedule.add(_repeated(name, entry))
        return schedule

    def add(self, window: Window) -> None:
        """Plan another window. Raises ConfigurationError above WINDOWS_MAX."""
        if len(self.windows) >= WINDOWS_MAX:
            raise ConfigurationError(f"{WINDOWS_MAX} maintenance windows are planned already")
        self.windows.append(window)

    def hear(self, planned: MaintenancePlanned) -> None:
        """Take over what the operator plans; of too many windows the earliest gives way."""
        if not planned.duration:
            self.windows.clear()
            return
        if len(self.windows) >= WINDOWS_MAX:
            self.windows.remove(min(self.windows))
        self.windows.append(Window(planned.start, planned.duration, planned.message))

    def at(self, at: int) -> tuple[int, str] | None:
        """(end, message) of the maintenance at an instant; of several the one that ends last."""
        going_on = [
            (end, window.message)
            for window in self.windows
            if (end := window.end_at(at)) is not None
        ]
        return max(going_on, default=None)


def once(start: datetime, duration_minutes: float, message: str) -> Window:
    """Make a window that begins at a datetime; a naive one is local time."""
    if not isinstance(start, datetime):
        raise ConfigurationError(f"start_time must be a datetime, not {start!r}")
    if not isinstance(message, str):
        raise ConfigurationError(f"message must be a string, not {message!r}")
    return Window(instant_of(start), _minutes(duration_minutes), message)


def instant_of(when: datetime) -> int:
    """Convert a datetime to nanoseconds since the epoch; a naive one is local time."""
    try:
        aware = when.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        raise ConfigurationError(f"{when!r} is not a valid time of this time zone") from None
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * DAY + since.seconds * SECOND + since.microseconds * MICROSECOND


def time_of_day(text: object) -> int:
    """Convert `"02:00"` to nanoseconds since midnight."""
    try:
        hour, minute = (int(part) for part in str(text).split(":"))
        if 0 <= hour < 24 and 0 <= minute < 60:
            return (hour * 60 + minute) * MINUTE
    except ValueError:  # the error below says what is wrong
        pass
    raise ConfigurationError(f'a time of day is "HH:MM" from "00:00" to "23:59", not {text!r}')


def _minutes(value: object) -> int:
    if not is_number(value) or not 0 < value <= MINUTES_MAX:
        raise ConfigurationError(
            f"a duration is a number of minutes above 0 and up to a year, not {value!r}"
        )
    return max(1, round(value * MINUTE))


def _repeated(name: str, entry: Mapping[str, Any]) -> Window:
    known = {"start", "duration", "message"} | ({"day"} if name == "weekly" else set())
    unknown = sorted(set(entry) - known)
    missing = sorted(known - {"message"} - set(entry))
    if unknown or missing:
        raise ConfigurationError(
            f"maintenance_schedule[{name!r}] has the keys {', '.join(sorted(known))}; "
            f"unknown: {', '.join(unknown) or 'none'}; missing: {', '.join(missing) or 'none'}"
        )
    start, duration = time_of_day(entry["start"]), _minutes(entry["duration"])
    message = str(entry.get("message", DEFAULT_MESSAGE))
    if duration >= (period := DAY if name == "daily" else WEEK):
        raise ConfigurationError(
            f"maintenance_schedule[{name!r}]: a duration of {entry['duration']!r} minutes never "
            f"ends; expected less than {period // MINUTE}"
        )
    if name == "daily":
        return Window(start, duration, message, DAY)
    day = str(entry["day"]).lower()
    if day not in WEEKDAYS:
        raise ConfigurationError(
            f"a day is one of {', '.join(WEEKDAYS)}, not {entry['day']!r}"
            f"{did_you_mean(day, WEEKDAYS)}"
        )
    return Window(MONDAY + WEEKDAYS.index(day) * DAY + start, duration, message, WEEK)
