"""Dated changes of a venue's API: which are in force on a date, and which came while it ran.

A table of a venue (`venues/*/*_changes.py`) is the only place that knows dates. All other code asks
`Features.has(name)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.events import ApiChanged
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.spelling import did_you_mean, shown

if TYPE_CHECKING:
    from failing_exchange.core.events import Event


class Change(NamedTuple):
    """One dated change of a venue's API: it turns the feature `name` on, or off.

    `day` is the day (UTC, ISO) on which it took effect. `before` and `after` say what a client
    meets, `source` is the document that announced it. `unseen`: why a simulated run can't show it.
    """

    name: str
    day: str
    on: bool
    before: str
    after: str
    source: str
    unseen: str = ""


class ApiTable(NamedTuple):
    """The changes of one venue, the oldest first. `since`: the first day that it describes."""

    venue: str
    since: str
    changes: tuple[Change, ...]

    def named(self, name: str) -> Change:
        """A change by its name. Raises ConfigurationError for an unknown one."""
        for change in self.changes:
            if change.name == name:
                return change
        raise unknown_change(name, (self,))

    def check_day(self, day: str | None) -> None:
        """Raise ConfigurationError for a day before the first one; None is the newest."""
        if day is not None and day < self.since:
            raise ConfigurationError(
                f"as_of = {day}: the API of {self.venue} is known from {self.since} on; give a "
                "later day"
            )


def unknown_change(name: object, tables: Sequence[ApiTable]) -> ConfigurationError:
    """The error for a name that is in no table: what was meant, and what there is."""
    known = dict.fromkeys(one.name for table in tables for one in table.changes)
    near = did_you_mean(name, known) if isinstance(name, str) else ""
    return ConfigurationError(
        f"no change of the API is called {shown(name)}{near} (known of "
        f"{' and '.join(table.venue for table in tables) or 'no venue'}: "
        f"{', '.join(known) or 'none'})"
    )


def table_text(table: ApiTable) -> str:
    """The changes of a venue in Markdown, a row each."""
    rows = [
        f"| `{one.name}` | {one.day} | {one.before} | {one.after} | {one.source} |"
        for one in table.changes
    ]
    head = ["| change | in force from | before | after | source |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def day_of(value: object) -> str | None:
    """The date of a venue's API as ISO text; None stays None: the newest.

    Raises ConfigurationError for what is not a date.

    >>> day_of("2025-12-01"), day_of(date(2025, 12, 1)), day_of(None)
    ('2025-12-01', '2025-12-01', None)
    """
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        if isinstance(value, str) and len(value) == len("2025-12-01"):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass  # the error below says what is expected
    raise ConfigurationError(f"as_of = {shown(value)}; expected a date, as 2025-12-01")


class Features:
    """The features of a venue's API that are on: those of its date, and what has changed since.

    `day` as for `as_of`; None is the newest, and so is one after the last change. `kept` are
    features that stay on whatever the table says. A running venue keeps them up to date from
    `RunningVenue.add_api` on.

    Raises ConfigurationError for a day before the table's first one.
    """

    def __init__(self, table: ApiTable, day: str | None, *, kept: Sequence[str] = ()) -> None:
        table.check_day(day)
        self.table = table
        self._kept = frozenset(kept)
        self._on: dict[str, bool] = {}
        self._watchers: dict[Callable[[], None], None] = {}
        for change in table.changes:
            in_force = day is None or change.day <= day
            self._on[change.name] = change.on is in_force or change.name in self._kept

    def has(self, name: str) -> bool:
        """Whether a feature is on now."""
        return self._on[name]

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` now, and after each change that comes into force."""
        self._watchers[changed] = None
        changed()

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Call it no more."""
        self._watchers.pop(changed, None)

    def heard(self, events: tuple[Event, ...], at: int) -> None:
        """The exchange reports what happened; a change of the API comes into force with it."""
        for event in events:
            if event.__class__ is ApiChanged:
                self.apply(event.change)

    def apply(self, name: str) -> None:
        """Bring a change into force; one of another venue's table does nothing."""
        change = next((one for one in self.table.changes if one.name == name), None)
        if change is None or name in self._kept or self._on[name] is change.on:
            return
        self._on[name] = change.on
        for changed in list(self._watchers):
            changed()
