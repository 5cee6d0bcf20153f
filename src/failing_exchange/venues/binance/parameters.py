"""Parameters that endpoints share, and what is said of those that an endpoint does not take.

rest-api.md and web-socket-api.md, "Parameters" of each request, 2026-07-21; `!` marks a mandatory
one (see `Endpoint.takes`). What is said, and in which order, was seen in production, 2017 to 2025:
more parameters than an endpoint has are -1101, an unknown one among no more than that is -1104, and
both count the times and the signature.
"""

from __future__ import annotations

from failing_exchange.venues.binance.call import Endpoint
from failing_exchange.venues.binance.codes import missing, refuse
from failing_exchange.venues.binance.params import Params

ONE = "symbol! orderId origClientOrderId"
SOME = "symbol symbols symbolStatus"
SPAN = "startTime endTime limit"
CANDLES = f"symbol! interval! timeZone {SPAN}"
STRATEGY = "strategyId strategyType"
ORDER = (
    "symbol! side! type! timeInForce quantity quoteOrderQty price newClientOrderId "
    f"{STRATEGY} stopPrice trailingDelta icebergQty newOrderRespType selfTradePreventionMode "
    "pegPriceType pegOffsetValue pegOffsetType"
)
ROUTED = (
    "symbol! side! type! timeInForce quantity! price newClientOrderId "
    f"{STRATEGY} icebergQty newOrderRespType selfTradePreventionMode"
)
LIST = "symbol! listClientOrderId newOrderRespType selfTradePreventionMode"
LEG = "ClientOrderId IcebergQty Price TimeInForce StrategyId StrategyType"
PEGS = "PegPriceType PegOffsetType PegOffsetValue"
STOP = "StopPrice TrailingDelta"


def _leg(prefix: str, names: str) -> str:
    return " ".join(f"{prefix}{name}" for name in names.split())


def _pair(above: str, below: str) -> str:
    """Two legs of which the second may lack a type."""
    return f"{_leg(above, f'Type! {LEG} {STOP} {PEGS}')} {_leg(below, f'{LEG} {STOP} {PEGS}')}"


WORKING = _leg("working", "Type! Side! Price! Quantity! ClientOrderId IcebergQty TimeInForce "
               f"StrategyId StrategyType {PEGS}")  # fmt: skip
PENDING = _leg("pending", f"Type! Side! {LEG} {STOP} {PEGS}")
PAIR = _pair("above", "below")
PENDING_PAIR = f"pendingSide! {_pair('pendingAbove', 'pendingBelow')} pendingBelowType"


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
