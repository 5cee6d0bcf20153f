"""Feeds that fail: pushes lost, late, doubled, out of order, merged; feeds silent or broken."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.faults.fields import draw_time, fault, nanoseconds, span, span_or_never
from failing_exchange.faults.lookups import by_feed
from failing_exchange.faults.operations import ACCOUNT_FEEDS
from failing_exchange.faults.plan import Delay, Drop, HangUp, Repeat, Replace, Sighting, Verdict
from failing_exchange.faults.rejections import spell
from failing_exchange.trip import ENDED, Stage

ANSWER: tuple[Stage, ...] = (Stage.ANSWER,)


@fault
class LosePush:
    """A push never arrives, and its feed goes on."""

    stages: ClassVar[tuple[Stage, ...]] = ANSWER

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Lose it."""
        return Drop() if sighting.trip.is_push else None


@fault
class DelayPush:
    """A push arrives late, and later ones overtake it."""

    seconds: float = span(2.0, "how late")
    spread: float = span(0.0, "up to so much later still, by chance")
    stages: ClassVar[tuple[Stage, ...]] = ANSWER

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Hold this one up."""
        if not sighting.trip.is_push:
            return None
        return Delay(draw_time(sighting, self.seconds, self.spread))


@fault
class RepeatPush:
    """A push arrives twice."""

    after: float = span(1.0, "how much later it comes again; 40 minutes have been seen")
    stages: ClassVar[tuple[Stage, ...]] = ANSWER

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send it again."""
        return Repeat(nanoseconds(self.after)) if sighting.trip.is_push else None


@fault
class MergePushes:
    """Of several pushes within a moment only the last arrives."""

    within: float = span(0.05, "how long the moment is")
    stages: ClassVar[tuple[Stage, ...]] = (Stage.ANSWER, Stage.WIRE)

    def decide(self, sighting: Sighting, hit: bool) -> bool:
        """Remember the newest push of each feed."""
        if sighting.trip.is_push:
            by_feed(sighting, sighting.trip.number, newest=True)
        return hit

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Wait for a newer one, and give way to it."""
        trip = sighting.trip
        if not trip.is_push:
            return None
        if stage is Stage.ANSWER:
            return Delay(nanoseconds(self.within))
        newest = by_feed(sighting, trip.number, newest=False)
        return None if newest == trip.number else Drop()


@fault
class SilenceFeed:
    """A feed falls silent while its connection and all calls work."""

    lasts: float | None = span_or_never(None, "for how long; None = until disarmed")
    stages: ClassVar[tuple[Stage, ...]] = ANSWER

    def decide(self, sighting: Sighting, hit: bool) -> bool:
        """Once begun, it goes on for its time."""
        return spell(sighting, hit, self.lasts) is not None

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Lose every push."""
        return Drop() if sighting.trip.is_push else None


@fault
class EndSubscription:
    """The venue ends the subscription of an account, with its event, and the connection stays."""

    stages: ClassVar[tuple[Stage, ...]] = ANSWER

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Say so in place of a push."""
        trip = sighting.trip
        return Replace(ENDED) if trip.is_push and trip.operation in ACCOUNT_FEEDS else None


@fault
class BreakFeed:
    """The connection of a feed breaks."""

    stages: ClassVar[tuple[Stage, ...]] = ANSWER

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Hang up in place of a push."""
        return HangUp() if sighting.trip.is_push else None
