"""The auditor: is the first column that of a possible exchange? A breach is a bug of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from failing_exchange.core.engine import Engine
from failing_exchange.core.ledger import OUTSIDE
from failing_exchange.core.order import Order, Side, Status
from failing_exchange.core.state import MarketState, State
from failing_exchange.errors import InternalError


def audit(engine: Engine) -> None:
    """Check every invariant; raise InternalError that names each breach.

    >>> audit(Engine([]))
    """
    breaches = [breach for check in CHECKS for breach in check(engine.state)]
    if breaches:
        raise InternalError("the exchange is not sound: " + "; ".join(breaches))


def conservation(state: State) -> Iterator[str]:
    """No asset is made or lost."""
    for asset in state.ledger.assets():
        total = state.ledger.total_of(asset)
        if total:
            yield f"{total} atoms of {asset} came from nowhere"


def solvency(state: State) -> Iterator[str]:
    """No client owes anything."""
    for name in state.accounts:
        for asset, (free, used) in state.ledger.balances(name).items():
            if free < 0 or used < 0:
                yield f"{name} has {free} free and {used} used of {asset}"


def reservation(state: State) -> Iterator[str]:
    """What is used is what open orders and locks hold."""
    for name, account in state.accounts.items():
        if name in OUTSIDE:
            continue
        held: Counter[str] = Counter(account.locked)
        for order in account.open.values():
            market = state.markets[order.symbol].market
            held[market.quote if order.side is Side.BUY else market.base] += order.reserved
        for asset, (_, used) in state.ledger.balances(name).items():
            if used != held[asset]:
                yield f"{name} uses {used} of {asset}, and orders and locks hold {held[asset]}"


def uncrossed_books(state: State) -> Iterator[str]:
    """No bid is as high as an ask."""
    for symbol, ms in state.markets.items():
        bid, ask = ms.book.best(Side.BUY), ms.book.best(Side.SELL)
        if bid is not None and ask is not None and bid.ticks >= ask.ticks:
            yield f"{symbol} is crossed: {bid.ticks} bid, {ask.ticks} asked"


def sound_orders(state: State) -> Iterator[str]:
    """Each open order is open, is not overfilled, and has fills that add up; ids are unique."""
    for name, account in state.accounts.items():
        ids = Counter(order.client_id for order in account.open.values())
        yield from (f"{name} has {n} open orders {i!r}" for i, n in ids.items() if n > 1)
        for order in account.open.values():
            yield from _order(order, state.markets[order.symbol])


def sound_lists(state: State) -> Iterator[str]:
    """A list executes while an order of it is open; none is pending for longer than it must."""
    for account in state.accounts.values():
        for one in account.lists.values():
            if one.ended_at or not any(order.is_open for order in one.orders):
                yield f"{one} is among those that execute"
            pending = any(order.status is Status.PENDING for order in one.orders)
            if pending != (one.is_pending and one.orders[0].is_open):
                yield f"{one} has orders that wait for nothing, or do not wait"
        for one in account.ended_lists.values():
            if any(order.is_open for order in one.orders):
                yield f"{one} is over and has open orders"


def _order(order: Order, ms: MarketState) -> Iterator[str]:
    if not order.is_open:
        yield f"{order} is among the open ones"
    if not 0 <= order.filled < order.lots:
        yield f"{order} has filled {order.filled} of {order.lots}"
    if sum(fill.lots for fill in order.fills) != order.filled:
        yield f"{order} has fills that do not add up to {order.filled}"
    if sum(fill.cost for fill in order.fills) != order.cost:
        yield f"{order} has fills that do not cost {order.cost}"
    beside = order.held or order.id in ms.waiting or order.status is Status.PENDING
    if order.resting == beside:
        yield f"{order} stands neither in the book nor beside it"


CHECKS: tuple[Callable[[State], Iterator[str]], ...] = (
    conservation,
    solvency,
    reservation,
    uncrossed_books,
    sound_orders,
    sound_lists,
)
