"""What goes wrong with the bytes of an HTTP answer; a front executes it.

`executed` says whether the exchange acts before: the client sees the same either way.
"""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.fields import acts, choice, executed, fault, share, span, whole
from failing_exchange.faults.plan import Answer, Match, Replace, Verdict
from failing_exchange.journal.trip import Damage, Damaged, DamageKind, Stage

WIRE: tuple[Stage, ...] = (Stage.WIRE,)
BOTH: tuple[Stage, ...] = (Stage.REQUEST, Stage.WIRE)
UNASKED = Reject(Reason.UNAVAILABLE, "the request did not reach the exchange")


def damaged(match: Match, damage: Damage) -> Replace | None:
    """The answer on its way, and what happens to its bytes.

    None where they are damaged already: of two damages the one that was armed first wins.
    """
    if match.trip.damage is not None:
        return None
    acted = match.trip.answer is not UNASKED
    return Replace(Damaged(match.trip.answer, damage._replace(acted=acted)))


def _broken(stage: Stage, match: Match, chosen: str, damage: Damage) -> Verdict | None:
    """Keep the request from the exchange where it shall not act, and damage what is answered."""
    if stage is Stage.REQUEST:
        return None if acts(match, chosen) else Answer(UNASKED)
    return damaged(match, damage)


@fault
class ResetConnection:
    """The connection is reset before the first byte of the answer."""

    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send RST."""
        return _broken(stage, match, self.executed, Damage(DamageKind.RESET))


@fault
class CloseConnection:
    """The connection is closed in order before the first byte of the answer."""

    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send FIN."""
        return _broken(stage, match, self.executed, Damage(DamageKind.CLOSE))


@fault
class StallHead:
    """The answer stops in the middle of its head, and the connection stays open."""

    size: int = whole(20, "bytes that still arrive", maximum=1_000)
    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send a part, then nothing."""
        return _broken(stage, match, self.executed, Damage(DamageKind.STALL, size=self.size))


@fault
class CutBody:
    """The body is cut off, and the connection ends."""

    share: float = share(0.5, "of the body that arrives", zero=True)
    how: str = choice("close", "how the connection ends", "close", "reset")
    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send a part, then FIN or RST."""
        damage = Damage(DamageKind.CUT, share=self.share, text=self.how)
        return _broken(stage, match, self.executed, damage)


@fault
class WrongLength:
    """The head promises another length than the body has."""

    how: str = choice("longer", "what it promises", "longer", "shorter")
    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Change Content-Length, then close."""
        return _broken(stage, match, self.executed, Damage(DamageKind.LENGTH, text=self.how))


@fault
class BadChunk:
    """The body comes in chunks, one of which is broken or the last of which never comes."""

    how: str = choice("broken", "what is wrong", "broken", "unfinished")
    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send bad chunks, then close."""
        return _broken(stage, match, self.executed, Damage(DamageKind.CHUNK, text=self.how))


@fault
class DripBody:
    """The answer arrives byte by byte."""

    seconds: float = span(0.05, "between two pieces")
    size: int = whole(16, "bytes of a piece", maximum=65_536)
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send it slowly."""
        return damaged(match, Damage(DamageKind.DRIP, size=self.size, seconds=self.seconds))


@fault
class HalfClose:
    """The venue closes its side without an answer and goes on listening."""

    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send FIN and keep reading."""
        return _broken(stage, match, self.executed, Damage(DamageKind.HALF_CLOSE))


@fault
class SendGarbage:
    """Bytes arrive that are no HTTP at all."""

    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send garbage, then close."""
        return _broken(stage, match, self.executed, Damage(DamageKind.GARBAGE))


@fault
class HtmlPage:
    """A gateway answers with a page of HTML in the venue's place."""

    status: str = choice("502", "HTTP status", "502", "503", "504", "520", "403", "404", "451")
    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send the page."""
        return _broken(stage, match, self.executed, Damage(DamageKind.PAGE, size=int(self.status)))


@fault
class EmptyAnswer:
    """The answer is 200 with an empty body."""

    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send nothing, successfully."""
        return _broken(stage, match, self.executed, Damage(DamageKind.EMPTY))


@fault
class BrokenGzip:
    """The answer claims to be compressed, and can't be unpacked."""

    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send a gzip head with garbage behind it."""
        return _broken(stage, match, self.executed, Damage(DamageKind.GZIP))


@fault
class TruncateJson:
    """The body is cut off in the middle, and the head agrees with its length."""

    share: float = share(0.5, "of the body that arrives")
    executed: str = executed(default="before")
    stages: ClassVar[tuple[Stage, ...]] = BOTH

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send half a document as if it were whole."""
        return _broken(stage, match, self.executed, Damage(DamageKind.TRUNCATE, share=self.share))
