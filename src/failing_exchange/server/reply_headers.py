"""Headers that name a request and the faults that struck it, for who debugs a bot (off by default).

A bot that looks at them can tell a fault from the venue's own behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from failing_exchange.journal.trip import faults_of

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Reply

REQUEST = "X-Failing-Exchange-Request"  # its number in the journal
FAULT = "X-Failing-Exchange-Fault"  # names of the faults that struck it, separated by ", "
NAMES_MAX = 20  # faults that are named; of more the first ones
NAME_LETTERS_MAX = 100  # of a name; the rest is cut off


def marked(reply: Reply, trip: Trip) -> Reply:
    """The reply with headers that name its trip. Names are percent-encoded where they have to be.

    >>> from failing_exchange.journal.trip import Trip
    >>> from failing_exchange.server.messages import Reply
    >>> marked(Reply(200, b""), Trip(17, 0, "main", "fetch_time", (), "")).headers
    [('X-Failing-Exchange-Request', '17')]
    """
    more = [(REQUEST, str(trip.number))]
    names = [
        quote(name[:NAME_LETTERS_MAX], safe=" ()+", errors="replace")
        for name in faults_of(trip)[:NAMES_MAX]
    ]
    if names:
        more.append((FAULT, ", ".join(names)))
    return reply._replace(headers=[*reply.headers, *more])


def marks_of(reply: Reply) -> list[str]:
    """These headers of a reply, as lines: a page in its place carries them, too."""
    return [f"{name}: {value}" for name, value in reply.headers if name in (REQUEST, FAULT)]
