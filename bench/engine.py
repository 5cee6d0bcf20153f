"""What the exchange costs without anything around it."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from unittest.mock import AsyncMock

from bench.harness import IDLE, Pair, Size, bench
from failing_exchange.core import commands as c
from failing_exchange.core.book import OrderBook
from failing_exchange.core.chance import below, key
from failing_exchange.core.engine import Engine
from failing_exchange.core.market import Market
from failing_exchange.core.order import Order, OrderType, Side
from failing_exchange.core.units import ATOMS

S = "BTC/USDT"
MARKET = Market(symbol=S, base="BTC", quote="USDT", price_step=10**6, amount_step=10**3)
AT = 1_767_225_600 * 10**9
TARGET = 800_000  # operations a second of the book alone, on an idle core
Operation = tuple[int, Side, int, int]  # 0 place, 1 take, 2 cancel; side; ticks or which; lots


def mix_of_operations(count: int) -> list[Operation]:
    """Half limit orders near a walk, four tenths cancels, a tenth market orders."""
    draws, at, found = key("bench"), 5_000_000, []
    for n in range(count):
        at += below(draws, 3 * n, 21) - 10
        kind = below(draws, 3 * n + 1, 10)
        side = Side.BUY if below(draws, 3 * n + 2, 2) else Side.SELL
        if kind < 5:
            away = below(draws, n ^ 7, 200)
            found.append((0, side, at - away if side is Side.BUY else at + away, 10))
        else:
            found.append((2 if kind < 9 else 1, side, n * 3 // 4, 5))
    return found


def book_alone(operations: list[Operation]) -> None:
    """The book and its orders; matching is the loop that takes from the best level."""
    book = OrderBook()
    orders: list[Order] = []
    buy, sell, limit = Side.BUY, Side.SELL, OrderType.LIMIT
    for n, (kind, side, ticks, wanted) in enumerate(operations):
        lots = wanted
        if kind == 2:
            if orders:
                order = orders[ticks % len(orders)]
                if order.resting:
                    book.remove(order)
            continue
        opposite = sell if side is buy else buy
        while lots and (level := book.best(opposite)) is not None and level.head is not None:
            if kind == 0 and (level.ticks > ticks if side is buy else level.ticks < ticks):
                break
            maker = level.head
            part = min(lots, maker.lots - maker.filled)
            book.reduce(maker, part)
            maker.filled += part
            lots -= part
            if maker.filled == maker.lots:
                book.remove(maker)
        if lots and kind == 0:
            order = Order(n, "a", S, side, limit, lots, AT)
            order.ticks = ticks
            book.add(order)
            orders.append(order)


def whole_engine(operations: list[Operation]) -> None:
    """The same with checks, reservations, ledger, tape and events."""
    engine = Engine([(MARKET, None)])
    for name in ("a", "b"):
        engine.execute(c.OpenAccount(name, (("USDT", 10**9 * ATOMS), ("BTC", 10**6 * ATOMS))), AT)
    execute, orders = engine.execute, engine.state.orders
    for kind, side, ticks, lots in operations:
        account = "a" if side is Side.BUY else "b"
        if kind == 0:
            execute(c.PlaceOrder(account, S, side, OrderType.LIMIT, lots, ticks), AT)
        elif kind == 1:
            execute(c.PlaceOrder(account, S, side, OrderType.MARKET, lots), AT)
        elif orders:
            oldest = orders[next(iter(orders))]
            execute(c.CancelOrder(oldest.account, S, oldest.id), AT)


async def _mocks() -> float:
    mock = AsyncMock(return_value=1)
    began = time.perf_counter()
    for _ in range(2_000):
        await mock(S, "limit", "buy", 0.01, 30_000.0)
    return 2_000 / (time.perf_counter() - began)


def _pair(work: Callable[[list[Operation]], None], size: Size) -> Iterator[Pair]:
    operations = mix_of_operations(size(20_000, 500))

    def ours() -> float:
        gc.collect()
        began = time.perf_counter()
        work(operations)
        return len(operations) / (time.perf_counter() - began)

    yield ours, lambda: asyncio.run(_mocks())


@bench("operations/s", "AsyncMock", at_least=TARGET / IDLE)
def book(size: Size) -> Iterator[Pair]:
    """The order book alone: limit orders, cancels, market orders."""
    yield from _pair(book_alone, size)


@bench("operations/s", "AsyncMock")
def engine(size: Size) -> Iterator[Pair]:
    """The whole engine, the same operations."""
    yield from _pair(whole_engine, size)
