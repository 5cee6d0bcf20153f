"""What each endpoint takes, and what is said of parameters that it does not.

rest-api.md and web-socket-api.md, "Parameters" of each request, 2026-07-21. What is said, and in
which order, was seen in production, 2017 to 2025: more parameters than an endpoint has are -1101,
an unknown one among no more than that is -1104, and both count the times and the signature.
"""

from __future__ import annotations

from typing import NamedTuple

from failing_exchange.venues.binance.call import Endpoint
from failing_exchange.venues.binance.codes import missing, refuse
from failing_exchange.venues.binance.params import Params

SIGNING = ("recvWindow", "timestamp", "signature")  # what is signed may have these, too
SYMBOL = "symbol!"
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
    """Two legs, of which `!` marks what must be there."""
    return f"{_leg(above, f'Type! {LEG} {STOP} {PEGS}')} {_leg(below, f'{LEG} {STOP} {PEGS}')}"


WORKING = _leg("working", "Type! Side! Price! Quantity! ClientOrderId IcebergQty TimeInForce "
               f"StrategyId StrategyType {PEGS}")  # fmt: skip
PENDING = _leg("pending", f"Type! Side! {LEG} {STOP} {PEGS}")
PENDING_PAIR = f"pendingSide! {_pair('pendingAbove', 'pendingBelow')} pendingBelowType"
# An endpoint and what it takes; `!` marks what must be there. Without a row, nothing is checked.
ROWS = {
    "GET /api/v3/ping": "",
    "GET /api/v3/time": "",
    "GET /api/v3/exchangeInfo": "symbol symbols permissions showPermissionSets symbolStatus",
    "GET /api/v3/executionRules": SOME,
    "GET /api/v3/depth": "symbol! limit symbolStatus",
    "GET /api/v3/trades": "symbol! limit",
    "GET /api/v3/historicalTrades": "symbol! limit fromId",
    "GET /api/v3/historicalBlockTrades": "symbol! fromId! limit",
    "GET /api/v3/referencePrice": SYMBOL,
    "GET /api/v3/referencePrice/calculation": "symbol! symbolStatus",
    "GET /api/v3/aggTrades": f"symbol! fromId {SPAN}",
    "GET /api/v3/klines": CANDLES,
    "GET /api/v3/uiKlines": CANDLES,
    "GET /api/v3/avgPrice": SYMBOL,
    "GET /api/v3/ticker/24hr": f"{SOME} type",
    "GET /api/v3/ticker/tradingDay": f"{SOME} timeZone type",
    "GET /api/v3/ticker/price": SOME,
    "GET /api/v3/ticker/bookTicker": SOME,
    "GET /api/v3/ticker": f"{SOME} windowSize type",
    "POST /api/v3/order": ORDER,
    "POST /api/v3/order/test": f"{ORDER} computeCommissionRates",
    "GET /api/v3/order": ONE,
    "DELETE /api/v3/order": f"{ONE} newClientOrderId cancelRestrictions",
    "DELETE /api/v3/openOrders": SYMBOL,
    "POST /api/v3/order/cancelReplace": (
        f"{ORDER} cancelReplaceMode! cancelNewClientOrderId cancelOrigClientOrderId cancelOrderId "
        "cancelRestrictions orderRateLimitExceededMode"
    ),
    "PUT /api/v3/order/amend/keepPriority": f"{ONE} newClientOrderId newQty!",
    "GET /api/v3/order/amendments": "symbol! orderId! fromExecutionId limit",
    "POST /api/v3/order/oco": (
        f"{LIST} side! quantity! price! stopPrice! limitClientOrderId limitStrategyId "
        "limitStrategyType limitIcebergQty trailingDelta stopClientOrderId stopStrategyId "
        "stopStrategyType stopLimitPrice stopIcebergQty stopLimitTimeInForce"
    ),
    "POST /api/v3/orderList/oco": f"{LIST} side! quantity! {_pair('above', 'below')} belowType!",
    "POST /api/v3/orderList/oto": f"{LIST} {WORKING} {PENDING} pendingQuantity!",
    "POST /api/v3/orderList/otoco": f"{LIST} {WORKING} {PENDING_PAIR} pendingQuantity!",
    "POST /api/v3/orderList/opo": f"{LIST} {WORKING} {PENDING}",
    "POST /api/v3/orderList/opoco": f"{LIST} {WORKING} {PENDING_PAIR}",
    "DELETE /api/v3/orderList": "symbol! orderListId listClientOrderId newClientOrderId",
    "GET /api/v3/orderList": "orderListId origClientOrderId",
    "GET /api/v3/allOrderList": f"fromId {SPAN}",
    "GET /api/v3/openOrderList": "",
    "POST /api/v3/sor/order": ROUTED,
    "POST /api/v3/sor/order/test": f"{ROUTED} computeCommissionRates",
    "GET /api/v3/openOrders": "symbol",
    "GET /api/v3/allOrders": f"symbol! orderId {SPAN}",
    "GET /api/v3/account": "omitZeroBalances",
    "GET /api/v3/myTrades": f"symbol! orderId fromId {SPAN}",
    "GET /api/v3/rateLimit/order": "",
    "GET /api/v3/account/commission": SYMBOL,
    "GET /api/v3/myPreventedMatches": (
        "symbol! preventedMatchId orderId fromPreventedMatchId limit"
    ),
    "GET /api/v3/myAllocations": f"symbol! fromAllocationId orderId {SPAN}",
    "GET /api/v3/myFilters": SYMBOL,
    "session.logon": "",
    "session.status": "",
    "session.logout": "",
    "session.subscriptions": "",
    "userDataStream.subscribe": "",
    "userDataStream.subscribe.signature": "",
    "userDataStream.unsubscribe": "subscriptionId",
    "POST /api/v3/userDataStream": "",
    "PUT /api/v3/userDataStream": "listenKey!",
    "DELETE /api/v3/userDataStream": "listenKey!",
}  # fmt: skip


class Takes(NamedTuple):
    """What an endpoint takes: its own parameters, and which of them must be there."""

    names: frozenset[str]
    needed: tuple[str, ...]


def _read(row: str) -> Takes:
    names = frozenset(row.replace("!", "").split())
    needed = tuple(name.rstrip("!") for name in row.split() if name.endswith("!"))
    return Takes(names, needed)


TAKES = {name: _read(row) for name, row in ROWS.items()}
# The paths whose answers may be long: some of them take tens of milliseconds to make.
COSTLY = frozenset(
    name.partition(" ")[2] for name, takes in TAKES.items() if "limit" in takes.names
)


def check_count(endpoint: Endpoint, sent: int) -> None:
    """Raise `Reject` for more parameters than an endpoint of the REST API has, whatever they are.

    So many were `sent`, times and signature included.
    """
    takes = TAKES.get(endpoint.http)
    if takes is None:
        return
    most = len(takes.names)
    if endpoint.signed and not endpoint.key_only:
        most += len(SIGNING)
    if sent > most:
        refuse(
            "TOO_MANY_PARAMETERS",
            f"Too many parameters; expected '{most}' and received '{sent}'.",
        )


def check(endpoint: Endpoint, params: Params, sent: int) -> None:
    """Raise `Reject` for what is missing, empty or unknown to an endpoint.

    `params` are those it is to read: of those `sent`, the ones that are not read yet.
    """
    takes = TAKES.get(endpoint.http or endpoint.socket)
    if takes is None:
        return
    for name in takes.needed:
        if name not in params:
            missing(name)
    if "" in params.values():
        for name, value in params.items():
            if not value and name in takes.names:  # for mandatory ones seen in production, 2024
                refuse("PARAM_EMPTY", f"Parameter '{name}' was empty.")
    if not params.keys() <= takes.names:
        unread = len(params.keys() - takes.names)
        refuse(
            "UNREAD_PARAMETERS",
            f"Not all sent parameters were read; read '{sent - unread}' parameter(s) but was "
            f"sent '{sent}'.",
        )
