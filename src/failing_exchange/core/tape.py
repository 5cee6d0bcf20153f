"""The tape of one market: public trades and candles of background and clients together."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

from failing_exchange.core.candles import Bar, join, merge, of_trade, shifted, standing
from failing_exchange.core.day_statistics import DayStatistics
from failing_exchange.core.liquidity import Liquidity
from failing_exchange.core.public_trade import (
    FIRST_CLIENT_ID,
    IDS_PER_SECOND,
    Trade,
    by_taker,
    place_of,
)
from failing_exchange.core.units import DAY_S, SECOND

TRADES_KEPT_MAX = 20_000  # trades of clients; older ones leave the public record
FORGOTTEN_AT_ONCE = 1_000  # of them, so that what they are part of is not summed up too often
CANDLES_KEPT_MAX = 20_000  # candles remembered after they closed; then they are made again
SECONDS_KEPT_MAX = 4_096  # whose prints were counted; the oldest are counted again
STRETCH = 10  # seconds that a search for trades looks at together, at least
SECONDS_TRIED = 8  # one by one, before the first trade of a stretch is searched by volume
NESTED = {DAY_S: 14_400, 43_200: 14_400, 28_800: 14_400, 21_600: 3_600, 14_400: 3_600,
          7_200: 3_600, 3_600: 900, 1_800: 900, 900: 300, 300: 60, 180: 60}  # fmt: skip


class Tape:
    """The trades and candles of one market.

    The background's share is a function of the second; only clients' trades are kept.
    """

    def __init__(self, liquidity: Liquidity) -> None:
        self.liquidity = liquidity
        self.trades: deque[Trade] = deque()
        self._by_second: dict[int, list[Trade]] = {}
        self._traded: list[int] = []  # the seconds in it, in order
        self._bars: dict[tuple[int, int], Bar] = {}
        self._counted: dict[int, tuple[Bar, Bar]] = {}  # by second: as summed up, and counted
        self.day = DayStatistics()
        self._average: tuple[tuple[int, int, int], Bar | None] = ((-1, 0, 0), None)
        self.buckets: dict[int, tuple[int, int]] = {}  # of the reference price, past ones
        self._unprinted = 0  # the id of the last trade that was not printed

    def skip(self, at: int) -> int:
        """The id of a trade that is not printed, such as one that closes a bankrupt position."""
        newest = self.trades[-1].id if self.trades else 0
        first = at // SECOND * IDS_PER_SECOND + FIRST_CLIENT_ID
        self._unprinted = max(first, newest + 1, self._unprinted + 1)
        return self._unprinted

    def add(self, ticks: int, lots: int, side: str, *, at: int, operator: bool = False) -> int:
        """Print a client's trade; each id is higher than the one before."""
        second = at // SECOND
        self.day.forget(second)
        in_second = self._by_second.setdefault(second, [])
        if in_second:
            trade_id = in_second[-1].id + 1
        else:
            trade_id = second * IDS_PER_SECOND + FIRST_CLIENT_ID
            if self.trades:  # the first trades of this second have been dropped already
                trade_id = max(trade_id, self.trades[-1].id + 1)
            self._traded.append(second)
        if trade_id <= self._unprinted:
            trade_id = self._unprinted + 1
        trade = Trade(trade_id, ticks, lots, side, at, operator)
        self.trades.append(trade)
        in_second.append(trade)
        if len(self.trades) >= TRADES_KEPT_MAX + FORGOTTEN_AT_ONCE:
            self._forget()
        return trade_id

    def _forget(self) -> None:
        """Forget the oldest trades, and all sums that they are in.

        Otherwise a candle would depend on whether somebody had looked at it before.
        """
        for _ in range(FORGOTTEN_AT_ONCE):
            self.trades.popleft()
        oldest = self.trades[0].at // SECOND
        gone = bisect_left(self._traded, oldest)
        for second in self._traded[:gone]:
            del self._by_second[second]
        del self._traded[:gone]
        rest = [trade for trade in self.trades if trade.at // SECOND == oldest]
        self._by_second[oldest] = rest
        self.forget_sums()

    def forget_sums(self) -> None:
        """Forget all sums: what they were made from has changed."""
        self._bars.clear()
        self._counted.clear()
        self.day = DayStatistics()
        self._average = ((-1, 0, 0), None)
        self.buckets.clear()

    def last(self, second: int) -> int:
        """The price of the newest print up to a second, in ticks; 0 if nothing ever traded.

        In a second the background's prints come before those of clients.
        """
        if not self._traded:
            return self.liquidity.price(second)
        background, place = self.liquidity.background, bisect_right(self._traded, second)
        if not place:
            return self.liquidity.price(second)
        own, printed = self._traded[place - 1], -1
        if own != second and background is not None:
            printed = background.printed(second)
        if own >= printed:
            return self._by_second[own][-1].ticks
        return self.liquidity.price(second, printed)

    def average(self, minutes: int, second: int) -> tuple[int, int]:
        """The price as a fraction of ticks: the average of the last `minutes`, weighted by amount.

        The last price for 0 minutes, and where nothing was traded in them; (0, 1) without any.
        """
        key = (second, minutes, self.trades[-1].id if self.trades else 0)
        if minutes and self._average[0] != key:
            self._average = (key, self.window(second + 1 - 60 * minutes, second * SECOND))
        bar = self._average[1] if minutes else None
        return (bar.cost, bar.volume) if bar is not None and bar.volume else (self.last(second), 1)

    def prints(self, second: int) -> list[Trade]:
        """All trades of one second, oldest first."""
        own = self._by_second.get(second, [])
        background = self.liquidity.background
        if background is None:
            return own
        shift, at = self.liquidity.shifts.at(second), second * SECOND
        first = second * IDS_PER_SECOND
        found = [
            Trade(first + place_of(n), max(1, p.ticks + shift), p.lots, p.side, at)
            for n, p in enumerate(background.prints(second))
        ]
        if len(found) <= FIRST_CLIENT_ID:
            return found + own
        return sorted(found + own, key=lambda trade: trade.id)

    def recent(
        self,
        *,
        since: int,
        limit: int,
        now: int,
        from_id: int = 0,
        takers: bool = False,
        began: int = 0,
    ) -> list[Trade]:
        """Up to `limit` trades: the first from an instant or an id, or the last ones before `now`.

        With a background, those of the last day, or of a day from the first one on, and none from
        before the second `began`. With `takers`, those of one taker at one price count as one,
        with the first one's id, and stay together.
        """
        forward = since > 0 or from_id > 0

        def pick(trades: Iterable[Trade]) -> list[list[Trade]]:
            runs = by_taker(trades) if takers else [[trade] for trade in trades]
            return [run for run in runs if since <= run[0].at <= now and run[0].id >= from_id]

        if self.liquidity.background is None:
            found = pick(self.trades)
        else:
            found = []
            start = max(since // SECOND, from_id // IDS_PER_SECOND) if forward else None
            for second in self._seconds(start, now, began):
                picked = pick(self.prints(second))
                found = found + picked if forward else picked + found
                if len(found) >= limit:
                    break
        return list(chain.from_iterable(found[:limit] if forward else found[-limit:]))

    def _seconds(self, start: int | None, now: int, began: int) -> Iterator[int]:
        """The seconds to search for background trades: from the first one on, or backwards."""
        second = now // SECOND
        if start is None:
            return self._busy(range(second, max(second - DAY_S, began - 1), -1), now)
        first = self._first(max(start, began), second + 1, now)
        if first is None:
            return iter(())
        at = first.at // SECOND
        return self._busy(range(at, min(second, at + DAY_S) + 1), now)

    def _busy(self, seconds: range, now: int) -> Iterator[int]:
        """The same seconds without long stretches in which nothing traded.

        Each stretch that turns out quiet makes the next look a longer one.
        """
        place, size = 0, STRETCH
        while place < len(seconds):
            part = seconds[place : place + size]
            if place and not self._has_traded(min(part), max(part) + 1, now):
                place += size
                size *= 4
            elif size > STRETCH:
                size = STRETCH
            else:
                yield from part
                place += STRETCH

    def ends(self, start: int, now: int) -> tuple[Trade, Trade] | None:
        """The first and the last trade from a second on; None when there was none."""
        second = now // SECOND
        first = self._first(start, second + 1, now)
        if first is None or first.at > now:
            return None
        return first, self.recent(since=0, limit=1, now=now)[0]

    def _first(self, start: int, stop: int, now: int) -> Trade | None:
        """The first trade of [start, stop), looked for where there is volume."""
        if self.liquidity.background is None:
            place = bisect_left(self._traded, start)
            seconds = self._traded[place : place + 1]
            return self.prints(seconds[0])[0] if seconds and seconds[0] < stop else None
        for second in range(start, min(start + SECONDS_TRIED, stop)):
            if found := self.prints(second):
                return found[0]
        start += SECONDS_TRIED
        if not self._has_traded(start, stop, now):
            return None
        while stop - start > 1:
            half = start + stop >> 1
            if self._has_traded(start, half, now):
                stop = half
            else:
                start = half
        return self.prints(start)[0]

    def _has_traded(self, start: int, stop: int, now: int) -> bool:
        bar = self.span(start, stop, now)
        return bar is not None and bar.volume > 0

    def counted(self, bar: Bar) -> Bar:
        """The candle of one second, its prints counted instead of estimated."""
        known = self._counted.get(bar.at)
        if known is not None and known[0] == bar:  # nothing was traded in it since
            return known[1]
        if len(self._counted) >= SECONDS_KEPT_MAX:
            del self._counted[next(iter(self._counted))]
        found = self.prints(bar.at)
        counted = bar._replace(
            cost=sum([t.ticks * t.lots for t in found]),
            trades=len(found),
            bought=sum([t.lots for t in found if t.side == "buy"]),
        )
        self._counted[bar.at] = bar, counted
        return counted

    def window(self, start: int, now: int) -> Bar | None:
        """What was traded from a second on, the running one included."""
        second = now // SECOND
        return join(self.span(start, second, second * SECOND), self.second(second))

    def between(self, edges: Sequence[int], *, now: int) -> list[Bar]:
        """A candle between each two edges (epoch seconds) that lie before `now`."""
        stop = now // SECOND + 1
        bars = (
            self._between(start, end, now) if end <= stop else self.span(start, stop, now)
            for start, end in pairwise(edges)
            if start < stop
        )
        return [bar for bar in bars if bar is not None]

    def _between(self, start: int, end: int, now: int) -> Bar | None:
        """A whole candle between any two seconds."""
        key = (-end, start)  # no timeframe is negative
        bar = self._bars.get(key)
        if bar is None:
            bar = self.span(start, end, now)
            if bar is not None and end * SECOND <= now:
                self._keep(key, bar)
        return bar

    def candles(
        self, seconds: int, *, since: int, limit: int, now: int, until: int = 0, began: int = 0
    ) -> list[Bar]:
        """Candles of a timeframe that open up to `until`, oldest first; the last may be forming.

        The first one holds the second `began`, or begins later.
        """
        earliest = began // seconds * seconds
        newest = (min(now, until) if until else now) // SECOND // seconds * seconds
        oldest = max(newest - (limit - 1) * seconds, earliest)
        if since:
            oldest = max(-(-since // SECOND // seconds) * seconds, earliest)
            newest = min(newest, oldest + (limit - 1) * seconds)
        starts = range(oldest, newest + 1, seconds)
        bars = (self.bar(seconds, start, now=now) for start in starts)
        return [bar for bar in bars if bar is not None]

    def bar(self, seconds: int, start: int, *, now: int) -> Bar | None:
        """One candle, up to `now`."""
        stop = min(start + seconds, now // SECOND + 1)
        if stop <= start:
            return None
        if stop < start + seconds:
            return self.span(start, stop, now)
        key = (seconds, start)
        bar = self._bars.get(key)
        if bar is None:
            bar = self._whole(seconds, start, now)
            if bar is not None and stop * SECOND <= now:
                self._keep(key, bar)
        return bar

    def _keep(self, key: tuple[int, int], bar: Bar) -> None:
        if len(self._bars) >= CANDLES_KEPT_MAX:
            del self._bars[next(iter(self._bars))]
        self._bars[key] = bar

    def _whole(self, seconds: int, start: int, now: int) -> Bar | None:
        if self._is_even(start, start + seconds):
            return self._of_background(start, start + seconds)
        if seconds not in NESTED:
            return self._fine(start, start + seconds)
        part = NESTED[seconds]
        inner = (self.bar(part, at, now=now) for at in range(start, start + seconds, part))
        return merge(list(inner), at=start)

    def span(self, start: int, stop: int, now: int) -> Bar | None:
        """What was traded between two seconds; only what is past at `now` is remembered."""
        if stop <= start:
            return None
        if self._is_even(start, stop):
            return self._of_background(start, stop)
        bars: list[Bar | None] = []
        at = start
        while at < stop:
            part = next((s for s in (14_400, 3_600, 60) if at % s == 0 and at + s <= stop), 0)
            if part:
                bars.append(self.bar(part, at, now=now))
            else:
                part = min(stop, at // 60 * 60 + 60) - at
                bars.append(self._fine(at, at + part))
            at += part
        return merge(bars, at=start)

    def _fine(self, start: int, stop: int) -> Bar | None:
        """At most a minute: windows in which no client traded and the price moved evenly, and
        the single seconds between them."""
        shifts = self.liquidity.shifts
        bars: list[Bar | None] = []
        at, place = start, bisect_left(self._traded, start)
        while at < stop:
            own = self._traded[place] if place < len(self._traded) else stop
            if own == at:
                bars.append(self.second(at))
                at, place = at + 1, place + 1
                continue
            end = min(stop, own, shifts.steady_until(at))
            bars.append(self._of_background(at, end))
            at = end
        return merge(bars, at=start)

    def _of_background(self, start: int, stop: int) -> Bar | None:
        """The background in [start, stop), where no client traded and the price moved evenly."""
        background = self.liquidity.background
        return None if background is None else self._shown(background.window(start, stop))

    def _shown(self, bar: Bar) -> Bar:
        """A candle of the background as moved; without a print it stands at the newest before."""
        if not (self.liquidity.shifts.kept or self._traded):
            return bar
        if bar.volume:
            return shifted(bar, self.liquidity.shifts.at(bar.at))
        return standing(bar, self.last(bar.at - 1))

    def _is_even(self, start: int, stop: int) -> bool:
        """Whether no client trades, and the price is moved evenly, in [start, stop)."""
        place = bisect_left(self._traded, start)
        if place < len(self._traded) and self._traded[place] < stop:
            return False
        return not self.liquidity.shifts.kept or self.liquidity.shifts.steady_until(start) >= stop

    def second(self, second: int) -> Bar | None:
        """One second, the background's share as it was moved; the newest print where it has none.

        None if nothing ever traded.
        """
        background, bar = self.liquidity.background, None
        if background is not None:
            bar = background.second(second)
            if not (self._traded or self.liquidity.shifts.kept):
                return bar
            bar = self._shown(bar)
        for t in self._by_second.get(second, ()):
            bar = join(bar, of_trade(second, t.ticks, t.lots, t.side))
        return bar
