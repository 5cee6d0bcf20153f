"""A migration in a world: one dated change of the venue's API comes while the bot runs.

Until then the API is today's without that change, so that no other one has a part in what breaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.chance import below, key
from failing_exchange.core.commands import ChangeApi
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.number_checks import is_number
from failing_exchange.venues.base import DEFAULT, venue_of

if TYPE_CHECKING:
    from failing_exchange.venue.api_changes import ApiTable

MIGRATION_EVERY = 6  # one world in this many, of bots that speak a venue's protocol
KEYS = ("at", "change")


class Planned(NamedTuple):
    """The day whose API a world begins with, and what changes it when, in seconds."""

    as_of: str
    changes: tuple[tuple[float, ChangeApi], ...]


def draw_migration(seed: int, seconds: float, venue: str) -> dict[str, Any]:
    """The migration in the world of a seed; empty for most, and for bots that could not see one.

    `venue`: the one whose protocol the bot speaks; empty: none.
    """
    table = _table(venue) if venue else None
    dice = key("migration", seed)
    if table is None or below(dice, 0, MIGRATION_EVERY):
        return {}
    seen = [one.name for one in table.changes if not one.unseen]
    at = float(1 + below(dice, 1, max(1, int(seconds / 2))))
    return {"at": at, "change": seen[below(dice, 2, len(seen))]}


def check_migration(migration: Mapping[str, Any], venue: str) -> None:
    """Raise ConfigurationError for a migration that the venue of a world can't have."""
    if not migration:
        return
    at, table = migration.get("at"), _table(venue)
    if {*migration} != {*KEYS} or not is_number(at) or at < 0 or table is None:
        raise ConfigurationError(
            f"the world's migration is {dict(migration)!r}; expected at (seconds) and change, of a "
            "venue that has a table of changes"
        )
    table.named(str(migration["change"]))


def planned(migration: Mapping[str, Any], venue: str) -> Planned:
    """How a world with a migration begins, and what comes: later changes are there at once."""
    table = _table(venue)
    assert table is not None  # `check_migration` has seen to it
    change = table.named(migration["change"])
    others = [one for one in table.changes if one.day >= change.day and one is not change]
    day = date.fromisoformat(change.day) - timedelta(days=1)
    changes = [(0.0, ChangeApi(one.name)) for one in others]
    return Planned(day.isoformat(), (*changes, (float(migration["at"]), ChangeApi(change.name))))


def _table(venue: str) -> ApiTable | None:
    return venue_of(venue or DEFAULT).changes
