"""Conditional orders, changes and batches of contracts by ccxt's calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import (
    BadRequestError,
    FailingExchange,
    InvalidOrderError,
    NotSupportedError,
    OrderNotFoundError,
    OrderWouldMatchError,
    simulate,
)
from failing_exchange.core.commands import MovePrice
from tests.client.test_contracts import SPOT, SWAP, make
from tests.client.test_structures import Judge, validator

TRIGGER = {"trigger": True}


async def price_of(x: FailingExchange) -> float:
    last: float = (await x.fetch_ticker(SWAP))["last"]
    return last


def stop(price: float, **params: Any) -> dict[str, Any]:
    return {"stopLossPrice": round(price, 1), **params}


def test_a_stop_waits_beside_the_book_and_fires() -> None:
    """It is no open order until its price is reached; then it places one with an id of its own."""

    async def story() -> None:
        x = make()
        last = await price_of(x)
        await x.create_order(SWAP, "market", "buy", 0.1)
        closes = stop(last * 0.97, closePosition=True)
        placed = await x.create_order(SWAP, "market", "sell", None, None, closes)
        assert (placed["status"], placed["type"], placed["info"]["closePosition"]) == (
            "open", "market", True
        )  # fmt: skip
        assert placed["triggerPrice"] == placed["stopLossPrice"] == closes["stopLossPrice"]
        assert await x.fetch_open_orders(SWAP) == []
        assert await x.fetch_open_orders(SWAP, params=TRIGGER) == [placed]
        await x.operate(MovePrice(SWAP, ppm=-50_000))
        await asyncio.sleep(2)
        fired = await x.fetch_order(placed["id"], SWAP, TRIGGER)
        assert (fired["status"], fired["filled"], fired["amount"]) == ("closed", 0.1, 0.1)
        order = await x.fetch_order(fired["info"]["actualOrderId"], SWAP)
        assert order["clientOrderId"] == placed["clientOrderId"]
        assert order["average"] == fired["average"] < closes["stopLossPrice"]
        assert await x.fetch_positions() == []
        assert await x.fetch_closed_orders(SWAP, params=TRIGGER) == [fired]

    simulate(story())


@pytest.mark.parametrize(
    ("type", "price", "params", "kind"),
    [
        ("limit", 0.9, {"triggerPrice": 0.92}, "stop_loss_limit"),
        ("market", None, {"takeProfitPrice": 1.1}, "take_profit"),
        ("limit", 1.1, {"takeProfitPrice": 1.09}, "take_profit_limit"),
        ("market", None, {"trailingPercent": 1.5, "trailingTriggerPrice": 1.02}, "trailing_stop"),
        ("market", None, {"trailingPercent": "0.5"}, "trailing_stop"),
        ("market", None, {"stopPrice": 0.95, "workingType": "MARK_PRICE"}, "stop_loss"),
        ("STOP_MARKET", None, {"stopPrice": 0.95, "priceProtect": True}, "stop_loss"),
        ("STOP", 0.9, {"stopPrice": 0.95, "timeInForce": "PO"}, "stop_loss_limit"),
    ],
)
def test_ccxt_accepts_conditional_orders(
    type: str, price: float | None, params: dict[str, Any], kind: str
) -> None:
    """Of each kind, as they are placed, listed and canceled."""

    async def story() -> None:
        x = make()
        last, judge = await price_of(x), Judge(x)
        given = {
            name: round(last * value, 1) if name.endswith("Price") else value
            for name, value in params.items()
        }
        asked = None if price is None else round(last * price, 1)
        placed = await x.create_order(SWAP, type, "sell", 0.1, asked, given)
        assert str(x.journal.find(x.journal.last).command.kind) == kind
        [listed] = await x.fetch_open_orders(SWAP, params=TRIGGER)
        canceled = await x.cancel_order(placed["id"], SWAP, {"stop": True})
        assert (listed["status"], canceled["status"]) == ("open", "canceled")
        for entry in (placed, listed, canceled):
            validator("order")(judge, {}, "createOrder", entry, SWAP, judge.milliseconds())
        with pytest.raises(OrderNotFoundError):
            await x.cancel_order(placed["id"], SWAP, TRIGGER)
        await judge.close()

    simulate(story())


def test_all_conditional_orders_are_canceled_apart_from_the_others() -> None:
    """A bot that cancels all orders on shutdown leaves its stops, unless it asks for both."""

    async def story() -> None:
        x = make()
        last = await price_of(x)
        resting = await x.create_order(SWAP, "limit", "buy", 0.1, round(last * 0.9, 1))
        await x.create_order(SWAP, "market", "sell", 0.1, None, stop(last * 0.9))
        await x.create_order(SPOT, "limit", "buy", 0.1, round(last * 0.9, 2))
        assert len(await x.cancel_all_orders(SWAP, TRIGGER)) == 1
        assert await x.fetch_open_orders(SWAP, params=TRIGGER) == []
        assert len(await x.fetch_canceled_orders(SWAP, params=TRIGGER)) == 1
        assert [o["id"] for o in await x.fetch_open_orders(params={"type": "swap"})] == [
            resting["id"]
        ]
        assert len(await x.fetch_open_orders(params={"type": "spot"}, limit=1)) == 1
        assert len(await x.fetch_open_orders()) == 1

    simulate(story())


def test_what_is_refused_and_why() -> None:
    """Params of contracts on a spot market, and stops that are met already."""

    async def story() -> None:
        x = make()
        last = await price_of(x)
        with pytest.raises(OrderWouldMatchError):
            await x.create_order(SWAP, "market", "sell", 0.1, None, stop(last * 1.1))
        for params in ({"workingType": "MARK_PRICE"}, {"closePosition": True}):
            for symbol in (SPOT, SWAP):
                with pytest.raises(BadRequestError):
                    await x.create_order(symbol, "market", "sell", 0.1, None, params)
        with pytest.raises(NotSupportedError, match="closePosition"):
            await x.create_oco_order(SWAP, "sell", 0.1, last * 1.1, last * 0.9)

    simulate(story())


def test_a_limit_order_of_a_contract_is_changed_in_one_request() -> None:
    """It keeps its id, which no replaced order of a spot market does."""

    async def story() -> None:
        x = make()
        last = await price_of(x)
        order = await x.create_order(SWAP, "limit", "buy", 0.1, round(last * 0.9, 1))
        asked = x.journal.requests
        price = round(last * 0.91, 1)
        changed = await x.edit_order(order["id"], SWAP, "limit", "buy", 0.2, price)
        assert x.journal.requests == asked + 1
        assert (changed["id"], changed["amount"], changed["price"]) == (order["id"], 0.2, price)
        with pytest.raises(NotSupportedError):
            await x.edit_order(order["id"], SWAP, "market", "buy", 0.2)
        with pytest.raises(InvalidOrderError, match="is a buy, not a sell"):
            await x.edit_order(order["id"], SWAP, "limit", "sell", 0.1, price)
        assert await x.fetch_order(order["id"], SWAP) == changed

    simulate(story())


def test_orders_of_contracts_are_a_batch() -> None:
    """One request; each is placed or refused on its own. Spot orders are sent one by one."""

    async def story() -> None:
        x = make()
        last = await price_of(x)
        low = round(last * 0.9, 1)
        one = {"symbol": SWAP, "type": "limit", "side": "buy", "amount": 0.1, "price": low}
        asked = x.journal.requests
        placed = await x.create_orders([
            one, {**one, "amount": 0}, {**one, "type": "market", "params": stop(low)},
            {**one, "symbol": "ETH/USDT:USDT", "amount": 1, "price": 100, "id": "mine"},
        ])  # fmt: skip
        assert x.journal.requests == asked + 1
        assert [o["status"] for o in placed] == ["open", "rejected", "rejected", "open"]
        assert [o["symbol"] for o in placed] == [SWAP, SWAP, SWAP, "ETH/USDT:USDT"]
        assert all(o.keys() == placed[0].keys() for o in placed), "of refused ones, too"
        assert placed[1]["filled"] is None
        assert placed[3]["clientOrderId"] == "mine"
        with pytest.raises(BadRequestError, match="up to 5"):
            await x.create_orders([one] * 6)

    simulate(story())


def test_an_order_good_till_a_date_ends_then() -> None:
    """The venue ends it, without a request of the bot."""

    async def story() -> None:
        x = make()
        last = await price_of(x)
        until = x.milliseconds() + 700_000
        params = {"timeInForce": "GTD", "goodTillDate": until}
        order = await x.create_order(SWAP, "limit", "buy", 0.1, round(last * 0.5, 1), params)
        await asyncio.sleep(701)
        assert (await x.fetch_order(order["id"], SWAP))["status"] == "expired"
        with pytest.raises(InvalidOrderError, match="goodTillDate"):
            await x.create_order(SWAP, "limit", "buy", 0.1, last, {"timeInForce": "GTD"})

    simulate(story())


def test_ccxts_shorter_calls_place_the_same_orders() -> None:
    """A bot names the kind by the call instead of a param."""

    async def story() -> None:
        x = make()
        last = await price_of(x)
        low, high = round(last * 0.9, 1), round(last * 1.1, 1)
        stopped = await x.create_stop_loss_order(SWAP, "market", "sell", 0.1, None, low)
        taken = await x.create_take_profit_order(SWAP, "limit", "sell", 0.1, high, high)
        trailed = await x.create_trailing_percent_order(SWAP, "market", "sell", 0.1, None, 2, high)
        assert (stopped["stopLossPrice"], taken["takeProfitPrice"]) == (low, high)
        assert (trailed["info"]["callbackRate"], trailed["triggerPrice"]) == (2, high)
        await x.create_order(SWAP, "market", "buy", 0.1)
        closing = await x.create_reduce_only_order(SWAP, "market", "sell", 0.1)
        assert closing["reduceOnly"] is True and await x.fetch_positions() == []
        with pytest.raises(BadRequestError, match="stopLossPrice"):
            await x.create_stop_loss_order(SWAP, "market", "sell", 0.1)

    simulate(story())


def test_no_call_about_orders_touches_a_conditional_order_or_the_reverse() -> None:
    """A bot that forgets `trigger` is told so, and cancels no other order in its place."""

    async def story() -> None:
        x = make()
        last = await price_of(x)
        low = round(last * 0.9, 1)
        order = await x.create_order(SWAP, "limit", "buy", 0.1, low)
        waits = await x.create_order(SWAP, "market", "sell", 0.1, None, stop(low))
        assert waits["id"] == "4000000000000001", "as the first one over the wire"
        for call in (x.fetch_order, x.cancel_order):
            with pytest.raises(OrderNotFoundError):
                await call(waits["id"], SWAP)
            with pytest.raises(OrderNotFoundError):
                await call(order["id"], SWAP, TRIGGER)
        assert await x.fetch_open_orders(SWAP) == [order]
        assert await x.fetch_open_orders(SWAP, params=TRIGGER) == [waits]

    simulate(story())


@pytest.mark.parametrize("percent", [0.09, 20.001, 50, float("nan"), "much"])
def test_a_trailing_stop_follows_within_limits(percent: object) -> None:
    """From 0.1 to 20 percent, as on the venue; the refusal names the param, and says why."""

    async def story() -> None:
        x = make()
        for symbol in (SWAP, SPOT) if isinstance(percent, str) or percent != percent else (SWAP,):
            with pytest.raises(InvalidOrderError, match=f"Invalid trailingPercent: '?{percent}"):
                await x.create_order(
                    symbol, "market", "sell", 0.1, 40_000, {"trailingPercent": percent}
                )
        for good in (0.1, 20):
            await x.create_order(SWAP, "market", "sell", 0.1, None, {"trailingPercent": good})

    simulate(story())
