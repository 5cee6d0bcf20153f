"""What a durable journal costs, and how fast a venue comes back from it.

python bench/durable.py [orders]
"""

from __future__ import annotations

import asyncio
import hmac
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from failing_exchange import FailingExchange
from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance.limits_policy import Interval, VenueLimits
from failing_exchange.venues.binance.venue import Binance

CONNECTIONS = 32
CALLS = 3_000
ROUNDS = 3  # the best of them counts
ORDERS = 60_000  # that a venue comes back from
RECOVERY_TARGET = 10.0  # seconds, for a million trips with snapshots
MANY = Interval(1 << 40, 1, 86_400 * 10**9)
GENEROUS = VenueLimits(weight=MANY, raw=MANY, orders=(MANY,))


def signed(method: str, n: int) -> Request:
    """A limit order far from the market, or the cancel of it."""
    params = {"symbol": "BTCUSDT", "timestamp": int(time.time() * 1_000)}
    if method == "POST":
        params |= {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
                   "price": "30000", "newClientOrderId": f"x{n}"}  # fmt: skip
    else:
        params |= {"origClientOrderId": f"x{n}"}
    query = urlencode(params)
    signature = hmac.new(DEFAULT_SECRET.encode(), query.encode(), sha256).hexdigest()
    headers = {"x-mbx-apikey": DEFAULT_KEY}
    path = "/api/v3/order"
    return Request(method, path, f"{query}&signature={signature}", headers, b"", "127.0.0.1")


async def served(exchange: FailingExchange) -> float:
    """Orders and cancels a second, without the sockets, from many connections at once."""
    venue = Binance(exchange, limits=GENEROUS)

    async def connection(number: int) -> None:
        for n in range(number, CALLS, CONNECTIONS):
            for method in ("POST", "DELETE"):
                reply = await venue.ask(signed(method, n))
                assert reply is not None
                assert reply.status == 200, reply.body

    await exchange.ready()
    began = time.perf_counter()
    await asyncio.gather(*(connection(n) for n in range(CONNECTIONS)))
    spent = time.perf_counter() - began
    await exchange.close()
    return 2 * CALLS / spent


async def alone(exchange: FailingExchange) -> float:
    """Milliseconds of one order after the other on one connection."""
    venue = Binance(exchange, limits=GENEROUS)
    await exchange.ready()
    began = time.perf_counter()
    for n in range(150):
        await venue.ask(signed("POST", n))
    spent = time.perf_counter() - began
    await exchange.close()
    return 1_000 * spent / 150


async def fill(path: Path, orders: int) -> None:
    """A journal of so many orders; each is canceled, but the last hundred."""
    exchange = FailingExchange(seed=7, journal=DurableJournal(path))
    ids = []
    for n in range(orders):
        placed = await exchange.create_order("BTC/USDT", "limit", "buy", 0.001, 30_000.0)
        ids.append(placed["id"])
        if n >= 100:
            await exchange.cancel_order(ids.pop(0), "BTC/USDT")
    durable = exchange.venue.durable
    assert isinstance(durable, DurableJournal)
    durable.commits.commit()  # no last snapshot: as after a kill
    durable.commits.drop()


async def recovery(path: Path) -> tuple[float, str]:
    """Seconds until a venue is back."""
    began = time.perf_counter()
    exchange = FailingExchange(seed=7, journal=DurableJournal(path))
    await exchange.ready()
    spent = time.perf_counter() - began
    durable = exchange.venue.durable
    assert durable is not None
    said = str(durable.recovered)
    await exchange.close()
    return spent, said


def kinds(folder: Path) -> dict[str, Callable[[int], FailingExchange]]:
    """The journals that are compared."""
    return {
        "none": lambda n: FailingExchange(),
        "lines": lambda n: FailingExchange(journal=str(folder / f"{n}.jsonl")),
        "durable": lambda n: FailingExchange(journal=str(folder / f"{n}.db")),
        "power": lambda n: FailingExchange(
            journal=DurableJournal(folder / f"{n}-power.db", survives="power-loss")
        ),
    }


def main() -> int:
    """Print what was measured; 1 when a target is missed."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        best = dict.fromkeys(kinds(folder), 0.0)
        for number in range(ROUNDS):
            for kind, made in kinds(folder).items():
                best[kind] = max(best[kind], asyncio.run(served(made(number))))
        for kind, rate in best.items():
            ratio = rate / best["none"]
            print(f"{kind:8} {rate:8,.0f} signed orders/s, {CONNECTIONS} at once ({ratio:.2f}x)")
        for number, (kind, made) in enumerate(kinds(folder).items(), ROUNDS):
            print(f"{kind:8} {asyncio.run(alone(made(number))):8.2f} ms, one after the other")
        asyncio.run(fill(folder / "run.db", orders))
        spent, said = asyncio.run(recovery(folder / "run.db"))
        size = sum(one.stat().st_size for one in folder.glob("run.db*")) / 2**20
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"recovery {spent:8.2f} s: {said}; file {size:.0f} MiB, peak memory {peak:.0f} MiB")
        return 0 if spent <= RECOVERY_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
