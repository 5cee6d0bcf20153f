"""The rules that are older than contracts judge both sides, and value a position whole."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, Judge, Verdict, simulate
from failing_exchange.core import commands as c
from failing_exchange.judge.intents import intend
from failing_exchange.judge.probe import probe
from failing_exchange.runs.bot_process import JudgedRun
from tests.judge.position_stories import Bot, P

WORTH = 5_000.0  # USDT of 0.1 BTC; its margin is 1,000 or 50, by the leverage
AWAY = {"buy": 49_000.0, "sell": 51_000.0}  # limits that rest
SIGN = {"buy": 1, "sell": -1}
sides = pytest.mark.parametrize("side", ["buy", "sell"])
leverages = pytest.mark.parametrize("leverage", [100])


def judged(bot: Bot, leverage: int = 20, **fault: Any) -> Verdict:
    async def main() -> Verdict:
        exchange = FailingExchange(seed=3, markets=["BTC/USDT", P], balances={"USDT": 20_000})
        await exchange.set_leverage(leverage, P)
        if fault:
            exchange.arm(**fault)
        judge = Judge(exchange.venue)
        await JudgedRun(bot=bot, exchange=exchange, seconds=1_200, judge=judge).play()
        return judge.verdict()

    return simulate(main(), seed=3)


async def enters(exchange: Any, side: str, **more: Any) -> Any:
    return await exchange.create_order(P, "market", side, 0.1, None, more)


@pytest.mark.parametrize("leverage", [5, 100])
@sides
def test_what_is_executed_twice_is_worth_all_of_it(side: str, leverage: int) -> None:
    """`once`: a short that was opened twice risks as much as a long."""

    async def bot(exchange: Any) -> None:
        with intend(P, side, 0.1):
            await enters(exchange, side)
            await enters(exchange, side)

    found = judged(bot, leverage).result("once")
    assert found.times == 1
    assert found.money == pytest.approx(WORTH, rel=0.01)


@leverages
@sides
def test_a_position_that_it_does_not_know_of_is_worth_all_of_it(side: str, leverage: int) -> None:
    """`converges`: it believes to be flat."""

    async def bot(exchange: Any) -> None:
        probe(positions=lambda: {P: 0.0})
        await enters(exchange, side)
        await asyncio.sleep(600)

    verdict = judged(bot, leverage)
    assert verdict.result("converges").money == pytest.approx(WORTH, rel=0.01)
    assert verdict.money == pytest.approx(WORTH, rel=0.01)


@leverages
@sides
def test_a_fill_that_it_never_heard_of_is_worth_all_of_it(side: str, leverage: int) -> None:
    """`converges` from outside, and the exposure: the answer was lost, and nobody asked."""

    async def bot(exchange: Any) -> None:
        with suppress(FailingExchangeError, TimeoutError):
            await asyncio.wait_for(enters(exchange, side), 20)
        await asyncio.sleep(900)

    lost = {"fault": "lose_answer", "operations": ["create_order"]}
    verdict = judged(bot, leverage, **lost)
    assert verdict.result("converges").money == pytest.approx(WORTH, rel=0.01)
    assert verdict.exposure[P]["worst"] == pytest.approx(WORTH, rel=0.01)
    assert verdict.exposure[P]["left_amount"] == pytest.approx(0.1)


@sides
def test_a_fill_that_it_books_twice_is_more_than_all_its_trades(side: str) -> None:
    """`monotone`: below 0 for a short position."""

    async def bot(exchange: Any) -> None:
        probe(positions=lambda: {P: 0.2 * SIGN[side]})
        await enters(exchange, side)
        await asyncio.sleep(300)

    assert judged(bot).result("monotone").times == 1


@leverages
@sides
def test_a_position_without_its_stop_is_worth_all_of_it(side: str, leverage: int) -> None:
    """`covered` and `protected`: a stop on the other side, of both kinds of position."""

    async def bot(exchange: Any) -> None:
        with intend(P, side, 0.1, covered_within=60):
            await enters(exchange, side)
        await asyncio.sleep(300)

    verdict = judged(bot, leverage)
    for rule in ("covered", "protected"):
        assert verdict.result(rule).money == pytest.approx(WORTH, rel=0.01)


@leverages
@sides
def test_an_order_in_place_of_another_is_worth_all_of_it(side: str, leverage: int) -> None:
    """`resolves`."""

    async def bot(exchange: Any) -> None:
        for _ in range(2):
            with suppress(FailingExchangeError, TimeoutError):
                await asyncio.wait_for(enters(exchange, side), 20)

    lost = {"fault": "lose_answer", "operations": ["create_order"]}
    found = judged(bot, leverage, **lost).result("resolves")
    assert found.times == 1
    assert found.breaches[0].money == pytest.approx(WORTH, rel=0.01)


@leverages
@sides
def test_an_order_at_an_old_price_is_worth_all_of_it(side: str, leverage: int) -> None:
    """`fresh`."""

    async def bot(exchange: Any) -> None:
        await exchange.fetch_ticker(P)
        await asyncio.sleep(300)
        await exchange.create_order(P, "limit", side, 0.1, AWAY[side])

    found = judged(bot, leverage).result("fresh")
    assert found.money == pytest.approx(WORTH, rel=0.01)


@sides
def test_a_fee_that_it_leaves_out_is_missing_from_its_margin(side: str) -> None:
    """`books_fees`: of a contract it is paid in what it settles in, from the futures wallet."""

    async def bot(exchange: Any) -> None:
        wallet = 20_000.0
        probe(balances=lambda: {"USDT": wallet})
        await enters(exchange, side)
        await asyncio.sleep(60)

    found = judged(bot).result("books_fees")
    assert found.times == 1
    assert found.money == pytest.approx(WORTH * 0.0005, rel=0.02)


@sides
def test_an_exit_is_judged_by_the_side_of_its_position(side: str) -> None:
    """`one_exit`, `keeps_reserve`: a short position is closed by a buy."""
    other = {"buy": "sell", "sell": "buy"}[side]

    async def flips(exchange: Any) -> None:
        await enters(exchange, side)
        await asyncio.gather(enters(exchange, other), enters(exchange, other))

    async def stuck(exchange: Any) -> None:
        await enters(exchange, side)
        await exchange.operate(c.ChangeRules(P, (("orders_max", 0),)))
        with suppress(FailingExchangeError):
            await exchange.create_order(P, "limit", other, 0.1, AWAY[other])

    assert judged(flips).result("one_exit").money == pytest.approx(WORTH, rel=0.01)
    assert judged(stuck).result("keeps_reserve").breaches[0].money == pytest.approx(WORTH, rel=0.01)
