"""Operator commands that concern no book: maintenance, cut connections, plans called off.

Of maintenance and connections the exchange only keeps a record. The running venue hears the events
and acts: it refuses every request during a maintenance, and breaks connections.
"""

from __future__ import annotations

from typing import NamedTuple

from failing_exchange.core.units import DAY

LONGEST = 366 * DAY  # of a maintenance, or until it begins; more is refused


class PlanMaintenance(NamedTuple):
    """Have every request refused for `nanoseconds`, from `after` nanoseconds on.

    `nanoseconds` 0 ends every maintenance, also those that are still ahead.
    """

    nanoseconds: int
    after: int = 0
    message: str = "System maintenance"


class CutConnections(NamedTuple):
    """Break all connections of a kind; the venue itself goes on."""

    kind: str = "websocket"


class CallOff(NamedTuple):
    """Call off the incidents that a scenario or the operator has planned for later.

    What is under way ends as it was to end.
    """

    why: str = "healed"


class CalledOff(NamedTuple):
    """Incidents that were planned for later do not happen."""

    many: int
    why: str
    at: int


class MaintenancePlanned(NamedTuple):
    """A maintenance begins at `start` for `duration` nanoseconds; 0: every maintenance is over."""

    start: int
    duration: int
    message: str
    at: int


class ConnectionsCut(NamedTuple):
    """The venue has broken all connections of a kind."""

    kind: str
    at: int
