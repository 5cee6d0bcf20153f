"""A story for each fault of the catalogue: what a client does, what happened, what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, NamedTuple

from failing_exchange import FailingExchange
from failing_exchange.core.commands import OpenAccount

SYMBOL = "BTC/USDT"
LOW, HIGH = 40_000.0, 60_000.0  # prices at which an order rests
Arm = Callable[..., None]


class Story(NamedTuple):
    """(happened, told) when the fault is armed with `fields`, and when it is not."""

    tell: Callable[[FailingExchange, Arm], Awaitable[tuple[Any, Any]]]
    armed: tuple[Any, Any]
    calm: tuple[Any, Any]
    fields: dict[str, Any] = {}  # noqa: RUF012  never changed
    when: str = "always"
    on: tuple[str, ...] = ()
    markets: tuple[str, ...] = ("BTC/USDT", "ETH/USDT")


async def said(call: Awaitable[Any]) -> Any:
    """What a call answers, or the name of the error that it raises."""
    try:
        return await call
    except Exception as error:
        return type(error).__name__


async def status(call: Awaitable[Any]) -> Any:
    """The status of the order that a call answers, or the name of the error."""
    answer = await said(call)
    return answer.get("status") if isinstance(answer, dict) else answer


def happened(x: FailingExchange) -> list[str]:
    """The first column: what happened on the exchange since the accounts were opened."""
    return [
        type(event).__name__
        for trip in x.journal.trips
        if not isinstance(trip.command, OpenAccount)
        for event in trip.happened
    ]


def buy(x: FailingExchange, price: float | None = LOW, amount: float = 0.01, **more: Any) -> Any:
    kind = "limit" if price is not None else "market"
    return x.create_order(SYMBOL, kind, "buy", amount, price, **more)


# ---- placing


async def place(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    told = await status(buy(x))
    return happened(x), told


async def place_and_wait(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Look again after everything that is late has arrived."""
    arm()
    told = await status(buy(x))
    before = happened(x)
    await asyncio.sleep(60)
    await x.fetch_time()
    return (before, happened(x)), told


async def place_timed(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    start = asyncio.get_running_loop().time()
    told = await status(buy(x))
    return happened(x), (told, round(asyncio.get_running_loop().time() - start, 3))


async def place_and_find(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Whether the order can be found by the id that the client was told."""
    arm()
    order = await buy(x)
    looked = await status(x.fetch_order(order.get("id") or "0"))
    return happened(x), (order["status"], order["id"] is not None, looked)


async def place_amounts(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    order = await buy(x)
    return happened(x), tuple(order.get(k, "missing") for k in ("status", "filled", "remaining"))


async def place_answer(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    answer = await said(buy(x))
    return happened(x), answer if not isinstance(answer, dict) else "a structure"


async def place_twice(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    told = await status(buy(x))
    await asyncio.sleep(1)
    return happened(x), (told, len(await x.fetch_open_orders()))


async def place_one_of_each(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Odd price, small order, far price, sixth order: what rules in force say to each."""
    arm()
    odd = await status(buy(x, LOW + 0.01))
    small = await status(buy(x, LOW, 0.001))
    for _ in range(4):
        await said(buy(x, 49_900))
    last = await status(buy(x, 49_900))
    return happened(x).count("OrderAccepted"), (odd, small, last)


# ---- refusals over time


async def ask_over_time(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Ask at once four times, then ten minutes later."""
    arm()
    told = [await status(x.fetch_status()) for _ in range(4)]
    await asyncio.sleep(601)
    return happened(x), (*told, await status(x.fetch_status()))


async def what_time(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    ahead = (x.milliseconds() - await x.fetch_time()) / 1_000
    told = await status(buy(x))
    return happened(x), (ahead, told)


# ---- an order that rests


async def rest_and_cancel(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    order = await buy(x)
    arm()
    answer = await said(x.cancel_order(order["id"]))
    told = (answer["status"], answer["filled"]) if isinstance(answer, dict) else answer
    return happened(x)[1:], told


async def rest_and_edit(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Replace an order; what the client is told, and what has become of its orders."""
    order = await buy(x)
    arm()
    told = await status(x.edit_order(order["id"], SYMBOL, "limit", "buy", 0.01, LOW + 1))
    orders = await x.fetch_orders(SYMBOL)
    return happened(x)[1:], (told, [one["status"] for one in orders])


async def rest_and_cancel_bare(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    order = await buy(x)
    arm()
    answer = await x.cancel_order(order["id"])
    return happened(x)[1:], (answer["id"] == order["id"], "status" in answer)


async def cancel_and_look_at_funds(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    order = await buy(x)
    arm()
    told = await status(x.cancel_order(order["id"]))
    used = (await x.fetch_balance())["USDT"]["used"]
    await asyncio.sleep(61)
    later = (await x.fetch_balance())["USDT"]["used"]
    return happened(x)[1:], (told, used, later)


async def rest_and_look(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    order = await buy(x)
    arm()
    seen = await status(x.fetch_order(order["id"]))
    return happened(x)[1:], seen


async def rest_and_list(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    await buy(x)
    await buy(x)
    arm()
    seen = [order["status"] for order in await x.fetch_open_orders()]
    return happened(x)[2:], seen


async def look_soon_and_later(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    order = await buy(x)
    soon = await status(x.fetch_order(order["id"])), len(await x.fetch_open_orders())
    await asyncio.sleep(11)
    later = await status(x.fetch_order(order["id"])), len(await x.fetch_open_orders())
    return happened(x), (soon, later)


# ---- fills and prices


async def buy_at_market(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    ask = (await x.fetch_ticker(SYMBOL))["ask"]
    arm()
    order = await buy(x, None, 1.0)
    worse = order["average"] / ask - 1
    return happened(x)[0], (order["status"], 0.004 < worse <= 0.02)


async def partly(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    order = await buy(x, LOW, 1.0)
    await asyncio.sleep(31)
    later = await x.fetch_order(order["id"])
    return happened(x), (order["status"], order["filled"], later["status"], later["filled"])


async def fees_paid(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    order = await buy(x, None, 1.0)
    return happened(x)[0], round(order["fee"]["cost"], 6)


async def thin(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    ask = (await x.fetch_ticker(SYMBOL))["ask"]
    arm()
    told = await status(buy(x, ask, 0.001, params={"timeInForce": "IOC"}))
    return happened(x), told


async def trade_and_count(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    before = (await x.fetch_balance())["BTC"]["total"]
    await buy(x, None, 0.001)
    arm()
    await x.fetch_time()
    after = (await x.fetch_balance())["BTC"]["total"]
    return happened(x)[1:], round(after - before, 6)


async def money(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    balance = (await x.fetch_balance())["USDT"]
    return happened(x), (balance["free"], balance["used"])


async def price_after_the_next_print(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    before = (await x.fetch_ticker(SYMBOL))["last"]
    arm()
    await x.fetch_ticker(SYMBOL)
    await asyncio.sleep(5)
    after = (await x.fetch_ticker(SYMBOL))["last"]
    return happened(x)[:1], after < before * 0.96


# ---- market data


async def ticker(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    found = await x.fetch_ticker(SYMBOL)
    bid, ask = found["bid"], found["ask"]
    if not bid or not ask:
        return happened(x), (bid, ask, found["last"])
    return happened(x), ("bid below ask", bid < ask)


async def how_many_tickers(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    seen = await x.fetch_tickers()
    return happened(x), len(seen)


async def is_it_moving(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    seen = []
    for _ in range(3):
        seen.append((await x.fetch_ticker(SYMBOL))["timestamp"])
        await asyncio.sleep(5)
    return happened(x), [one - seen[0] for one in seen]


async def how_old(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    await asyncio.sleep(20)
    await x.fetch_time()
    order = await buy(x)
    arm()
    ticker = await x.fetch_ticker(SYMBOL)
    used = (await x.fetch_balance())["USDT"]["used"]
    seen = await status(x.fetch_order(order["id"])), len(await x.fetch_open_orders())
    return happened(x), (x.milliseconds() - ticker["timestamp"], used, *seen)


async def book(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    found = await x.fetch_order_book(SYMBOL)
    if not found["bids"] or not found["asks"]:
        return happened(x), (len(found["bids"]), len(found["asks"]))
    return happened(x), ("bid below ask", found["bids"][0][0] < found["asks"][0][0])


async def book_after_a_jump(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """The price has fallen by a tenth: is the old price still in the book?"""
    from failing_exchange.core.commands import MovePrice

    old = (await x.fetch_ticker(SYMBOL))["bid"]
    await x.operate(MovePrice(SYMBOL, ppm=-100_000))
    await asyncio.sleep(30)
    arm()
    found = await x.fetch_order_book(SYMBOL)
    return happened(x), found["bids"][0][0] > old * 0.95


async def candle_steps(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    arm()
    rows = await x.fetch_ohlcv(SYMBOL, "1m", limit=20)
    steps = sorted({(b[0] - a[0]) // 60_000 for a, b in pairwise(rows)})
    forming = x.milliseconds() - rows[-1][0] < 60_000
    return happened(x), (len(rows), steps, forming)


# ---- feeds


async def watch_two_orders(x: FailingExchange, arm: Arm) -> tuple[Any, Any]:
    """Place two orders half a second apart; what the feed says within five seconds, in order."""
    arm()
    told: list[Any] = []

    async def listen() -> None:
        while True:
            for order in await x.watch_orders(SYMBOL):
                told.append(int(order["id"]))

    listener = asyncio.ensure_future(listen())
    await asyncio.sleep(0.1)
    await buy(x)
    await asyncio.sleep(0.01)
    await buy(x)
    await asyncio.sleep(5)
    broke = listener.done() and type(listener.exception()).__name__
    listener.cancel()
    return happened(x), broke or told
