"""One second of the background meeting the clients' orders."""

from __future__ import annotations

from failing_exchange.core.market import SECOND
from failing_exchange.core.matching import better, trade
from failing_exchange.core.order import BUY, SELL, Side
from failing_exchange.core.state import MarketState, State
from failing_exchange.core.triggering import check_triggers


def run_step(state: State, ms: MarketState, second: int) -> None:
    """One second of the background: it trades through resting orders, may trigger waiting ones."""
    at = second * SECOND
    ms.street.to(second)
    low, high = ms.street.low_high()
    for side in (BUY, SELL):
        _trade_through(state, ms, side, at)
        _trade_crossed(state, ms, side, at)
    check_triggers(state, ms, low, high, at)
    ms.watch_all()


def _trade_through(state: State, ms: MarketState, side: Side, at: int) -> None:
    """Orders that this second's prints passed are filled, up to what was printed beyond them."""
    used = 0
    while (level := ms.book.best(side)) is not None and level.head is not None:
        left = ms.street.passed(side.other, level.ticks) - used
        if left <= 0:
            return
        order = level.head
        lots = min(left, order.shown or order.remaining)
        used += lots
        state.turn(at)
        trade(state, ms, None, order, order.ticks, lots, at)


def _trade_crossed(state: State, ms: MarketState, side: Side, at: int) -> None:
    """Orders that the background's offers have come to meet are filled from those offers."""
    opposite = side.other
    while (level := ms.book.best(side)) is not None and level.head is not None:
        offer = next(ms.street.levels(opposite), None)
        if offer is None or better(opposite, level.ticks, offer[0]):
            return
        order = level.head
        lots = min(offer[1], order.shown or order.remaining)
        ms.street.take(opposite, offer[0], lots)
        state.turn(at)
        trade(state, ms, None, order, order.ticks, lots, at)
