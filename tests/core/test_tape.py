"""The public record: which trades are of one taker, which is the first one of a time, how many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from failing_exchange.core.candles import TRADES_A_SECOND, Bar, Print, estimated
from failing_exchange.core.impact import Depth
from failing_exchange.core.liquidity import Liquidity
from failing_exchange.core.public_trade import BEGAN, by_taker
from failing_exchange.core.tape import Tape
from failing_exchange.core.units import SECOND

NOON = 1_767_268_800
HOUR = 3_600


class Rare:
    """A background that prints one trade, bought at 100, in a few seconds only."""

    def __init__(self, *seconds: int, lots: int = 1) -> None:
        self.seconds = seconds
        self.lots = lots
        self.asked = 0  # for windows and prints

    depth = Depth(volume=1_000, sigma=20_000)
    reference = None

    def printed(self, second: int, /) -> int:
        """The newest of its seconds."""
        return max([at for at in self.seconds if at <= second], default=-1)

    def second(self, second: int, /) -> Bar:
        """Its candle."""
        return self.window(second, second + 1)

    def close(self, second: int, /) -> int:
        """Always the same."""
        return 100

    def window(self, start: int, stop: int, /) -> Bar:
        """The lots of its prints."""
        self.asked += 1
        lots = self.lots * sum(start <= second < stop for second in self.seconds)
        return estimated(start, (100, 100, 100, 100), lots, stop - start)

    def prints(self, second: int, /) -> Sequence[Print]:
        """One, or none."""
        self.asked += 1
        return (Print(100, self.lots, "buy"),) if second in self.seconds else ()

    def top(self, second: int, /) -> tuple[tuple[int, int], tuple[int, int]]:
        """A lot on each side."""
        return (99, 1), (101, 1)

    def asks(self, second: int, /, beyond: int = 0) -> Iterator[tuple[int, int]]:
        """One level."""
        return iter([(101, 1)])

    def bids(self, second: int, /, beyond: int = 0) -> Iterator[tuple[int, int]]:
        """One level."""
        return iter([(99, 1)])

    def first_touch(
        self, start: int, stop: int, lower: int | None, upper: int | None, /
    ) -> int | None:
        """Never asked here."""
        raise AssertionError("nobody waits for a price")


@pytest.mark.parametrize("delay", [0, 5, 8, 9, 500, HOUR - 1])
def test_the_first_trade_of_a_quiet_time_is_found_without_going_through_it(delay: int) -> None:
    """A ticker tells its id; a market that hardly trades must not make tickers slow."""
    flow = Rare(NOON - 1, NOON + delay, NOON + HOUR)
    tape = Tape(Liquidity(flow))
    ends = tape.ends(NOON, (NOON + HOUR) * SECOND - 1)
    assert ends is not None
    assert [trade.at for trade in ends] == [(NOON + delay) * SECOND] * 2
    assert flow.asked < 100


@pytest.mark.parametrize("forward", [True, False])
def test_a_quiet_day_is_not_gone_through_second_by_second(forward: bool) -> None:
    """One request for trades would keep the venue from answering anybody for more than a second."""
    flow = Rare(NOON, NOON + 23 * HOUR)
    now = (NOON + 23 * HOUR + HOUR // 2) * SECOND
    since = (NOON - HOUR) * SECOND if forward else 0
    found = Tape(Liquidity(flow)).recent(since=since, limit=1_000, now=now)
    assert [trade.at // SECOND for trade in found] == [NOON, NOON + 23 * HOUR]
    assert flow.asked < 200


def test_nothing_was_traded_before_the_markets_opened() -> None:
    """Trades of 1970 would be news to everybody."""
    tape = Tape(Liquidity(Rare(5, BEGAN - 1, BEGAN, BEGAN + 1)))
    for since in (0, 1):
        for now, found in ((1, []), (BEGAN - 1, []), (BEGAN + 1, [BEGAN, BEGAN + 1])):
            trades = tape.recent(since=since, limit=9, now=now * SECOND, began=BEGAN)
            assert [trade.at // SECOND for trade in trades] == found
            bars = tape.candles(1, since=since, limit=9, now=NOON * SECOND, until=now * SECOND,
                                began=BEGAN)  # fmt: skip
            assert [bar.at for bar in bars] == ([] if now < BEGAN else [BEGAN, BEGAN + 1])


def test_a_time_without_trades_has_no_ends() -> None:
    """Neither with a background nor without one."""
    assert (
        Tape(Liquidity(Rare(NOON - 1, NOON + HOUR))).ends(NOON, (NOON + HOUR) * SECOND - 1) is None
    )
    alone = Tape(Liquidity(None))
    alone.add(100, 1, "buy", at=(NOON - 1) * SECOND)
    assert alone.ends(NOON, (NOON + HOUR) * SECOND) is None


def test_a_client_among_strangers_may_be_first_and_last() -> None:
    """Its trades have ids above those of the background of their second."""
    tape = Tape(Liquidity(Rare(NOON + 20)))
    first = tape.add(101, 5, "sell", at=(NOON + 9) * SECOND + 7)
    last = tape.add(99, 5, "buy", at=(NOON + 20) * SECOND)
    ends = tape.ends(NOON, (NOON + HOUR) * SECOND)
    assert ends is not None
    assert [trade.id for trade in ends] == [first, last]


def test_trades_of_one_taker_stay_together() -> None:
    """At one price and instant; those of strangers are each of a taker of their own."""
    tape = Tape(Liquidity(Rare(NOON)))
    at = NOON * SECOND
    for ticks, lots, side, later in (
        (100, 1, "buy", 0), (100, 2, "buy", 0), (101, 3, "buy", 0), (101, 4, "sell", 0),
        (101, 5, "sell", 1), (101, 6, "sell", 1),
    ):  # fmt: skip
        tape.add(ticks, lots, side, at=at + later)
    runs = by_taker(tape.prints(NOON))
    assert [[trade.lots for trade in run] for run in runs] == [[1], [1, 2], [3], [4], [5, 6]]
    last = tape.recent(since=0, limit=2, now=at + 1, takers=True)
    assert [trade.lots for trade in last] == [4, 5, 6]
    first = tape.recent(since=at, limit=2, now=at + 1, takers=True)
    assert [trade.lots for trade in first] == [1, 1, 2]
    inside = tape.recent(since=0, limit=9, now=at + 1, from_id=first[2].id, takers=True)
    assert [trade.lots for trade in inside] == [3, 4, 5, 6]


def test_candles_count_clients_and_estimate_strangers() -> None:
    """At most a trade a lot; a second that is asked about by itself is counted."""
    alone = Tape(Liquidity(None))
    for side in ("buy", "sell", "buy"):
        alone.add(100, 10, side, at=NOON * SECOND)
    bar = alone.bar(60, NOON, now=(NOON + HOUR) * SECOND)
    assert bar is not None
    assert (bar.trades, bar.bought, bar.volume) == (3, 20, 30)
    rare = Tape(Liquidity(Rare(NOON, NOON + 2)))
    bar = rare.bar(60, NOON, now=(NOON + HOUR) * SECOND)
    assert bar is not None
    assert (bar.trades, bar.bought) == (2, 1)
    busy = Tape(Liquidity(Rare(NOON, lots=1_000)))
    bar = busy.bar(60, NOON, now=(NOON + HOUR) * SECOND)
    assert bar is not None
    assert bar.trades == 60 * TRADES_A_SECOND
    second = busy.bar(1, NOON, now=(NOON + HOUR) * SECOND)
    assert second is not None
    assert (busy.counted(second).trades, busy.counted(second).bought) == (1, 1_000)


def test_a_second_is_counted_once_while_nothing_is_traded_in_it() -> None:
    """A request for 1,000 of them took 60 ms, and so did the next one."""
    flow = Rare(NOON)
    tape, now = Tape(Liquidity(flow)), NOON * SECOND

    def second() -> Bar:
        bar = tape.bar(1, NOON, now=now)
        assert bar is not None
        return bar

    bar = second()
    assert tape.counted(bar).trades == 1
    asked = flow.asked
    assert tape.counted(bar).trades == 1
    assert flow.asked == asked
    tape.add(100, 5, "buy", at=now)
    bar = second()
    assert (tape.counted(bar).trades, tape.counted(bar).bought) == (2, 6)
