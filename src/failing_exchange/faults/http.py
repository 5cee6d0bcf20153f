"""Faults of the bytes of an HTTP answer; a server carries out the damage."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar, cast

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.fields import (
    acts,
    choice,
    executed,
    fault,
    share,
    span,
    spec_of,
    whole,
)
from failing_exchange.faults.plan import Answer, Match, Replace, Verdict
from failing_exchange.faults.stages import AtWire
from failing_exchange.journal.trip import Damage, Damaged, DamageKind, Stage

UNASKED = Reject(Reason.UNAVAILABLE, "the request did not reach the exchange")


class HttpDamage(DamageKind):
    """What can happen to the bytes of an HTTP answer."""

    RESET = "reset", Reason.CONNECTION_LOST
    CLOSE = "close", Reason.CONNECTION_LOST
    HALF_CLOSE = "half_close", Reason.CONNECTION_LOST
    STALL = "stall", Reason.TIMED_OUT
    CUT = "cut", Reason.CONNECTION_LOST
    LENGTH = "length", Reason.CONNECTION_LOST
    CHUNK = "chunk", Reason.CONNECTION_LOST
    DRIP = "drip"
    GARBAGE = "garbage", Reason.MALFORMED
    PAGE = "page", Reason.UNAVAILABLE
    EMPTY = "empty", Reason.MALFORMED
    GZIP = "gzip", Reason.MALFORMED
    TRUNCATE = "truncate", Reason.MALFORMED


PARAMETERS = {"share": "share", "seconds": "seconds", "number": "size"}  # of `Damage`, by unit


class ByteFault(AtWire):
    """A fault of bytes, by the kind of damage; its fields are what else the kind needs."""

    __slots__ = ()
    kind: ClassVar[DamageKind]

    def damage(self) -> Damage:
        """What happens to the bytes. A choice is text, or a size where it is a number."""
        given: dict[str, Any] = {}
        for one in fields(cast(Any, self)):
            value, name = getattr(self, one.name), PARAMETERS.get(spec_of(one).unit, "text")
            if name == "text" and value.isdigit():
                given["size"] = int(value)
            elif one.name != "executed":
                given[name] = value
        return Damage(self.kind, **given)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Damage what is answered, unless a rule armed earlier has damaged it already."""
        if match.trip.damage is not None:
            return None
        answer = match.trip.answer
        return Replace(Damaged(answer, self.damage()._replace(acted=answer is not UNASKED)))


class AnswerFault(ByteFault):
    """A fault of the bytes of an answer; `executed` says whether the exchange acts before.

    The client sees the same either way.
    """

    __slots__ = ()
    executed: str
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST, Stage.WIRE)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Keep the request from an exchange that shall not act, and damage what is answered."""
        if stage is Stage.REQUEST:
            return None if acts(match, self.executed) else Answer(UNASKED)
        return super().strike(stage, match)


@fault
class ResetConnection(AnswerFault):
    """The connection is reset before the first byte of the answer."""

    kind = HttpDamage.RESET
    executed: str = executed(default="before")


@fault
class CloseConnection(AnswerFault):
    """The connection is closed in order before the first byte of the answer."""

    kind = HttpDamage.CLOSE
    executed: str = executed(default="before")


@fault
class HalfClose(AnswerFault):
    """The venue closes its side without an answer and keeps reading."""

    kind = HttpDamage.HALF_CLOSE
    executed: str = executed(default="before")


@fault
class StallHead(AnswerFault):
    """The answer stops in the middle of its head, and the connection stays open."""

    kind = HttpDamage.STALL
    size: int = whole(20, "bytes that still arrive", maximum=1_000)
    executed: str = executed(default="before")


@fault
class CutBody(AnswerFault):
    """The body is cut off, and the connection ends."""

    kind = HttpDamage.CUT
    share: float = share(0.5, "of the body that arrives", zero=True)
    how: str = choice("close", "how the connection ends", "close", "reset")
    executed: str = executed(default="before")


@fault
class WrongLength(AnswerFault):
    """The head promises another length than the body has."""

    kind = HttpDamage.LENGTH
    how: str = choice("longer", "what it promises", "longer", "shorter")
    executed: str = executed(default="before")


@fault
class BadChunk(AnswerFault):
    """The body comes in chunks, one of which is broken or the last of which never comes."""

    kind = HttpDamage.CHUNK
    how: str = choice("broken", "what is wrong", "broken", "unfinished")
    executed: str = executed(default="before")


@fault
class DripBody(ByteFault):
    """The answer arrives byte by byte."""

    kind = HttpDamage.DRIP
    seconds: float = span(0.05, "between two pieces")
    size: int = whole(16, "bytes of a piece", maximum=65_536)


@fault
class SendGarbage(AnswerFault):
    """Bytes arrive that are not HTTP at all."""

    kind = HttpDamage.GARBAGE
    executed: str = executed(default="before")


@fault
class HtmlPage(AnswerFault):
    """A gateway answers with a page of HTML in the venue's place."""

    kind = HttpDamage.PAGE
    status: str = choice("502", "HTTP status", "502", "503", "504", "520", "403", "404", "451")
    executed: str = executed(default="before")


@fault
class EmptyAnswer(AnswerFault):
    """The answer is 200 with an empty body."""

    kind = HttpDamage.EMPTY
    executed: str = executed(default="before")


@fault
class BrokenGzip(AnswerFault):
    """The answer claims to be compressed, and can't be unpacked."""

    kind = HttpDamage.GZIP
    executed: str = executed(default="before")


@fault
class TruncateJson(AnswerFault):
    """The body is cut off in the middle, and the head agrees with its length."""

    kind = HttpDamage.TRUNCATE
    share: float = share(0.5, "of the body that arrives")
    executed: str = executed(default="before")
