"""Races of a cancel with a fill: what the engine does, and what the client is told."""

from __future__ import annotations

from typing import Any, ClassVar

from failing_exchange.core.commands import CancelOrderList, CrossOrder, Freeze
from failing_exchange.core.events import OrderFilled
from failing_exchange.core.ledger import Wallet
from failing_exchange.core.margin import initial_margin
from failing_exchange.core.operator_commands import own_price
from failing_exchange.core.order import Order, OrderSnapshot, Status
from failing_exchange.core.queries import FetchOrderList, FetchPositions
from failing_exchange.core.reject import Reject
from failing_exchange.core.settlement import SETTLEMENTS
from failing_exchange.core.units import PPM
from failing_exchange.faults.fields import SHORTEST, ends_after, fault, ppm, share, span_or_never
from failing_exchange.faults.lookups import market_of, named_by
from failing_exchange.faults.plan import Cause, Match, Replace, Verdict
from failing_exchange.faults.stages import AtRequest, AtStages
from failing_exchange.journal.trip import Stage


@fault
class FillBeatsCancel(AtRequest):
    """The order is filled just before its cancel arrives, which is then refused."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Let the operator take all of it."""
        order = crossable(match)
        return None if order is None else Cause(CrossOrder(order.order.id))


@fault
class PartialFillBeatsCancel(AtRequest):
    """The order is filled in part just before its cancel arrives."""

    fill_ratio: float = share(0.5, "how much of what is left, at least one step", maximum=0.99)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Let the operator take a part; an order of one step is left alone."""
        order = crossable(match)
        market = None if order is None else market_of(match, order.order.symbol)
        if order is None or market is None or order.remaining <= market.amount_every:
            return None
        every = market.amount_every
        part = order.remaining * ppm(self.fill_ratio) // PPM // every * every
        return Cause(CrossOrder(order.order.id, max(every, part)))


@fault
class CanceledButFilled(AtStages):
    """The client is told that its order is canceled, and it was filled just before."""

    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST, Stage.ANSWER)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Fill it; then show it as it was before, and canceled."""
        if stage is Stage.REQUEST:
            order = named_by(match)
            if order is None or not own_price(order.order):
                return None
            return Cause(CrossOrder(order.order.id))
        if not isinstance(match.trip.answer, Reject):
            return None
        seen = named_by(match)
        return None if seen is None else _without_fills(seen, match)


@fault
class HoldAfterCancel(AtRequest):
    """The order is canceled, and its funds stay locked for a while."""

    lasts: float | None = span_or_never(
        60.0, "for how long; None = until the operator unlocks", minimum=SHORTEST
    )

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Lock what the cancel sets free."""
        found = named_by(match)
        market = None if found is None else market_of(match, found.order.symbol)
        if found is None or market is None or not found.order.is_open:
            return None
        order = found.order
        asset = SETTLEMENTS[market.kind].held_asset(market, order.side)
        atoms, wallet = order.reserved, Wallet.SPOT
        if market.contract is not None:
            atoms, wallet = _margin_of(match, order), Wallet.FUTURES
        held = Freeze(order.account, asset, atoms, ends_after(self.lasts), wallet)
        return Cause(held, after=True) if atoms else None


def _margin_of(match: Match, order: Order) -> int:
    """The initial margin of what an order of a contract reserves, which is its notional."""
    query = FetchPositions(order.account, order.symbol, idle=True)
    return initial_margin(order.reserved, match.look(query).positions[0].leverage)


def crossable(match: Match) -> OrderSnapshot | None:
    """The order that a cancel names, or one of its list, if it can be traded against now."""
    command: Any = match.trip.command
    if not isinstance(command, CancelOrderList):
        named = named_by(match)
        return named if named is not None and own_price(named.order) else None
    query = FetchOrderList(command.account, command.list_id, command.client_id)
    try:
        orders: tuple[OrderSnapshot, ...] = match.look(query).orders
    except Reject:  # the engine itself will refuse
        return None
    return next((one for one in orders if own_price(one.order)), None)


def _without_fills(seen: OrderSnapshot, match: Match) -> Replace | None:
    """The order without what this request's incident did to it."""
    fills = [e.fill for e in match.trip.happened if isinstance(e, OrderFilled)
             and e.order_id == seen.order.id]  # fmt: skip
    if not fills:
        return None
    return Replace(
        seen._replace(
            status=Status.CANCELED,
            filled=seen.filled - sum(fill.lots for fill in fills),
            cost=seen.cost - sum(fill.cost for fill in fills),
            fills=seen.fills - len(fills),
        )
    )
