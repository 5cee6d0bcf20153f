"""How clients choose the form of what they are told: in the URL of a WebSocket, in headers of REST.

web-socket-streams.md and web-socket-api.md, "General Information"; CHANGELOG.md, 2024-12-17 (time
units); faqs/sbe_faq.md, "How to get an SBE response"; all of 2026-07-21. SBE is not enabled here.
"""

from __future__ import annotations

from collections.abc import Mapping

from failing_exchange.core.units import DAY, MILLISECOND, MINUTE, SECOND
from failing_exchange.server.websocket_connection import ConnectionPolicy, Goodbye
from failing_exchange.server.websocket_frames import Code
from failing_exchange.venues.binance_common.connection_query import Given
from failing_exchange.venues.binance_common.refusals import refuse

# all that is supported: no other mixture of cases
TIME_UNITS = {"MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}
SBE = "application/sbe"

# web-socket-streams.md, "WebSocket Limits"; what is said on closing was seen in production
STREAMS = ConnectionPolicy(
    messages=5,
    ping_every=20 * SECOND,
    ping_payload=lambda at: b"%d" % (at // MILLISECOND),
    pong_within=MINUTE,
    lifetime=DAY,
    too_many=Goodbye(Code.POLICY, "Too many requests"),
    no_pong=Goodbye(Code.POLICY, "Pong timeout"),
    too_old=Goodbye(Code.GOING_AWAY, "24 hours are over"),
)
WS_API_CONNECTIONS = STREAMS._replace(counts_text=False)  # its requests have limits of their own


def is_micro(unit: str) -> bool:
    """Whether instants are told in microseconds; raises `Reject` for an unknown time unit."""
    if unit not in TIME_UNITS:
        text = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
        refuse("INVALID_TIME_UNIT", text)
    return TIME_UNITS[unit]


def is_micro_in(found: Given) -> bool:
    """The same for the URL of a connection; of several values, all must be known."""
    units = [is_micro(unit) for unit in found.get("timeUnit", ["MILLISECOND"])]
    return units[0]


def check_format(found: Given) -> None:
    """Raise `Reject` for a WebSocket API connection that is not to speak JSON."""
    formats = found.get("responseFormat", ["json"])
    if len(formats) > 1:  # "both": 400; the documents do not say in which words
        refuse("TOO_MANY_PARAMETERS", "Duplicate values for a parameter detected.")
    if formats == ["sbe"]:
        refuse("SBE_DISABLED", "SBE is not enabled.")
    if formats != ["json"]:
        refuse("INVALID_PARAMETER", "Data sent for parameter 'responseFormat' is not valid.")


def check_accept(header: str) -> None:
    """Raise `Reject` where a REST request accepts SBE and not JSON beside it."""
    types = [part.partition(";")[0].strip().lower() for part in header.split(",")]
    if all(kind == SBE for kind in types):
        refuse("SBE_DISABLED", "SBE is not enabled.")


def form_before_microseconds(headers: Mapping[str, str]) -> bool:
    """The same as `form_of` where the header for the time unit does not exist."""
    return form_of({"accept": headers.get("accept", "")})


def form_of(headers: Mapping[str, str]) -> bool:
    """Whether a REST request asks for microseconds; raises `Reject` for a form there is not."""
    unit, accept = headers.get("x-mbx-time-unit"), headers.get("accept")
    if accept and "sbe" in accept.lower():
        check_accept(accept)
    return is_micro(unit) if unit else False
