"""What a call costs in process, and what a bot's simulated hours cost."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any
from unittest.mock import AsyncMock

from bench.harness import IDLE_CORE, Pair, Size, bench, pace, per_cpu_second
from failing_exchange import FailingExchange, simulate
from failing_exchange.faults.triggers import nth
from failing_exchange.virtual.wallclock import REAL

ORDER = ("BTC/USDT", "limit", "buy", 0.01, 30_000.0)
FUTURES = {"USDT": 1e9}  # the margin of all orders at once
CONTRACT = "BTC/USDT:USDT"


async def _rate(call: Callable[..., Awaitable[Any]], calls: int, symbol: str = "BTC/USDT") -> float:
    order = (symbol, *ORDER[1:])
    gc.collect()
    began = REAL["perf_counter"]()
    for _ in range(calls):
        await call(*order)
    return calls / float(REAL["perf_counter"]() - began)


async def _orders(exchange: FailingExchange, calls: int, symbol: str = "BTC/USDT") -> float:
    found = await _rate(exchange.create_order, calls, symbol)
    await exchange.cancel_all_orders()
    return found


async def _mocked(calls: int) -> float:
    return await _rate(AsyncMock(return_value={"id": "1"}), calls)


@bench("calls/s", "AsyncMock", at_least=0.65, rounds=60)
def plain(size: Size) -> Iterator[Pair]:
    """create_order with nothing armed, in real time."""
    calls, exchange = size(300, 30), FailingExchange(latency=None)
    with asyncio.Runner() as runner:
        yield (lambda: runner.run(_orders(exchange, calls)), lambda: runner.run(_mocked(calls)))


@bench("calls/s", "AsyncMock", at_least=0.55, rounds=60)
def perpetual(size: Size) -> Iterator[Pair]:
    """create_order of a perpetual with nothing armed, in real time."""
    calls = size(300, 30)
    exchange = FailingExchange(markets=[CONTRACT], balances=FUTURES, latency=None)
    with asyncio.Runner() as runner:
        yield (
            lambda: runner.run(_orders(exchange, calls, CONTRACT)),
            lambda: runner.run(_mocked(calls)),
        )


@bench("calls/s", "nothing armed", at_least=0.9, rounds=60)
def armed(size: Size) -> Iterator[Pair]:
    """create_order with three faults armed that do not strike."""
    calls, exchange = size(300, 30), FailingExchange(latency=None)
    other = FailingExchange(latency=None)
    for n in range(1, 4):
        other.arm("lose_answer", nth(10**9), operations="create_order", name=f"never {n}")
    with asyncio.Runner() as runner:
        yield (
            lambda: runner.run(_orders(other, calls)),
            lambda: runner.run(_orders(exchange, calls)),
        )


@bench("calls/s", "AsyncMock", at_least=0.3, rounds=30)
def latency(size: Size) -> Iterator[Pair]:
    """create_order with latency in virtual time; the mock in an ordinary loop."""
    calls = size(300, 30)

    async def delayed() -> float:
        exchange = FailingExchange()
        await exchange.create_order(*ORDER)
        return await _rate(exchange.create_order, calls)

    yield lambda: simulate(delayed), lambda: asyncio.run(_mocked(calls))


async def _watch(hours: float, every: int = 0, price: float = 40_000.0) -> None:
    """A ticker a second; each `every`-th time an order that comes to rest instead."""
    exchange = FailingExchange()
    for n in range(int(hours * 3_600)):
        if every and n % every == every - 1:
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.001, price)
        else:
            await exchange.fetch_ticker("BTC/USDT")
        await asyncio.sleep(1)


async def _trade(hours: float) -> None:
    """A ticker a second, an order at the bid each ten seconds, all canceled each twenty."""
    exchange = FailingExchange()
    for n in range(int(hours * 3_600)):
        ticker = await exchange.fetch_ticker("BTC/USDT")
        if n % 10 == 0:
            order = await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, ticker["bid"])
            if n % 20 == 0 and order["status"] == "open":
                await exchange.cancel_all_orders()
        await asyncio.sleep(1)


async def _poll(hours: float) -> None:
    """The positions each second; there is one."""
    exchange = FailingExchange(markets=[CONTRACT, "ETH/USDT:USDT", "SOL/USDT:USDT"])
    await exchange.create_order(CONTRACT, "market", "buy", 0.01)
    for _ in range(int(hours * 3_600)):
        await exchange.fetch_positions()
        await asyncio.sleep(1)


async def _order_a_minute(hours: float) -> None:
    exchange = FailingExchange()
    for _ in range(int(hours * 60)):
        await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000)
        await asyncio.sleep(60)


def _hours(program: Callable[[float], Coroutine[Any, Any, None]], hours: float) -> Iterator[Pair]:
    simulate(program(0.1))
    yield lambda: per_cpu_second(hours, lambda: simulate(program(hours))), pace


@bench("hours/CPU s", IDLE_CORE, at_least=10, rounds=3)
def watcher(size: Size) -> Iterator[Pair]:
    """Simulated hours of a bot that reads the ticker each second."""
    yield from _hours(_watch, size(20, 1) / 10)


@bench("hours/CPU s", IDLE_CORE, at_least=8, rounds=3)
def position_poller(size: Size) -> Iterator[Pair]:
    """The same of a bot that reads the positions of perpetuals, of which it has one."""
    yield from _hours(_poll, size(20, 1) / 10)


@bench("hours/CPU s", IDLE_CORE, at_least=10, rounds=3)
def bidder(size: Size) -> Iterator[Pair]:
    """The same, each tenth request an order that comes to rest."""
    yield from _hours(lambda hours: _watch(hours, 10), size(20, 1) / 10)


@bench("hours/CPU s", IDLE_CORE, rounds=3)
def trader(size: Size) -> Iterator[Pair]:
    """The same of a bot that quotes at the bid and cancels."""
    yield from _hours(_trade, size(20, 1) / 10)


@bench("hours/CPU s", IDLE_CORE, at_least=50, rounds=3)
def order_a_minute(size: Size) -> Iterator[Pair]:
    """The same of a bot with an order a minute: at most 20 ms an hour."""
    yield from _hours(_order_a_minute, size(4, 1))
