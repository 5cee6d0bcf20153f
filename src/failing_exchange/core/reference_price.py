"""The reference price of a market, and the range around it in which trading is allowed.

A simple moving average of the prices of trades, in buckets of time; the oldest one counts for the
part of it that is still in the window.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.market import Market
from failing_exchange.core.units import PPM, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from failing_exchange.core.order import Fill
    from failing_exchange.core.queries import FetchReferencePrice
    from failing_exchange.core.state import State
    from failing_exchange.core.tape import Tape

BUCKET = 3_750_000_000  # nanoseconds
BUCKETS = 80
WINDOW = BUCKETS * BUCKET
LATELY = 304  # seconds: the window, and a bucket before it
BUCKETS_KEPT_MAX = 200  # past ones that are remembered; then all are made again

Range = tuple[int, int]  # least and most, in parts per million


class ReferencePrice(NamedTuple):
    """`ticks` / `weight`, of an instant; 0 / 1 when nothing was traded in the window."""

    market: Market
    at: int
    ticks: int
    weight: int


def reference(tape: Tape, at: int) -> tuple[int, int]:
    """The reference price as a fraction of ticks; (0, 1) without a trade in the window."""
    cutoff, total, count = at - WINDOW, 0, 0
    for bucket in range(cutoff // BUCKET, at // BUCKET + 1):
        part = BUCKET - max(0, cutoff - bucket * BUCKET)
        ticks, trades = _bucket(tape, bucket, at)
        total += ticks * part
        count += trades * part
    return (total, count) if count else (0, 1)


def _bucket(tape: Tape, bucket: int, at: int) -> tuple[int, int]:
    """The sum of the prices of a bucket, and how many there are."""
    kept = tape.buckets
    found = kept.get(bucket)
    if found is None:
        start, stop = bucket * BUCKET, min((bucket + 1) * BUCKET, at + 1)
        seconds = range(start // SECOND, (stop - 1) // SECOND + 1)
        prices = [
            t.ticks for second in seconds for t in tape.prints(second) if start <= t.at < stop
        ]
        found = (sum(prices), len(prices))
        if (bucket + 1) * BUCKET <= at // SECOND * SECOND:  # it will not change any more
            if len(kept) >= BUCKETS_KEPT_MAX:
                kept.clear()
            kept[bucket] = found
    return found


def reach(tape: Tape, at: int) -> tuple[int, int] | None:
    """(lowest, highest) price of the last five minutes, which bound any average; None if none."""
    second = at // SECOND
    start = second - LATELY
    recent = takewhile(lambda trade: trade.at >= start * SECOND, reversed(tape.trades))
    prices = [trade.ticks for trade in recent]
    prices += tape.liquidity.reach(start, second) or ()
    return (min(prices), max(prices)) if prices else None


def allows(tape: Tape, ticks: int, allowed: Range, at: int, without: Sequence[Fill] = ()) -> bool:
    """Whether a price is within a range of the reference price; True where there is none.

    `without`: trades of this instant that do not count, for the range is that of before them. The
    average itself is worked out only where `reach` does not decide it.
    """
    least, most = allowed
    found = reach(tape, at)
    if found is not None and found[1] * least <= ticks * PPM <= found[0] * most:
        return True
    total, count = reference(tape, at)
    total -= sum(fill.ticks for fill in without) * BUCKET
    count -= len(without) * BUCKET
    return not total or total * least <= ticks * count * PPM <= total * most


def fetch_reference_price(state: State, q: FetchReferencePrice, at: int) -> ReferencePrice:
    """The reference price of a market; of a halted one, that of when it was halted."""
    ms = state.market(q.symbol, at)
    at = q.as_of or at
    at = min(at, ms.halted_at or at)
    return ReferencePrice(ms.market, at, *reference(ms.tape, at))
