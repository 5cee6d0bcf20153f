"""The response that a client was sent, made again from the journal for the story of a trip."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from failing_exchange.core.reject import Reject
from failing_exchange.journal.serialize import LEFT_OUT, is_secret
from failing_exchange.journal.trip import parts_of

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Reply
    from failing_exchange.server.rest_api import Rest
    from failing_exchange.server.venue_server import VenueServer

BODY_MAX = 20_000  # letters of a body that are shown; the rest is cut off


def response_of(server: VenueServer, trip: Trip) -> dict[str, Any] | None:
    """Status, headers and body of the response to a request of REST; None where there was none.

    Headers say what is used of the limits now. `damage` is what then happened to these bytes.
    """
    rest = next(
        (
            product.dialect.rest
            for product in server.products.all
            if product.dialect.rest.has_sent(trip)
        ),
        None,
    )
    if rest is None or trip.told is None or not trip.ended_at:
        return None
    answer, edits, damage = parts_of(trip.told)
    reply = _reply(rest, trip, answer, edits)
    body = _without_secrets(reply.body)
    return {
        "status": reply.status,
        "headers": [f"{name}: {value}" for name, value in reply.headers],
        "body": body[:BODY_MAX],
        "cut": max(0, len(body) - BODY_MAX),
        "damage": "" if damage is None else str(damage.kind),
    }


def _reply(rest: Rest, trip: Trip, answer: Any, edits: Any) -> Reply:
    return (
        rest.refuse(trip, answer) if isinstance(answer, Reject) else rest.write(trip, answer, edits)
    )


def _without_secrets(body: bytes) -> str:
    text = body.decode("utf-8", "backslashreplace")
    try:
        found = json.loads(text)
    except ValueError:
        return text
    if not _hide(found):
        return text
    return json.dumps(found, separators=(",", ":"))


def _hide(value: Any) -> bool:
    """Replace secrets in place; whether there were any."""
    found = False
    for name, part in value.items() if isinstance(value, dict) else ():
        if part and is_secret(name):
            value[name], found = LEFT_OUT, True
        else:
            found = _hide(part) or found
    for part in value if isinstance(value, list) else ():
        found = _hide(part) or found
    return found
