"""Bots that trade contracts, two for each rule of positions: one breaks it, one keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from failing_exchange import FailingExchangeError
from failing_exchange.core import commands as c, queries as q
from failing_exchange.core.order import BUY, LIMIT, MARKET, SELL, OrderType
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS
from failing_exchange.judge.probe import probe
from failing_exchange.unified.errors import error_of

Bot = Callable[[Any], Awaitable[None]]
P = "BTC/USDT:USDT"
LOTS = 100  # of 0.001 BTC
TICKS = 10  # in a USDT


class Story(NamedTuple):
    """What goes wrong, who breaks the rule, who keeps it."""

    faults: tuple[dict[str, Any], ...]
    breaks: Bot
    keeps: Bot
    balances: dict[str, float] | None = None
    incidents: tuple[tuple[float, Any], ...] = ()  # (seconds, operator command)
    options: dict[str, Any] = {}  # noqa: RUF012  never changed
    rate_limit: int | None = None  # calls a minute
    markets: tuple[str, ...] | None = None


async def send(exchange: Any, operation: str, command: Any) -> Any:
    """One request as a command of the core; what was told, or the error of a refusal."""
    await exchange.ready()
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    symbol = getattr(command, "symbol", "")
    exchange.venue.gateway.receive(
        "main", operation, None, symbol, answered.set_result, lambda _: command
    )
    told = (await answered).told
    if isinstance(told, Reject):
        raise error_of(told, exchange.venue.clock.now())
    return told


async def order(exchange: Any, side: Any, lots: int = LOTS, **more: Any) -> Any:
    return await send(exchange, "create_order", c.PlaceOrder("main", P, side, MARKET, lots, **more))


async def stop(exchange: Any, lots: int = LOTS, price: float = 10_000, **more: Any) -> Any:
    """A stop that sells below a price; by default it never fires."""
    command = c.PlaceConditional(
        "main", P, SELL, OrderType.STOP_LOSS, lots, round(price * TICKS), **more
    )
    return await send(exchange, "create_order", command)


# ---- protected


async def holds_without_a_stop(exchange: Any) -> None:
    await order(exchange, BUY)
    await asyncio.sleep(600)


async def holds_with_a_stop(exchange: Any) -> None:
    await order(exchange, BUY)
    await stop(exchange, 0, close_position=True)
    await asyncio.sleep(600)


# ---- modes


async def trades_at_another_leverage(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await send(exchange, "set_leverage", c.SetLeverage("main", P, 500))
    await order(exchange, BUY)


async def trades_at_its_leverage(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await send(exchange, "set_leverage", c.SetLeverage("main", P, 500))
    await send(exchange, "set_leverage", c.SetLeverage("main", P, 3))
    await order(exchange, BUY)


# ---- one_exit: the market falls by 4 % after a minute


async def leaves_its_stop_behind(exchange: Any) -> None:
    entry = await order(exchange, BUY)
    paid = entry.cost / entry.filled / 10**5  # atoms a lot of 0.001 BTC
    await stop(exchange, price=round(paid * 0.98))
    await order(exchange, SELL)
    await asyncio.sleep(300)
    await send(exchange, "fetch_my_trades", q.FetchFills("main", P))
    await asyncio.sleep(300)


async def stops_by_reduce_only(exchange: Any) -> None:
    entry = await order(exchange, BUY)
    paid = entry.cost / entry.filled / 10**5
    await stop(exchange, price=round(paid * 0.98), reduce_only=True)
    await order(exchange, SELL, reduce_only=True)
    await asyncio.sleep(600)


# ---- books_forced: it is liquidated after a minute


async def believes_to_hold_still(exchange: Any) -> None:
    probe(positions=lambda: {P: 0.1})
    await order(exchange, BUY)
    await asyncio.sleep(900)


async def looks_at_its_position(exchange: Any) -> None:
    held = {P: 0.0}
    probe(positions=lambda: held)
    await order(exchange, BUY)
    while True:
        found = await send(exchange, "fetch_positions", q.FetchPositions("main", P))
        held[P] = sum(one.lots for one in found.positions) / 1_000
        await asyncio.sleep(30)


# ---- funding_once: funding is paid after a minute


async def owns(exchange: Any) -> float:
    """What it owns of USDT, in both wallets."""
    spot = await send(exchange, "fetch_balance", q.FetchBalance("main"))
    margin = (await send(exchange, "fetch_margin", q.FetchMargin("main"))).assets["USDT"]
    return float(sum(spot.assets["USDT"]) + margin.wallet + margin.isolated) / ATOMS


async def leaves_funding_out(exchange: Any) -> None:
    await order(exchange, BUY)
    cash = await owns(exchange)
    probe(balances=lambda: {"USDT": cash})
    await asyncio.sleep(900)


async def books_funding(exchange: Any) -> None:
    cash = {"USDT": 0.0}
    probe(balances=lambda: cash)
    await order(exchange, BUY)
    while True:
        cash["USDT"] = await owns(exchange)
        await asyncio.sleep(30)


# ---- keeps_reserve: ten calls at once, then one a second


async def spends_it_all_on_prices(exchange: Any) -> None:
    await order(exchange, BUY)
    for _ in range(9):
        await exchange.fetch_ticker(P)
    with suppress(FailingExchangeError):
        await order(exchange, SELL, reduce_only=True)


async def leaves_room_to_get_out(exchange: Any) -> None:
    await order(exchange, BUY)
    for _ in range(8):
        await exchange.fetch_ticker(P)
    await order(exchange, SELL, reduce_only=True)


# ---- equity: an order that rests locks its margin


async def takes_what_is_free_for_all_it_has(exchange: Any) -> None:
    await states_its_equity(exchange, "free")


async def takes_all_it_has(exchange: Any) -> None:
    await states_its_equity(exchange, "total")


async def states_its_equity(exchange: Any, kind: str) -> None:
    equity = {"USDT": 10_000.0}
    probe(equity=lambda: equity, peak_equity=lambda: {"USDT": 10_000.0})
    await exchange.fetch_ticker(P)
    await send(exchange, "create_order", c.PlaceOrder("main", P, BUY, LIMIT, LOTS, 490_000))
    while True:
        equity["USDT"] = (await exchange.fetch_balance({"type": "swap"}))[kind]["USDT"]
        await asyncio.sleep(30)


STORIES: dict[str, Story] = {
    "protected": Story((), holds_without_a_stop, holds_with_a_stop,
                       options={"protected": {"within_s": 60}}),
    "modes": Story((), trades_at_another_leverage, trades_at_its_leverage),
    "one_exit": Story((), leaves_its_stop_behind, stops_by_reduce_only,
                      incidents=((60, c.MovePrice(P, ppm=-40_000)),)),
    "books_forced": Story((), believes_to_hold_still, looks_at_its_position,
                          incidents=((60, c.LiquidatePosition("main", P)),)),
    "funding_once": Story((), leaves_funding_out, books_funding,
                          incidents=((60, c.PayFunding(P, 100_000)),)),
    "keeps_reserve": Story((), spends_it_all_on_prices, leaves_room_to_get_out, rate_limit=60),
    "equity": Story((), takes_what_is_free_for_all_it_has, takes_all_it_has,
                    balances={"USDT": 10_000}),
}  # fmt: skip
POSITION_STORIES = {
    name: story._replace(markets=("BTC/USDT", P)) for name, story in STORIES.items()
}
