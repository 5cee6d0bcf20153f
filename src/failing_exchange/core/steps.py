"""One second of the background meeting the clients' orders."""

from __future__ import annotations

from failing_exchange.core.matching import trade
from failing_exchange.core.order import BUY, SELL, Side
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import MarketState, State
from failing_exchange.core.triggering import check_triggers
from failing_exchange.core.units import SECOND


def run_step(state: State, ms: MarketState, second: int) -> None:
    """One second of the background: it trades through resting orders, may trigger waiting ones."""
    at = second * SECOND
    ms.liquidity.to(second)
    for side in (BUY, SELL):
        _trade_through(state, ms, side, at)
    ms.hold_off()
    printed = ms.tape.second(second)
    if printed is not None and printed.volume:
        check_triggers(state, ms, printed.low, printed.high, at)
        if ms.watched:
            settlement_of(ms).reached(state, ms, printed.low, printed.high, at)
    ms.watch_all()


def _trade_through(state: State, ms: MarketState, side: Side, at: int) -> None:
    """Orders that this second's prints passed are filled, up to what was printed beyond them."""
    used = 0
    while (level := ms.book.best(side)) is not None and level.head is not None:
        left = ms.liquidity.passed(side.other, level.ticks) - used
        if left <= 0:
            return
        order = level.head
        lots = min(left, order.shown or order.remaining)
        used += lots
        state.turn(at)
        trade(state, ms, None, order, order.ticks, lots, at)
