"""What a call in process is told where the bytes of an answer are damaged: it has none.

A client of the wire would raise much the same for them, so that one scenario serves all doors.
"""

from __future__ import annotations

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.trip import Damage

# kind of damage -> what a client of the wire makes of it; the others let the answer through
REASONS = {
    **dict.fromkeys(
        ("reset", "close", "half_close", "cut", "length", "chunk", "half_frame", "frame",
         "close_code", "lookup", "refuse", "handshake", "upgrade", "shutdown"),
        Reason.CONNECTION_LOST,
    ),
    **dict.fromkeys(("garbage", "empty", "gzip", "truncate", "deflate"), Reason.MALFORMED),
    "stall": Reason.TIMED_OUT,
}  # fmt: skip
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

    >>> stand_in(Damage("page", size=502), "create_order").reason
    <Reason.UNAVAILABLE: 'unavailable'>
    """
    reason = REASONS.get(damage.kind)
    if damage.kind == "page":
        reason = PAGES.get(damage.size, Reason.UNAVAILABLE)
    if reason is None:
        return None
    return Reject(reason, WORDS[reason].format(what=what, status=damage.size))
