"""The refusal that a call in process is told in the place of a damaged answer."""

from __future__ import annotations

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.faults.http import HttpDamage
from failing_exchange.journal.trip import Damage

PAGES = {403: Reason.UNAVAILABLE, 451: Reason.RESTRICTED_LOCATION}
WORDS = {
    Reason.CONNECTION_LOST: "connection lost: the answer to {what} did not arrive whole",
    Reason.MALFORMED: "the answer to {what} can't be read",
    Reason.TIMED_OUT: "request timed out: the answer to {what} has stopped halfway",
    Reason.UNAVAILABLE: "{what} was answered by a gateway's page, with status {status}",
    Reason.RESTRICTED_LOCATION: "{what} was answered by a page, with status {status}",
}


def stand_in(damage: Damage, what: str) -> Reject | None:
    """The refusal that stands for damaged bytes; None where the answer comes through in the end.

    >>> stand_in(Damage(HttpDamage.PAGE, size=502), "create_order").reason
    <Reason.UNAVAILABLE: 'unavailable'>
    """
    reason = damage.kind.in_process
    if damage.kind is HttpDamage.PAGE:
        reason = PAGES.get(damage.size, reason)
    if reason is None:
        return None
    return Reject(reason, WORDS[reason].format(what=what, status=damage.size))
