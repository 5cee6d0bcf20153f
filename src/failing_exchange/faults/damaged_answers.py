"""Answers that arrive damaged: unreadable, empty, with fields missing or wrong."""

from __future__ import annotations

from typing import Any

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.fields import anything, choice, fault, names, text
from failing_exchange.faults.lookups import edited
from failing_exchange.faults.plan import Match, Replace, Verdict
from failing_exchange.faults.stages import AtWire
from failing_exchange.journal.trip import Stage

GARBAGE = {
    "truncated": 'unexpected end of the body: {"id":"10',
    "garbage": "the body is not text: 1f 8b 08 00 00 00",
    "empty": "the body is empty",
}


@fault
class GarbleAnswer(AtWire):
    """The exchange acts, and its answer can't be read."""

    how: str = choice("truncated", "what the body looks like", *GARBAGE)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return Replace(Reject(Reason.MALFORMED, f"Malformed answer: {GARBAGE[self.how]}"))


@fault
class NullAnswer(AtWire):
    """The exchange acts, and its answer says success with nothing in it."""

    value: Any = anything(None, "what stands in the answer's place: None, {} or []")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return edited(match, ("*", value))


@fault
class ReplyWithoutId(AtWire):
    """The exchange acts, and its answer lacks the order's id."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Leave the id out, wherever it stands."""
        return edited(match, ("id", None), ("info", {}))


@fault
class BareReply(AtWire):
    """The exchange acts, and its answer is only an id."""

    how: str = choice("dict", "a structure of nothing else, or a plain text", "dict", "text")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Take all the rest away."""
        order = getattr(match.trip.answer, "order", None)
        if order is None:
            return None
        text = str(order.id)
        return edited(match, ("*", text if self.how == "text" else {"id": text, "info": {}}))


@fault
class DropFields(AtWire):
    """Fields are missing in the answer."""

    fields: tuple[str, ...] = names(("filled", "remaining"), "which, by their unified names")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return edited(match, *((name, ...) for name in self.fields))


@fault
class NullFields(AtWire):
    """Fields are null in the answer."""

    fields: tuple[str, ...] = names(("filled", "remaining"), "which, by their unified names")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return edited(match, *((name, None) for name in self.fields))


@fault
class SetField(AtWire):
    """A field of the answer has another value, perhaps of another type."""

    field: str = text("status", "which, by its unified name")
    value: Any = anything("expired_in_match", "what it says")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return edited(match, (self.field, self.value))
