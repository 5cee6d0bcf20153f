"""Bots that book what their orders did not do: each is found, and its careful twin is not.

The three kinds that were missed among forty bots with one bug each.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.faults.triggers import parse
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.probe import probe
from failing_exchange.judge.verdict import Verdict
from failing_exchange.runs.bot_process import JudgedRun

BTC = "BTC/USDT"
AMOUNT = 0.1
LEAN = {"USDT": 10_000.0}  # so that selling more than was bought is noticed by the venue
Fault = tuple[str, str, tuple[str, ...], dict[str, Any]]
PARTLY: Fault = ("partial_fill", "nth(1)", ("create_order",),
                 {"fill_ratio": 0.3, "complete_after": None})  # fmt: skip
BY_HAND: Fault = ("cancel_by_hand", "nth(2)", ("fetch_open_orders",), {})
EXPIRED: Fault = ("expire_order", "nth(2)", ("fetch_open_orders",), {})


def judged(bot: Any, *faults: Fault) -> Verdict:
    """The verdict after an hour of which the last ten minutes are calm."""

    async def main() -> Verdict:
        exchange = FailingExchange(seed=3, balances=LEAN)
        for kind, when, operations, fields in faults:
            exchange.arm(kind, parse(when), operations=operations, **fields)
        judge = Judge(exchange.venue)
        ending = await JudgedRun(
            bot=bot, exchange=exchange, seconds=3_600.0, judge=judge, calm=600.0
        ).play()
        return judge.verdict(crashed=ending.crashed, returned=ending.returned)

    return simulate(main(), seed=3)


def net(order: dict[str, Any]) -> float:
    """What an order has brought, after its fees."""
    return float(order["filled"] - sum(fee["cost"] for fee in order["fees"]))


async def quotes_below(exchange: Any) -> Any:
    bid = (await exchange.fetch_ticker(BTC))["bid"]
    price = float(exchange.price_to_precision(BTC, bid * 0.97))
    return await exchange.create_order(BTC, "limit", "buy", AMOUNT, price)


async def lives_on(exchange: Any) -> None:
    while True:
        await asyncio.sleep(60)
        await exchange.fetch_balance()


def cancels_the_rest(*, booked: str, tells: bool, sells: bool = False) -> Any:
    """A bot that cancels what is left of its order, and books its `amount` or what is `filled`."""

    async def bot(exchange: Any) -> None:
        held = {BTC: 0.0}
        if tells:
            probe(positions=lambda: held)
        order = await quotes_below(exchange)
        await asyncio.sleep(30)
        await exchange.cancel_order(order["id"], BTC)
        seen = await exchange.fetch_order(order["id"], BTC)
        if seen["filled"] > 0:
            held[BTC] = net(seen) if booked == "filled" else AMOUNT
        if sells:
            amount = float(exchange.amount_to_precision(BTC, held[BTC]))
            with suppress(FailingExchangeError):
                sold = await exchange.create_order(BTC, "market", "sell", amount)
                held[BTC] -= sold["filled"]
        await lives_on(exchange)

    return bot


def waits_until_it_is_gone(*, asks: bool, tells: bool, sells: bool = False) -> Any:
    """A bot to which what is not open any more is filled, or one that `asks` what became of it."""

    async def bot(exchange: Any) -> None:
        held = {BTC: 0.0}
        if tells:
            probe(positions=lambda: held)
        order = await quotes_below(exchange)
        while any(one["id"] == order["id"] for one in await exchange.fetch_open_orders(BTC)):
            await asyncio.sleep(30)
        held[BTC] = net(await exchange.fetch_order(order["id"], BTC)) if asks else AMOUNT
        if sells and held[BTC]:
            with suppress(FailingExchangeError):
                await exchange.create_order(BTC, "market", "sell", held[BTC])
        await lives_on(exchange)

    return bot


def averages(*, checks: bool) -> Any:
    """A bot that multiplies by the average price of an order of which nothing is filled yet."""

    async def bot(exchange: Any) -> None:
        order = await quotes_below(exchange)
        seen = await exchange.fetch_order(order["id"], BTC)
        average = seen["average"] or 0.0 if checks else seen["average"]
        assert average * seen["filled"] <= 10_000
        await lives_on(exchange)

    return bot


@pytest.mark.parametrize(
    ("bug", "twin", "faults", "rule", "why"),
    [
        (cancels_the_rest(booked="amount", tells=True),
         cancels_the_rest(booked="filled", tells=True), (PARTLY,),
         "converges", "believes to hold 0.1 BTC and holds 0.02997"),
        (cancels_the_rest(booked="amount", tells=False, sells=True),
         cancels_the_rest(booked="filled", tells=False, sells=True), (PARTLY,),
         "sells_free", "tried to sell 0.1 (trip 6) with 0.02997000 free"),
        (waits_until_it_is_gone(asks=False, tells=True),
         waits_until_it_is_gone(asks=True, tells=True), (BY_HAND,),
         "converges", "believes to hold 0.1 BTC and holds 0"),
        (waits_until_it_is_gone(asks=False, tells=True),
         waits_until_it_is_gone(asks=True, tells=True), (EXPIRED,),
         "converges", "believes to hold 0.1 BTC and holds 0"),
        (waits_until_it_is_gone(asks=False, tells=False, sells=True),
         waits_until_it_is_gone(asks=True, tells=False, sells=True), (EXPIRED,),
         "sells_free", "tried to sell 0.1 (trip"),
        (averages(checks=False), averages(checks=True), (),
         "alive", "died: TypeError: unsupported operand"),
    ],
)  # fmt: skip
def test_what_an_order_did_not_do_is_not_booked(
    bug: Any, twin: Any, faults: tuple[Fault, ...], rule: str, why: str
) -> None:
    """By its probe, or by what it then tries to sell; its twin in the same world is not accused."""
    found = judged(bug, *faults)
    assert found.result(rule).why.startswith(why), str(found)
    careful = judged(twin, *faults)
    assert careful.passed, str(careful)
