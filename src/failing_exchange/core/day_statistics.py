"""The statistics of the last 24 hours of a market."""

from __future__ import annotations

from typing import Protocol

from failing_exchange.core.candles import Bar, join, merge
from failing_exchange.core.units import DAY_S, HOUR_S, MINUTE_S, SECOND, TEN_S

NOTHING: tuple[int, Bar | None] = (-1, None)


class Record(Protocol):
    """The candles that the statistics are made of."""

    def bar(self, seconds: int, start: int, *, now: int) -> Bar | None:
        """The candle of a timeframe."""
        ...

    def span(self, start: int, stop: int, now: int) -> Bar | None:
        """The seconds of [start, stop) as one candle."""
        ...

    def second(self, second: int) -> Bar | None:
        """One second."""
        ...


class DayStatistics:
    """The running minute and the 1,439 before it, updated as they pass.

    The record is an argument, so that a market without users is freed without a search for cycles.
    """

    def __init__(self) -> None:
        self._today = NOTHING  # up to a second, itself included
        self._before = NOTHING  # the one before that
        self._past = NOTHING  # until before ten seconds of its minute
        self._hours = NOTHING  # whole ones of it, from a second on
        self._minutes = NOTHING  # of its last hour, before a second
        self._rests: tuple[int, list[Bar | None]] = (-1, [])  # of its first hour

    def forget(self, second: int) -> None:
        """Note a new trade in a second that may be part of what is remembered."""
        if second <= self._today[0]:
            self._today = self._before if self._before[0] < second else NOTHING

    def at(self, record: Record, now: int) -> Bar | None:
        """The 24 hours up to an instant; None if nothing ever traded."""
        second = now // SECOND
        known, bar = self._today
        if known != second:
            self._before = self._today
            ten = second // TEN_S * TEN_S
            if known + 1 == second and known >= ten:  # the usual case: somebody polls each second
                bar = join(bar, record.second(second))
            elif ten <= known < second:
                for at in range(known + 1, second + 1):
                    bar = join(bar, record.second(at))
            else:
                bar = self._day_at(record, second, now)
            self._today = (second, bar)
        return bar

    def _day_at(self, record: Record, second: int, now: int) -> Bar | None:
        """The same, whatever was asked before: minutes, then tens of seconds, then seconds."""
        ten = second // TEN_S * TEN_S
        return merge(
            [self._until(record, ten, now)] + [record.second(at) for at in range(ten, second + 1)]
        )

    def _until(self, record: Record, ten: int, now: int) -> Bar | None:
        """The part of the 24 hours before the last, unfinished ten seconds."""
        minute = ten // MINUTE_S * MINUTE_S
        at, bar = self._past
        if not minute <= at <= ten:
            at, bar = minute, self._minutes_before(record, minute, now)
        while at < ten:
            bar = join(bar, record.span(at, at + TEN_S, now))
            at += TEN_S
        self._past = (ten, bar)
        return bar

    def _minutes_before(self, record: Record, minute: int, now: int) -> Bar | None:
        """The 1,439 minutes before one: the rest of their first hour, whole hours, minutes."""
        start = minute - DAY_S + MINUTE_S
        first, last = -(-start // HOUR_S) * HOUR_S, minute // HOUR_S * HOUR_S
        if self._hours[0] != first:
            bars = [record.bar(HOUR_S, at, now=now) for at in range(first, last, HOUR_S)]
            self._hours = (first, merge(bars, at=first))
            self._minutes = (last, None)
        stop, tail = self._minutes if self._minutes[0] <= minute else (last, None)
        while stop < minute:
            tail = join(tail, record.bar(MINUTE_S, stop, now=now))
            stop += MINUTE_S
        self._minutes = (stop, tail)
        rest = self._rest_of_hour(record, start, first, now)
        bar = join(join(rest, self._hours[1]), tail)
        return None if bar is None else bar._replace(at=start)

    def _rest_of_hour(self, record: Record, start: int, stop: int, now: int) -> Bar | None:
        """The minutes from `start` until the hour ends at `stop`."""
        if self._rests[0] != stop:
            self._rests = (stop, [None])
        rests = self._rests[1]  # the last 0, 1, 2, ... minutes of that hour
        while len(rests) <= (stop - start) // MINUTE_S:
            minute = record.bar(MINUTE_S, stop - MINUTE_S * len(rests), now=now)
            rests.append(join(minute, rests[-1]))
        return rests[(stop - start) // MINUTE_S]
