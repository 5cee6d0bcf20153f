"""What was put before the engine while it ran: a rate limit, maintenance windows; as text."""

from __future__ import annotations

import json
import logging
from typing import Any, NamedTuple

from failing_exchange.venue.admission import RateGate
from failing_exchange.venue.maintenance import Window
from failing_exchange.venue.rate_limits import SlidingWindow, TokenBucket

# what makes a limit; how much of it is used is kept beside it
MADE_OF: dict[type, tuple[str, ...]] = {
    TokenBucket: ("rate", "period", "burst"),
    SlidingWindow: ("limit", "window"),
}
KINDS = {kind.__name__: kind for kind in MADE_OF}

logger = logging.getLogger("failing_exchange")


class Gates(NamedTuple):
    """The rate limit of all requests, if there is one, and the planned maintenances."""

    rate: RateGate | None = None
    windows: tuple[Window, ...] = ()

    def to_text(self) -> str:
        """As JSON; a limit of a foreign kind is named only."""
        windows = [[w.start, w.duration, w.message, w.period] for w in self.windows]
        return json.dumps({"rate": _rate(self.rate), "windows": windows})


def _rate(gate: RateGate | None) -> Any:
    if gate is None:
        return None
    limit = gate.limit
    values = {name: getattr(limit, name) for name in MADE_OF.get(type(limit), ())}
    return {"name": gate.name, "kind": type(limit).__name__, "values": values}


def usage_of(gate: RateGate | None) -> str | None:
    """How much of a limit is used, as JSON; None where there is none, or one of a foreign kind."""
    limit: Any = None if gate is None else gate.limit
    return json.dumps(limit.usage()) if type(limit) in MADE_OF else None


def go_on(gate: RateGate, used: str) -> None:
    """Go on from what was used before; raises ValueError for a text that says something else."""
    limit: Any = gate.limit
    limit.go_on(json.loads(used))


def from_text(text: str) -> Gates:
    """The gates of a text; a limit that can't be put up again is named in the log."""
    found = json.loads(text)
    rate, gate = found["rate"], None
    if rate is not None:
        kind = KINDS.get(rate["kind"])
        if kind is None:
            logger.warning("the rate limit %s can't be set again; set it anew", rate["name"])
        else:
            gate = RateGate(kind(**rate["values"]), rate["name"])
    return Gates(gate, tuple(Window(*window) for window in found["windows"]))
