"""Answers that arrive damaged: unreadable, empty, with fields missing or wrong."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.fields import choice, fault
from failing_exchange.faults.plan import Replace, Sighting, Verdict
from failing_exchange.trip import Stage

GARBAGE = {
    "html": "<html><head><title>502 Bad Gateway</title></head></html>",
    "truncated": 'unexpected end of the body: {"id":"10',
    "garbage": "the body is no text: 1f 8b 08 00 00 00",
    "empty": "the body is empty",
}


@fault
class GarbleAnswer:
    """The exchange acts, and its answer can't be read."""

    how: str = choice("truncated", "what the body looks like", *GARBAGE)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.WIRE,)

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Make it unreadable."""
        return Replace(Reject(Reason.MALFORMED, f"Malformed answer: {GARBAGE[self.how]}"))
