"""Calls as they meet time and each other: latency, other clients, crowds, timeouts, limits."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import (
    FailingExchange,
    InvalidOrderError,
    RateLimitError,
    RequestTimeoutError,
    simulate,
)
from failing_exchange.venue.latency import Fixed, LogNormal
from failing_exchange.virtual.errors import BudgetExceeded

SYMBOL = "BTC/USDT"


async def buy(x: FailingExchange) -> Any:
    return await x.create_order(SYMBOL, "limit", "buy", 0.01, 30_000)


async def travel(x: FailingExchange, calls: int = 1) -> list[tuple[float, float]]:
    """(until the engine, until the answer) in milliseconds of each call."""
    loop = asyncio.get_running_loop()
    found = []
    for _ in range(calls):
        began = loop.time()
        order = await buy(x)
        ended = loop.time()
        arrived = order["timestamp"] / 1_000 - datetime(2026, 1, 1, tzinfo=UTC).timestamp()
        found.append(((arrived - began) * 1_000, (ended - began) * 1_000))
    return found


def test_virtual_time_has_a_latency_of_its_own() -> None:
    """Lognormal with a median of 40 ms; half before the engine, half after."""
    found = simulate(travel(FailingExchange(), 400))
    totals = sorted(total for _, total in found)
    assert 36 < statistics.median(totals) < 44
    assert totals[0] > 5
    assert totals[-1] < 200
    assert all(abs(there - total / 2) < 1.5 for there, total in found)


@pytest.mark.parametrize(
    ("latency", "milliseconds"),
    [(None, 0), (0, 0), (80, 80), (Fixed(ms=10), 10), (LogNormal(median_ms=5), None)],
    ids=str,
)
def test_latency_is_as_given(latency: object, milliseconds: float | None) -> None:
    """None, a number of milliseconds, or a distribution."""
    ((_, total),) = simulate(travel(FailingExchange(latency=latency)))
    if milliseconds is None:
        assert 0 < total < 50
    else:
        assert total == pytest.approx(milliseconds)


def test_real_time_has_none_of_its_own() -> None:
    """Unit tests in real time must not wait."""

    async def story() -> float:
        x = FailingExchange()
        began = time.perf_counter()
        for _ in range(50):
            await buy(x)
        return time.perf_counter() - began

    assert asyncio.run(story()) < 1  # with 40 ms each it would be two


# ---- several clients, many calls


def test_another_client_is_another_account_on_the_same_book() -> None:
    """What one sells, the other buys."""

    async def story() -> None:
        alice = FailingExchange(background=False, balances={"USDT": 1_000})
        bob = alice.client("bob", balances={"BTC": 1})
        assert alice.client("bob", balances={"BTC": 99}).venue is alice.venue
        await bob.create_order(SYMBOL, "limit", "sell", 0.01, 40_000)
        await alice.create_order(SYMBOL, "limit", "buy", 0.01, 40_000)
        assert (await bob.fetch_balance())["USDT"]["total"] == pytest.approx(399.6)
        assert (await alice.fetch_balance())["BTC"]["total"] == pytest.approx(0.00999)
        assert await bob.fetch_order("1")
        with pytest.raises(InvalidOrderError, match="Order not found"):
            await alice.fetch_order("1")

    simulate(story())


def test_five_thousand_calls_at_once_are_all_answered() -> None:
    """The stress test of the founding document."""

    async def story() -> None:
        x = FailingExchange()
        orders = await asyncio.gather(
            *(x.create_order(SYMBOL, "limit", "buy", 0.01, 50_000) for _ in range(5_000))
        )
        assert len({order["id"] for order in orders}) == 5_000
        assert len(await x.fetch_orders(limit=10_000)) >= 3_000

    simulate(story())
    asyncio.run(story())


def test_a_busy_client_starves_nobody() -> None:
    """A call that need not wait still lets others run now and then."""

    async def story() -> None:
        x = FailingExchange(latency=None)
        busy = asyncio.ensure_future(spin(x))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        busy.cancel()

    asyncio.run(asyncio.wait_for(story(), 10))


async def spin(x: FailingExchange) -> None:
    while True:
        await x.fetch_ticker(SYMBOL)


def test_a_client_that_only_spins_meets_the_step_budget() -> None:
    """Without latency time stands still for it; each call counts as a step."""
    with pytest.raises(BudgetExceeded, match="spins without waiting"):
        simulate(spin(FailingExchange(latency=None)), steps_per_instant_max=5_000)


def test_a_timeout_is_the_clients_own_and_can_be_set() -> None:
    """In seconds at the constructor, in milliseconds as in ccxt; None waits for ever."""

    async def story() -> None:
        x = FailingExchange(connection_timeout=1)
        assert (x.timeout, x.connection_timeout) == (1_000, 1)
        x.arm("lose_answer")
        loop = asyncio.get_running_loop()
        for milliseconds in (1_000, 2_500):
            x.timeout = milliseconds
            began = loop.time()
            with pytest.raises(RequestTimeoutError, match="timed out"):
                await x.fetch_time()
            assert loop.time() - began == pytest.approx(milliseconds / 1_000)
        x.timeout = None
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(x.fetch_time(), 3_600)

    simulate(story())


def test_a_rate_limit_says_exactly_when_the_next_request_passes() -> None:
    """One nanosecond less would be refused again; the wait is fractional."""

    async def story() -> None:
        x = FailingExchange(latency=None, rate_limit_threshold=2, rate_limit_window=1.5)
        await x.fetch_time()
        await asyncio.sleep(0.25)
        await x.fetch_time()
        await asyncio.sleep(0.125)
        with pytest.raises(RateLimitError, match="rate limit") as caught:
            await x.fetch_time()
        assert caught.value.retry_after == 1.125
        await asyncio.sleep(caught.value.retry_after)
        await x.fetch_time()

    simulate(story())


def test_it_closes_with_its_block(tmp_path: Path) -> None:
    """`async with` writes out the journal; what comes later is appended to it."""
    path = tmp_path / "journal"

    async def story() -> None:
        async with FailingExchange(journal=str(path)) as x:
            await buy(x)
        assert len(path.read_text().splitlines()) >= 3
        await x.client("bob").fetch_time()
        await x.close()
        await x.close()
        assert "fetch_time" in path.read_text().splitlines()[-1]

    simulate(story())
