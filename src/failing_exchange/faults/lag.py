"""Reads that show an earlier state of the exchange: views that lag behind the ledger."""

from __future__ import annotations

from typing import Any, ClassVar

from failing_exchange.faults.fields import fault, nanoseconds, span
from failing_exchange.faults.plan import Replace, Sighting, Verdict
from failing_exchange.trip import Stage

READ_LAG_MAX = 120.0  # seconds; the ledger can't be read further back, so a longer lag is refused


@fault
class StaleRead:
    """The answer shows the state of some time ago."""

    seconds: float = span(10.0, "how far the view lags behind", most=READ_LAG_MAX)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST,)

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Read an earlier state of the first column."""
        command: Any = sighting.trip.command
        if not hasattr(command, "as_of"):
            return None
        return Replace(command._replace(as_of=sighting.at - nanoseconds(self.seconds)))
