"""Faults of feeds: pushes lost, late, doubled, reordered, merged; feeds silent or broken."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.faults.fields import draw_time, fault, flag, nanoseconds, span, span_or_never
from failing_exchange.faults.lookups import FEEDS_REMEMBERED_MAX, by_feed
from failing_exchange.faults.operations import ACCOUNT_FEEDS
from failing_exchange.faults.plan import Delay, Drop, HangUp, Match, Repeat, Replace, Verdict
from failing_exchange.faults.rejections import active_until
from failing_exchange.faults.stages import AtAnswer, AtStages
from failing_exchange.journal.trip import ENDED, Stage


@fault
class LosePush(AtAnswer):
    """A push never arrives, and its feed continues."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Drop() if match.trip.is_push else None


@fault
class DelayPush(AtAnswer):
    """A push arrives late, and those of its feed that come behind it wait, too."""

    seconds: float = span(2.0, "how late")
    spread: float = span(0.0, "longest additional delay, drawn at random")
    overtaken: bool = flag(False, "whether later ones overtake it, as on a venue without order")

    def decide(self, match: Match, hit: bool) -> bool:
        """Strike what stands behind a late push, too."""
        if self.overtaken or not match.trip.is_push:
            return hit
        held, name = match.memory.setdefault("held", {}), _stream_of(match)
        own = match.at + draw_time(match, self.seconds, self.spread) if hit else 0
        held[name] = max(held.pop(name, 0), own)
        if len(held) > FEEDS_REMEMBERED_MAX:
            del held[next(iter(held))]
        return bool(held[name] > match.at)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        if not match.trip.is_push:
            return None
        if self.overtaken:
            return Delay(draw_time(match, self.seconds, self.spread))
        return Delay(match.memory["held"].get(_stream_of(match), match.at) - match.at)


def _stream_of(match: Match) -> tuple[str, str]:
    """The pushes of one kind on one connection: a venue may promise that they keep their order."""
    return match.trip.account, match.trip.operation


@fault
class RepeatPush(AtAnswer):
    """A push arrives twice."""

    after: float = span(1.0, "how much later it comes again; 40 minutes have been seen")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Repeat(nanoseconds(self.after)) if match.trip.is_push else None


@fault
class MergePushes(AtStages):
    """Of several pushes within a short time only the last arrives."""

    within: float = span(0.05, "how long that time is")
    stages: ClassVar[tuple[Stage, ...]] = (Stage.ANSWER, Stage.WIRE)

    def decide(self, match: Match, hit: bool) -> bool:
        """Remember the newest push of each feed."""
        if match.trip.is_push:
            by_feed(match, match.trip.number, newest=True)
        return hit

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Wait for a newer one, and give way to it."""
        trip = match.trip
        if not trip.is_push:
            return None
        if stage is Stage.ANSWER:
            return Delay(nanoseconds(self.within))
        newest = by_feed(match, trip.number, newest=False)
        return None if newest == trip.number else Drop()


@fault
class SilenceFeed(AtAnswer):
    """A feed falls silent while its connection and all calls work."""

    lasts: float | None = span_or_never(None, "for how long; None = until disarmed")

    def decide(self, match: Match, hit: bool) -> bool:
        """Stay silent for `lasts` seconds once it has begun."""
        return active_until(match, hit, self.lasts) is not None

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Drop() if match.trip.is_push else None


@fault
class EndSubscription(AtAnswer):
    """The venue ends the subscription of an account, with its event, and the connection stays."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Say so in place of a push."""
        trip = match.trip
        return Replace(ENDED) if trip.is_push and trip.operation in ACCOUNT_FEEDS else None


@fault
class BreakFeed(AtAnswer):
    """The connection of a feed breaks."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Hang up in place of a push."""
        return HangUp() if match.trip.is_push else None
