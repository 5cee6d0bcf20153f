"""What goes wrong with the frames of a market stream's WebSocket; a front executes it."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.faults.fields import choice, fault, flag
from failing_exchange.faults.plan import Sighting, Verdict
from failing_exchange.faults.wire import WIRE, damaged
from failing_exchange.trip import Damage, Stage


@fault
class BreakFrame:
    """Half a frame arrives, and the connection is reset."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send a part, then RST."""
        return damaged(sighting, Damage("half_frame"))


@fault
class GarbleFrame:
    """A frame arrives that no server may send."""

    how: str = choice("length", "what is wrong", "length", "utf8", "reserved")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Promise 2**40 bytes, send bad UTF-8, or set reserved bits."""
        return damaged(sighting, Damage("frame", text=self.how))


@fault
class CloseSocket:
    """The venue closes the WebSocket with a code."""

    code: str = choice("1001", "close code", "1000", "1001", "1006", "1008", "1011", "1012", "1013")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send a close frame; 1006 is an end without one."""
        return damaged(sighting, Damage("close_code", size=int(self.code)))


@fault
class StallSocket:
    """Nothing comes any more, and the connection stays open."""

    pings: bool = flag(True, "whether pings are still sent")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Stop sending."""
        return damaged(sighting, Damage("stall", text="pings" if self.pings else ""))
