"""Faults of an open WebSocket: its frames, pings and subscriptions; a server carries them out."""

from __future__ import annotations

from failing_exchange.core.reject import Reason
from failing_exchange.faults.fields import choice, fault, flag, span, whole
from failing_exchange.faults.http import ByteFault, HttpDamage
from failing_exchange.journal.trip import Damage, DamageKind


class FrameDamage(DamageKind):
    """What can happen to a frame, beside what can happen to an HTTP answer."""

    HALF_FRAME = "half_frame", Reason.CONNECTION_LOST
    FRAME = "frame", Reason.CONNECTION_LOST
    CLOSE_CODE = "close_code", Reason.CONNECTION_LOST
    DEFLATE = "deflate", Reason.MALFORMED
    SHUTDOWN = "shutdown", Reason.CONNECTION_LOST
    LOSE = "lose", Reason.TIMED_OUT
    REPLAY = "replay"


@fault
class BreakFrame(ByteFault):
    """Half a frame arrives, and the connection is reset."""

    kind = FrameDamage.HALF_FRAME


@fault
class GarbleFrame(ByteFault):
    """A frame arrives that no server may send."""

    kind = FrameDamage.FRAME
    how: str = choice("length", "what is wrong", "length", "utf8", "reserved")


@fault
class CloseSocket(ByteFault):
    """The venue closes the WebSocket with a code."""

    kind = FrameDamage.CLOSE_CODE
    code: str = choice("1001", "close code", "1000", "1001", "1006", "1008", "1011", "1012", "1013")


@fault
class StallSocket(ByteFault):
    """Nothing comes any more, and the connection stays open."""

    kind = HttpDamage.STALL
    pings: bool = flag(True, "whether pings are still sent")

    def damage(self) -> Damage:
        return Damage(self.kind, text="pings" if self.pings else "")


@fault
class CompressFrames(ByteFault):
    """Messages come as binary frames of raw deflate, which the client has not asked for."""

    kind = FrameDamage.DEFLATE
    padding: int = whole(0, "zero bytes behind it", minimum=0, maximum=1_000)


@fault
class AnnounceShutdown(ByteFault):
    """The venue announces in place of a message that it shuts down, and closes a while later."""

    kind = FrameDamage.SHUTDOWN
    after: float = span(10.0, "how long after the announcement")


@fault
class LosePings(ByteFault):
    """No ping comes and none is answered, while data still arrives."""

    kind = FrameDamage.LOSE


@fault
class IgnorePongs(ByteFault):
    """The client's pongs are not heard, so that the venue closes the connection after a minute."""

    kind = FrameDamage.LOSE


@fault
class AckWithoutData(ByteFault):
    """A subscription is acknowledged, and nothing ever comes."""

    kind = FrameDamage.LOSE


@fault
class ReplayOnSubscribe(ByteFault):
    """A new subscription to an account repeats events from before it."""

    kind = FrameDamage.REPLAY
    count: int = whole(5, "how many of the last events", maximum=100)
