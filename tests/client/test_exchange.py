"""`FailingExchange`: how it is made, what is set and read back, and how calls behave together."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from failing_exchange import (
    ConfigurationError,
    ExchangeMaintenanceError,
    FailingExchange,
    FailureMode,
    InvalidOrderError,
    simulate,
)
from failing_exchange.faults.triggers import nth

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
