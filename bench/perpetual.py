"""What the marks, funding and windows of a perpetual cost. Targets are answers on an idle core."""

from __future__ import annotations

from collections.abc import Iterator

from bench.harness import IDLE_CORE, Pair, Size, bench
from bench.market import BIRTH, DAY, timed
from failing_exchange.background.perpetual import PerpetualMarket
from failing_exchange.core.mark_price import Range
from failing_exchange.venue.default_world import backgrounds_of
from failing_exchange.venue.perpetuals import PERPETUALS


def perpetual() -> PerpetualMarket:
    """A fresh one of seed 1."""
    contract = PERPETUALS["BTC/USDT:USDT"]
    ((_, found),) = backgrounds_of({contract.symbol: contract}, seed=1, birth=BIRTH)
    assert isinstance(found, PerpetualMarket)
    return found


@bench("answers/s", IDLE_CORE, at_least=1e6 / 8)
def marks(size: Size) -> Iterator[Pair]:
    """What a poller of positions needs: last price, index and basis of each second."""

    def case(count: int) -> int:
        flow = perpetual()
        mark, close = flow.reference.mark, flow.close
        for second in range(BIRTH, BIRTH + count):
            mark(second, last=close(second) * 10**7, carry=10_000)
        return count

    yield from timed(case, size(10_000, 500))


@bench("answers/s", IDLE_CORE, at_least=1e6 / 250)
def bounds(size: Size) -> Iterator[Pair]:
    """What the marks of an hour can be, a few minutes later each: a position far from its end."""

    def case(count: int) -> int:
        found = perpetual().reference
        for start in range(BIRTH, BIRTH + count * 360, 360):
            found.mark_bounds(start, start + 3_600, carry=Range(0, 10_000))
        return count

    yield from timed(case, size(100, 10))


@bench("answers/s", IDLE_CORE, at_least=1e6 / 10_000)
def funding(size: Size) -> Iterator[Pair]:
    """The funding rate of eight hours."""

    def case(count: int) -> int:
        reference = perpetual().reference
        for n in range(count):
            reference.average_premium(BIRTH + n * 28_800, BIRTH + (n + 1) * 28_800, hours=8)
        return count

    yield from timed(case, 3)


def _days(count: int) -> int:
    flow = perpetual()
    for n in range(count):
        flow.window(BIRTH + n * 60 - DAY, BIRTH + n * 60)
    return count


@bench("answers/s", IDLE_CORE, at_least=1e6 / 3_000)
def cold_day(size: Size) -> Iterator[Pair]:
    """The ticker's 24 hours, asked for the first time."""
    yield from timed(_days, 1)


@bench("answers/s", IDLE_CORE, at_least=1e6 / 150)
def day(size: Size) -> Iterator[Pair]:
    """The ticker's 24 hours, a minute later each time."""
    yield from timed(_days, size(300, 30))
