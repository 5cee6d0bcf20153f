"""What goes wrong on a WebSocket that is open; a front executes it."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.faults.fields import choice, fault, flag, span, whole
from failing_exchange.faults.http import WIRE, damaged
from failing_exchange.faults.plan import Match, Verdict
from failing_exchange.journal.trip import Damage, DamageKind, Stage


@fault
class BreakFrame:
    """Half a frame arrives, and the connection is reset."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send a part, then RST."""
        return damaged(match, Damage(DamageKind.HALF_FRAME))


@fault
class GarbleFrame:
    """A frame arrives that no server may send."""

    how: str = choice("length", "what is wrong", "length", "utf8", "reserved")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Promise 2**40 bytes, send bad UTF-8, or set reserved bits."""
        return damaged(match, Damage(DamageKind.FRAME, text=self.how))


@fault
class CloseSocket:
    """The venue closes the WebSocket with a code."""

    code: str = choice("1001", "close code", "1000", "1001", "1006", "1008", "1011", "1012", "1013")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send a close frame; 1006 is an end without one."""
        return damaged(match, Damage(DamageKind.CLOSE_CODE, size=int(self.code)))


@fault
class StallSocket:
    """Nothing comes any more, and the connection stays open."""

    pings: bool = flag(True, "whether pings are still sent")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Stop sending."""
        return damaged(match, Damage(DamageKind.STALL, text="pings" if self.pings else ""))


@fault
class CompressFrames:
    """Messages come as binary frames of raw deflate, which nobody has asked for."""

    padding: int = whole(0, "zero bytes behind it", minimum=0, maximum=1_000)
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Deflate it."""
        return damaged(match, Damage(DamageKind.DEFLATE, size=self.padding))


@fault
class AnnounceShutdown:
    """The venue announces in place of a message that it shuts down, and closes a while later."""

    after: float = span(10.0, "how long after the announcement")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send `serverShutdown`, then close."""
        return damaged(match, Damage(DamageKind.SHUTDOWN, seconds=self.after))


@fault
class LosePings:
    """No ping comes and none is answered, while data goes on."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Lose a ping of the venue's, or its pong."""
        return damaged(match, Damage(DamageKind.LOSE))


@fault
class IgnorePongs:
    """The client's pongs are not heard, so that the venue closes the connection after a minute."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Lose a pong of the client's."""
        return damaged(match, Damage(DamageKind.LOSE))


@fault
class AckWithoutData:
    """A subscription is acknowledged, and nothing ever comes."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Forget who has subscribed."""
        return damaged(match, Damage(DamageKind.LOSE))


@fault
class ReplayOnSubscribe:
    """Who subscribes to an account is told again of what has happened there before."""

    count: int = whole(5, "the last so many events", maximum=100)
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Tell it again."""
        return damaged(match, Damage(DamageKind.REPLAY, size=self.count))
