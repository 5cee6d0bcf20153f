"""Delivery: requests and answers lost, late or repeated, and outcomes the client cannot know."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.core.reject import Reason
from failing_exchange.faults.fields import (
    acts,
    draw_time,
    executed,
    fault,
    nanoseconds,
    reason,
    span,
    text,
)
from failing_exchange.faults.plan import Answer, Delay, Drop, HangUp, Match, Repeat, Verdict
from failing_exchange.faults.rejections import refusal
from failing_exchange.faults.stages import AtAnswer, AtRequest, AtStages
from failing_exchange.journal.trip import Stage

BOTH: tuple[Stage, ...] = (Stage.REQUEST, Stage.ANSWER)


@fault
class LoseRequest(AtRequest):
    """The request never reaches the exchange, and the client waits until its own timeout."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Drop()


@fault
class DelayRequest(AtRequest):
    """The request reaches the exchange late, perhaps when the client has given up already."""

    seconds: float = span(30.0, "how late")
    spread: float = span(0.0, "longest additional delay, drawn at random")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Delay(draw_time(match, self.seconds, self.spread))


@fault
class RepeatRequest(AtRequest):
    """The exchange receives the request twice, and the client hears only the first answer."""

    after: float = span(0.5, "how much later the second one arrives")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Repeat(nanoseconds(self.after))


@fault
class TimeOut(AtStages):
    """No answer comes, and the client can't tell whether the exchange acted."""

    executed: str = executed()
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Lose the request or the answer."""
        return Drop() if _here(stage, acts(match, self.executed)) else None


@fault
class BreakConnection(AtStages):
    """The connection breaks, and the client can't tell whether the exchange acted."""

    executed: str = executed()
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Hang up before or behind the engine."""
        return HangUp() if _here(stage, acts(match, self.executed)) else None


@fault
class UnknownOutcome(AtStages):
    """The venue answers that it failed, and the client can't tell whether the exchange acted."""

    executed: str = executed(
        "when the exchange acts: before it says that it failed, never (after), or drawn"
    )
    why: Reason = reason(Reason.OUTCOME_UNKNOWN)
    message: str = text("", "what the client reads; empty = the venue's usual words")
    after: float = span(10.0, "how long the venue takes to say so")
    stages: ClassVar[tuple[Stage, ...]] = (*BOTH, Stage.WIRE)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """The same words after the same time, whether the engine was asked or not."""
        refused = refusal(self.why, match, self.message)
        if stage is Stage.REQUEST:
            return None if acts(match, self.executed) else Answer(refused)
        return Delay(nanoseconds(self.after)) if stage is Stage.ANSWER else refused


@fault
class LoseAnswer(AtAnswer):
    """The exchange acts, and its answer never arrives."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Drop()


@fault
class DelayAnswer(AtAnswer):
    """The exchange acts, and its answer arrives late."""

    seconds: float = span(5.0, "how late")
    spread: float = span(0.0, "longest additional delay, drawn at random")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Delay(draw_time(match, self.seconds, self.spread))


def _here(stage: Stage, acted: bool) -> bool:
    return stage is (Stage.ANSWER if acted else Stage.REQUEST)
