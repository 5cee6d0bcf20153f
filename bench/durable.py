"""What a durable journal costs, and how fast a venue comes back from it."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

from bench.harness import Pair, Size, bench
from failing_exchange import FailingExchange
from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance.venue import Binance
from failing_exchange.venues.binance_common.metering import Interval, VenueLimits

MANY = Interval(1 << 40, 1, 86_400 * 10**9)
GENEROUS = VenueLimits(weight=MANY, raw=MANY, orders=(MANY,))
Make = Callable[[Path], FailingExchange]


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


async def served(exchange: FailingExchange, calls: int, at_once: int) -> float:
    """Orders and cancels a second, without the sockets, from connections at once."""
    venue = Binance(exchange, limits=GENEROUS)

    async def connection(number: int) -> None:
        for n in range(number, calls, at_once):
            for method in ("POST", "DELETE"):
                reply = await venue.ask(signed(method, n))
                assert reply is not None
                assert reply.status == 200, reply.body

    await exchange.ready()
    began = time.perf_counter()
    await asyncio.gather(*(connection(n) for n in range(at_once)))
    spent = time.perf_counter() - began
    await exchange.close()
    return 2 * calls / spent


def _beside_none(size: Size, make: Make, calls: int, at_once: int = 32) -> Iterator[Pair]:
    with tempfile.TemporaryDirectory() as name:
        paths = (Path(name) / str(n) for n in itertools.count())
        count = size(calls, 40)
        yield (
            lambda: asyncio.run(served(make(next(paths)), count, at_once)),
            lambda: asyncio.run(served(FailingExchange(), count, at_once)),
        )


def _durable(path: Path) -> FailingExchange:
    return FailingExchange(journal=f"{path}.db")


@bench("requests/s", "no journal", rounds=3)
def lines(size: Size) -> Iterator[Pair]:
    """Signed orders and cancels, 32 at once, with a journal of JSON lines."""
    yield from _beside_none(size, lambda path: FailingExchange(journal=f"{path}.jsonl"), 3_000)


@bench("requests/s", "no journal", rounds=3)
def database(size: Size) -> Iterator[Pair]:
    """The same with a journal that survives the process."""
    yield from _beside_none(size, _durable, 3_000)


@bench("requests/s", "no journal", rounds=3)
def power_loss(size: Size) -> Iterator[Pair]:
    """The same with a journal that survives a loss of power."""

    def make(path: Path) -> FailingExchange:
        journal = DurableJournal(path.with_suffix(".db"), survives="power-loss")
        return FailingExchange(journal=journal)

    yield from _beside_none(size, make, 3_000)


@bench("requests/s", "no journal", rounds=3)
def one_by_one(size: Size) -> Iterator[Pair]:
    """The same as `database`, one request after the other."""
    yield from _beside_none(size, _durable, 75, at_once=1)


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


async def recovery(path: Path) -> float:
    """Seconds until a venue is back."""
    began = time.perf_counter()
    exchange = FailingExchange(seed=7, journal=DurableJournal(path))
    await exchange.ready()
    spent = time.perf_counter() - began
    await exchange.close()
    return spent


@bench("s", at_most=10, rounds=1)
def coming_back(size: Size) -> Iterator[Pair]:
    """How long a venue takes to come back after a kill, from a journal of 60,000 orders."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "run.db"
        asyncio.run(fill(path, size(60_000, 200)))
        yield lambda: asyncio.run(recovery(path)), None
