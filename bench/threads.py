"""Blocking programs in virtual time: sleeps, threads, ccxt's synchronous class, their worlds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from bench.day import at_the_venue
from bench.harness import IDLE_CORE, Pair, Size, bench, pace, per_cpu_second
from failing_exchange import simulate
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

THREADS = 100


def _sleep(count: int) -> None:
    for _ in range(count):
        time.sleep(1)


def _in_threads(count: int) -> None:
    threads = [threading.Thread(target=_sleep, args=(count,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@bench("sleeps/CPU s", IDLE_CORE, at_least=20_000, rounds=3)
def sleeps(size: Size) -> Iterator[Pair]:
    """time.sleep(1) of one thread: 10,000 in at most 0.5 s."""
    count = size(50_000, 1_000)
    yield lambda: per_cpu_second(count, lambda: simulate(lambda: _sleep(count))), pace


@bench("sleeps/CPU s", IDLE_CORE, at_least=20_000, rounds=3)
def switches(size: Size) -> Iterator[Pair]:
    """The same of 100 threads: 1,000 of each in at most 5 s."""
    count = size(1_000, 10)
    run = lambda: simulate(lambda: _in_threads(count))  # noqa: E731
    yield lambda: per_cpu_second(count * THREADS, run), pace


def client(name: str = "binance") -> Any:
    """ccxt's synchronous class, as it comes."""
    import ccxt  # takes a second: only where it is measured

    return getattr(ccxt, name)({"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET})


def bot(orders: int) -> None:
    """Buy and sell by turns, an order a minute."""
    exchange = client()
    for n in range(orders):
        exchange.create_order("BTC/USDT", "market", "sell" if n % 2 else "buy", 0.01)
        time.sleep(60)


def blocking_at_the_venue(hours: int) -> None:
    """An order a minute, by a client that blocks."""
    simulate(lambda: bot(hours * 60), venue="binance", seed=7)


@bench("days/CPU s", IDLE_CORE, at_least=1 / 3, rounds=5)
def ccxt_day(size: Size) -> Iterator[Pair]:
    """A day of a synchronous ccxt bot with an order a minute: at most 3 s."""
    hours = size(24, 1)
    yield lambda: per_cpu_second(hours / 24, lambda: blocking_at_the_venue(hours)), pace


@bench("days/CPU s", "asynchronous ccxt", at_least=1 / 1.6, rounds=5)
def ccxt_day_beside(size: Size) -> Iterator[Pair]:
    """The same beside ccxt's asynchronous class: at most 1.6 times its time."""
    hours = size(24, 1)
    yield (
        lambda: per_cpu_second(hours / 24, lambda: blocking_at_the_venue(hours)),
        lambda: per_cpu_second(hours / 24, lambda: at_the_venue(hours)),
    )
