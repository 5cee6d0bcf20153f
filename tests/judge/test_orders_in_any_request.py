"""Rules see an order in whatever request it comes: alone, in a batch, a list, a change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, Judge, Verdict, simulate
from failing_exchange.core import commands as c
from failing_exchange.core.order import BUY, LIMIT, MARKET, SELL, Contingency, OrderType
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.core.wanted_orders import PLACING, orders_in
from failing_exchange.faults.plan import Match
from failing_exchange.faults.stages import AtRequest
from failing_exchange.journal.trip import Stage
from failing_exchange.judge.intents import intend
from failing_exchange.judge.rule import Outcome
from failing_exchange.runs.bot_process import JudgedRun
from tests.judge.position_stories import P, send

SPOT = "BTC/USDT"
LOW, HIGH = 300_000, 900_000  # ticks of the contract; far from the market of 50,000 USDT
Way = Callable[[Any, c.PlaceOrder], Awaitable[Any]]


def resting(symbol: str) -> c.PlaceOrder:
    """A buy that never trades."""
    found: c.PlaceOrder = wanted(symbol, ticks=LOW if symbol == P else LOW * 10)
    return found


def wanted(symbol: str, side: Any = BUY, *, ticks: int = 0, lots: int = 0, **more: Any) -> Any:
    kind = LIMIT if ticks else MARKET
    return c.PlaceOrder("main", symbol, side, kind, lots or (100 if symbol == P else 10_000),
                        ticks, **more)  # fmt: skip


async def alone(exchange: Any, order: c.PlaceOrder) -> Any:
    return await send(exchange, "create_order", order)


async def in_a_batch(exchange: Any, order: c.PlaceOrder) -> Any:
    return await send(exchange, "create_orders", c.BatchOrders("main", (order,)))


async def behind_another(exchange: Any, order: c.PlaceOrder) -> Any:
    return await send(
        exchange, "create_orders", c.BatchOrders("main", (resting(order.symbol), order))
    )


async def in_place_of_another(exchange: Any, order: c.PlaceOrder) -> Any:
    old = await send(exchange, "create_order", resting(order.symbol))
    cancel = c.CancelOrder("main", order.symbol, old.order.id)
    return await send(exchange, "edit_order", c.ReplaceOrder(cancel, order))


async def before_a_pending_one(exchange: Any, order: c.PlaceOrder) -> Any:
    pending = resting(order.symbol)._replace(ticks=LOW * 9, client_id="")
    legs = c.PlaceOrderList("main", (order, pending), Contingency.OTO)
    return await send(exchange, "create_oco_order", legs)


async def as_a_change(exchange: Any, order: c.PlaceOrder) -> Any:
    old = await send(exchange, "create_order", resting(order.symbol))
    changed = c.ChangeOrder("main", order.symbol, old.order.id, "", order.lots, order.ticks)
    return await send(exchange, "edit_order", changed)


ON_CONTRACTS = (alone, in_a_batch, behind_another)
ON_SPOT = (alone, in_place_of_another, before_a_pending_one)
NEW = [*((way, P) for way in ON_CONTRACTS), *((way, SPOT) for way in ON_SPOT)]
PRICED = [*NEW, (as_a_change, P)]
new = pytest.mark.parametrize(("way", "symbol"), NEW)
priced = pytest.mark.parametrize(("way", "symbol"), PRICED)


def judged(bot: Callable[[Any], Awaitable[None]], **options: Any) -> Verdict:
    async def main() -> Verdict:
        held = {"USDT": 1_000_000, "BTC": 1}
        exchange = FailingExchange(seed=3, markets=[SPOT, P], balances=held)
        judge = Judge(exchange.venue, options=options)
        await JudgedRun(bot=bot, exchange=exchange, seconds=1_200, judge=judge).play()
        return judge.verdict()

    return simulate(main(), seed=3)


def breaks(rule: str, bot: Callable[[Any], Awaitable[None]], **options: Any) -> None:
    result = judged(bot, **options).result(rule)
    assert result.outcome is Outcome.FAIL, result.why


@dataclass(frozen=True)
class TooManyOrders(AtRequest):
    """Orders have to wait, and nothing else."""

    def strike(self, stage: Stage, match: Match) -> Reject:
        return Reject(Reason.TOO_MANY_ORDERS_SENT, until=match.at + 60 * SECOND)


def near(symbol: str) -> int:
    """Ticks of a limit that rests near the market of 50,000 USDT."""
    return 499_000 if symbol == P else 4_990_000


def test_each_command_that_carries_an_order_is_known() -> None:
    """One that is left out is judged by no rule, and met by no fault."""
    tuples = {name: kind for name, kind in vars(c).items() if hasattr(kind, "_fields")}
    of_clients = {name: kind for name, kind in tuples.items() if kind.__module__ == c.__name__}
    orders = {name for name, kind in of_clients.items() if {"account", "lots", "side"} <= {
        *kind._fields}}  # fmt: skip
    assert orders == {"PlaceOrder", "PlaceConditional", "ChangeOrder"}
    carriers = {
        kind for name, kind in of_clients.items()
        if name in orders or any(
            order in str(hint) or "InBatch" in str(hint)
            for order in orders for hint in kind.__annotations__.values()
        )
    }  # fmt: skip
    assert carriers == PLACING
    assert orders_in(wanted(P, test=True)) == ()


@priced
def test_a_price_of_yesterday_is_found(way: Way, symbol: str) -> None:
    """`fresh`: an order is priced where its price is set, also by a change."""

    async def bot(exchange: Any) -> None:
        await exchange.fetch_ticker(symbol)
        await asyncio.sleep(300)
        await way(exchange, wanted(symbol, ticks=near(symbol)))

    breaks("fresh", bot)


@priced
def test_an_order_that_breaks_a_rule_of_the_market_is_found(way: Way, symbol: str) -> None:
    """`obeys_filters`: also where the batch around it was taken."""

    async def bot(exchange: Any) -> None:
        with suppress(FailingExchangeError):
            await way(exchange, wanted(symbol, ticks=near(symbol), lots=1))  # of too little worth

    breaks("obeys_filters", bot)


@priced
def test_an_order_after_an_unseen_break_is_found(way: Way, symbol: str) -> None:
    """`resyncs`: what was missed may have been a fill."""

    async def bot(exchange: Any) -> None:
        exchange.arm("break_feed", operations=["watch_orders"])
        task = asyncio.get_running_loop().create_task(exchange.watch_orders(symbol))
        await asyncio.sleep(1)
        await send(exchange, "create_order", resting(symbol))
        with suppress(FailingExchangeError):
            await task
        await way(exchange, wanted(symbol, ticks=near(symbol)))

    breaks("resyncs", bot)


@priced
def test_an_order_in_the_wait_for_orders_is_found(way: Way, symbol: str) -> None:
    """`backs_off`: a wait that only orders have to keep."""

    async def bot(exchange: Any) -> None:
        waits = exchange.arm(TooManyOrders(), operations=["create_order"])
        with suppress(FailingExchangeError):
            await send(exchange, "create_order", resting(symbol))
        waits.disarm()
        with suppress(FailingExchangeError):
            await way(exchange, wanted(symbol, ticks=near(symbol)))

    breaks("backs_off", bot)


@new
def test_a_second_order_for_one_intent_is_found(way: Way, symbol: str) -> None:
    """`once`: bought twice is bought twice, whoever carries it."""

    async def bot(exchange: Any) -> None:
        order = wanted(symbol, ticks=HIGH * (1 if symbol == P else 10) * 6 // 10)
        with intend(symbol, "buy", 0.1):
            await alone(exchange, order)
            await way(exchange, order)

    breaks("once", bot)


@new
def test_an_order_in_place_of_one_without_an_answer_is_found(way: Way, symbol: str) -> None:
    """`resolves`: the first may be live."""

    async def bot(exchange: Any) -> None:
        order = wanted(symbol, ticks=near(symbol))
        lost = exchange.arm("lose_answer", operations=["create_order", "create_oco_order",
                                                       "edit_order"])  # fmt: skip
        with suppress(FailingExchangeError, TimeoutError):
            await asyncio.wait_for(way(exchange, order), 20)
        lost.disarm()
        await way(exchange, order)

    breaks("resolves", bot)


@new
def test_the_same_refused_order_for_ever_is_found(way: Way, symbol: str) -> None:
    """`no_hot_loop`: a batch that is taken hides no refusals of its orders."""

    async def bot(exchange: Any) -> None:
        order = wanted(symbol, SELL, lots=10**9)
        for _ in range(12):
            with suppress(FailingExchangeError):
                await way(exchange, order)
            await asyncio.sleep(1)

    breaks("no_hot_loop", bot)


@pytest.mark.parametrize("way", ON_SPOT)
def test_a_sale_of_more_than_is_free_is_found(way: Way) -> None:
    """`sells_free`."""

    async def bot(exchange: Any) -> None:
        for _ in range(2):
            await exchange.fetch_balance()
            with suppress(FailingExchangeError):
                await way(exchange, wanted(SPOT, SELL, ticks=near(SPOT) + 100_000, lots=500_000))

    breaks("sells_free", bot)


@pytest.mark.parametrize("way", [*ON_CONTRACTS, as_a_change])
def test_an_order_at_another_leverage_is_found(way: Way) -> None:
    """`modes`: a change may add to a position, too."""

    async def bot(exchange: Any) -> None:
        await way(exchange, wanted(P, ticks=near(P)))

    breaks("modes", bot, modes={"leverage": 5})


@pytest.mark.parametrize("way", ON_CONTRACTS)
def test_an_exit_that_opens_another_position_is_found(way: Way) -> None:
    """`one_exit`: a close that is sent twice."""

    async def bot(exchange: Any) -> None:
        await alone(exchange, wanted(P))
        await asyncio.gather(*(way(exchange, wanted(P, SELL)) for _ in range(2)))

    breaks("one_exit", bot)


@pytest.mark.parametrize("way", ON_CONTRACTS)
def test_an_exit_that_a_limit_refuses_is_found(way: Way) -> None:
    """`keeps_reserve`: here too many orders are open."""

    async def bot(exchange: Any) -> None:
        await alone(exchange, wanted(P))
        await exchange.operate(c.ChangeRules(P, (("orders_max", 0),)))
        with suppress(FailingExchangeError):
            await way(exchange, wanted(P, SELL, ticks=HIGH * 6 // 10))

    breaks("keeps_reserve", bot)


async def conditional(exchange: Any, **more: Any) -> Any:
    stop = c.PlaceConditional(
        "main", P, SELL, OrderType.STOP_LOSS, 100, 495_000, **{"reduce_only": True, **more}
    )
    return await send(exchange, "create_order", stop)


def test_a_conditional_order_without_an_answer_is_asked_for() -> None:
    """`resolves`: a second stop beside the first one closes, or opens, twice; a look is enough."""

    async def blind(exchange: Any, *, looks: bool = False) -> None:
        await alone(exchange, wanted(P))
        lost = exchange.arm("lose_answer", operations=["create_order"])
        with suppress(FailingExchangeError, TimeoutError):
            await asyncio.wait_for(conditional(exchange), 20)
        lost.disarm()
        if looks:
            await exchange.fetch_open_orders(P, params={"trigger": True})
        await conditional(exchange)

    async def looking(exchange: Any) -> None:
        await blind(exchange, looks=True)

    breaks("resolves", blind)
    assert judged(looking).result("resolves").outcome is Outcome.PASS


def test_two_stops_for_one_intent_are_found_when_both_fire() -> None:
    """`once`: a conditional order belongs to the intent that it was placed for."""

    async def bot(exchange: Any) -> None:
        await alone(exchange, wanted(P))
        with intend(P, "sell", 0.1):
            await conditional(exchange, reduce_only=False)
            await conditional(exchange, reduce_only=False)
        await exchange.operate(c.MovePrice(P, ppm=-20_000, at_once=True))
        await asyncio.sleep(10)

    breaks("once", bot)


def test_a_stop_is_no_try_of_an_exit_that_was_declared() -> None:
    """A bot that declares its exits, and not its stops, sends nothing twice."""

    async def bot(exchange: Any) -> None:
        for _ in range(2):
            await alone(exchange, wanted(P))
            await conditional(exchange, reduce_only=False)
            with intend(P, "sell", 0.1):
                await alone(exchange, wanted(P, SELL))
        await exchange.operate(c.MovePrice(P, ppm=-20_000, at_once=True))
        await asyncio.sleep(10)

    assert judged(bot).result("once").outcome is Outcome.PASS


def test_a_stop_that_stands_serves_its_intent() -> None:
    """The verdict counts intents without an order as lost; a stop is an order."""

    async def bot(exchange: Any) -> None:
        with intend(P, "buy", 0.1):
            await alone(exchange, wanted(P))
        with intend(P, "sell", 0.1):
            await conditional(exchange)

    assert judged(bot).lost == 0
