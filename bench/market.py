"""What the background market costs. Targets are answers a second on an idle core."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

from bench.harness import IDLE_CORE, Pair, Size, bench, pace
from failing_exchange.background import PROFILES, SyntheticMarket, opening_of

BIRTH, DAY = 1_767_225_600, 86_400
TIMEFRAMES = (1, 60, 180, 3_600, 43_200, 86_400)


def market() -> SyntheticMarket:
    """A fresh one of seed 1."""
    return SyntheticMarket(
        "BTC/USDT", seed=1, birth=BIRTH, opening=opening_of("BTC/USDT", 1),
        profile=PROFILES["BTC/USDT"],
    )  # fmt: skip


def timed(case: Callable[[int], int], count: int) -> Iterator[Pair]:
    """A pair: answers per CPU second, beside the pace."""

    def ours() -> float:
        began = time.process_time()
        return case(count) / (time.process_time() - began)

    yield ours, pace


@bench("answers/s", IDLE_CORE, at_least=1e6 / 3)
def sequence(size: Size) -> Iterator[Pair]:
    """A second after the other."""

    def case(count: int) -> int:
        flow = market()
        for second in range(BIRTH, BIRTH + count):
            flow.second(second)
        return count

    yield from timed(case, size(20_000, 1_000))


@bench("answers/s", IDLE_CORE, at_least=1e6 / 1.5)
def top(size: Size) -> Iterator[Pair]:
    """The best prices, the second being known."""
    flow = market()

    def case(count: int) -> int:
        for second in range(BIRTH, BIRTH + count):
            flow.top(second)
        return count

    case(3_000)
    yield from timed(case, size(3_000, 3_000))


@bench("answers/s", IDLE_CORE, at_least=1e6 / 2)
def first_offer(size: Size) -> Iterator[Pair]:
    """What one offer costs, the second being known."""
    flow = market()

    def case(count: int) -> int:
        for second in range(BIRTH, BIRTH + count):
            next(flow.asks(second))
        return count

    case(3_000)
    yield from timed(case, size(3_000, 3_000))


@bench("answers/s", IDLE_CORE, at_least=1e6 / 40)
def day(size: Size) -> Iterator[Pair]:
    """The ticker's 24 hours, a minute later each time."""

    def case(count: int) -> int:
        flow = market()
        for n in range(count):
            flow.window(BIRTH + n * 60 - DAY, BIRTH + n * 60)
        return count

    yield from timed(case, size(300, 300))


@bench("answers/s", IDLE_CORE, at_least=1e6 / 60)
def quiet_hour(size: Size) -> Iterator[Pair]:
    """When an order far from the market is touched: nearly always never."""

    def case(count: int) -> int:
        flow = market()
        price = flow.second(BIRTH).close
        for minute in range(0, 7 * count, 7):
            start = BIRTH + minute * 60 + minute % 60
            flow.first_touch(start, start + 3_600, price * 9 // 10, price * 11 // 10)
        return count

    yield from timed(case, size(206, 50))


def _candles(seconds: int, count: int) -> int:
    flow = market()
    for n in range(count):
        flow.candle(seconds, BIRTH - n * seconds)
    return count


def _register(seconds: int) -> None:
    @bench("candles/s", IDLE_CORE, at_least=1_000 / 0.15, name=f"candles_{seconds}s")
    def cold(size: Size) -> Iterator[Pair]:
        """Cold candles of a timeframe: 1,000 in 150 ms."""
        yield from timed(partial(_candles, seconds), size(1_000, 50))


for _seconds in TIMEFRAMES:
    _register(_seconds)


@bench("bytes", rounds=1)
def growth(size: Size) -> Iterator[Pair]:
    """What a market grows by in the second half of a year, asked about all it knows."""

    def ours() -> float:
        flow, sizes = market(), []
        tracemalloc.start()
        for start in range(BIRTH, BIRTH + size(365, 60) * DAY, 15 * DAY):
            for second in range(start, start + 15 * DAY, 7_207):
                next(flow.asks(second))
                flow.window(second - DAY, second)
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        half = len(sizes) // 2
        return max(0, max(sizes[half:]) - max(sizes[:half]))

    yield ours, None
