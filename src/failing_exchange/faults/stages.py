"""Where faults strike: base classes, one for each stage of a trip."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.faults.plan import Match, Verdict
from failing_exchange.journal.trip import Stage


class AtStages:
    """A fault that strikes at the stages it names."""

    __slots__ = ()
    stages: ClassVar[tuple[Stage, ...]]

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """The verdict at a stage; None = none here."""
        raise NotImplementedError


class AtRequest(AtStages):
    """A fault that strikes a request before the exchange has it."""

    __slots__ = ()
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST,)


class AtAnswer(AtStages):
    """A fault that strikes an answer or a push behind the exchange."""

    __slots__ = ()
    stages: ClassVar[tuple[Stage, ...]] = (Stage.ANSWER,)


class AtWire(AtStages):
    """A fault that strikes an answer or a push on its way to the client."""

    __slots__ = ()
    stages: ClassVar[tuple[Stage, ...]] = (Stage.WIRE,)
