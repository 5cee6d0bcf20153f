"""`FailingExchange`: how it is made, what is set and read back, and how calls behave together."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import (
    ConfigurationError,
    ExchangeMaintenanceError,
    FailingExchange,
    FailureMode,
    InvalidOrderError,
    RateLimitError,
    RequestTimeoutError,
    simulate,
)
from failing_exchange.faults.triggers import nth
from failing_exchange.latency import Fixed, LogNormal
from failing_exchange.virtual.errors import BudgetExceeded

SYMBOL = "BTC/USDT"


@pytest.fixture
def exchange() -> FailingExchange:
    """As people write it: in a fixture that is not async, without a loop."""
    return FailingExchange(0.0, None, 60, 10.0, 3, None)


async def buy(x: FailingExchange, **more: Any) -> Any:
    return await x.create_order(SYMBOL, "limit", "buy", 0.01, 30_000, **more)


# ---- made without a loop and without a clock


def test_one_made_in_a_sync_fixture_serves_any_loop(exchange: FailingExchange) -> None:
    """It binds to the loop of its first await, and to the next loop when that one is over."""
    order = asyncio.run(buy(exchange))
    again = asyncio.run(exchange.fetch_order(order["id"]))
    assert again["timestamp"] == order["timestamp"]
    assert asyncio.run(exchange.fetch_time()) >= order["timestamp"]


def test_making_one_reads_no_clock() -> None:
    """Its time begins with the first await: what was made early is not late."""
    exchange = FailingExchange()
    assert simulate(exchange.fetch_time, start="2030-06-01T00:00:00Z") == pytest.approx(
        datetime(2030, 6, 1, tzinfo=UTC).timestamp() * 1_000, abs=100
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"connection_timeout": 0}, "connection_timeout"),
        ({"connection_timeout": "5"}, "connection_timeout"),
        ({"connection_timeout": float("nan")}, "connection_timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"seed": "x"}, "seed"),
        ({"latency": "fast"}, "latency"),
        ({"latency": -1}, "latency"),
        ({"latency": float("nan")}, "latency"),
        ({"latency": True}, "latency"),
        ({"markets": ["BTC/EUR"]}, "BTC/EUR"),
        ({"markets": 5}, "markets"),
        ({"balances": {"BTC": -1}}, "BTC"),
        ({"balances": {"BTC": "many"}}, "many"),
        ({"balances": [1]}, "balances"),
        ({"base_failure_rate": 1.5}, "1.5"),
        ({"base_failure_rate": "often"}, "often"),
        ({"rate_limit_threshold": 0}, "0"),
        ({"rate_limit_threshold": 5, "rate_limit_window": 0}, "rate_limit_window"),
        ({"maintenance_schedule": {"hourly": {}}}, "hourly"),
        ({"maintenance_schedule": 5}, "maintenance_schedule"),
        ({"journal": "/no/such/folder/journal"}, "/no/such/folder/journal"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_named_at_once(arguments: dict[str, Any], says: str) -> None:
    """The message shows the value; nothing runs with half of what was meant."""
    with pytest.raises(ConfigurationError, match=says):
        FailingExchange(**arguments)


def test_markets_and_balances_are_as_given() -> None:
    """A small world makes a fast and clear test."""

    async def story() -> None:
        x = FailingExchange(markets=[SYMBOL], balances={"USDT": "250.5"})
        assert x.symbols == list(await x.load_markets()) == [SYMBOL]
        assert (await x.fetch_balance())["total"] == {"USDT": 250.5}

    simulate(story())


# ---- what fails


def test_a_mode_is_set_by_position_and_read_back(exchange: FailingExchange) -> None:
    """`set_failure_mode(mode, probability, params)`, as the founding document calls it."""
    assert (exchange.failure_mode, exchange.failure_rate) == (FailureMode.NONE, 0.0)
    exchange.set_failure_mode(FailureMode.TIMEOUT, 0.25, {"executed": "after"})
    assert (exchange.failure_mode, exchange.failure_rate) == (FailureMode.TIMEOUT, 0.25)
    exchange.set_failure_mode("RATE_LIMIT")
    assert (exchange.failure_mode, exchange.failure_rate) == (FailureMode.RATE_LIMIT, 1.0)
    exchange.add_failure_mode(FailureMode.TIMEOUT, 0.5)
    assert (exchange.failure_mode, exchange.failure_rate) == (FailureMode.MIXED, 1.0)
    exchange.set_failure_mode(None)
    assert (exchange.failure_mode, exchange.failure_rate) == (FailureMode.NONE, 0.0)
    assert exchange.armed == []
    assert exchange.client("bob").failure_mode is FailureMode.NONE


def test_what_is_wrong_with_a_mode_changes_nothing(exchange: FailingExchange) -> None:
    """A typo must not leave the exchange healthy where it was meant to fail."""
    exchange.set_failure_mode("TIMEOUT", 0.5)
    for wrong in (("TIMEUOT",), ("TIMEOUT", 2), ("TIMEOUT", 1, {"exectued": "after"})):
        with pytest.raises(ConfigurationError):
            exchange.set_failure_mode(*wrong)
    assert (exchange.failure_mode, exchange.failure_rate) == (FailureMode.TIMEOUT, 0.5)


def test_a_mode_disarmed_by_its_name_is_gone(exchange: FailingExchange) -> None:
    """Modes are rules like any other."""
    exchange.set_failure_mode("TIMEOUT")
    exchange.disarm("TIMEOUT")
    assert exchange.failure_mode is FailureMode.NONE
    with pytest.raises(ConfigurationError, match="TIMEOUT"):
        exchange.disarm("TIMEOUT")
    exchange.set_failure_mode("BAN")


def test_reset_restores_health_and_keeps_what_happened() -> None:
    """Orders, balances and the journal are facts; faults, limits and windows are settings."""

    async def story() -> None:
        x = FailingExchange(base_failure_rate=1e-9, rate_limit_threshold=1)
        x.set_failure_mode("RATE_LIMIT")
        x.arm("lose_answer", nth(5))
        x.schedule_maintenance(datetime(2026, 1, 1, tzinfo=UTC), 60)
        with pytest.raises(ExchangeMaintenanceError):
            await buy(x)
        x.reset()
        assert x.armed == []
        for _ in range(3):
            await buy(x)
        assert x.get_failure_statistics()["total"] == 1

    simulate(story())


def test_arming_ends_with_its_block() -> None:
    """`with exchange.arm(...)` is a failure that lasts as long as the block."""

    async def story() -> None:
        x = FailingExchange()
        with x.arm("reject_request", why="insufficient_funds", operations="create_order") as armed:
            with pytest.raises(Exception, match="balance|funds"):
                await buy(x)
            assert armed.struck == 1
        await buy(x)
        armed.disarm()
        with pytest.raises(ConfigurationError, match="lose_answr"):
            x.arm("lose_answr")

    simulate(story())


# ---- what was observed


def test_statistics_are_defined_before_anything_happened(exchange: FailingExchange) -> None:
    """A report of a run that ended early must not divide by zero."""
    assert exchange.get_failure_statistics() == {"total": 0, "by_type": {}, "rate": 0.0}
    assert exchange.get_failure_timeline() == []
    assert exchange.get_performance_metrics() == {
        "avg_latency_ms": 0.0, "p99_latency_ms": 0.0, "success_rate": 1.0, "retry_rate": 0.0,
    }  # fmt: skip


def test_statistics_count_what_was_struck() -> None:
    """By type, with a line for each in the timeline; pushes and honest refusals don't count."""

    async def story() -> None:
        x = FailingExchange()
        x.set_failure_mode("INVALID_ORDER")
        for _ in range(3):
            with pytest.raises(InvalidOrderError, match="Invalid price"):
                await buy(x)
        x.set_failure_mode(None)
        await buy(x)
        with pytest.raises(InvalidOrderError):
            await x.create_order(SYMBOL, "limit", "buy", -1, 30_000)
        await x.watch_ticker(SYMBOL)
        assert x.get_failure_statistics() == {
            "total": 3, "by_type": {"INVALID_ORDER": 3}, "rate": 0.6,
        }  # fmt: skip
        first = x.get_failure_timeline()[0]
        assert first["timestamp"] == datetime(2026, 1, 1, tzinfo=UTC)
        assert first["type"] == "INVALID_ORDER"
        assert "create_order BTC/USDT" in first["details"]
        assert x.get_performance_metrics()["success_rate"] == 0.2

    simulate(story())


def test_the_retry_rate_is_the_share_of_requests_that_repeat_a_failed_one() -> None:
    """The same request after a success is no retry, and another request is none either."""

    async def story() -> None:
        x = FailingExchange()
        x.arm("reject_request", nth(1))
        with pytest.raises(Exception, match="unavailable"):
            await x.fetch_ticker(SYMBOL)
        await x.fetch_ticker("ETH/USDT")
        await x.fetch_ticker(SYMBOL)  # the only retry
        await x.fetch_ticker(SYMBOL)
        assert x.get_performance_metrics()["retry_rate"] == 0.25

    simulate(story())


def test_debug_logging_shows_both_columns(caplog: pytest.LogCaptureFixture) -> None:
    """One line a trip, to a logger that the test can catch."""

    async def story() -> None:
        x = FailingExchange()
        x.enable_debug_logging()
        await buy(x)

    with caplog.at_level("DEBUG", "failing_exchange"):
        simulate(story())
    assert '"happened":[{"is":"OrderAccepted"' in caplog.text


# ---- latency


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
        with pytest.raises(InvalidOrderError, match="not exist"):
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
