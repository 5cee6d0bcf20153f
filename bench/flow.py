"""What the background market costs, beside a fixed loop of plain Python in the same run.

python bench/flow.py

The loop (`reference`) makes the ratios comparable on a busy or another machine: `x` says how many
of its steps, each a draw of SplitMix64, fit into the time of one answer.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from failing_exchange.background import PROFILES, SyntheticMarket, opening_of
from failing_exchange.background.perpetual import PerpetualMarket
from failing_exchange.core.chance import mix
from failing_exchange.core.mark_price import Range
from failing_exchange.venue.default_world import backgrounds_of
from failing_exchange.venue.perpetuals import PERPETUALS

ROUNDS = 7  # interleaved; the fastest counts, since the machine may be busy
BIRTH = 1_767_225_600
TIMEFRAMES = {"1s": 1, "1m": 60, "3m": 180, "1h": 3_600, "12h": 43_200, "1d": 86_400}
DAY = 86_400
# Microseconds an answer may take on an idle core of the early 2020s. What misses is marked.
TARGETS = {
    "a second after the other": 3.0,
    "top after second": 1.5,
    "the first offer": 2.0,
    "24 hours, a minute later": 40.0,
    "first_touch, a quiet hour": 60.0,
    **{f"1,000 cold candles of {name}": 150_000.0 for name in TIMEFRAMES},
    "perpetual: a mark a second": 8.0,
    "perpetual: bounds of an hour": 250.0,
    "perpetual: funding of 8 hours": 10_000.0,
    "perpetual: 24 hours, cold": 3_000.0,
    "perpetual: 24 hours, a minute later": 150.0,
}


def market() -> SyntheticMarket:
    return SyntheticMarket(
        "BTC/USDT", seed=1, birth=BIRTH, opening=opening_of("BTC/USDT", 1),
        profile=PROFILES["BTC/USDT"],
    )  # fmt: skip


def perpetual() -> PerpetualMarket:
    contract = PERPETUALS["BTC/USDT:USDT"]
    ((_, found),) = backgrounds_of({contract.symbol: contract}, seed=1, birth=BIRTH)
    assert isinstance(found, PerpetualMarket)
    return found


def marks() -> int:
    """What a poller of positions needs: last price, index and basis of each second."""
    flow = perpetual()
    mark, close = flow.reference.mark, flow.close
    for second in range(BIRTH, BIRTH + 10_000):
        mark(second, last=close(second) * 10**7, carry=10_000)
    return 10_000


def bounds() -> int:
    """What the marks of an hour can be, a few minutes later each: a position far from its end."""
    found = perpetual().reference
    for start in range(BIRTH, BIRTH + 10 * 3_600, 360):
        found.mark_bounds(start, start + 3_600, carry=Range(0, 10_000))
    return 100


def funding() -> int:
    reference = perpetual().reference
    for n in range(3):
        reference.average_premium(BIRTH + n * 28_800, BIRTH + (n + 1) * 28_800, hours=8)
    return 3


def moved_days(count: int) -> int:
    flow = perpetual()
    for n in range(count):
        flow.window(BIRTH + n * 60 - DAY, BIRTH + n * 60)
    return count


def reference() -> int:
    for n in range(20_000):
        mix(1, n)
    return 20_000


def sequence() -> int:
    flow = market()
    for second in range(BIRTH, BIRTH + 20_000):
        flow.second(second)
    return 20_000


def top(flow: SyntheticMarket = market()) -> int:  # noqa: B008
    for second in range(BIRTH, BIRTH + 3_000):
        flow.top(second)
    return 3_000


def first(flow: SyntheticMarket = market()) -> int:  # noqa: B008
    """What one offer costs, the second being known."""
    for second in range(BIRTH, BIRTH + 3_000):
        next(flow.asks(second))
    return 3_000


def days(step: int) -> int:
    """The ticker's 24 hours, asked again and again."""
    flow = market()
    for n in range(300):
        flow.window(BIRTH + n * step - DAY, BIRTH + n * step)
    return 300


def quiet() -> int:
    """An order far from the market: nearly all answers are no."""
    flow = market()
    price = flow.second(BIRTH).close
    for minute in range(0, 1_440, 7):
        start = BIRTH + minute * 60 + minute % 60
        flow.first_touch(start, start + 3_600, price * 9 // 10, price * 11 // 10)
    return len(range(0, 1_440, 7))


def candles(seconds: int) -> int:
    flow = market()
    for n in range(1_000):
        flow.candle(seconds, BIRTH - n * seconds)
    return 1


def book() -> int:
    flow = market()
    for second in range(BIRTH, BIRTH + 20):
        list(islice(flow.asks(second), 100))
    return 20


CASES: dict[str, Callable[[], int]] = {
    "reference": reference,
    "a second after the other": sequence,
    "top after second": top,
    "the first offer": first,
    "24 hours, a minute later": partial(days, 60),
    "24 hours, a second later": partial(days, 1),
    "first_touch, a quiet hour": quiet,
    **{
        f"1,000 cold candles of {name}": partial(candles, seconds)
        for name, seconds in TIMEFRAMES.items()
    },
    "100 offers of a side": book,
    "perpetual: a mark a second": marks,
    "perpetual: bounds of an hour": bounds,
    "perpetual: funding of 8 hours": funding,
    "perpetual: 24 hours, cold": partial(moved_days, 1),
    "perpetual: 24 hours, a minute later": partial(moved_days, 300),
}


def grown() -> int:
    """Bytes by which a market grows in the second half of a year, asked about all it knows."""
    flow = market()
    tracemalloc.start()
    sizes = []
    for start in range(BIRTH, BIRTH + 365 * DAY, 15 * DAY):
        for second in range(start, start + 15 * DAY, 7_207):
            next(flow.asks(second))
            flow.window(second - DAY, second)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    half = len(sizes) // 2
    return max(sizes[half:]) - max(sizes[:half])


def main() -> None:
    found: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, case in CASES.items():
            began = time.perf_counter()
            count = case()
            each = (time.perf_counter() - began) / count * 1e6
            found[name] = min(each, found.get(name, each))
    print(f"{'':36}{'us':>10}{'x':>10}{'target, us':>12}")
    for name, each in found.items():
        target = f"{TARGETS[name]:12,.1f}" if name in TARGETS else ""
        missed = "  missed" if each > TARGETS.get(name, each) else ""
        print(f"{name:36}{each:10,.2f}{each / found['reference']:10,.1f}{target}{missed}")
    print(f"grown in the second half of a year: {grown() / 1e3:,.0f} kB")


if __name__ == "__main__":
    main()
