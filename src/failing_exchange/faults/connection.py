"""Faults before a word is read: name lookups, connections, handshakes, upgrades.

A connection has no answer that could be altered; a server carries out what becomes of it.
"""

from __future__ import annotations

from failing_exchange.core.reject import Reason
from failing_exchange.faults.fields import SECONDS_MAX, choice, fault, span_or_never
from failing_exchange.faults.http import ByteFault, HttpDamage
from failing_exchange.faults.plan import Match
from failing_exchange.faults.rejections import active_until
from failing_exchange.journal.trip import Damage, DamageKind


class ConnectionDamage(DamageKind):
    """What can happen to a connection, beside a reset."""

    LOOKUP = "lookup", Reason.CONNECTION_LOST
    REFUSE = "refuse", Reason.CONNECTION_LOST
    HANDSHAKE = "handshake", Reason.CONNECTION_LOST
    UPGRADE = "upgrade", Reason.CONNECTION_LOST


@fault
class FailLookup(ByteFault):
    """The venue's name can't be looked up (only in a simulation, whose names are the venue's)."""

    kind = ConnectionDamage.LOOKUP
    how: str = choice("again", "what the resolver says", "again", "unknown")


@fault
class RefuseConnection(ByteFault):
    """A new connection is refused, as where nothing listens."""

    kind = ConnectionDamage.REFUSE
    lasts: float | None = span_or_never(
        0.0, "how long all others are refused too; None = until disarmed"
    )

    def decide(self, match: Match, hit: bool) -> bool:
        """Refuse for `lasts` seconds once it has begun."""
        return active_until(match, hit, self.lasts) is not None or hit

    def damage(self) -> Damage:
        return Damage(self.kind, seconds=float(SECONDS_MAX if self.lasts is None else self.lasts))


@fault
class ResetOnAccept(ByteFault):
    """A new connection is accepted and reset at once."""

    kind = HttpDamage.RESET


@fault
class FailHandshake(ByteFault):
    """The TLS handshake of a new connection fails."""

    kind = ConnectionDamage.HANDSHAKE
    how: str = choice("alert", "how", "alert", "eof", "certificate")


@fault
class RefuseUpgrade(ByteFault):
    """A WebSocket is refused at its upgrade."""

    kind = ConnectionDamage.UPGRADE
    how: str = choice(
        "403", "a status with a page, or a broken handshake",
        "400", "403", "404", "429", "451", "500", "502", "503", "504", "extension", "key",
    )  # fmt: skip

    def damage(self) -> Damage:
        """A page; or 101 with an extension that was not offered, or with a wrong key."""
        damage = ByteFault.damage(self)
        return damage._replace(kind=HttpDamage.PAGE) if damage.size else damage
