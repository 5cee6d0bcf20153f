"""Pegged orders: what asks for them, and what answers and events say of them.

rest-api.md, "Pegged orders info"; errors.md, "Other errors"; faqs/pegged_orders.md; 2026-07-21.
The documents do not say what a `price` beside the peg does but that it must pass the filters, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.order import OrderSnapshot, Peg, PegPrice
from failing_exchange.core.reject import Reason
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import price

if TYPE_CHECKING:
    from failing_exchange.core.market import Market
    from failing_exchange.venues.binance_common.params import Params

PRICES = {"PRIMARY_PEG": PegPrice.PRIMARY, "MARKET_PEG": PegPrice.MARKET}
NAMES = {kind: name for name, kind in PRICES.items()}
LEVELS = "PRICE_LEVEL"  # the one type of offset
LEVELS_MAX = 100  # deeper than that is refused
KINDS = ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")


class Names(NamedTuple):
    """How a request, or an order of a list, calls the three parameters."""

    price: str
    offset: str
    value: str


def peg_of(p: Params, names: Names, kind: str) -> Peg | None:
    """The peg that a request asks for; None for none. Raises `Reject` for one that can't be."""
    found, offset = p.get(names.price), p.get(names.offset)
    if found is not None and found not in PRICES:
        refuse("INVALID_PEG_PRICE_TYPE", "Invalid pegPriceType.")
    if offset is not None and offset != LEVELS:
        refuse("INVALID_PEG_OFFSET_TYPE", "Invalid pegOffsetType.")
    if (offset is None) is not (names.value not in p) or (found is None and offset is not None):
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")
    if found is None:
        return None
    if kind not in KINDS:
        refuse("NEW_ORDER_REJECTED", "This order type may not use pegged price.")
    if kind == "LIMIT_MAKER" and found == "MARKET_PEG":
        refuse("NEW_ORDER_REJECTED", "This price peg cannot be used with this order type.")
    return Peg(PRICES[found], None if offset is None else _levels(p, names.value))


def _levels(p: Params, name: str) -> int:
    levels = p.integer(name, least=1)
    if levels > LEVELS_MAX:
        refuse(
            "INVALID_PARAMETER", f"Data sent for parameter '{name}' is not valid.",
            Reason.BAD_REQUEST,
        )  # fmt: skip
    return levels


def asked(snapshot: OrderSnapshot) -> int:
    """The price of an order that its client gave, in ticks: beside a peg, or its only one."""
    peg = snapshot.order.peg
    return snapshot.ticks if peg is None else peg.asked


def fields(snapshot: OrderSnapshot, market: Market, names: tuple[str, str, str, str]) -> Any:
    """The conditional fields, called as `names` say: the price's type, the offset's, its value,
    and the price once it is determined.
    """
    peg, found = snapshot.order.peg, dict[str, Any]()
    if peg is not None:
        found[names[0]] = NAMES[peg.price]
        if peg.levels is not None:
            found |= {names[1]: LEVELS, names[2]: peg.levels}
        if snapshot.ticks:
            found[names[3]] = price(snapshot.ticks, market)
    return found
