"""The `params` of unified calls. An unknown one is refused before anything is sent.

ccxt hands params that it does not know to the venue, which answers "Not all sent parameters were
read" (Binance, -1104). Here the call raises BadRequestError instead of leaving out a stop price.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failing_exchange.errors import BadRequestError
from failing_exchange.text.spelling import did_you_mean

Params = Mapping[str, Any]
NONE: Params = {}

FLAGS = ("postOnly", "test", "reduceOnly", "hedged", "closePosition", "priceProtect", "trigger",
         "stop", "conditional")  # fmt: skip
MARKET_TYPES = ("spot", "swap", "future")
# ccxt attaches no order to another on Binance either (its features: attachedStopLossTakeProfit).
ATTACHED = (
    "Binance has no attached orders: place the stop (stopLossPrice) and the take profit "
    "(takeProfitPrice) as orders of their own, or on spot markets both with create_oco_order"
)
# Params of ccxt's that mean something else elsewhere, and what to do here instead.
INSTEAD = {
    "stopLoss": ATTACHED,
    "takeProfit": ATTACHED,
    "trailingDelta": "use trailingPercent (100 basis points are 1 percent) or trailingAmount",
    "leverage": "use set_leverage",
    "marginMode": "use set_margin_mode",
    "paginate": "ask page by page, with since and limit",
}


def own(call: str, params: Params | None) -> Params:
    """The params of a call as a copy: what the caller does to theirs later changes nothing here.

    A value of None counts as not given. `recvWindow` and a `type` of "spot", "swap" or "future"
    are accepted by every call: in process no request is too late for its window, and the symbol
    says what kind of market it is.

    Raises:
        BadRequestError: not a mapping; a name that the call does not take; a flag that is not a
            bool.
    """
    if not params:
        return NONE
    if not isinstance(params, Mapping):
        raise BadRequestError(f'params must be a mapping like {{"postOnly": True}}, not {params!r}')
    from failing_exchange.unified.calls import CALLS

    known, kept = CALLS[call].params if call in CALLS else (), {}
    for name, value in params.items():
        if (
            value is None
            or name == "recvWindow"
            or (name == "type" and _says_nothing(value, known))
        ):
            continue
        if name not in known:
            raise BadRequestError(f"{call} does not take the param {_refusal(name, value, known)}")
        if name in FLAGS and not isinstance(value, bool):
            raise BadRequestError(f"{call}: {name} must be True or False, not {value!r}")
        kept[name] = _copied(value)
    return kept


def _says_nothing(value: object, known: tuple[str, ...]) -> bool:
    """Whether a `type` need not be sent: the symbol says which market a call is about."""
    return "type" not in known and value in MARKET_TYPES


def with_param(params: Any, name: str, value: object) -> Any:
    """Params with one more. The call that gets them checks that they are a mapping, and known."""
    return {**(params or NONE), name: value} if isinstance(params, Mapping | None) else params


def _refusal(name: object, value: object, known: tuple[str, ...]) -> str:
    way_out = INSTEAD.get(str(name))
    near = f"; {way_out}" if way_out else did_you_mean(name, known)
    takes = f"it takes {', '.join(known)}" if known else "it takes none"
    return f"{name!r} ({value!r}){near}; {takes}"


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value
