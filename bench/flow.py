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

from failing_exchange.core.chance import mix
from failing_exchange.flow import PROFILES, MarketFlow, opening_of

ROUNDS = 7  # interleaved; the fastest counts, since the machine may be busy
BIRTH = 1_767_225_600
TIMEFRAMES = {"1s": 1, "1m": 60, "3m": 180, "1h": 3_600, "12h": 43_200, "1d": 86_400}
# Microseconds an answer may take on an idle core of the early 2020s.
TARGETS = {
    "a second after the other": 4.0,
    "best after second": 1.5,
    "first_touch, a quiet hour": 60.0,
    **{f"1,000 cold candles of {name}": 150_000.0 for name in TIMEFRAMES},
}


def market() -> MarketFlow:
    return MarketFlow(
        "BTC/USDT", seed=1, birth=BIRTH, opening=opening_of("BTC/USDT", 1),
        profile=PROFILES["BTC/USDT"],
    )  # fmt: skip


def reference() -> int:
    for n in range(20_000):
        mix(1, n)
    return 20_000


def sequence() -> int:
    flow = market()
    for second in range(BIRTH, BIRTH + 20_000):
        flow.second(second)
    return 20_000


def best(flow: MarketFlow = market()) -> int:  # noqa: B008
    for second in range(BIRTH, BIRTH + 3_000):
        flow.best(second)
    return 3_000


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
    "best after second": best,
    "first_touch, a quiet hour": quiet,
    **{
        f"1,000 cold candles of {name}": partial(candles, seconds)
        for name, seconds in TIMEFRAMES.items()
    },
    "100 offers of a side": book,
}


def grown() -> int:
    """Bytes by which a market grows between its first and its tenth day, second by second."""
    flow = market()
    tracemalloc.start()
    sizes = []
    for day in range(1, 11):
        for second in range(BIRTH + day * 86_400, BIRTH + day * 86_400 + 86_400, 7):
            flow.second(second)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return max(sizes[5:]) - max(sizes[:5])


def main() -> None:
    found: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, case in CASES.items():
            began = time.perf_counter()
            count = case()
            each = (time.perf_counter() - began) / count * 1e6
            found[name] = min(each, found.get(name, each))
    print(f"{'':32}{'us':>10}{'x':>10}{'target, us':>12}")
    for name, each in found.items():
        target = f"{TARGETS[name]:12,.1f}" if name in TARGETS else ""
        print(f"{name:32}{each:10,.2f}{each / found['reference']:10,.1f}{target}")
    print(f"grown from day 5 to day 10, second by second: {grown() / 1e3:,.0f} kB")


if __name__ == "__main__":
    main()
