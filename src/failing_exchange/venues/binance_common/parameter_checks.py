"""What is said of parameters that an endpoint does not take, or lacks.

What is said, and in which order, was seen in production of Spot, 2017 to 2025: more parameters than
an endpoint has are -1101, an unknown one among no more than that is -1104, and both count the times
and the signature.

USD-M ignores unknown parameters. Its error page has both codes, but what clients send there goes
through: timeInForce with "Modify Order" (tried by its author: python-binance, pull request 1419,
2024-06-13), newClientOrderId with "Cancel Order" (Binance.Net, issue 911, 2021-10-18), useV2 with
/fapi/v2/account, and a signature with market data of the WebSocket API (both ccxt 4.5, 2026). The
reports of -1104 that were found are all of Spot.
"""

from __future__ import annotations

from failing_exchange.venues.binance_common.call import Endpoint
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import missing, refuse

IGNORED = "(ignored)"  # in place of the parameters that were not read: their names, for the journal
NAMES_LENGTH_MAX = 200  # letters of these names; the rest is cut off


def check_count(endpoint: Endpoint, sent: int) -> None:
    """Raise `Reject` for more parameters than an endpoint of the REST API has, whatever they are.

    `sent` is how many the request has, times and signature included.
    """
    if sent > endpoint.most and endpoint.takes is not None:
        refuse(
            "TOO_MANY_PARAMETERS",
            f"Too many parameters; expected '{endpoint.most}' and received '{sent}'.",
        )


def check(endpoint: Endpoint, params: Params, sent: int, lenient: bool = False) -> None:
    """Raise `Reject` for what is missing, empty or unknown to an endpoint.

    `params` are those it is to read: of those `sent`, the ones that are not read yet. `lenient`:
    unknown ones are taken out, and only their names kept, under `IGNORED`.
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
        if lenient:
            _ignore(endpoint, params)
            return
        unread = len(params.keys() - endpoint.names)
        refuse(
            "UNREAD_PARAMETERS",
            f"Not all sent parameters were read; read '{sent - unread}' parameter(s) but was "
            f"sent '{sent}'.",
        )


def _ignore(endpoint: Endpoint, params: Params) -> None:
    unknown = [name for name in params if name not in endpoint.names]
    for name in unknown:
        del params[name]
    params[IGNORED] = ", ".join(unknown)[:NAMES_LENGTH_MAX]
