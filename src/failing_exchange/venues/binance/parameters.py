"""Parameters that endpoints share.

rest-api.md and web-socket-api.md, "Parameters" of each request, 2026-07-21; `!` marks a mandatory
one (see `Endpoint.takes`).
"""

from __future__ import annotations

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
