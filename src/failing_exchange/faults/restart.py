"""The venue's process dies in the midst of it all, and comes back after a while."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.core.commands import Restart
from failing_exchange.faults.fields import choice, fault, span
from failing_exchange.faults.plan import Cause, HangUp, Sighting, Verdict
from failing_exchange.faults.refusals import spell
from failing_exchange.trip import Stage


@fault
class VenueRestart:
    """The venue dies behind a request that it has carried out, and comes back after a while."""

    orders: str = choice("kept", "what becomes of the open orders", "kept", "lost")
    downtime: float = span(5.0, "how long every connection breaks, until it is back")
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST, Stage.ANSWER)

    def decide(self, sighting: Sighting, hit: bool) -> bool:
        """While it is down, everybody's connection breaks."""
        memory = sighting.memory
        down = sighting.at < memory.get("until", 0)
        if hit and not down:
            memory["dies"] = sighting.trip.number
        return spell(sighting, hit, self.downtime) is not None

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """The first request happens, and is not answered; the others do not even arrive."""
        if stage is Stage.ANSWER:
            return HangUp()
        if sighting.memory.get("dies") != sighting.trip.number:
            return HangUp()
        return Cause(Restart(self.orders == "lost"), after=True)
