"""What goes wrong with the bytes of an HTTP answer. The exchange has acted; a front executes it."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.faults.fields import choice, fault, share, span, whole
from failing_exchange.faults.plan import Replace, Sighting, Verdict
from failing_exchange.trip import Damage, Damaged, Stage

WIRE: tuple[Stage, ...] = (Stage.WIRE,)


def damaged(sighting: Sighting, damage: Damage) -> Replace:
    """The answer on its way, and what happens to its bytes."""
    return Replace(Damaged(sighting.trip.answer, damage))


@fault
class ResetConnection:
    """The connection is reset before the first byte of the answer."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send RST."""
        return damaged(sighting, Damage("reset"))


@fault
class CloseConnection:
    """The connection is closed in order before the first byte of the answer."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send FIN."""
        return damaged(sighting, Damage("close"))


@fault
class StallHead:
    """The answer stops in the middle of its head, and the connection stays open."""

    size: int = whole(20, "bytes that still arrive", most=1_000)
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send a part, then nothing."""
        return damaged(sighting, Damage("stall", size=self.size))


@fault
class CutBody:
    """The body is cut off, and the connection ends."""

    share: float = share(0.5, "of the body that arrives", zero=True)
    how: str = choice("close", "how the connection ends", "close", "reset")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send a part, then FIN or RST."""
        return damaged(sighting, Damage("cut", share=self.share, text=self.how))


@fault
class WrongLength:
    """The head promises another length than the body has."""

    how: str = choice("longer", "what it promises", "longer", "shorter")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Change Content-Length, then close."""
        return damaged(sighting, Damage("length", text=self.how))


@fault
class BadChunk:
    """The body comes in chunks, one of which is broken or the last of which never comes."""

    how: str = choice("broken", "what is wrong", "broken", "unfinished")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send bad chunks, then close."""
        return damaged(sighting, Damage("chunk", text=self.how))


@fault
class DripBody:
    """The answer arrives byte by byte."""

    seconds: float = span(0.05, "between two pieces")
    size: int = whole(16, "bytes of a piece", most=65_536)
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send it slowly."""
        return damaged(sighting, Damage("drip", size=self.size, seconds=self.seconds))


@fault
class HalfClose:
    """The venue closes its side without an answer and goes on listening."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send FIN and keep reading."""
        return damaged(sighting, Damage("half_close"))


@fault
class SendGarbage:
    """Bytes arrive that are no HTTP at all."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send garbage, then close."""
        return damaged(sighting, Damage("garbage"))


@fault
class HtmlPage:
    """A gateway answers with a page of HTML in the venue's place."""

    status: str = choice("502", "HTTP status", "502", "503", "504", "520", "403", "404")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send the page."""
        return damaged(sighting, Damage("page", size=int(self.status)))


@fault
class EmptyAnswer:
    """The answer is 200 with an empty body."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send nothing, successfully."""
        return damaged(sighting, Damage("empty"))


@fault
class BrokenGzip:
    """The answer claims to be compressed, and can't be unpacked."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send a gzip head with garbage behind it."""
        return damaged(sighting, Damage("gzip"))


@fault
class TruncateJson:
    """The body is cut off in the middle, and the head agrees with its length."""

    share: float = share(0.5, "of the body that arrives")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Send half a document as if it were whole."""
        return damaged(sighting, Damage("truncate", share=self.share))
