"""Incidents on the way of a request: lawful operator commands in the same step of the engine."""

from __future__ import annotations

from typing import Any, ClassVar

from failing_exchange.core.commands import (
    CapNextFill,
    FetchMarkets,
    FetchTicker,
    PlaceOrder,
    PullLiquidity,
    ReplaceOrder,
)
from failing_exchange.core.market import Market
from failing_exchange.core.order import OrderType, Side, TimeInForce
from failing_exchange.core.queries import Ticker
from failing_exchange.faults.fields import (
    draw_below,
    fault,
    nanoseconds,
    ppm,
    share,
    span_or_never,
)
from failing_exchange.faults.plan import Cause, Sighting, Verdict
from failing_exchange.trip import Stage, Trip


def placed_by(trip: Trip) -> PlaceOrder | None:
    """The single order that a request places; None for any other request, and for a test."""
    command: Any = trip.command
    if isinstance(command, ReplaceOrder):
        command = command.place
    return command if isinstance(command, PlaceOrder) and not command.test else None


def market_of(sighting: Sighting, symbol: str) -> Market | None:
    """The rules in force of a market."""
    found = sighting.look(FetchMarkets(sighting.trip.account))
    return next((market for market in found.markets if market.symbol == symbol), None)


@fault
class PartialFill:
    """The order is filled in part at once, and the rest later."""

    fill_ratio: float = share(0.3, "how much of it at once, rounded down to the amount step")
    complete_after: float | None = span_or_never(
        30.0, "when the rest fills; None = when the market comes"
    )
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST,)

    def concerns(self, sighting: Sighting) -> bool:
        """Not fill-or-kill, post-only, triggered or one-step orders."""
        order = placed_by(sighting.trip)
        if order is None or order.post_only or order.time_in_force is TimeInForce.FOK:
            return False
        if order.kind not in (OrderType.LIMIT, OrderType.MARKET):
            return False
        market = market_of(sighting, order.symbol)
        return market is not None and (order.cost > 0 or order.lots > market.amount_every)

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Let the operator trade against it."""
        if not self.concerns(sighting):
            return None
        rest = None if self.complete_after is None else nanoseconds(self.complete_after)
        return Cause(CapNextFill(sighting.trip.account, ppm(self.fill_ratio), rest))


@fault
class SlipPrice:
    """Offers are withdrawn just before a market order, which then trades at a worse price."""

    max_slippage: float = share(
        0.02, "the average price is at most so far beyond the best", most=0.9
    )
    least: float = share(0.0, "and at least so far", zero=True)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST,)

    def concerns(self, sighting: Sighting) -> bool:
        """Only market orders."""
        order = placed_by(sighting.trip)
        return order is not None and order.kind is OrderType.MARKET

    def strike(self, stage: Stage, sighting: Sighting) -> Verdict | None:
        """Pull the side that the order is about to take, by a distance drawn up to the most."""
        order = placed_by(sighting.trip)
        if order is None or order.kind is not OrderType.MARKET:
            return None
        found: Ticker = sighting.look(FetchTicker(sighting.trip.account, order.symbol))
        best = found.ask if order.side is Side.BUY else found.bid
        if best is None:
            return None
        most, least = ppm(self.max_slippage), min(ppm(self.least), ppm(self.max_slippage))
        distance = least + draw_below(sighting, 0, most - least + 1)
        lots = order.lots or found.market.lots_for(order.cost, max(1, best[0] // 2))
        return Cause(PullLiquidity(order.symbol, order.side.other, distance, lots))
