"""Wrong arguments: an error at once that shows the value, what was expected and the way out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.public_trade import BEGAN
from failing_exchange.errors import (
    BadRequestError,
    ConfigurationError,
    InvalidOrderError,
    RequestTimeoutError,
)
from failing_exchange.faults.triggers import between, chance, hours, load, nth, ramp

NAN, INFINITE = float("nan"), float("inf")
SYMBOL = "BTC/USDT"

CONSTRUCTOR: list[tuple[dict[str, Any], str]] = [
    ({"base_failure_rate": 2}, "base failure rate must be a number from 0 to 1, not 2"),
    ({"base_failure_rate": NAN}, "not nan"),
    ({"rate_limit_threshold": 0}, "rate_limit_threshold .* not 0"),
    ({"rate_limit_threshold": True}, "rate_limit_threshold .* not True"),
    ({"rate_limit_window": -5}, "rate_limit_window .* not -5"),
    ({"connection_timeout": True}, "connection_timeout .* not True"),
    ({"max_retries": True}, "max_retries .* not True"),
    ({"max_retries": -1}, "max_retries .* from 0, not -1"),
    ({"seed": True}, "seed .* not True"),
    ({"seed": None}, "seed .* not None"),
    ({"markets": []}, r"not \[\]"),
    ({"markets": SYMBOL}, r'like \["BTC/USDT"\].* not \'BTC/USDT\''),
    ({"markets": ["BTC/USD"]}, "did you mean 'BTC/USDT'"),
    ({"balances": {"btc": 1}}, "did you mean 'BTC'"),
    ({"balances": {"BTC": -1}}, r"balances\['BTC'\] .* not -1"),
    ({"balances": {"BTC": {"free": 1}}}, r"balances\['BTC'\] must be a number"),
    ({"balances": {"": 1}}, "an asset is a name like"),
    ({"latency": INFINITE}, "latency .* not inf"),
    ({"latency": False}, "latency .* not False"),
    ({"background": "no"}, "background must be True or False, not 'no'"),
    ({"recordings": 5}, "recordings must be a mapping .* not 5"),
    ({"fee_asset": "BNV"}, "not 'BNV'; did you mean 'BNB'"),
    ({"journal": 5}, "journal must be a path, .* not 5"),
    ({"scenario": "fill_beat_cancel"}, "did you mean 'fill_beats_cancel'"),
    ({"maintenance_schedule": 5}, "must be a mapping like .* not 5"),
    ({"maintenance_schedule": {"dayly": {}}}, "did you mean 'daily'"),
    (
        {"maintenance_schedule": {"daily": {"start": "02:00", "duration": 1_440}}},
        "1440 minutes never ends",
    ),
    (
        {"maintenance_schedule": {"weekly": {"start": "2:00", "duration": 1, "day": "Sonday"}}},
        "did you mean 'sunday'",
    ),
]


@pytest.mark.parametrize(("given", "says"), CONSTRUCTOR, ids=lambda v: str(v)[:50])
def test_the_constructor_refuses(given: dict[str, Any], says: str) -> None:
    """What is wrong is told where it stands, and not at some later call."""
    with pytest.raises(ConfigurationError, match=says):
        FailingExchange(**given)


Call = Callable[[Any], object]
CONTROLS: list[tuple[Call, str]] = [
    (lambda x: x.set_failure_mode("TIMEOTU"), "mean .TIMEOUT."),
    (lambda x: x.set_failure_mode("TIMEOUT", True), "probability .* not True"),
    (lambda x: x.set_failure_mode("TIMEOUT", 1, ["executed"]), "params must be a mapping"),
    (lambda x: x.set_failure_mode("NONE", 1, {"executed": "after"}), "NONE takes no params"),
    (
        lambda x: x.add_failure_mode("PARTIAL_FILL", 1, {"fill_rato": 1}),
        "did you mean 'fill_ratio'",
    ),
    (
        lambda x: x.add_failure_mode("MIXED", 1, {"weights": {"TIMEOT": 1}}),
        "did you mean 'TIMEOUT'",
    ),
    (lambda x: x.set_rate_limit(0), "calls_per_minute .* not 0"),
    (lambda x: x.set_dynamic_failure_rate(5), "not 5"),
    (lambda x: x.schedule_maintenance(date(2026, 1, 1), 5), "must be a datetime"),
    (lambda x: x.schedule_maintenance(datetime(2026, 1, 1), 5, 5), "message must be a string"),
    (lambda x: x.schedule_maintenance(datetime.min, 5), "not a valid time"),
    (lambda x: x.arm("lose_anser"), "did you mean 'lose_answer'"),
    (lambda x: x.arm("TIMEOUT"), "set_failure_mode"),
    (lambda x: x.arm(5), "name in the catalogue"),
    (lambda x: x.arm("lose_answer", 0.5), "trigger such as nth"),
    (lambda x: x.arm("lose_answer", nth), "nth makes one"),
    (lambda x: x.arm("lose_answer", "nht(1)"), "nth"),
    (lambda x: x.arm("lose_answer", operations="create_ordr"), "did you mean 'create_order'"),
    (lambda x: x.arm("lose_answer", operations=["createOrder"]), "did you mean 'create_order'"),
    (lambda x: x.arm("lose_answer", operations=5), "operations must be a string"),
    (lambda x: x.arm("lose_answer", symbols="BTC/USD"), "did you mean 'BTC/USDT'"),
    (lambda x: x.arm("lose_answer", sides="bye"), "sides: 'bye'"),
    (lambda x: x.arm("lose_answer", name=5), "name must be a string"),
    (lambda x: x.arm("stale_read", second=5), "did you mean 'seconds'"),
    (lambda x: x.client(""), "has a name"),
    (lambda x: x.client("bob", fee_asset="bnb"), "did you mean 'BNB'"),
    (lambda x: x.explain("1"), "trip's number"),
    (lambda x: x.replay(5), "recorded"),
    (lambda x: setattr(x, "timeout", -1), "timeout .* not -1"),
    (lambda x: nth(1) & chance, "chance makes one"),  # type: ignore[operator]
    (lambda x: hours(25, 1), "start .hour of the day. must be a number from 0 to 24, not 25"),
    (lambda x: hours(x, 1), "start .hour of the day. must be"),
    (lambda x: between(5, 1), "holds no instant"),
    (lambda x: ramp(0, 1, INFINITE), "seconds .* not inf"),
    (lambda x: load(above=-1), "above .* not -1"),
]


@pytest.mark.parametrize(("call", "says"), CONTROLS, ids=[says for _, says in CONTROLS])
def test_the_controls_refuse(call: Call, says: str) -> None:
    """A rule that could never strike would let every test of a bot pass."""
    exchange = FailingExchange()
    with pytest.raises(ConfigurationError, match=says):
        call(exchange)
    assert exchange.armed == []


def test_a_trigger_may_be_given_as_its_text() -> None:
    """As in scenario files and at the control API."""
    armed = FailingExchange().arm("lose_answer", "nth(2) | chance(0.1)")
    assert repr(armed.rule.when) == "(nth(2) | chance(0.1))"


@pytest.mark.parametrize("rate", [lambda hour: 5, lambda: 0.1, lambda hour: 1 / 0])
def test_a_rate_that_is_none_is_the_users_error(rate: Any) -> None:
    """A function of the user's that fails is no bug of the venue."""

    async def story() -> None:
        exchange = FailingExchange()
        exchange.set_dynamic_failure_rate(rate)
        await exchange.fetch_time()

    with pytest.raises(ConfigurationError, match="the rate for hour 0"):
        simulate(story())


REQUESTS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: x.create_orders(5), "orders must be a list, not 5"),
    (lambda x: x.create_orders([{}]), r"orders\[0\] must be a mapping with a symbol"),
    (lambda x: x.create_orders([{"symbol": SYMBOL, "amont": 1}]), "did you mean 'amount'"),
    (lambda x: x.cancel_orders("123"), "ids must be a list"),
    (lambda x: x.fetch_tickers(5), "symbols must be a list"),
    (lambda x: x.fetch_ohlcv(SYMBOL, "7m"), "Invalid timeframe"),
    (lambda x: x.fetch_ohlcv(SYMBOL, "1m", None, None, {"until": "x"}), "is not a time"),
]


@pytest.mark.parametrize(("call", "says"), REQUESTS, ids=[says for _, says in REQUESTS])
def test_requests_refuse(call: Callable[[Any], Any], says: str) -> None:
    """A malformed request is the venue's BadRequest, never a TypeError from within."""

    async def story() -> None:
        await call(FailingExchange())

    with pytest.raises(BadRequestError, match=says):
        simulate(story())


def test_helpers_refuse_as_ccxt_does() -> None:
    """Below the step nothing is left of a price or an amount: an invalid order."""
    x = FailingExchange()
    for call in (x.amount_to_precision, x.price_to_precision):
        with pytest.raises(InvalidOrderError, match="less than the step"):
            call(SYMBOL, 1e-9)
    wrong: list[tuple[str, Any]] = [("bye", 1), ("buy", NAN), ("buy", "x"), ("buy", -1)]
    for side, amount in wrong:
        with pytest.raises(BadRequestError):
            x.calculate_fee(SYMBOL, "limit", side, amount, 1)
    market = x.calculate_fee(SYMBOL, "market", "buy", 1, 1, "maker")
    assert market["type"] == "taker"  # a market order is never a maker


def test_a_lost_order_of_a_batch_is_not_called_rejected() -> None:
    """Its outcome is unknown: whoever reads "rejected" sends it again."""

    async def story() -> None:
        x = FailingExchange(latency=None)
        x.arm("lose_answer", nth(2), operations="create_order")
        order = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.1, "price": 40_000}
        with pytest.raises(RequestTimeoutError):
            await x.create_orders([order, order, order])
        assert len(await x.fetch_open_orders()) == 2
        refused = await x.create_orders([order, {**order, "price": -1}])
        assert [one["status"] for one in refused] == ["open", "rejected"]

    simulate(story())


def test_candles_from_the_epoch_and_until() -> None:
    """`since=0` gives the first candles of the market; `until` bounds from the other side."""

    async def story() -> None:
        x = FailingExchange(latency=None)
        first = await x.fetch_ohlcv(SYMBOL, "1d", 0, 3)
        days = [bar[0] / 86_400_000 - BEGAN // 86_400 for bar in first]
        assert days == [0, 1, 2]
        last = (await x.fetch_ohlcv(SYMBOL, "1h", None, 5))[-1][0]
        until = await x.fetch_ohlcv(SYMBOL, "1h", None, 5, {"until": last - 7_200_000})
        assert len(until) == 5
        assert until[-1][0] == last - 7_200_000

    simulate(story())


def test_what_is_no_command_is_refused_by_its_name() -> None:
    """Before anything runs, and with the way out."""

    async def story() -> None:
        with pytest.raises(ConfigurationError, match=r"'halt' is not a command .*MovePrice"):
            await FailingExchange(latency=None).operate("halt")

    simulate(story())
