"""A bot that has asked, and was told what is not so, is accused of nothing that follows from it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.core.commands import BustTrade
from failing_exchange.faults.triggers import parse
from failing_exchange.judge.intents import intend
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.probe import probe
from failing_exchange.judge.rule import Outcome
from failing_exchange.judge.verdict import Verdict
from failing_exchange.runs.bot_process import JudgedRun

Fault = tuple[str, str, str, dict[str, Any]]
BTC = "BTC/USDT"
NAME = {"clientOrderId": "mine"}
LOST: Fault = ("break_connection", "nth(1)", "create_order", {"executed": "before"})


def judged(bot: Any, *faults: Fault) -> Verdict:
    """The verdict after half an hour."""

    async def main() -> Verdict:
        exchange = FailingExchange(seed=3)
        for kind, when, operation, fields in faults:
            exchange.arm(kind, parse(when), operations=operation, **fields)
        judge = Judge(exchange.venue)
        ending = await JudgedRun(bot=bot, exchange=exchange, seconds=1_800.0, judge=judge).play()
        return judge.verdict(crashed=ending.crashed, returned=ending.returned)

    return simulate(main(), seed=3)


async def asks_once(exchange: Any, after: float, price: float = 40_000) -> str:
    """An order of which nothing is heard, and a question about it; what the bot believes then."""
    with suppress(FailingExchangeError):
        await exchange.create_order(BTC, "limit", "buy", 0.1, price, NAME)
        return "open"
    await asyncio.sleep(after)
    try:
        return str((await exchange.fetch_order(None, BTC, NAME))["status"])
    except FailingExchangeError:
        return "absent"


def believes_what_it_was_told(after: float) -> Any:
    async def bot(exchange: Any) -> None:
        status = await asks_once(exchange, after)
        probe(open_orders=lambda: ["mine"] if status == "open" else [])
        await asyncio.sleep(1_700)

    return bot


def lists_its_orders(after: float) -> Any:
    async def bot(exchange: Any) -> None:
        await asks_once(exchange, 0.0)
        await asyncio.sleep(after)
        mine = [one["id"] for one in await exchange.fetch_open_orders(BTC)]
        probe(open_orders=lambda: mine)
        await asyncio.sleep(1_700)

    return bot


HIDDEN: Fault = ("hide_new_orders", "always", "fetch_order", {"seconds": 3_600.0})
LEFT_OUT: Fault = ("hide_orders", "nth(1)", "fetch_open_orders", {"part": 1.0})


@pytest.mark.parametrize(
    ("bot", "fault"),
    [(believes_what_it_was_told, HIDDEN), (lists_its_orders, LEFT_OUT)],
)
def test_an_order_that_a_read_hid_is_not_the_bots_fault(bot: Any, fault: Any) -> None:
    """It could have known from the venue only; who asks too soon, or not at all, is to blame."""
    excused = judged(bot(20.0), LOST, fault, HIDDEN).result("converges")
    assert excused.outcome is Outcome.NOT_JUDGED
    assert "newest answer (trip" in excused.why
    assert judged(bot(20.0), LOST).result("converges").outcome is Outcome.PASS
    if bot is believes_what_it_was_told:
        soon = judged(bot(2.0), LOST, fault).result("converges")
        assert soon.why.startswith("was never told of order 1, which is open, because")
        assert soon.times == 1, "one order is one mistake, and its money counts once"


async def asks_nothing(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000, NAME)
    probe(open_orders=list)
    await asyncio.sleep(1_700)


def test_who_does_not_ask_is_blamed() -> None:
    """The excuse is for those that have asked."""
    result = judged(asks_nothing, LOST, HIDDEN).result("converges")
    assert result.outcome is Outcome.FAIL
    assert result.breaches[0].trips, "the order's trip is named"


def polls(pause: float) -> Any:
    """A bot that looks at its resting order each so often, and believes what it sees."""

    async def bot(exchange: Any) -> None:
        price = round((await exchange.fetch_ticker(BTC))["bid"] * 0.97, 2)
        order = await exchange.create_order(BTC, "limit", "buy", 0.1, price)
        held = {BTC: 0.0}
        probe(positions=lambda: held)
        while True:
            await asyncio.sleep(pause)
            await exchange.fetch_time()
            seen = await exchange.fetch_order(order["id"], BTC)
            held[BTC] = seen["filled"] - sum(fee["cost"] for fee in seen["fees"])

    return bot


def test_a_fill_that_a_stale_read_hid_until_the_end_is_excused() -> None:
    """It looked after the fill, and saw the time before it."""
    fill: Fault = ("fill_order", "nth(2)", "fetch_time", {})
    stale: Fault = ("stale_read", "nth(2)", "fetch_order", {"seconds": 120.0})
    result = judged(polls(600.0), fill, stale).result("converges")
    assert result.outcome is Outcome.NOT_JUDGED, result.why
    assert judged(polls(600.0), fill).result("converges").outcome is Outcome.PASS


async def books_nothing(exchange: Any) -> None:
    held = {BTC: 0.0}
    probe(positions=lambda: held)
    price = round((await exchange.fetch_ticker(BTC))["bid"] * 0.97, 2)
    order = await exchange.create_order(BTC, "limit", "buy", 0.1, price)
    for _ in range(2):
        await asyncio.sleep(600)
        await exchange.fetch_time()
        await exchange.fetch_order(order["id"], BTC)


def test_a_lie_about_one_order_excuses_no_other_mistake() -> None:
    """Who was told in the end, and did not book it, is to blame."""
    fill: Fault = ("fill_order", "nth(1)", "fetch_time", {})
    stale: Fault = ("stale_read", "nth(1)", "fetch_order", {"seconds": 120.0})
    assert judged(books_nothing, fill, stale).result("converges").outcome is Outcome.FAIL


def reads_its_balance(believes: float | None = None) -> Any:
    async def bot(exchange: Any) -> None:
        await exchange.create_order(BTC, "market", "buy", 0.1)
        total = (await exchange.fetch_balance())["USDT"]["total"]
        probe(balances=lambda: {"USDT": total if believes is None else believes})
        await asyncio.sleep(1_700)

    return bot


def test_the_newest_balance_told_may_be_believed() -> None:
    """Also where it was of an earlier time; another number may not."""
    stale: Fault = ("stale_read", "nth(1)", "fetch_balance", {"seconds": 60.0})
    result = judged(reads_its_balance(), stale).result("converges")
    assert result.outcome is Outcome.NOT_JUDGED, result.why
    assert judged(reads_its_balance()).result("converges").outcome is Outcome.PASS
    assert judged(reads_its_balance(5.0), stale).result("converges").outcome is Outcome.FAIL


def sends_again(after: float) -> Any:
    async def bot(exchange: Any) -> None:
        with intend(BTC, "buy", 0.1):
            if await asks_once(exchange, after, 60_000) == "absent":
                await exchange.create_order(BTC, "limit", "buy", 0.1, 60_000)
            await asyncio.sleep(600)

    return bot


def test_who_asked_before_it_sent_again_is_not_accused_of_two_orders() -> None:
    """The venue said that there was none; who asks at once has learned nothing."""
    excused = judged(sends_again(20.0), LOST, HIDDEN).result("once")
    assert excused.outcome is Outcome.NOT_JUDGED
    assert excused.why == "the bot asked about order 1, and its newest answer (trip 3) lied"
    assert judged(sends_again(20.0), LOST).result("once").outcome is Outcome.PASS
    assert judged(sends_again(1.0), LOST, HIDDEN).result("once").outcome is Outcome.FAIL


def keeps_believing(status: str) -> Any:
    async def bot(exchange: Any) -> None:
        order = await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)
        await exchange.fetch_open_orders(BTC)
        if status == "canceled":
            await exchange.cancel_order(order["id"], BTC)
        probe(open_orders=lambda: [order["id"]])
        await asyncio.sleep(1_700)

    return bot


def test_an_order_listed_twice_may_be_believed_open() -> None:
    """It is: the second line, which says canceled, is the venue's mistake."""
    twice: Fault = ("list_twice", "always", "fetch_open_orders", {})
    verdict = judged(keeps_believing("open"), twice)
    assert verdict.result("monotone").outcome is Outcome.PASS, str(verdict)
    ended = judged(keeps_believing("canceled"), twice)
    assert ended.result("monotone").outcome is Outcome.FAIL


@pytest.mark.parametrize(("believes", "outcome"), [(0.0, "pass"), (1.0, "pass"), (0.5, "fail")])
def test_a_trade_that_the_venue_undid_may_count_or_not(believes: float, outcome: str) -> None:
    """Its order shows it still, and the balance does not."""

    async def bot(exchange: Any) -> None:
        order = await exchange.create_order(BTC, "market", "buy", 0.1)
        net = order["filled"] - sum(fee["cost"] for fee in order["fees"])
        probe(positions=lambda: {BTC: believes * net})
        for fill in list(exchange.venue.engine.state.accounts["main"].fills):
            exchange.venue.gateway.operate(BustTrade(BTC, fill.trade_id))
        await asyncio.sleep(1_700)

    assert judged(bot).result("converges").outcome == outcome


@pytest.mark.parametrize(("hangs", "outcome"), [(False, Outcome.NOT_JUDGED), (True, Outcome.FAIL)])
def test_who_looks_every_ten_minutes_is_not_called_dead(hangs: bool, outcome: Outcome) -> None:
    """Its pauses are longer than the patience; one that used to be lively and is silent is dead."""

    async def bot(exchange: Any) -> None:
        for n in range(4 if hangs else 3):
            with suppress(FailingExchangeError):
                await exchange.fetch_balance()
            await asyncio.sleep(60.0 if hangs and n < 3 else 600.0)
        await asyncio.sleep(3_600)

    lost: Fault = ("lose_answer", "nth(4)" if hangs else "nth(3)", "fetch_balance", {})
    assert judged(bot, lost).result("alive").outcome is outcome


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (("thin_book", "nth(5)", "create_order", {}), Outcome.NOT_JUDGED),
        (("delay_answer", "nth(5)", "create_order", {}), Outcome.NOT_JUDGED),
        (("lose_answer", "nth(5)", "create_order", {}), Outcome.FAIL),
        (("thin_book", "nth(4)", "create_order", {}), Outcome.PASS),
    ],
)
def test_who_has_done_its_work_is_not_called_dead(fault: Fault, outcome: Outcome) -> None:
    """Five orders, and then only sleep: the last was answered well, though the market was thin."""

    async def bot(exchange: Any) -> None:
        for _ in range(5):
            with suppress(FailingExchangeError):
                await exchange.create_order(BTC, "market", "buy", 0.01)
            await asyncio.sleep(10)
        await asyncio.sleep(10_000)

    assert judged(bot, fault).result("alive").outcome is outcome
