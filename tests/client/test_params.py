"""Params of unified calls: each is used, or refused by name. An order without its stop sells."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failing_exchange import (
    BadRequestError,
    FailingExchange,
    InvalidOrderError,
    simulate,
)
from failing_exchange.client.call_params import INSTEAD
from tests.client.test_names import ORDERS, READS, WATCHED

SYMBOL = "BTC/USDT"
ARGUMENTS: dict[str, Any] = {
    "symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.1, "price": 40_000, "id": "1",
    "cost": 100, "triggerPrice": 60_000, "orders": [], "ids": ["1"], "symbols": [SYMBOL],
    "symbolsAndTimeframes": [[SYMBOL, "1m"]], "stopPrice": 60_000,
}  # fmt: skip
Story = Callable[[FailingExchange], Awaitable[None]]


def run(story: Story) -> None:
    async def main() -> None:
        async with FailingExchange(seed=7) as exchange:
            await story(exchange)

    simulate(main())


def taking_params() -> list[str]:
    calls = [*READS, *ORDERS, *WATCHED, "create_oco_order", "amend_order"]
    return [
        c for c in calls if "params" in inspect.signature(getattr(FailingExchange, c)).parameters
    ]


def arguments_of(call: str) -> dict[str, Any]:
    found = {}
    for name, parameter in inspect.signature(getattr(FailingExchange, call)).parameters.items():
        needed = parameter.default is inspect.Parameter.empty or name == "triggerPrice"
        if needed and name != "self":
            found[name] = ARGUMENTS[name]
    return found


@pytest.mark.parametrize("call", taking_params())
def test_no_call_ignores_a_param_that_it_does_not_know(call: str) -> None:
    """It is refused before anything is sent: the journal has no trip of it."""

    async def story(x: FailingExchange) -> None:
        await x.load_markets()
        before = x.journal.last
        given = {**arguments_of(call), "params": {"tiemInForce": "IOC"}}
        with pytest.raises(BadRequestError, match="tiemInForce.*IOC"):
            await getattr(x, call)(**given)
        assert x.journal.last == before

    run(story)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"tiemInForce": "IOC"}, "did you mean 'timeInForce'"),
        ({"trailingDelta": 500}, "use trailingPercent"),
        ({"stopLoss": {"triggerPrice": 40_000}}, "stopLossPrice"),
        ({"reduceOnly": True}, "spot market"),
        ({"postOnly": "false"}, "must be True or False, not 'false'"),
        ({"type": "option"}, "'type' ('option')"),
        ([("postOnly", True)], "must be a mapping"),
    ],
)
def test_a_refusal_names_the_way_out(params: Any, says: str) -> None:
    """Whoever moves a bot here from another venue reads what to write instead."""

    async def story(x: FailingExchange) -> None:
        with pytest.raises(BadRequestError) as refused:
            await x.create_order(SYMBOL, "limit", "buy", 0.1, 40_000, params)
        assert says in str(refused.value)
        assert await x.fetch_orders(SYMBOL) == []

    run(story)


def test_every_param_of_other_venues_that_is_known_is_refused_with_a_reason() -> None:
    """Derivatives' params above all: an order without them is another order."""

    async def story(x: FailingExchange) -> None:
        for name, way_out in INSTEAD.items():
            with pytest.raises(BadRequestError) as refused:
                await x.create_order(SYMBOL, "market", "buy", 0.1, None, {name: 1})
            assert way_out in str(refused.value)

    run(story)


def test_an_amount_in_the_quote_asset_is_taken_by_both_of_its_names() -> None:
    """quoteOrderQty is Binance's name, cost is ccxt's: 100 USDT are spent, not 0.1 BTC bought."""

    async def story(x: FailingExchange) -> None:
        for name in ("cost", "quoteOrderQty"):
            order = await x.create_order(SYMBOL, "market", "buy", 0.1, None, {name: 100})
            assert 90 < order["cost"] <= 100

    run(story)


@pytest.mark.parametrize(
    ("type", "params"),
    [
        ("limit", {"cost": 100}),
        ("market", {"cost": 100, "quoteOrderQty": 200}),
        ("market", {"stopLossPrice": 40_000, "takeProfitPrice": 60_000}),
        ("market", {"stopLossPrice": 40_000, "trailingPercent": 5}),
    ],
)
def test_params_that_contradict_each_other_are_refused(type: str, params: dict[str, Any]) -> None:
    """One of them would be left out, and the bot would not know which."""

    async def story(x: FailingExchange) -> None:
        with pytest.raises(InvalidOrderError):
            await x.create_order(SYMBOL, type, "sell", 0.1, 50_000, params)

    run(story)


def test_params_without_a_value_or_an_effect_are_accepted() -> None:
    """None is ccxt's undefined; a receive window and the product type change nothing in process."""

    async def story(x: FailingExchange) -> None:
        params = {"stopPrice": None, "recvWindow": 5_000, "type": "spot"}
        order = await x.create_order(SYMBOL, "limit", "buy", 0.1, 40_000, params)
        assert (order["type"], order["status"]) == ("limit", "open")
        assert (await x.fetch_balance({"type": "spot"}))["USDT"]["used"] == 4_000

    run(story)


@pytest.mark.parametrize("call", ["fetch_orders", "fetch_open_orders", "fetch_my_trades"])
def test_until_bounds_the_account_s_history(call: str) -> None:
    """It was ignored: a bot that pages backwards got the same page for ever."""

    async def story(x: FailingExchange) -> None:
        for _ in range(2):
            await x.create_order(SYMBOL, "market", "buy", 0.001)
            await x.create_order(SYMBOL, "limit", "buy", 0.001, 40_000)
            between = x.milliseconds() + 30_000
            await asyncio.sleep(60)
        every = await getattr(x, call)(SYMBOL)
        early = await getattr(x, call)(SYMBOL, None, None, {"until": between - 60_000})
        assert len(every) == 2 * len(early) > 0
        assert early == every[: len(early)]

    run(story)


def test_watched_orders_are_cut_as_ccxt_cuts_them() -> None:
    """`since` and `limit` were ignored."""

    async def story(x: FailingExchange) -> None:
        waiting = asyncio.ensure_future(x.watch_orders())
        await asyncio.sleep(1)
        await x.create_order(SYMBOL, "limit", "buy", 0.001, 40_000)
        assert len(await waiting) == 1
        for _ in range(3):
            await x.create_order(SYMBOL, "limit", "buy", 0.001, 40_000)
        await asyncio.sleep(1)
        assert [one["id"] for one in await x.watch_orders(limit=2)] == ["3", "4"]
        waiting = asyncio.ensure_future(x.watch_orders(since=x.milliseconds() + 60_000))
        await asyncio.sleep(1)
        await x.create_order(SYMBOL, "limit", "buy", 0.001, 40_000)
        assert await waiting == []

    run(story)
