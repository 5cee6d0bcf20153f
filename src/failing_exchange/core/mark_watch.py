"""Watching mark prices: who must be looked at again once a mark price is reached.

An account with positions is looked at when a mark price of them has moved so far that its margin
might not suffice any more, and then gets new bounds. In between nothing is computed. In
multi-assets mode the indices of its collateral are watched likewise.
"""

from __future__ import annotations

from collections.abc import Iterable

from failing_exchange.core.commands import CheckMarks
from failing_exchange.core.contract_prices import (
    first_index_touch,
    first_mark_touch,
    index_of,
    mark_of,
)
from failing_exchange.core.state import Bounds, MarketState, State
from failing_exchange.core.units import HOUR_S, SECOND

MARGIN, ALGO = "margin:", "algo:"  # begin the names of accounts, and of conditional orders
INDEX = "index:"  # begins the names of accounts whose bounds are those of the index
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
    ms.mark_stale = False
    start, stop = second + 1, second + 1 + MARK_LOOK_AHEAD
    found = _first_touch(ms, start, stop)
    due = (stop if found is None else found) * SECOND
    if not ms.mark_due_at or due < ms.mark_due_at:
        ms.mark_due_at = due
        state.plan(due, CheckMarks(ms.market.symbol))


def _first_touch(ms: MarketState, start: int, stop: int) -> int | None:
    """The first second whose mark price, or index, may be at or beyond a bound."""
    of_index = {name: one for name, one in ms.mark_watched.items() if name.startswith(INDEX)}
    of_mark = [one for name, one in ms.mark_watched.items() if name not in of_index]
    found = first_mark_touch(ms, start, stop, *closest(of_mark)) if of_mark else None
    end = stop if found is None else found
    if of_index and end > start:
        first = first_index_touch(ms, start, end, *closest(of_index.values()))
        found = found if first is None else first
    return found


def closest(several: Iterable[Bounds]) -> Bounds:
    """The bounds that are met as soon as one of several is."""
    lows = [lower for lower, _ in several if lower is not None]
    highs = [upper for _, upper in several if upper is not None]
    return max(lows, default=None), min(highs, default=None)


def met(ms: MarketState, at: int) -> list[str]:
    """The names whose bounds the present mark price, or index, has reached."""
    if not ms.mark_watched:
        return []  # the mark price of a new second is only made where somebody waits for it
    mark = mark_of(ms, at)
    return [
        name
        for name, (lower, upper) in ms.mark_watched.items()
        for price in ((index_of(ms, at) if name.startswith(INDEX) else mark),)
        if (lower is not None and price <= lower) or (upper is not None and price >= upper)
    ]
