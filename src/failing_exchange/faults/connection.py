"""What goes wrong before a word is read: names, connections, handshakes, upgrades.

A connection has no answer that could be altered; a front executes what becomes of it.
"""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.faults.fields import SECONDS_MAX, choice, fault, span_or_never
from failing_exchange.faults.http import WIRE, damaged
from failing_exchange.faults.plan import Match, Verdict
from failing_exchange.faults.rejections import active_until
from failing_exchange.journal.trip import Damage, DamageKind, Stage


@fault
class FailLookup:
    """The venue's name can't be looked up (only in a simulation, whose names are the venue's)."""

    how: str = choice("again", "what the resolver says", "again", "unknown")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """EAI_AGAIN, which passes, or EAI_NONAME."""
        return damaged(match, Damage(DamageKind.LOOKUP, text=self.how))


@fault
class RefuseConnection:
    """Nobody listens: a new connection is refused."""

    lasts: float | None = span_or_never(
        0.0, "how long all others are refused too; None = until disarmed"
    )
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def decide(self, match: Match, hit: bool) -> bool:
        """Once begun, it goes on for its time."""
        return active_until(match, hit, self.lasts) is not None or hit

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """ECONNREFUSED; on a real port the connection that was let in already is reset."""
        lasts = SECONDS_MAX if self.lasts is None else self.lasts
        return damaged(match, Damage(DamageKind.REFUSE, seconds=float(lasts)))


@fault
class ResetOnAccept:
    """A new connection is accepted and reset at once."""

    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send RST."""
        return damaged(match, Damage(DamageKind.RESET))


@fault
class FailHandshake:
    """The TLS handshake of a new connection fails."""

    how: str = choice("alert", "how", "alert", "eof", "certificate")
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """A fatal alert, an end without one, or a certificate that has expired."""
        return damaged(match, Damage(DamageKind.HANDSHAKE, text=self.how))


@fault
class RefuseUpgrade:
    """A WebSocket is refused at its upgrade."""

    how: str = choice(
        "403", "a status with a page, or a broken handshake",
        "400", "403", "404", "429", "451", "500", "502", "503", "504", "extension", "key",
    )  # fmt: skip
    stages: ClassVar[tuple[Stage, ...]] = WIRE

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Send a page; or 101 with an extension that nobody asked for, or with a wrong key."""
        if self.how.isdigit():
            return damaged(match, Damage(DamageKind.PAGE, size=int(self.how)))
        return damaged(match, Damage(DamageKind.UPGRADE, text=self.how))
