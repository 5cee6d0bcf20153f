"""Watching mark prices: who must be looked at again once a mark price is reached.

An account with positions is looked at when a mark price of them has moved so far that its margin
might not suffice any more, and then gets new bounds. In between nothing is computed.
"""

from __future__ import annotations

from failing_exchange.core.commands import CheckMarks
from failing_exchange.core.contract_prices import first_mark_touch, mark_of
from failing_exchange.core.state import Bounds, MarketState, State
from failing_exchange.core.units import HOUR_S, MINUTE_S, SECOND

MARGIN, ALGO = "margin:", "algo:"  # begin the names of accounts, and of conditional orders
MARK_LOOK_AHEAD = HOUR_S  # seconds for which the next touch is searched at a time


def watch_mark(state: State, ms: MarketState, name: str, bounds: Bounds | None, at: int) -> None:
    """Have a name told by `marked` once the mark price is at one of its bounds, or beyond.

    The bounds, in atoms, stand until others, or None, replace them.
    """
    if bounds is None:
        ms.mark_watched.pop(name, None)
        return
    ms.mark_watched[name] = bounds
    plan_look(state, ms, at)


def plan_look(state: State, ms: MarketState, at: int) -> None:
    """Plan the next look at the mark price; an earlier one that stands is kept."""
    second = at // SECOND
    if not ms.mark_watched or 0 < ms.mark_due_at <= (second + 1) * SECOND:
        return  # nothing is looked at earlier than in the next second
    lows = [lower for lower, _ in ms.mark_watched.values() if lower is not None]
    highs = [upper for _, upper in ms.mark_watched.values() if upper is not None]
    lower, upper = max(lows, default=None), min(highs, default=None)
    start, found = second + 1, None
    for span in (MINUTE_S, MARK_LOOK_AHEAD):  # what is near is found with less searching
        stop = second + 1 + span
        found = first_mark_touch(ms, start, stop, lower, upper)
        if found is not None:
            break
        start = stop
    due = (stop if found is None else found) * SECOND
    if not ms.mark_due_at or due < ms.mark_due_at:
        ms.mark_due_at = due
        state.plan(due, CheckMarks(ms.market.symbol))


def met(ms: MarketState, at: int) -> list[str]:
    """The names whose bounds the present mark price has reached."""
    mark = mark_of(ms, at)
    return [
        name
        for name, (lower, upper) in ms.mark_watched.items()
        if (lower is not None and mark <= lower) or (upper is not None and mark >= upper)
    ]
