"""The exchange has acted, and its answer is lost or late."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.faults.fields import draw_time, fault, span
from failing_exchange.faults.plan import Delay, Drop, Sighting, Verdict
from failing_exchange.trip import Stage


@fault
class LoseAnswer:
    """The exchange acts, and its answer never arrives."""

    stages: ClassVar[tuple[Stage, ...]] = (Stage.ANSWER,)

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Lose it."""
        return Drop()


@fault
class DelayAnswer:
    """The exchange acts, and its answer arrives late."""

    seconds: float = span(5.0, "how late")
    spread: float = span(0.0, "up to so much later still, by chance")
    stages: ClassVar[tuple[Stage, ...]] = (Stage.ANSWER,)

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Hold it up."""
        return Delay(draw_time(sighting, self.seconds, self.spread))
