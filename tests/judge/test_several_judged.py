"""Several clients of one venue, each with a judge: everybody's deeds are their own."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import ConfigurationError, FailingExchange, FailingExchangeError, simulate
from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.order import OrderType, Side
from failing_exchange.faults.triggers import always
from failing_exchange.judge import bot_statements
from failing_exchange.judge.intents import INTENTS_KEPT_MAX, Intents, intend
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.probe import probe
from failing_exchange.judge.rule import Outcome
from failing_exchange.judge.verdict import Verdict
from failing_exchange.runs.bot_process import JudgedRun

BTC = "BTC/USDT"
BTCS = {"BTC": 10.0, "USDT": 1_000_000.0}


async def two_judged() -> tuple[FailingExchange, FailingExchange, Judge, Judge]:
    """The clients main and bob, each with a judge that listens from here on."""
    main = FailingExchange(seed=3)
    bob = main.client("bob", balances=BTCS)
    await main.ready()
    judges = [Judge(main.venue), Judge(main.venue, account="bob")]
    for judge in judges:
        judge.attach()
    return main, bob, judges[0], judges[1]


async def buys_twice(exchange: Any, account: str | None = None) -> None:
    with intend(BTC, "buy", 0.1, account=account):
        for _ in range(2):
            await exchange.create_order(BTC, "limit", "buy", 0.1, 60_000)


def test_requests_and_faults_of_others_are_not_counted() -> None:
    """One client that is refused and repeats itself must not make the other look restless."""

    async def story() -> tuple[Verdict, Verdict]:
        main, bob, judge, of_bob = await two_judged()
        main.arm("reject_request", always, clients="bob", why="unavailable")
        await main.fetch_balance()
        for _ in range(50):
            with suppress(FailingExchangeError):
                await bob.fetch_balance()
        return judge.verdict(), of_bob.verdict()

    mine, bobs = simulate(story())
    assert (mine.requests, mine.amplification, mine.faults) == (1, 1.0, 0)
    assert (bobs.requests, bobs.amplification, bobs.faults) == (50, 50.0, 50)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("bob_too", [False, True])
def test_an_intent_belongs_to_the_client_that_declares_it(named: bool, bob_too: bool) -> None:
    """By the first order of the block, or by name; the other client is not accused of it."""

    async def story() -> tuple[Verdict, Verdict]:
        main, bob, judge, of_bob = await two_judged()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(buys_twice(main, "main" if named else None))
            if bob_too:
                tasks.create_task(buys_twice(bob, "bob" if named else None))
            else:
                tasks.create_task(bob.create_order(BTC, "limit", "buy", 0.1, 60_000))
        return judge.verdict(), of_bob.verdict()

    mine, bobs = simulate(story())
    assert mine.result("once").outcome is Outcome.FAIL
    expected = Outcome.FAIL if bob_too else Outcome.NOT_JUDGED
    assert bobs.result("once").outcome is expected


def test_a_probe_belongs_to_the_client_that_gives_it() -> None:
    """Its next request shows whose it is."""

    async def story() -> tuple[Verdict, Verdict]:
        main, bob, judge, of_bob = await two_judged()
        probe(open_orders=lambda: ["an order that never was"])
        await bob.fetch_balance()
        await main.fetch_balance()
        await asyncio.sleep(600)
        return judge.verdict(), of_bob.verdict()

    mine, bobs = simulate(story())
    assert mine.result("converges").outcome is Outcome.PASS
    assert "an order that never was" in bobs.result("converges").why


def test_who_is_not_judged_cannot_be_named() -> None:
    """A misspelled account would leave the intent unheard."""

    async def story() -> None:
        await two_judged()
        with intend(BTC, "buy", 0.1, account="bobby"):
            pass

    with pytest.raises(ConfigurationError, match="'bobby' is not judged; judged are main, bob"):
        simulate(story())


def test_after_a_run_its_judge_hears_nothing_more() -> None:
    """Else the next run of the same process would be booked to it."""

    async def run(bot: Any, exchange: FailingExchange, judge: Judge) -> None:
        await JudgedRun(bot=bot, exchange=exchange, judge=judge, seconds=10.0).play()

    async def story() -> tuple[bool, Verdict]:
        first, second = FailingExchange(seed=3), FailingExchange(seed=4)
        one, two = Judge(first.venue), Judge(second.venue)
        await run(lambda exchange: exchange.fetch_time(), first, one)
        deaf = not bot_statements.LISTENERS.get()
        await run(buys_twice, second, two)
        return deaf and not one.intents.source, two.verdict()

    deaf, verdict = simulate(story())
    assert deaf
    assert verdict.result("once").outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("side", "amount", "text"),
    [("BUY", 0.1, "side must be 'buy' or 'sell', not 'BUY'"),
     ("buy", -1, "amount must be a number of units above 0, like 0.1, not -1"),
     ("buy", float("nan"), "not nan")],
)  # fmt: skip
def test_an_intent_that_makes_no_sense_is_refused(side: str, amount: float, text: str) -> None:
    """With the value and what is expected."""

    async def story() -> None:
        await two_judged()
        with intend(BTC, side, amount, account="main"):
            pass

    with pytest.raises(ConfigurationError, match=text):
        simulate(story())


def test_an_order_that_fits_no_intent_is_told_apart_at_once() -> None:
    """A bot with many intents must not slow down its judge: all of them were looked through."""
    exchange = FailingExchange(seed=1)

    async def story() -> Intents:
        await exchange.ready()
        intents = Intents(exchange.venue.gateway.engine.state.markets)
        for n in range(INTENTS_KEPT_MAX + 10):
            intents.declare(BTC, "buy", 0.1, at=n)
        return intents

    intents = simulate(story())
    sale = PlaceOrder("main", BTC, Side.SELL, OrderType.LIMIT, 1)
    began = time.process_time()
    assert not any(intents.of(sale, 10**18) for _ in range(1_000))
    assert time.process_time() - began < 1.0  # it was 3 s
    newest = intents.of(sale._replace(side=Side.BUY), 10**18)
    assert newest is not None
    assert newest.number == INTENTS_KEPT_MAX + 10
