"""Memory over a simulated year: an order each ten minutes, in process and by ccxt on the wire.

python bench/year.py [DAYS]      on Linux
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from day import client
from pace import verdict

from failing_exchange import FailingExchange, simulate

DAYS = 365
ORDERS_A_DAY = 144
GROWTH_MAX = 1.05  # of the last third of the time over what there was at its begin
BTC = "BTC/USDT"


def megabytes() -> float:
    """What this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def bot(exchange: Any, days: int, told: list[float]) -> None:
    """Buys and sells by turns; `told` gets the memory at the end of each day."""
    try:
        for n in range(days * ORDERS_A_DAY):
            await exchange.create_order(BTC, "market", "sell" if n % 2 else "buy", 0.01)
            await asyncio.sleep(86_400 / ORDERS_A_DAY)
            if (n + 1) % ORDERS_A_DAY == 0:
                told.append(megabytes())
    finally:
        await exchange.close()


def measure(name: str, make: Callable[[], Any], days: int, **options: Any) -> None:
    """One door."""
    told: list[float] = []

    def main() -> Coroutine[Any, Any, None]:
        return bot(make(), days, told)

    simulate(main, virtual_seconds_max=(days + 1) * 86_400, **options)
    first, late, last = told[0], told[len(told) * 2 // 3], told[-1]
    print(
        f"{name:<12} {first:.1f} MB after a day, {late:.1f} after {len(told) * 2 // 3 + 1}, "
        f"{last:.1f} after {len(told)} (at most {GROWTH_MAX:g} times as much at the end) "
        f"{verdict(last <= late * GROWTH_MAX)}"
    )


def main() -> None:
    """Both doors."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else DAYS
    measure("in process", FailingExchange, days)
    measure("on the wire", client, days, venue="binance")


if __name__ == "__main__":
    main()
