"""Public trades: their ids, and which of them were one taker's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from failing_exchange.core.units import SECOND

IDS_PER_SECOND = 1_000_000
FIRST_CLIENT_ID = 100  # below it, the background's prints of the second, the first hundred
FIRST_LATE_ID = 900_000  # from it on, the others
BEGAN = 1_502_942_400  # 2017-08-17, epoch seconds: nothing was traded before the markets opened


def began(now: int) -> int:
    """The second at which the markets opened; 0 for a venue whose own clock stands before it."""
    return BEGAN if now >= BEGAN * SECOND else 0


class Trade(NamedTuple):
    """A public print. `side` is the taker's; `operator` marks one made by an incident."""

    id: int
    ticks: int
    lots: int
    side: str
    at: int
    operator: bool = False


def same_taker(one: Trade, then: Trade) -> bool:
    """Whether two trades, one after the other, are of one taker at one price.

    Each print of the background has a taker of its own.
    """
    if (one.at, one.ticks, one.side) != (then.at, then.ticks, then.side):
        return False
    return _of_client(one) and _of_client(then)


def _of_client(trade: Trade) -> bool:
    return FIRST_CLIENT_ID <= trade.id % IDS_PER_SECOND < FIRST_LATE_ID


def by_taker(trades: Iterable[Trade]) -> list[list[Trade]]:
    """Trades in order, those of one taker at one price together."""
    found: list[list[Trade]] = []
    for trade in trades:
        if found and same_taker(found[-1][-1], trade):
            found[-1].append(trade)
        else:
            found.append([trade])
    return found


def place_of(n: int) -> int:
    """Where a print of the background stands among the ids of its second."""
    return n if n < FIRST_CLIENT_ID else FIRST_LATE_ID + n
