"""What tickers will say in the next seconds, where nothing but the background moves the market.

Bots ask each second. What a minute says is found at once at a fraction of sixty times the cost, and
holds until a client or the operator stirs the market.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from failing_exchange.core.candles import Bar
from failing_exchange.core.day import MINUTE
from failing_exchange.core.liquidity import Liquidity, Offer
from failing_exchange.core.market import SECOND
from failing_exchange.core.tape import Tape

MISSED_MAX = 4  # seconds in which nobody asked; after more of them all begins anew

Row: TypeAlias = tuple[Offer, Offer, int, Bar]  # best bid and ask, last price, 24 hours


class Ahead(NamedTuple):
    """A row for each second from `start` on. They hold while `liquidity.stirred` is what it was.

    `steady`: for how many seconds before them somebody has asked, and nothing has stirred.
    """

    start: int
    stirred: int
    steady: int
    rows: list[Row]

    def next(self, liquidity: Liquidity, tape: Tape, day: Bar | None, now: int) -> Ahead:
        """What follows at a second whose 24 hours are known.

        Who has asked each second for a while, or nearly, is expected to go on for twice as long.
        """
        second, steady = now // SECOND, 0
        rows: list[Row] = []
        missed = second - self.start - (len(self.rows) or 1)
        if 0 <= missed <= MISSED_MAX and liquidity.stirred == self.stirred:
            steady = self.steady + second - self.start
            stop = min(second + 2 * steady, second // MINUTE * MINUTE + MINUTE)
            rows = _rows(liquidity, tape, day, now, stop)
        return Ahead(second, liquidity.stirred, steady, rows)


def _rows(liquidity: Liquidity, tape: Tape, day: Bar | None, now: int, stop: int) -> list[Row]:
    """The rows until an epoch second; none where a client has just traded."""
    second = now // SECOND
    background, last = liquidity.background, tape.last(second)
    if background is None or day is None or liquidity.will_move(second):
        return []
    if last != liquidity.price(second):  # a client's trade is the newest print
        return []
    seconds, tops = background.stretch(second, stop)
    if liquidity.shifts.kept:
        seconds, tops = liquidity.moved(seconds, tops, last)
        if not seconds:
            return []
    days = tape.day.ahead(day, seconds, now)
    return [
        (bid, ask, row[4], bar) for row, (bid, ask), bar in zip(seconds, tops, days, strict=True)
    ]
