"""The public record of one market: trades and candles, clients' own included."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

from failing_exchange.core.background import Street
from failing_exchange.core.bars import (
    Bar,
    join,
    merge,
    of_second,
    of_trade,
    plain,
    shifted,
)
from failing_exchange.core.day import DAY, Day
from failing_exchange.core.market import SECOND
from failing_exchange.core.public_trade import (
    FIRST_CLIENT_ID,
    IDS_PER_SECOND,
    Trade,
    by_taker,
    place_of,
)

TRADES_KEPT_MAX = 20_000  # trades of clients; older ones leave the public record
CANDLES_KEPT_MAX = 5_000  # candles remembered after they closed; then they are made again
STRETCH = 10  # seconds that a search for trades looks at together, at least
SECONDS_TRIED = 8  # one by one, before the first trade of a stretch is searched by volume
NESTED = {86_400: 14_400, 43_200: 14_400, 28_800: 14_400, 21_600: 3_600, 14_400: 3_600,
          7_200: 3_600, 3_600: 900, 1_800: 900, 900: 300, 300: 60, 180: 60}  # fmt: skip


class Tape:
    """What was traded in one market.

    The background's share is computed from the second asked about; only clients' trades are kept.
    """

    def __init__(self, street: Street) -> None:
        self.street = street
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT_MAX)
        self._by_second: dict[int, list[Trade]] = {}
        self._traded: list[int] = []  # the seconds in it, in order
        self._bars: dict[tuple[int, int], Bar] = {}
        self.day = Day(self)
        self._latest: Bar | None = None
        self._average: tuple[tuple[int, int, int], Bar | None] = ((-1, 0, 0), None)
        self.buckets: dict[int, tuple[int, int]] = {}  # of the reference price, past ones

    def add(self, ticks: int, lots: int, side: str, *, at: int, operator: bool = False) -> int:
        """Print a client's trade; each id is higher than the one before."""
        second = at // SECOND
        self.street.stirred += 1
        self.day.forget(second)
        in_second = self._by_second.setdefault(second, [])
        if in_second:
            trade_id = in_second[-1].id + 1
        else:
            trade_id = second * IDS_PER_SECOND + FIRST_CLIENT_ID
            if self.trades:  # so many in one second that its first ones are forgotten already
                trade_id = max(trade_id, self.trades[-1].id + 1)
            self._traded.append(second)
        trade = Trade(trade_id, ticks, lots, side, at, operator)
        if len(self.trades) == TRADES_KEPT_MAX:
            self._forget(self.trades[0].at // SECOND)
        self.trades.append(trade)
        in_second.append(trade)
        return trade_id

    def _forget(self, second: int) -> None:
        if self._by_second.pop(second, None) is not None:
            del self._traded[0]

    def last(self, second: int) -> int:
        """The last traded price at a second, in ticks; 0 when nothing was ever traded."""
        if self.trades and self.trades[-1].at // SECOND >= second:
            return self.trades[-1].ticks
        if self.street.flow is not None:
            return self.street.last()
        return self.trades[-1].ticks if self.trades else 0

    def average(self, minutes: int, second: int) -> tuple[int, int]:
        """The price as a fraction of ticks: the average of so many minutes, weighted by amount.

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
        flow = self.street.flow
        if flow is None:
            return own
        shift, at = self.street.shift_at(second), second * SECOND
        first = second * IDS_PER_SECOND
        found = [
            Trade(first + place_of(n), max(1, p.ticks + shift), p.lots, p.side, at)
            for n, p in enumerate(flow.prints(second))
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

        if self.street.flow is None:
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
        """Where to look for trades of the background: from the first one on, or backwards."""
        second = now // SECOND
        if start is None:
            return self._busy(range(second, max(second - DAY, began - 1), -1), now)
        first = self._first(max(start, began), second + 1, now)
        if first is None:
            return iter(())
        at = first.at // SECOND
        return self._busy(range(at, min(second, at + DAY) + 1), now)

    def _busy(self, seconds: range, now: int) -> Iterator[int]:
        """The same seconds without long stretches in which nothing was traded.

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
        if self.street.flow is None:
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
        found = self.prints(bar.at)
        return bar._replace(
            cost=sum([t.ticks * t.lots for t in found]),
            trades=len(found),
            bought=sum([t.lots for t in found if t.side == "buy"]),
        )

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
        flow = self.street.flow
        if not self._touched(start, start + seconds):
            return plain(flow.candle(seconds, start), seconds) if flow is not None else None
        if seconds not in NESTED:
            return self._fine(start, start + seconds)
        part = NESTED[seconds]
        inner = (self.bar(part, at, now=now) for at in range(start, start + seconds, part))
        return merge(list(inner), at=start)

    def span(self, start: int, stop: int, now: int) -> Bar | None:
        """What was traded between two seconds; only what is past at `now` is remembered."""
        if stop <= start:
            return None
        flow = self.street.flow
        if not self._touched(start, stop):
            return plain(flow.window(start, stop), stop - start) if flow is not None else None
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
        """At most a minute, second by second where it was touched."""
        flow = self.street.flow
        if flow is None or self._moved(start, stop):
            return merge([self.second(second) for second in range(start, stop)], at=start)
        bars: list[Bar | None] = []
        at = start
        place = bisect_left(self._traded, start)
        while place < len(self._traded) and (second := self._traded[place]) < stop:
            if at < second:
                bars.append(plain(flow.window(at, second), second - at))
            bars.append(self.second(second))
            at, place = second + 1, place + 1
        if at < stop:
            bars.append(plain(flow.window(at, stop), stop - at))
        return merge(bars, at=start)

    def _touched(self, start: int, stop: int) -> bool:
        """Whether clients have traded, or moved the price, between two seconds."""
        place = bisect_left(self._traded, start)
        if place < len(self._traded) and self._traded[place] < stop:
            return True
        return self._moved(start, stop)

    def _moved(self, start: int, stop: int) -> bool:
        """Whether the price was moved at some second of [start, stop)."""
        shifts = self.street.shifts
        if not shifts or shifts[0].second >= stop:
            return False
        if self.street.shift_at(start) or self.street.shift_at(stop - 1):
            return True
        place = bisect_left(shifts, (start,))
        return place < len(shifts) and shifts[place].second < stop

    def _quiet(self, second: int) -> Bar:
        """A second of the background alone; asked about as the running one, then as a past one."""
        bar = self._latest
        if bar is None or bar.at != second:
            assert self.street.flow is not None
            bar = self._latest = of_second(self.street.flow.second(second))
        return bar

    def second(self, second: int) -> Bar | None:
        """One second, the background's share as it was moved."""
        bar = None
        if self.street.flow is not None:
            bar = self._quiet(second)
            if not self.street.shifts and second not in self._by_second:
                return bar
            bar = shifted(bar, self.street.shift_at(second))
        for t in self._by_second.get(second, ()):
            bar = join(bar, of_trade(second, t.ticks, t.lots, t.side))
        return bar
