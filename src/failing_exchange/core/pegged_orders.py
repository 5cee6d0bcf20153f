"""Pegged orders: the price is read from the book on entry, and then stays."""

from __future__ import annotations

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.matching import offers
from failing_exchange.core.order import LIMIT, LIMIT_TYPES, Order, Peg, PegPrice, Side
from failing_exchange.core.order_rules import check_cost_max, check_prices, price_bounds
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import MarketState, State


def price_of(ms: MarketState, side: Side, peg: Peg) -> int:
    """The present price of a peg, in ticks; raise `Reject` where the book has no such level."""
    left = peg.levels or 0
    before = 0
    for ticks, _ in offers(
        ms.book, ms.liquidity, side if peg.price is PegPrice.PRIMARY else side.other
    ):
        if ticks == before:
            continue
        if not left:
            return ticks
        left, before = left - 1, ticks
    raise Reject(
        Reason.INVALID_PRICE,
        rule=OrderRule.PEG_LIQUIDITY,
        level=f"{peg.price}, {peg.levels or 0} levels deeper",
    )


def pegged(ms: MarketState, c: PlaceOrder, *, enters: bool = True) -> PlaceOrder:
    """A command with the price of the book, where it has a peg and enters the book at once.

    One that waits has no price yet. What the client asked for is set aside.
    """
    peg = c.peg
    if peg is None:
        return c
    if c.kind not in LIMIT_TYPES:
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.PEG_TYPE, pegged=c.kind)
    now = enters and c.kind is LIMIT
    ticks = price_of(ms, c.side, peg) if now else 0
    return c._replace(ticks=ticks, peg=peg._replace(asked=c.ticks))


def take_price(state: State, ms: MarketState, order: Order, at: int) -> None:
    """Price a pegged order that enters the book after waiting, check it, and hold its need.

    Raises `Reject` where it may not.
    """
    peg, market = order.peg, ms.market
    if peg is None or order.ticks:
        return
    ticks = price_of(ms, order.side, peg)
    order.amended = (*order.amended, (at, 0, order.lots))
    order.ticks, order.updated_at = ticks, at
    bounds = price_bounds(ms, order.side, at) if market.price_band is not None else None
    market.check_limits(order.lots, ticks, bounds)
    if market.rules is not None:
        check_prices(ms, market.rules, order, at)
        if market.rules.cost_max is not None and order.kind in LIMIT_TYPES:
            check_cost_max(market, market.rules.cost_max, market.cost_up(ticks, order.lots))
    _hold_what_it_needs(state, ms, order, at)


def _hold_what_it_needs(state: State, ms: MarketState, order: Order, at: int) -> None:
    """Hold what the order needs; an OCO pair shares one hold, and releases nothing yet."""
    settlement, partner = settlement_of(ms), order.partner
    needed = settlement.need(ms.market, order)
    more = needed - order.reserved - (partner.reserved if partner is not None else 0)
    if more > 0:
        settlement.hold(state, ms, order, more, at)
    elif partner is None:
        settlement.release(state, ms, order, at, keep=needed)
