"""What is said of parameters that an endpoint does not take, or lacks.

What is said, and in which order, was seen in production of Spot, 2017 to 2025: more parameters than
an endpoint has are -1101, an unknown one among no more than that is -1104, and both count the times
and the signature.
"""

from __future__ import annotations

from failing_exchange.venues.binance_common.call import Endpoint
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import missing, refuse


def check_count(endpoint: Endpoint, sent: int) -> None:
    """Raise `Reject` for more parameters than an endpoint of the REST API has, whatever they are.

    `sent` is how many the request has, times and signature included.
    """
    if sent > endpoint.most and endpoint.takes is not None:
        refuse(
            "TOO_MANY_PARAMETERS",
            f"Too many parameters; expected '{endpoint.most}' and received '{sent}'.",
        )


def check(endpoint: Endpoint, params: Params, sent: int) -> None:
    """Raise `Reject` for what is missing, empty or unknown to an endpoint.

    `params` are those it is to read: of those `sent`, the ones that are not read yet.
    """
    if endpoint.takes is None:
        return
    for name in endpoint.needed:
        if name not in params:
            missing(name)
    if "" in params.values():
        for name, value in params.items():
            if not value and name in endpoint.names:  # for mandatory ones seen in production, 2024
                refuse("PARAM_EMPTY", f"Parameter '{name}' was empty.")
    if not params.keys() <= endpoint.names:
        unread = len(params.keys() - endpoint.names)
        refuse(
            "UNREAD_PARAMETERS",
            f"Not all sent parameters were read; read '{sent - unread}' parameter(s) but was "
            f"sent '{sent}'.",
        )
