"""Incidents of orders: filled in part or at once, at a worse price, expired, canceled."""

from __future__ import annotations

from failing_exchange.core.commands import (
    CapNextFill,
    CrossOrder,
    OperatorCancel,
    PlaceOrder,
    PullLiquidity,
)
from failing_exchange.core.operator_commands import own_price
from failing_exchange.core.order import OrderType, Side, TimeInForce
from failing_exchange.core.queries import FetchTicker, Ticker
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import PPM
from failing_exchange.core.wanted_orders import WantedOrder, orders_in
from failing_exchange.faults.fields import draw_below, fault, nanoseconds, ppm, share, span_or_never
from failing_exchange.faults.lookups import market_of, open_order
from failing_exchange.faults.plan import Cause, Match, Verdict
from failing_exchange.faults.stages import AtRequest
from failing_exchange.journal.trip import Stage


@fault
class PartialFill(AtRequest):
    """The order is filled in part at once, and the rest later."""

    fill_ratio: float = share(0.3, "how much of it at once, rounded down to the amount step")
    complete_after: float | None = span_or_never(
        30.0, "when the rest fills; None = when the market comes"
    )

    def concerns(self, match: Match) -> bool:
        """Not fill-or-kill, post-only, triggered or one-step orders."""
        return any(_is_partly_filled(order, match) for order in orders_in(match.trip.command))

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Let the operator trade against it."""
        if not self.concerns(match):
            return None
        rest = None if self.complete_after is None else nanoseconds(self.complete_after)
        return Cause(CapNextFill(match.trip.account, ppm(self.fill_ratio), rest))


@fault
class SlipPrice(AtRequest):
    """Offers are withdrawn just before a market order, which then trades at a worse price."""

    max_slippage: float = share(
        0.02, "the average price is at most so far beyond the best", maximum=0.9
    )
    least: float = share(0.0, "and at least so far", zero=True)

    def concerns(self, match: Match) -> bool:
        """Only market orders."""
        return self._taker(match) is not None

    def _taker(self, match: Match) -> PlaceOrder | None:
        orders = (one for one in orders_in(match.trip.command) if isinstance(one, PlaceOrder))
        return next((one for one in orders if one.kind is OrderType.MARKET), None)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Pull the side that the order is about to take, by a distance drawn up to the most."""
        order = self._taker(match)
        if order is None:
            return None
        try:
            found: Ticker = match.look(FetchTicker(match.trip.account, order.symbol))
        except Reject:  # no such market: the engine itself will refuse
            return None
        best = found.ask if order.side is Side.BUY else found.bid
        if best is None:
            return None
        most, least = ppm(self.max_slippage), min(ppm(self.least), ppm(self.max_slippage))
        distance = least + draw_below(match, 0, most - least + 1)
        lots = order.lots or found.market.lots_for(order.cost, max(1, best[0] // 2))
        return Cause(PullLiquidity(order.symbol, order.side.other, distance, lots))


@fault
class FillAtOnce(AtRequest):
    """The order is filled wholly within the call that places it."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Let the operator trade against all of it, at its own price."""
        orders = (one for one in orders_in(match.trip.command) if isinstance(one, PlaceOrder))
        if not any(one.kind is OrderType.LIMIT and not one.post_only for one in orders):
            return None
        return Cause(CapNextFill(match.trip.account, PPM, None))


@fault
class FillOrder(AtRequest):
    """An open order of the client is filled just before the request arrives."""

    fill_ratio: float = share(1.0, "how much of what is left of it, at least one step")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Trade against the order that the request names, else against the oldest one."""
        found = open_order(match)
        if found is None or not own_price(found.order):
            return None
        market = market_of(match, found.order.symbol)
        every = market.amount_every if market is not None else 1
        part = found.remaining * ppm(self.fill_ratio) // PPM // every * every
        return Cause(CrossOrder(found.order.id, max(every, part)))


@fault
class ExpireOrder(AtRequest):
    """The venue expires an open order of the client just before the request arrives."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Expire the order that the request names, else the oldest one."""
        found = open_order(match)
        return None if found is None else Cause(OperatorCancel(found.order.id, expire=True))


@fault
class CancelByHand(AtRequest):
    """An open order of the client is canceled outside the bot."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Cancel the order that the request names, else the oldest one."""
        found = open_order(match)
        return None if found is None else Cause(OperatorCancel(found.order.id))


def _is_partly_filled(order: WantedOrder, match: Match) -> bool:
    """Whether a part of an order can trade while the rest stays open."""
    if not isinstance(order, PlaceOrder) or order.post_only:
        return False
    if order.time_in_force is TimeInForce.FOK:
        return False
    if order.kind not in (OrderType.LIMIT, OrderType.MARKET):
        return False
    market = market_of(match, order.symbol)
    return market is not None and (order.cost > 0 or order.lots > market.amount_every)
